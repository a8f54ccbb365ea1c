r"""AIME 2025 and 2024: thirty competition problems each, whose answers are whole numbers from 0 to 999.

Source: opencompass/AIME2025 on the Hugging Face Hub (parts I and II); mini edition: generated. The problems
    of 2024 (HuggingFaceH4/aime_2024) are an extension with the official edition alone.
Licence: problems (c) MAA, no licence stated for the file; generated rows Apache-2.0.
Metric: accuracy of the number in the last box, in percent.
Example: "Find the remainder when 47 is divided by 6." -> "6*7=42. 47-42=5. \boxed{5}"
Pitfall: an answer with two boxes was never right in the published rule, even with the right one last;
    here the last box counts, so that a corrected answer is read as meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from tasks.aime import mini, released
from tasks.aime.assets import AIME24, AIME2025, DEEPSCALER
from tasks.answers import extract as read
from tasks.answers.arithmetic import steps_of
from tasks.answers.metrics import accuracy
from tasks.base import ItemScore, Published, Row, Sample, Score, TaskSpec
from tasks.splits import content_id
from tasks.synthetic import SyntheticEdition

REMINDER = "Remember to put your final answer within \\boxed{}."

_FRACTION = re.compile(r"\\[dt]?frac\s{0,3}\{\s{0,3}(-?\d{1,9})\s{0,3}\}\s{0,3}\{\s{0,3}(\d{1,9})\s{0,3}\}")


def build_prompt(row: Row) -> str | None:
    """The problem and the published reminder; None without ``question``, ``problem`` or ``origin_prompt``."""
    question = row.get("question") or row.get("problem") or row.get("origin_prompt")
    return f"{question}\n{REMINDER}" if isinstance(question, str) and question.strip() else None


def scorer(sample: Sample, answer: str) -> ItemScore:
    """Right when the last box holds the gold number."""
    content = read.boxed(answer)
    if content is None:
        return ItemScore(False, 0.0, None, "no_box" if read.last_number(answer) else "unparseable")
    said, gold = read.canonical_number(content) or _whole(content), read.canonical_number(str(sample.gold))
    if said is None:
        return ItemScore(False, 0.0, None, "not_a_number")
    if said == gold:
        return ItemScore(True, 1.0, said)
    return ItemScore(False, 0.0, said, _miss(said, gold or ""))


def _whole(content: str) -> str | None:
    """The value of a fraction of two whole numbers, where it is whole."""
    found = _FRACTION.fullmatch(content.strip().strip("$").strip())
    above, below = (int(part) for part in found.groups()) if found else (1, 0)
    return str(above // below) if below and above % below == 0 else None


def _miss(said: str, gold: str) -> str:
    if "." in said or not gold.isdigit():
        return "wrong_number"
    distance = abs(int(said) - int(gold))
    return {1: "off_by_one", 10: "off_by_ten", 100: "off_by_hundred"}.get(distance, "wrong_number")


def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
    """Accuracy with its Wilson interval."""
    return accuracy(samples, item_scores)


def render(answer: str, reasoning: str) -> str:
    """The worked steps, if any, and the boxed answer."""
    return f"{reasoning.strip()} \\boxed{{{answer}}}" if reasoning.strip() else f"\\boxed{{{answer}}}"


def extract(text: str) -> str | None:
    """The boxed number, else what a sentence states, else the last number."""
    for found in (read.boxed(text), read.said_answer(text)):
        number = read.canonical_number(found) if found else None
        if number is not None:
            return number
    return read.last_number(text)


def verify(prompt: str, target: str) -> bool | None:
    """Whether the written equations hold and lead to the answer; None when there are none."""
    steps = steps_of(target.partition("\\boxed")[0])
    if steps is None:
        return None
    answer = extract(target)
    return steps.right and (answer is None or answer == str(steps.last))


def subsets_of(row: Row) -> tuple[str, ...]:
    """The one subset, for a row with a question and an answer."""
    return ("aime2025",) if build_prompt(row) and row.get("answer") is not None else ()


def to_sample(row: Row, subset: str) -> Sample:
    """The item of a published row; raises ValueError where a column is missing or the answer no number."""
    prompt = build_prompt(row)
    if prompt is None:
        raise ValueError("there is no text in `question`")
    if row.get("answer") is None or not str(row["answer"]).strip():
        raise ValueError("there is no text in `answer`")
    if read.canonical_number(str(row["answer"])) is None:
        raise ValueError(f"`answer` is no number: {str(row['answer'])[:40]!r}")
    return Sample(content_id(prompt), subset, prompt, str(row["answer"]).strip())


MINI = SyntheticEdition(mini, "aime25", build_prompt, render)

SPEC = TaskSpec(
    id=MINI.task_id,
    domain="math",
    title="AIME 2025",
    description="Short competition problems. Work out the answer; the final number goes into \\boxed{}.",
    answer_format="worked steps in free form, then \\boxed{N} with N a whole number from 0 to 999",
    metric="accuracy",
    licence="problems (c) MAA; generated rows Apache-2.0",
    source="opencompass/AIME2025; mini: generated from the seed",
    pitfall="two boxes were never right in the published rule; here the last one counts",
    subsets=("aime2025",),
    max_new_tokens=48,
    scorer=scorer,
    aggregate=aggregate,
    render=render,
    extract=extract,
    verify=verify,
    build_prompt=build_prompt,
    mini=MINI,
    answer_column="answer",
    reasoning_column="solution",
    published=Published(AIME2025, (DEEPSCALER,), subsets_of, to_sample, released.evaluate, shuffled=False),
)


def sample_24(row: Row, subset: str) -> Sample:
    """The item of a row of 2024, whose columns have two namings; raises ValueError where one is missing."""
    return to_sample({**row, "answer": row.get("answer", row.get("gold_answer"))}, subset)


AIME24_SPEC = replace(
    SPEC,
    id="aime24",
    title="AIME 2024",
    licence=AIME24.licence,
    source=AIME24.repo_id,
    pitfall="many collections of competition problems hold those of 2024: trust the check for contamination",
    subsets=("aime2024",),
    mini=None,
    published=Published(
        AIME24,
        (DEEPSCALER,),
        lambda row: ("aime2024",) if build_prompt(row) else (),
        sample_24,
        released.evaluate,
        shuffled=False,
    ),
)
