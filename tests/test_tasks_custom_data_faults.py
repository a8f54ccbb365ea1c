"""Faults of a user's data that no single row shows: repeats with other answers, one answer for all, leaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.base import TaskData
from tasks.custom.data_task import data_task, init_task
from tasks.custom.folder import load_folder
from tasks.errors import InputError

PLACES = ("Lima", "Oslo", "Accra", "Quito", "Hanoi", "Turin", "Perth", "Dakar", "Minsk", "Cairo")
THINGS = ("printer", "mouse", "screen", "cable", "badge", "phone", "door", "lamp", "desk", "router")
ASKED = [f"Who mends the {thing} in {place}?" for place in PLACES for thing in THINGS]


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path) -> TaskData:
    data = data_task(path).data
    assert data is not None
    return data


def test_each_answer_to_a_repeated_question_is_right(tmp_path: Path) -> None:
    rows = [
        {"question": text, "answer": f"{who} {n}"} for n, text in enumerate(ASKED) for who in ("Ada", "Bo")
    ]
    data = read(jsonl(tmp_path / "a.jsonl", rows))
    assert all(len(item.gold) == 2 for item in (*data.validation, *data.load_test()))
    assert any("each of their answers is right" in line for line in data.understood)
    init_task(tmp_path / "a.jsonl", tmp_path / "task")
    written = load_folder(tmp_path / "task").data
    assert written is not None
    assert {item.prompt: item.gold for item in written.validation} == {
        item.prompt: item.gold for item in data.validation
    }


def test_an_item_with_two_labels_is_set_aside(tmp_path: Path) -> None:
    rows = [{"text": text, "label": "desk" if n % 2 else "shop"} for n, text in enumerate(ASKED)]
    rows += [{"text": text, "label": "shop"} for n, text in enumerate(ASKED) if n % 4 == 1]
    data = read(jsonl(tmp_path / "a.jsonl", rows))
    items = (*data.validation, *data.load_test())
    twice = {text for n, text in enumerate(ASKED) if n % 4 == 1}
    assert items and not twice & {item.prompt for item in items}
    assert any("those with different answers are set aside" in line for line in data.understood)


def test_data_with_one_answer_for_all_is_refused(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"text": text, "label": "spam"} for text in ASKED])
    with pytest.raises(InputError, match="answers are 'spam'"):
        data_task(path)


def test_test_answers_of_another_kind_are_named(tmp_path: Path) -> None:
    jsonl(tmp_path / "train.jsonl", [{"text": text, "label": n % 3} for n, text in enumerate(ASKED[:80])])
    jsonl(tmp_path / "test.jsonl", [{"text": text, "label": "good"} for text in ASKED[80:]])
    with pytest.raises(InputError, match="can read none of the 20 answers of test"):
        data_task(tmp_path)


def test_a_prompt_that_ends_with_its_answer_is_said(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"{text}\nAnswer: mender {n}", "completion": f"mender {n}"} for n, text in enumerate(ASKED)
    ]
    assert any(
        "the prompt ends with the answer itself" in line
        for line in read(jsonl(tmp_path / "a.jsonl", rows)).understood
    )


def test_answers_that_no_reply_can_hold_are_counted(tmp_path: Path) -> None:
    rows = [{"prompt": text, "completion": f"{n} long " * 3000} for n, text in enumerate(ASKED[:50])]
    assert any(
        "answers are longer than that" in line for line in read(jsonl(tmp_path / "a.jsonl", rows)).understood
    )


def test_settings_beside_rows_are_no_rows_and_a_link_is_read_once(tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", [{"question": text, "answer": f"a{n}"} for n, text in enumerate(ASKED)])
    jsonl(tmp_path / "config.json", [{"model": "small", "rate": 0.1}])
    jsonl(tmp_path / "dataset_info.json", [{"question": {"dtype": "string"}}])
    (tmp_path / "b.jsonl").symlink_to("a.jsonl")
    data = read(tmp_path)
    assert [source.name for source in data.sources] == ["a"]
    told = "\n".join(data.understood)
    assert "config: not read, settings" in told
    assert "b.jsonl: not read, the same file as a.jsonl" in told


@pytest.mark.parametrize("name", ["holdout", "heldout", "evaluation", "unseen"])
def test_what_is_held_out_by_its_name_is_never_trained_on(tmp_path: Path, name: str) -> None:
    rows = [{"question": text, "answer": f"a{n}"} for n, text in enumerate(ASKED)]
    jsonl(tmp_path / "train.jsonl", rows[:80])
    jsonl(tmp_path / f"{name}.jsonl", rows[80:])
    data = read(tmp_path)
    assert [source.name for source in data.sources] == ["train"]
    assert {item.prompt for item in data.load_test()} == set(ASKED[80:])


ROWS = [{"question": text, "answer": f"a{n}"} for n, text in enumerate(ASKED)]


@pytest.mark.parametrize(
    "layout",
    [
        {"question": [row["question"] for row in ROWS], "answer": [row["answer"] for row in ROWS]},
        {"columns": ["question", "answer"], "index": [0], "data": [[*row.values()] for row in ROWS]},
        {"version": "1.0", "questions": ROWS},
        {"nlu": {"common_examples": ROWS}},
    ],
)
def test_one_json_object_of_rows_is_read_as_rows(tmp_path: Path, layout: dict[str, Any]) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(layout), encoding="utf-8")
    data = read(path)
    assert sum(map(len, (data.sources[0].rows, data.validation, data.load_test()))) == len(ROWS)


def test_columns_inside_an_object_are_read_and_said(tmp_path: Path) -> None:
    nested = [
        {"id": n, "translation": {"en": row["question"], "de": row["answer"]}} for n, row in enumerate(ROWS)
    ]
    data = read(jsonl(tmp_path / "a.jsonl", nested))
    assert data.sources[0].rows[0]["answer"].startswith("a")
    assert any("inside objects of the rows" in line for line in data.understood)
