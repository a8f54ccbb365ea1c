"""Detection by what columns are: their order, and names that say nothing, change no reading."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.formats.conversation import Conversation
from tasks.formats.detect import RowFormat, detect

FEWER = settings(max_examples=settings().max_examples // 2, deadline=None)
Make = Callable[[random.Random, int], dict[str, Any]]
LABELS = ("network", "billing", "hardware")


def text(rng: random.Random, words: int = 6) -> str:
    """Words that hardly come again."""
    return " ".join(f"w{rng.randrange(10**6)}" for _ in range(words))


def turns(rng: random.Random) -> list[dict[str, str]]:
    """A chat of one exchange."""
    return [{"role": "user", "content": text(rng)}, {"role": "assistant", "content": text(rng, 2)}]


def steps(rng: random.Random) -> dict[str, list[str]]:
    """Steps in the wrong and in the right order."""
    right = [text(rng, 3) for _ in range(4)]
    return {"wrong_steps": rng.sample(right, 4), "correct_steps": right}


SHAPES: dict[str, Make] = {
    "question_answer": lambda rng, n: {"question": text(rng), "answer": text(rng, 2)},
    "context": lambda rng, n: {"context": text(rng, 20), "question": text(rng), "answers": [text(rng, 2)]},
    "span": lambda rng, n: {
        "context": text(rng),
        "question": text(rng),
        "answers": {"text": ["x"], "answer_start": [0]},
    },
    "alpaca": lambda rng, n: {
        "instruction": text(rng),
        "input": text(rng) if n % 2 else "",
        "output": text(rng, 3),
    },
    "messages": lambda rng, n: {"messages": turns(rng)},
    "unnamed_chat": lambda rng, n: {"zzz": turns(rng)},
    "choices": lambda rng, n: {
        "question": text(rng),
        "choices": [f"c{k}" for k in range(4)],
        "answer": n % 4,
    },
    "spread": lambda rng, n: {
        "Question": text(rng),
        "A": "a",
        "B": "b",
        "C": "c",
        "D": "d",
        "Answer": "ABCD"[n % 4],
    },
    "preference": lambda rng, n: {"prompt": text(rng), "chosen": text(rng, 3), "rejected": text(rng, 3)},
    "feedback": lambda rng, n: {"prompt": text(rng), "completion": text(rng, 3), "label": n % 2 == 0},
    "classification": lambda rng, n: {"text": text(rng), "label": LABELS[n % 3]},
    "numbered_label": lambda rng, n: {"text": text(rng), "label": n % 3, "label_text": LABELS[n % 3]},
    "chinese": lambda rng, n: {"问题": text(rng), "答案": text(rng, 2)},
    "german": lambda rng, n: {"Frage": text(rng), "Antwort": text(rng, 2)},
    "query_gt": lambda rng, n: {"query": text(rng), "gt": str(n)},
    "ordering": lambda rng, n: {"question": text(rng), **steps(rng)},
    "labels_by_value": lambda rng, n: {"ticket": text(rng), "team": LABELS[n % 3]},
    "expected": lambda rng, n: {"complaint": text(rng), "expected_reply": text(rng, 4)},
    "two_answers": lambda rng, n: {"note": text(rng), "corrected_note": text(rng), "is_correct": n % 2 == 0},
}
LEAST = {"labels_by_value": 16}
"""Rows from which values tell a label; in fewer, two columns without names are read from left to right."""
QUIET = ("colour", "shop", "Spalte 7", "备注", "zz_top", "misc.info", "remark", "Ω")
"""Names that say nothing of what a column is for."""


def table(shape: str, rng: random.Random, rows: int, noise: list[str]) -> list[dict[str, Any]]:
    """Rows of a shape; the columns of noise hold a word each, another in each row."""
    return [
        SHAPES[shape](rng, place)
        | {name: f"{number}-{rng.randrange(10**9)}" for number, name in enumerate(noise)}
        for place in range(rows)
    ]


def answered(form: RowFormat, rows: list[dict[str, Any]]) -> list[object]:
    """What each row answers, or why it was set aside."""
    return [read.answers if isinstance(read, Conversation) else read.reason for read in map(form.read, rows)]


def asked(form: RowFormat, rows: list[dict[str, Any]]) -> list[object]:
    """What each row asks."""
    return [read.prompt if isinstance(read, Conversation) else read.reason for read in map(form.read, rows)]


@FEWER
@given(
    st.sampled_from(sorted(SHAPES)),
    st.integers(0, 10**6),
    st.integers(1, 30),
    st.lists(st.sampled_from(QUIET), max_size=3, unique=True),
)
def test_the_order_of_the_columns_changes_no_reading(
    shape: str, seed: int, rows: int, noise: list[str]
) -> None:
    rng = random.Random(seed)
    held = table(shape, rng, max(rows, LEAST.get(shape, 0)), noise)
    names = list(held[0])
    order = rng.sample(names, len(names))
    moved = [{name: row[name] for name in order} for row in held]
    mixed = [{name: row[name] for name in rng.sample(names, len(names))} for row in held]
    one, *others = (detect(each) for each in (held, moved, mixed))
    for other in others:
        assert (other.name, set(other.columns)) == (one.name, set(one.columns))
        assert answered(other, held) == answered(one, held)
        if one.name != "joined_columns":  # there the parts stand in the order of the table
            assert asked(other, held) == asked(one, held)


@FEWER
@given(
    st.sampled_from(sorted(SHAPES)),
    st.integers(0, 10**6),
    st.integers(1, 30),
    st.permutations(QUIET),
    st.integers(0, 3),
)
def test_names_of_columns_that_say_nothing_change_no_reading(
    shape: str, seed: int, rows: int, names: list[str], count: int
) -> None:
    one, other = names[:count], names[count : 2 * count]
    back = dict(zip(other, one, strict=True))
    rows = max(rows, LEAST.get(shape, 0))
    held, renamed = (table(shape, random.Random(seed), rows, noise) for noise in (one, other))
    first, second = detect(held), detect(renamed)
    assert first.name == second.name
    assert set(first.columns) == {back.get(name, name) for name in second.columns}
    assert answered(first, held) == answered(second, renamed)


WANTED = {
    "question_answer": "answer",
    "context": "answers",
    "span": "answers",
    "alpaca": "output",
    "choices": "answer",
    "spread": "Answer",
    "classification": "label",
    "numbered_label": "label_text",
    "chinese": "答案",
    "german": "Antwort",
    "query_gt": "gt",
    "ordering": "correct_steps",
    "labels_by_value": "team",
    "expected": "expected_reply",
}


@FEWER
@given(st.sampled_from(sorted(WANTED)), st.integers(0, 10**6), st.integers(16, 40), st.permutations(QUIET))
def test_the_column_that_answers_is_found(shape: str, seed: int, rows: int, names: list[str]) -> None:
    form = detect(table(shape, random.Random(seed), rows, names[:2]))
    assert WANTED[shape] in form.columns, form.why
    assert form.share == 1.0
    reads = list(map(form.read, table(shape, random.Random(seed), rows, names[:2])))
    assert all(isinstance(read, Conversation) and read.answers for read in reads)


@FEWER
@given(st.integers(0, 10**6), st.integers(10, 40), st.permutations(QUIET))
def test_two_columns_that_may_answer_are_named_and_none_is_taken(
    seed: int, rows: int, names: list[str]
) -> None:
    form = detect(table("two_answers", random.Random(seed), rows, names[:1]))
    assert form.name == "unknown"
    assert form.share == 0.0
    assert "corrected_note" in form.why and "is_correct" in form.why
