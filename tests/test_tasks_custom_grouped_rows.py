"""Tables with a row for each turn or word are put together before anything is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.custom.data_task import data_task
from tasks.custom.files import read_path
from tasks.custom.grouped_rows import grouped
from tasks.custom.tables import Table
from tasks.formats.declared import Declared


def table(folder: Path, rows: list[dict[str, Any]]) -> Table:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return read_path(path).tables[0]


def turns(count: int = 3) -> list[dict[str, Any]]:
    said = [
        ("customer", "Where is it?"),
        ("agent", "On its way."),
        ("customer", "When?"),
        ("agent", "Today."),
    ]
    return [
        {"conversation_id": f"c{n}", "turn": place, "speaker": who, "text": f"{text} {n}"}
        for n in range(count)
        for place, (who, text) in enumerate(said)
    ]


def test_turns_become_conversations_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    mixed = sorted(turns(), key=lambda row: (row["turn"] % 2, row["conversation_id"]))
    made = grouped(table(tmp_path, mixed))
    assert "3 conversations by 'conversation_id' of 12 rows" in made.reader
    first = next(row for row in made.rows if row["conversation_id"] == "c0")
    assert [turn["content"] for turn in first["messages"]] == [
        "Where is it? 0",
        "On its way. 0",
        "When? 0",
        "Today. 0",
    ]


def test_what_one_speaker_says_in_two_rows_is_one_turn(tmp_path: Path) -> None:
    rows = [row | {"speaker": "customer" if row["turn"] < 3 else "agent"} for row in turns(2)]
    assert [len(row["messages"]) for row in grouped(table(tmp_path, rows)).rows] == [2, 2]


def test_a_tree_of_messages_is_followed_along_the_best_replies(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    for n in range(3):
        rows += [
            {"message_id": f"q{n}", "parent_id": None, "role": "prompter", "text": "Why?", "rank": None},
            {"message_id": f"b{n}", "parent_id": f"q{n}", "role": "assistant", "text": "No idea.", "rank": 1},
            {"message_id": f"a{n}", "parent_id": f"q{n}", "role": "assistant", "text": "Because.", "rank": 0},
        ]
    made = list(grouped(table(tmp_path, rows)).rows)
    assert [[turn["content"] for turn in row["messages"]] for row in made] == [["Why?", "Because."]] * 3


@pytest.mark.parametrize("blank", [False, True])
def test_words_become_sentences(tmp_path: Path, blank: bool) -> None:
    words = [("Oslo", "B-LOC"), ("is", "O"), ("cold", "O")]
    rows = [
        {"sentence_id": "" if blank and place else f"s{n}", "word": word, "tag": tag}
        for n in range(4)
        for place, (word, tag) in enumerate(words)
    ]
    made = list(grouped(table(tmp_path, rows)).rows)
    assert len(made) == 4
    assert made[1] == {"id": "s1", "tokens": ["Oslo", "is", "cold"], "tags": ["B-LOC", "O", "O"]}


@pytest.mark.parametrize(
    "rows",
    [
        [{"ticket_id": n, "from": "ab"[n % 2], "text": f"text {n}"} for n in range(12)],
        [{"conversation_id": n // 3, "speaker": "ab"[n % 2], "text": "t", "answer": "x"} for n in range(12)],
        [{"question": f"q {n}", "answer": "a"} for n in range(12)],
    ],
)
def test_rows_that_stand_alone_stay_as_they_are(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    held = table(tmp_path, rows)
    assert grouped(held) is held


def test_a_column_that_its_owner_names_keeps_the_rows(tmp_path: Path) -> None:
    table(tmp_path, turns(40))
    data = data_task(tmp_path / "rows.jsonl", declared=Declared("{text}", "speaker")).data
    assert data is not None
    assert {row["answer"] for row in data.sources[0].rows} == {"customer", "agent"}


def test_messages_of_many_people_are_threads_of_who_began(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    for n in range(30):
        rows += [
            {"post_id": 3 * n + 1, "reply_to": None, "author": f"ann{n}", "body": f"How deep goes seed {n}?"},
            {"post_id": 3 * n + 2, "reply_to": 3 * n + 1, "author": f"bo{n}", "body": f"As deep as {n} cm."},
            {"post_id": 3 * n + 3, "reply_to": 3 * n + 2, "author": f"ann{n}", "body": "Thank you!"},
        ]
    made = grouped(table(tmp_path, rows))
    assert "30 conversations by 'reply_to', in which who began is the user, of 90 rows" in made.reader
    assert [turn["role"] for turn in made.rows[0]["messages"]] == ["user", "assistant", "user"]


def test_a_column_of_numbers_that_are_no_ids_makes_no_thread(tmp_path: Path) -> None:
    rows = [
        {"post_id": n, "replies": 1000 + n, "author": f"ann{n}", "body": f"How deep goes seed {n}?"}
        for n in range(30)
    ]
    held = table(tmp_path, rows)
    assert grouped(held) is held


@pytest.mark.parametrize("kinds", [("Q", "A"), ("question", "answer"), ("customer", "agent")])
def test_rows_in_turns_are_pairs(tmp_path: Path, kinds: tuple[str, str]) -> None:
    rows = [
        {"line": n, "type": kinds[n % 2], "content": f"{kinds[n % 2]} {n} about seeds"} for n in range(40)
    ]
    made = grouped(table(tmp_path, rows))
    assert len(made.rows) == 20
    assert made.rows[1] == {
        "question": f"{kinds[0]} 2 about seeds",
        "answer": f"{kinds[1]} 3 about seeds",
    }


@pytest.mark.parametrize("kinds", [("pos", "neg"), ("A", "Q")])
def test_labels_in_turns_stay_labels(tmp_path: Path, kinds: tuple[str, str]) -> None:
    rows = [{"line": n, "type": kinds[n % 2], "content": f"seed {n} is good enough"} for n in range(40)]
    held = table(tmp_path, rows)
    assert grouped(held) is held
