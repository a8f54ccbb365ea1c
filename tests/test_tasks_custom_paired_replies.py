"""Two replies to a prompt become a pair where a column, scores or names say which is the better."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.custom.files import read_file
from tasks.custom.paired_replies import paired
from tasks.custom.split_column import parted
from tasks.custom.tables import Table
from tasks.custom.votes import voted
from tasks.formats.detect import detect

FORMS = ("kind", "brisk", "dry", "warm")


def table(folder: Path, rows: list[dict[str, Any]]) -> Table:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return read_file(path)


def ask(n: int) -> str:
    return f"Write a {FORMS[n % 4]} line to the gardener about bed {n}"


def said(n: int, side: str) -> str:
    return f"Dear gardener, bed {n} needs water, says {side}"


@pytest.mark.parametrize(
    ("names", "judge"),
    [
        (("reply_a", "reply_b"), lambda n: {"winner": ("A", "B", "tie")[n % 3]}),
        (("reply_a", "reply_b"), lambda n: {"preference": ("reply_a", "reply_b", "both bad")[n % 3]}),
        (("model_1_text", "model_2_text"), lambda n: {"verdict": ("1", "2", "0")[n % 3]}),
        (
            ("reply_a", "reply_b"),
            lambda n: {"score_a": (4, 2, 3)[n % 3], "score_b": (1, 5, 3)[n % 3]},
        ),
    ],
)
def test_the_better_of_two_replies_is_chosen(tmp_path: Path, names: tuple[str, str], judge: Any) -> None:
    rows = [
        {"task": ask(n), names[0]: said(n, "left"), names[1]: said(n, "right"), **judge(n)} for n in range(60)
    ]
    made = paired(table(tmp_path, rows))
    assert len(made.rows) == 40 and "20 rows without a better one left out" in made.reader
    assert made.rows[0] == {"prompt": ask(0), "chosen": said(0, "left"), "rejected": said(0, "right")}
    assert made.rows[1] == {"prompt": ask(1), "chosen": said(1, "right"), "rejected": said(1, "left")}
    assert detect(made.rows).name == "preference"


def test_names_may_say_which_is_the_better(tmp_path: Path) -> None:
    rows = [
        {"task": ask(n), "worse": said(n, "b"), "better": said(n, "a"), "rating": n % 5} for n in range(40)
    ]
    made = paired(table(tmp_path, rows))
    assert made.rows[7] == {"prompt": ask(7), "chosen": said(7, "a"), "rejected": said(7, "b")}


@pytest.mark.parametrize(
    "row",
    [
        lambda n: {
            "sentence": ask(n),
            "option1": said(n, "a"),
            "option2": said(n, "b"),
            "answer": "12"[n % 2],
        },
        lambda n: {"note": ask(n), "text1": said(n, "a"), "text2": said(n, "b"), "label": n % 3},
        lambda n: {"ask": ask(n), "reply_a": said(n, "a"), "reply_b": said(n, "b"), "shop": "xy"[n % 2]},
        lambda n: {"ask": ask(n), "chosen": said(n, "a"), "rejected": said(n, "b"), "winner": "ab"[n % 2]},
    ],
)
def test_other_tables_of_two_texts_stay_what_they_are(tmp_path: Path, row: Any) -> None:
    held = table(tmp_path, [row(n) for n in range(48)])
    assert paired(held) is held


def test_votes_side_by_side_are_a_majority(tmp_path: Path) -> None:
    kinds = ("weed", "crop", "moss")
    rows = [
        {
            "note": ask(n),
            "rater_1": kinds[n % 3],
            "rater_2": kinds[n % 3],
            "rater_3": kinds[(n + (n % 5 == 0)) % 3],
        }
        for n in range(60)
    ]
    made = voted(table(tmp_path, rows))
    assert made.rows[5] == {"note": ask(5), "label": kinds[5 % 3]}
    two = voted(table(tmp_path, [{k: v for k, v in row.items() if k != "rater_2"} for row in rows]))
    assert len(two.rows) == 48 and "12 rows without a majority left out" in two.reader


@pytest.mark.parametrize("more", [{"label": "weed"}, {"gold": "crop"}])
def test_votes_beside_a_verdict_are_left_to_it(tmp_path: Path, more: dict[str, str]) -> None:
    rows = [{"note": ask(n), "rater_1": "ab"[n % 2], "rater_2": "ab"[n % 2], **more} for n in range(40)]
    held = table(tmp_path, rows)
    assert voted(held) is held


def test_answers_to_several_questions_are_no_votes(tmp_path: Path) -> None:
    rows = [{"note": ask(n), "label_soil": "ab"[n % 2], "label_light": "ab"[n // 2 % 2]} for n in range(40)]
    rows = [row | {"label_light": "ba"[n % 2]} if n % 3 else row for n, row in enumerate(rows)]
    held = table(tmp_path, rows)
    assert voted(held) is held


@pytest.mark.parametrize(
    ("name", "value"), [("is_test", lambda n: n % 4 == 0), ("in_train", lambda n: int(n % 4 != 0))]
)
def test_a_flag_may_part_the_rows(tmp_path: Path, name: str, value: Any) -> None:
    rows = [{"text": ask(n), "label": "ab"[n % 2], name: value(n)} for n in range(80)]
    assert {part.part: len(part.rows) for part in parted(table(tmp_path, rows))} == {"train": 60, "test": 20}


def test_parts_in_words_of_their_own_are_said(tmp_path: Path) -> None:
    rows = [
        {"text": ask(n), "label": "ab"[n % 2], "phase": ("learn", "learn", "learn", "check")[n % 4]}
        for n in range(80)
    ]
    (only,) = parted(table(tmp_path, rows))
    assert "its 'phase' parts nothing: learn, check" in only.reader
