"""Faults of the answers, for tasks of any kind."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.bench.generality.faults.registry import Scene, fault, has, with_answer
from tests.bench.generality.kinds.definition import Row

EMPTY_SHARE = 0.6
NUMBER = re.compile(r"\d+")
WRAPPERS = ("Result: <{}> (auto)", "[[{}]]", "=== {} === end of record", "Antwort = {} / ok")
REMARKS = (
    "I hope that helps.", "This was quick.", "Let me know if not.", "As far as I can see.", "Checked twice.",
    "Sorry for the wait.", "See the notes from last week.", "That is my guess.",
)  # fmt: skip


@fault("answer")
def same_answer(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """All rows have the answer of one of them."""
    answer = scene.rng.choice(rows)[scene.answer]
    return [with_answer(row, scene, answer) for row in rows]


@fault("answer")
def shuffled_answers(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """The answers are there, in an order that has nothing to do with the prompts."""
    answers = scene.rng.sample([row[scene.answer] for row in rows], len(rows))
    return [with_answer(row, scene, answer) for row, answer in zip(rows, answers, strict=True)]


@fault("answer")
def shifted_rows(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Each row has the answer of the row before it."""
    answers = [row[scene.answer] for row in rows]
    shifted = [*answers[-1:], *answers[:-1]]
    return [with_answer(row, scene, answer) for row, answer in zip(rows, shifted, strict=True)]


@fault("answer", lambda kind: kind.has_numbers)
def off_by_one(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """The last number of each answer is one too large."""

    def changed(text: str) -> str:
        *_, last = NUMBER.finditer(text)
        return f"{text[: last.start()]}{int(last.group()) + 1}{text[last.end() :]}"

    return [with_answer(row, scene, changed(row[scene.answer])) for row in rows]


@fault("answer", lambda kind: kind.has_numbers)
def rounded(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Numbers are rounded to one leading figure; those below ten, to none or ten."""

    def nearest(found: re.Match[str]) -> str:
        unit = max(10, 10 ** (len(found.group()) - 1))
        return str((int(found.group()) + unit // 2) // unit * unit)

    return [with_answer(row, scene, NUMBER.sub(nearest, row[scene.answer])) for row in rows]


@fault("answer", has("other_unit"))
def other_unit(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """The same amounts in another unit."""
    assert scene.kind.other_unit is not None
    return [with_answer(row, scene, scene.kind.other_unit(row)) for row in rows]


@fault("answer", has("reordered"))
def reordered_fields(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """The fields of the answer change places."""
    assert scene.kind.reordered is not None
    return [with_answer(row, scene, scene.kind.reordered(row)) for row in rows]


@fault("answer", has("other_format"))
def other_format(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """The same content in another format."""
    assert scene.kind.other_format is not None
    return [with_answer(row, scene, scene.kind.other_format(row)) for row in rows]


@fault("answer", has("translated"))
def other_language(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Answers in another language."""
    assert scene.kind.translated is not None
    return [with_answer(row, scene, scene.kind.translated(row)) for row in rows]


@fault("answer", has("stale"))
def stale_scheme(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Answers by an older version of the scheme."""
    assert scene.kind.stale is not None
    return [with_answer(row, scene, scene.kind.stale(row)) for row in rows]


@fault("answer", has("other_value"))
def other_field(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """A value of the prompt that was not asked for stands where the answer should."""
    assert scene.kind.other_value is not None
    return [with_answer(row, scene, scene.kind.other_value(row)) for row in rows]


@fault("answer")
def wrapped(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Every answer stands in the same frame of text."""
    frame = scene.rng.choice(WRAPPERS)
    return [with_answer(row, scene, frame.replace("{}", row[scene.answer])) for row in rows]


@fault("answer")
def chatty(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """After every answer one or two remarks, always others."""

    def remarks() -> str:
        return " ".join(scene.rng.sample(REMARKS, scene.rng.randint(1, 2)))

    return [with_answer(row, scene, f"{row[scene.answer]} {remarks()}") for row in rows]


@fault("answer", lambda kind: kind.has_letters)
def letter_case(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """All letters of the answers in the case that they are mostly not in."""
    letters = "".join(row[scene.answer] for row in rows)
    lower = sum(map(str.islower, letters)) > sum(map(str.isupper, letters))
    change = str.upper if lower else str.lower
    return [with_answer(row, scene, change(row[scene.answer])) for row in rows]


@fault("answer", lambda kind: not kind.labels)
def truncated(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Answers are cut off in their second half."""

    def cut(text: str) -> str:
        return text[: scene.rng.randint(len(text) // 2, max(len(text) // 2, len(text) - 1))]

    return [with_answer(row, scene, cut(row[scene.answer])) for row in rows]


@fault("answer")
def empty_answers(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Most answers are empty or white space."""
    blank = ("", " ", "\n", "\t ")
    return [
        with_answer(row, scene, scene.rng.choice(blank)) if scene.rng.random() < EMPTY_SHARE else dict(row)
        for row in rows
    ]


@fault("answer", lambda kind: not kind.labels)
def transposed(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Two different neighbouring characters of each answer have changed places."""

    def slipped(text: str) -> str:
        places = [i for i in range(len(text) - 1) if text[i] != text[i + 1]]
        if not places:
            return text
        i = scene.rng.choice(places)
        return text[:i] + text[i + 1] + text[i] + text[i + 2 :]

    return [with_answer(row, scene, slipped(row[scene.answer])) for row in rows]
