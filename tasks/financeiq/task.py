"""FinanceIQ: Chinese professional examinations in finance, four options, ten subjects.

Source: Duxiaoman-DI/FinanceIQ on the Hugging Face Hub, ten CSV files; mini edition: generated.
Licence: CC-BY-NC-SA-4.0 for the published rows; generated rows Apache-2.0.
Metric: accuracy of the chosen letter, the mean over the ten subjects, in percent.
Example: "资产90万元，负债30万元，所有者权益是多少万元？ A. 70 B. 60 C. 120 D. 61" -> "90-30=60。答案：B"
Pitfall: the published rule takes the last capital letter of the whole output, so that a closing remark in
    English flips the answer; here the letter that is marked as the answer counts, in any width or case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tasks.answers import extract as read
from tasks.answers.arithmetic import steps_of
from tasks.answers.metrics import mean_over_views
from tasks.base import ItemScore, Published, Row, Sample, Score, TaskSpec
from tasks.financeiq import mini, released
from tasks.financeiq.assets import FINANCEIQ
from tasks.splits import content_id
from tasks.synthetic import SyntheticEdition

SUBJECTS = tuple(mini.SUBJECTS)
HEADER = "以下是关于{}的单项选择题，请直接给出正确答案的选项。"
_OPTION = re.compile(r"^([A-D])[.．、] ?(.{1,400})$", re.MULTILINE)
_ORDINAL = re.compile(r"第([一二三四])[项个]")


def build_prompt(row: Row) -> str | None:
    """Header, question and options in the published shape, after the row's worked examples, if any.

    The published files carry the subject in their names and the five worked examples in a file of
    their own; the loader keeps them in the columns ``Subject`` and ``Shots``. Without a subject the
    header speaks of finance in general. The released code sends each example as a turn of its own;
    here all of it is one turn.
    """
    asked = _block(row, row.get("Subject"))
    if asked is None:
        return None
    shots = [(_block(shot, row.get("Subject")), shot.get("Answer")) for shot in row.get("Shots") or ()]
    return "\n\n".join([*(f"{block}{letter}" for block, letter in shots if block), asked])


def _block(row: Row, subject: object) -> str | None:
    """One question up to the place of its answer; None when a column is missing or empty."""
    texts = [row.get(column) for column in ("Question", *mini.LETTERS)]
    if any(text is None or not str(text).strip() for text in texts):
        return None
    question, options = str(texts[0]), zip(mini.LETTERS, texts[1:], strict=True)
    lines = [HEADER.format(subject or "金融"), f"题目：{question}"]
    return "\n".join([*lines, *(f"{letter}. {text}" for letter, text in options), "答案是："])


def subsets_of(row: Row) -> tuple[str, ...]:
    """The subset of the row's subject, which the loader takes from the name of the file."""
    subset = f"FinanceIQ-{row.get('Subject') or row.get('_file')}"
    return (subset,) if subset.removeprefix("FinanceIQ-") in SUBJECTS else ()


def to_sample(row: Row, subset: str) -> Sample:
    """The item of a published row; raises ValueError where a column is missing or no option is named."""
    subject = subset.removeprefix("FinanceIQ-")
    prompt, alone = build_prompt({**row, "Subject": subject}), _block(row, subject)
    if prompt is None or alone is None:
        raise ValueError("one of `Question`, `A`, `B`, `C`, `D` is missing or empty")
    gold = str(row.get("Answer") or "").strip()
    if gold not in tuple(mini.LETTERS):
        raise ValueError(f"`Answer` is {gold[:20]!r}, not one of A, B, C, D")
    question = alone.partition("\n")[2]
    return Sample(content_id(question), subset, prompt, gold, {"subject": subject, "question": question})


def scorer(sample: Sample, answer: str) -> ItemScore:
    """Right when the answer chooses the gold letter."""
    said = read.choice_letter(answer, mini.LETTERS)
    if said is None:
        return ItemScore(False, 0.0, None, "unparseable")
    gold = str(sample.gold)
    return ItemScore(
        said == gold,
        float(said == gold),
        said,
        "" if said == gold else f"wrong_{sample.meta.get('kind', 'option')}",
    )


def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
    """The mean of the ten subjects' accuracies."""
    return mean_over_views(samples, item_scores)


def render(answer: str, reasoning: str) -> str:
    """The worked step, if any, and the marked letter."""
    return f"{reasoning.strip()}答案：{answer}"


def extract(text: str) -> str | None:
    """The chosen letter, also where an option is named by its place (``第二项``)."""
    letter = read.choice_letter(text, mini.LETTERS)
    if letter is not None:
        return letter
    places = _ORDINAL.findall(read.without_thinking(text))
    return mini.LETTERS["一二三四".index(places[-1])] if places else None


def verify(prompt: str, target: str) -> bool | None:
    """Whether the written equations hold and lead to the chosen option; None when there are none."""
    steps = steps_of(target)
    if steps is None:
        return None
    options, letter = dict(_OPTION.findall(prompt[-4000:])), extract(target)
    number = read.canonical_number(options.get(letter or "", ""))
    return steps.right and (letter is None or number is None or number == str(steps.last))


MINI = SyntheticEdition(mini, "FinanceIQ_gen", build_prompt, render)

SPEC = TaskSpec(
    id=MINI.task_id,
    domain="finance",
    title="FinanceIQ: Chinese finance examinations",
    description="Choose one of four options in a Chinese examination question on finance.",
    answer_format="worked steps in free form, then 答案：X with X one of A, B, C, D",
    metric="accuracy",
    licence="CC-BY-NC-SA-4.0 (published rows); generated rows Apache-2.0",
    source="Duxiaoman-DI/FinanceIQ; mini: generated from the seed",
    pitfall="published: the last capital letter of the output decides; here the letter marked as the answer",
    subsets=tuple(f"FinanceIQ-{name}" for name in SUBJECTS),
    max_new_tokens=32,
    scorer=scorer,
    aggregate=aggregate,
    render=render,
    extract=extract,
    verify=verify,
    build_prompt=build_prompt,
    mini=MINI,
    answer_column="Answer",
    reasoning_column="Analysis",
    published=Published(FINANCEIQ, (FINANCEIQ,), subsets_of, to_sample, released.evaluate, shuffled=False),
)
