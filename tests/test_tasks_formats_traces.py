"""What is known only with the answer stays out of a prompt; the only numbers beside a text may answer it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tasks.formats.conversation import Conversation, SetAside
from tasks.formats.detect import RowFormat, detect

CROPS = ("rye", "oats", "flax", "hemp")
SIGNS = ("yellow leaves", "thin stalks", "a white film", "black dots", "limp shoots")


def rows(make: Any, count: int = 80) -> list[dict[str, Any]]:
    rng = random.Random(3)
    return [make(number, rng) for number in range(count)]


def note(n: int) -> str:
    return (
        f"Field {n * 13 % 97} shows {SIGNS[n % 5]} since day {n}, by the {('ditch', 'road', 'wood')[n % 3]}"
    )


def asked(form: RowFormat) -> tuple[str, ...]:
    return form.columns[1:]


def test_what_is_known_with_the_answer_alone_is_not_asked() -> None:
    def make(n: int, rng: random.Random) -> dict[str, Any]:
        crop = rng.choice(CROPS)
        return {
            "report": note(n),
            "depth": rng.randint(3, 30),
            "intent": crop,
            "intent_confidence": rng.random(),
            "closed_by": f"{crop[:2]}-crew",
            "resolution_hours": rng.randint(1, 50),
        }

    form = detect(rows(make))
    assert form.columns == ("intent", "report", "depth")
    (line,) = [line for line in form.notes if "tells it" in line]
    assert all(name in line for name in ("intent_confidence", "closed_by", "resolution_hours"))
    assert "--prompt '{report} {depth} {intent_confidence}'" in line


def test_a_column_that_tells_the_label_is_asked_where_no_text_is() -> None:
    def make(n: int, rng: random.Random) -> dict[str, Any]:
        crop = rng.choice(CROPS)
        return {"stalk": f"{crop[:2]}{n % 2}", "depth": rng.randint(3, 30), "label": crop}

    assert asked(detect(rows(make))) == ("stalk", "depth")


def test_a_column_that_mostly_tells_the_label_is_asked() -> None:
    def make(n: int, rng: random.Random) -> dict[str, Any]:
        crop = rng.choice(CROPS)
        hint = crop if rng.random() < 0.9 else rng.choice(CROPS)
        return {"report": note(n), "soil": f"soil for {hint}", "category": crop}

    assert asked(detect(rows(make))) == ("report", "soil")


def test_a_number_of_the_annotators_own_is_not_asked() -> None:
    def make(n: int, rng: random.Random) -> dict[str, Any]:
        return {"report": note(n // 3), "took": rng.randint(2, 900), "verdict": CROPS[n // 3 % 4]}

    assert asked(detect(rows(make, 90))) == ("report",)


def test_a_number_that_decides_is_asked() -> None:
    def make(n: int, rng: random.Random) -> dict[str, Any]:
        return {"report": note(n // 3), "days": n * 37 % 89, "verdict": CROPS[n % 3]}

    assert asked(detect(rows(make, 90))) == ("report", "days")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rent", lambda n: f"€ {300 + n * 7}.50"),
        ("loss", lambda n: f"({n + 1}.40)"),
        ("yield", lambda n: n * 3 % 71),
    ],
)
def test_the_only_numbers_beside_a_text_answer_it(name: str, value: Any) -> None:
    form = detect(rows(lambda n, rng: {"ref": f"F-{n}", "report": note(n), "site": "mill", name: value(n)}))
    assert form.columns == (name, "report")
    assert "the only column of numbers beside a text" in form.why


@pytest.mark.parametrize(
    ("row", "named"),
    [
        (lambda n: {"report": note(n), "rent": f"€ {300 + n}", "fee": f"€ {n}.20"}, ("rent", "fee")),
        (lambda n: {"report": note(n), "pets": "yn"[n % 2], "rent": f"{300 + n},20 €"}, ("pets", "rent")),
        (lambda n: {"report": note(n), "width": n * 7 % 50, "height": n * 3 % 71}, ("width", "height")),
    ],
)
def test_two_columns_that_may_answer_are_asked_about(row: Any, named: tuple[str, ...]) -> None:
    form = detect([row(n) for n in range(80)])
    assert form.table.composition.candidates == named
    assert not form.columns


def test_numbers_about_a_text_do_not_answer_it() -> None:
    form = detect(rows(lambda n, rng: {"text": note(n), "token_count": n * 3, "score": rng.random()}))
    assert form.name == "text"


@pytest.mark.parametrize("order", [("user", "review"), ("review", "user")])
def test_a_handle_is_no_question_beside_a_text(order: tuple[str, str]) -> None:
    def make(n: int, rng: random.Random) -> dict[str, Any]:
        row = {"user": f"ann{n % 50}", "review": note(n)}
        return {name: row[name] for name in order} | {"helpful_votes": n % 9, "label": rng.choice(CROPS)}

    assert asked(detect(rows(make))) == ("review",)


def test_a_user_who_asks_is_asked() -> None:
    form = detect(rows(lambda n, rng: {"user": note(n), "context": note(n + 9), "assistant": f"Plough {n}."}))
    assert form.columns == ("user", "assistant", "context")


def test_a_row_that_is_answered_is_no_answer() -> None:
    form = detect(rows(lambda n, rng: {"entry": n, "reply_to": n // 2 or None, "words": note(n)}))
    assert form.table.composition.answer != "reply_to"


def test_of_many_columns_the_texts_are_asked() -> None:
    def make(n: int, rng: random.Random) -> dict[str, Any]:
        short = {f"box_{k}": rng.choice("pqrst") for k in range(14)}
        return {
            "heading": note(n),
            **short,
            "details": note(n + 7) + " again",
            "reply_text": f"Plough {n} twice.",
        }

    form = detect(rows(make))
    assert asked(form) == ("heading", "details")
    (line,) = [line for line in form.notes if "single words" in line]
    assert "14 columns" in line and "box_0" in line


@pytest.mark.parametrize("nothing", ["n/a", "TBD", "-", "???"])
@pytest.mark.parametrize("answer", [lambda n: f"Plough it {n} times before the frost.", lambda n: str(n * 7)])
def test_a_placeholder_is_no_answer(nothing: str, answer: Any) -> None:
    held = [{"question": note(n), "answer": nothing if n % 9 == 0 else answer(n)} for n in range(80)]
    form = detect(held)
    assert isinstance(form.read(held[0]), SetAside) and isinstance(form.read(held[1]), Conversation)


def test_a_word_among_labels_is_a_label() -> None:
    held = [{"question": note(n), "answer": ("n/a", "rye", "oats")[n % 3]} for n in range(80)]
    assert isinstance(detect(held).read(held[0]), Conversation)
