"""BioProBench, what a step says: fill in a blank of a laboratory step (PQA), tell a wrong step (ERR).

Source: bowenxian/BioProBench on the Hugging Face Hub, `PQA_test.json` and `ERR_test.json`; no mini edition.
Licence: CC BY 4.0 by its card on the Hub; the repository of its code says CC BY-NC 4.0.
Metric: accuracy, in percent: of the chosen option (PQA), of True or False (ERR).
Example: "Chill the cells on ____. A. ice B. wax" -> "[ANSWER_START]ice[ANSWER_END]"
Pitfall: an option may hold a letter of the list (`B`, `A 10`): a text counts before a letter, and a letter
    with the text of another option is neither.

The prompts are in our own words, as the released ones are not on record; the answer marks are theirs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from tasks.answers import extract as read
from tasks.answers.metrics import accuracy
from tasks.base import ItemScore, Published, Row, Sample, Score, TaskSpec
from tasks.bioprobench import released
from tasks.bioprobench.assets import BIOPROBENCH
from tasks.splits import content_id

LETTERS = "ABCDEFGHIJ"
START, END = "[ANSWER_START]", "[ANSWER_END]"
LONGEST = 40_000
"""Characters of an answer that are read; the longest protocol of the files has about 6,000."""
PQA, ERR = "bioprobench_pqa", "bioprobench_err"

_LETTER = re.compile(r"\(?([A-Ja-j])(?:[).:,]+\s*|\s+)(.*)", re.DOTALL)
_ONE_LETTER = re.compile(r"\(?([A-Ja-j])[).:]{0,2}")
_ASIDE = "()[]*_\"'`.。 \t\n"
_YES = ("true", "correct", "yes", "right")
_NO = ("false", "incorrect", "no", "wrong", "not true", "not correct", "not right")


def marked(text: str) -> str | None:
    """What stands between the last pair of answer marks; None where there is none or nothing in it.

    A pair that is not closed runs to the end of the text: the mark alone says that an answer follows.
    """
    text = read.without_thinking(text)
    for part in reversed(text.split(START)[1:][-read.CANDIDATES :]):
        said = part.partition(END)[0].strip()
        if said:
            return said[:LONGEST]
    return None


def stated(text: str) -> str | None:
    """The marked answer, else what a sentence states, else a text of one short line."""
    bare = read.without_thinking(text).strip()
    found = marked(text) or read.said_answer(text)
    return found or (bare if bare and len(bare) <= 400 and "\n" not in bare else None)


def render(answer: str, reasoning: str) -> str:
    """The worked steps, if any, and the marked answer."""
    head = f"{reasoning.strip()}\n" if reasoning.strip() else ""
    return f"{head}{START}{answer}{END}"


def plain(text: str) -> str:
    """A text as options are compared: compatible characters, case, white space and outer marks unified."""
    return " ".join(unicodedata.normalize("NFKC", text[:LONGEST]).casefold().split()).strip(_ASIDE)


def text_of(row: Row, column: str) -> str:
    """A column's text; raises ValueError where it is missing or empty."""
    value = row.get(column)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"there is no text in `{column}`")
    return value.strip()


def texts_of(row: Row, column: str) -> list[str]:
    """A column's texts, two or more; raises ValueError where it holds something else."""
    value = row.get(column)
    if not isinstance(value, list) or len(value) < 2 or not all(isinstance(text, str) for text in value):
        raise ValueError(f"`{column}` is no list of two texts or more")
    return list(value)


def unverified(prompt: str, target: str) -> bool | None:
    """Nothing in these rows can be checked without the reference."""
    return None


def overall(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
    """Accuracy with its Wilson interval."""
    return accuracy(samples, item_scores)


# -- PQA: choose what fills the blank ---------------------------------------------------------------


def pqa_prompt(row: Row) -> str | None:
    """The step with its blank and the lettered options; None without the published columns."""
    try:
        question, choices = text_of(row, "question"), texts_of(row, "choices")
    except ValueError:
        return None
    options = "\n".join(f"{letter}. {choice}" for letter, choice in zip(LETTERS, choices, strict=False))
    return (
        "Choose what fits the blank in this step of a laboratory protocol.\n\n"
        f"{question}\n{options}\n\nWrite the text of your choice between {START} and {END}."
    )


def pqa_sample(row: Row, subset: str) -> Sample:
    """The item of a published row; raises ValueError where a column is missing."""
    prompt, choices, answer = pqa_prompt(row), texts_of(row, "choices"), text_of(row, "answer")
    if prompt is None:
        raise ValueError("there is no text in `question`")
    if answer not in (choice.strip() for choice in choices):
        raise ValueError("`answer` is none of `choices`")
    return Sample(content_id(prompt), subset, prompt, answer, {"choices": [each.strip() for each in choices]})


def chosen(text: str, choices: Sequence[str]) -> str | None:
    """The option that an answer names by its text, its letter, or both; None where they do not agree."""
    by_text = {plain(choice): choice for choice in choices}
    if plain(text) in by_text:
        return by_text[plain(text)]
    alone = _ONE_LETTER.fullmatch(text.strip(_ASIDE))
    if alone:
        return _at(alone.group(1), choices)
    both = _LETTER.fullmatch(text.strip())
    named = _at(both.group(1), choices) if both else None
    return named if both and named is not None and plain(both.group(2)) == plain(named) else None


def _at(letter: str, choices: Sequence[str]) -> str | None:
    place = LETTERS.index(letter.upper())
    return choices[place] if place < len(choices) else None


def pqa_scorer(sample: Sample, answer: str) -> ItemScore:
    """Right when the chosen option is the gold one."""
    text = stated(answer)
    said = chosen(text, sample.meta["choices"]) if text is not None else None
    if said is None:
        return ItemScore(False, 0.0, None, "unparseable" if text is None else "no_option")
    right = said == sample.gold
    return ItemScore(right, float(right), said, "" if right else "wrong_option")


# -- ERR: is this step right ------------------------------------------------------------------------


def err_prompt(row: Row) -> str | None:
    """The step in its context; None without the published columns."""
    context, right = row.get("context"), row.get("is_correct")
    if not isinstance(context, dict) or not isinstance(right, bool):
        return None
    try:
        step = text_of(row, "corrected_text" if right else "corrupted_text")
    except ValueError:
        return None
    lines = [
        f"{label}: {context[key]}"
        for label, key in (("Purpose", "purpose"), ("Before it", "prior_step"), ("After it", "next_step"))
        if context.get(key)
    ]
    about = "\n".join([*lines, f"Step: {step}"])
    return (
        "Is this step of a laboratory protocol right, or does it hold an error in its operation, "
        f"reagents or parameters?\n\n{about}\n\n"
        f"Write True (the step is right) or False (it holds an error) between {START} and {END}."
    )


def err_sample(row: Row, subset: str) -> Sample:
    """The item of a published row; raises ValueError where a column is missing."""
    prompt = err_prompt(row)
    if prompt is None:
        raise ValueError("`context`, `is_correct` or the text of the step is missing")
    return Sample(
        content_id(prompt), subset, prompt, str(row["is_correct"]), {"kind": str(row.get("type", ""))}
    )


def truth(text: str) -> str | None:
    """``True`` or ``False``, in the words of people; None where it is neither."""
    said = stated(text)
    word = plain(said).removeprefix("the step is ") if said is not None else ""
    return "True" if word in _YES else "False" if word in _NO else None


def err_scorer(sample: Sample, answer: str) -> ItemScore:
    """Right when True or False is said as in the reference."""
    said = truth(answer)
    if said is None:
        return ItemScore(False, 0.0, None, "unparseable")
    right = said == sample.gold
    return ItemScore(
        right, float(right), said, "" if right else "false_alarm" if said == "False" else "missed"
    )


PQA_SPEC = TaskSpec(
    id=PQA,
    domain="biology",
    title="BioProBench PQA: the blank in a laboratory step",
    description="Choose which of five options fills the blank in a step of a biological laboratory protocol.",
    answer_format=f"worked steps in free form, then {START}option{END} with the text or letter of an option",
    metric="accuracy",
    licence=BIOPROBENCH.licence,
    source="bowenxian/BioProBench",
    pitfall="an option may itself be a letter: a text counts before a letter, and both must agree",
    subsets=(PQA,),
    max_new_tokens=2048,
    scorer=pqa_scorer,
    aggregate=overall,
    render=render,
    extract=stated,
    verify=unverified,
    build_prompt=pqa_prompt,
    answer_column="answer",
    published=Published(
        BIOPROBENCH.only("PQA_test"),
        (BIOPROBENCH.only("PQA*"),),
        lambda row: (PQA,) if row.get("choices") is not None and row.get("answer") is not None else (),
        pqa_sample,
        released.pqa,
        max_new_tokens=2048,
        shuffled=False,
    ),
)

ERR_SPEC = TaskSpec(
    id=ERR,
    domain="biology",
    title="BioProBench ERR: is this laboratory step right",
    description="Say whether a step of a biological laboratory protocol is right (True) or holds an error.",
    answer_format=f"worked steps in free form, then {START}True{END} or {START}False{END}",
    metric="accuracy",
    licence=BIOPROBENCH.licence,
    source="bowenxian/BioProBench",
    pitfall="half of the rows are right: always False scores about 50, so judge by the interval",
    subsets=(ERR,),
    max_new_tokens=2048,
    scorer=err_scorer,
    aggregate=overall,
    render=render,
    extract=truth,
    verify=unverified,
    build_prompt=err_prompt,
    answer_column="is_correct",
    reasoning_column="error_description",
    published=Published(
        BIOPROBENCH.only("ERR_test"),
        (BIOPROBENCH.only("ERR*"),),
        lambda row: (ERR,) if isinstance(row.get("is_correct"), bool) else (),
        err_sample,
        released.err,
        max_new_tokens=2048,
        shuffled=False,
    ),
)
