"""Files that hold halves of each row: texts beside JSON of their names, and two tables with one id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tasks.custom.data_task import data_task
from tasks.custom.files import read_path


def lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_a_text_and_the_json_of_its_name_are_one_row(tmp_path: Path) -> None:
    for n in range(12):
        (tmp_path / f"{n}.txt").write_text(f"The owl sang {n}.\n", encoding="utf-8")
        if n:
            (tmp_path / f"{n}.json").write_text(json.dumps({"summary": f"owl {n}"}), encoding="utf-8")
    data = read_path(tmp_path)
    (table,) = data.tables
    assert table.reader == "11 JSON files, each with the text beside it"
    assert {"text": "The owl sang 3.", "summary": "owl 3"} in list(table.rows)
    assert [(item.path, item.reason) for item in data.passed_over] == [
        ("0.txt", "a text without a JSON file beside it")
    ]


def test_json_with_a_text_of_its_own_stays_as_it_is(tmp_path: Path) -> None:
    for n in range(5):
        (tmp_path / f"{n}.txt").write_text("other", encoding="utf-8")
        (tmp_path / f"{n}.json").write_text(json.dumps({"text": f"t{n}", "label": "x"}), encoding="utf-8")
    (table,) = read_path(tmp_path).tables
    assert [row["text"] for row in table.rows] == [f"t{n}" for n in range(5)]


def test_questions_and_their_key_are_joined_by_the_id(tmp_path: Path) -> None:
    (tmp_path / "questions.csv").write_text(
        "qid,question\n" + "".join(f"{n},what is {n}?\n" for n in range(20)), encoding="utf-8"
    )
    (tmp_path / "key.csv").write_text(
        "qid,answer\n" + "".join(f"{n},it is {n}\n" for n in range(19, 0, -1)), encoding="utf-8"
    )
    (table,) = read_path(tmp_path).tables
    assert len(table.rows) == 19
    assert {"qid": "7", "question": "what is 7?", "answer": "it is 7"} in list(table.rows)
    assert dict(table.set_aside_counts) == {"no row of key has its qid": 1}
    assert "joined by 'qid'" in table.reader


def test_requests_and_responses_are_joined_and_failures_set_aside(tmp_path: Path) -> None:
    asked, said = [], []
    for n in range(60):
        messages = [{"role": "user", "content": f"How high is tower {n} of the town?"}]
        asked.append(
            {
                "custom_id": f"r{n}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": "m", "messages": messages},
            }
        )
        body: dict[str, Any] = {
            "choices": [{"index": 0, "message": {"role": "assistant", "content": f"It is {n * 3} feet."}}]
        }
        failed = n % 20 == 0
        said.append({"id": f"b{n}", "custom_id": f"r{n}", "error": None,
                     "response": {"status_code": 400 if failed else 200,
                                  "body": {"error": {"message": "no"}} if failed else body}})  # fmt: skip
    lines(tmp_path / "requests.jsonl", asked)
    lines(tmp_path / "output.jsonl", said[::-1])
    spec = data_task(tmp_path)
    assert spec.data is not None
    (source,) = spec.data.sources
    assert all(
        row["prompt"].startswith("How high") and row["answer"].startswith("It is") for row in source.rows
    )
    assert any("3 set aside" in line for line in spec.data.understood)


def test_tables_that_stand_alone_or_share_more_are_not_joined(tmp_path: Path) -> None:
    rows = [{"id": n, "question": f"q{n}", "answer": f"a{n}"} for n in range(12)]
    lines(tmp_path / "a.jsonl", rows)
    lines(tmp_path / "b.jsonl", [{"id": n, "score": n} for n in range(12)])
    assert len(read_path(tmp_path).tables) == 2
    lines(tmp_path / "b.jsonl", rows)
    assert len(read_path(tmp_path).tables) == 2


def test_columns_are_what_the_folder_says_of_them(tmp_path: Path) -> None:
    said = {
        "asked": {"file_name": "a.json", "columns": {"prompt": "f", "query": "more", "response": "a"}},
        "spoken": {
            "file_name": "b.json",
            "columns": {"messages": "talk", "system": "sys"},
            "tags": {"role_tag": "who", "content_tag": "what", "user_tag": "guest", "assistant_tag": "host"},
        },
        "elsewhere": {"hf_hub_url": "x/y"},
    }
    (tmp_path / "dataset_info.json").write_text(json.dumps(said), encoding="utf-8")
    rows = [
        {"f": f"Open on day {n}?", "more": "Hall", "a": f"Until {n}.", "output": "other"} for n in range(3)
    ]
    (tmp_path / "a.json").write_text(json.dumps(rows), encoding="utf-8")
    talk = [{"who": "guest", "what": "Open?"}, {"who": "host", "what": "Yes."}]
    (tmp_path / "b.json").write_text(json.dumps([{"talk": talk, "sys": "Be brief."}] * 2), encoding="utf-8")
    tables = {table.name: table for table in read_path(tmp_path).tables}
    assert tables["a"].rows[0] == {"instruction": "Open on day 0?", "input": "Hall", "output": "Until 0."}
    assert tables["b"].rows[0] == {
        "conversations": [{"from": "human", "value": "Open?"}, {"from": "gpt", "value": "Yes."}],
        "system": "Be brief.",
    }
    assert read_path(tmp_path / "a.json").tables[0].rows[0]["instruction"] == "Open on day 0?"


def test_a_description_that_is_none_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"question": "q", "answer": "a"}] * 2), encoding="utf-8")
    for text in ("no", "[]", '{"x": {"file_name": "a.json", "columns": {"prompt": "gone"}}}', '{"x": 1}'):
        (tmp_path / "dataset_info.json").write_text(text, encoding="utf-8")
        assert read_path(tmp_path / "a.json").tables[0].rows[0] == {"question": "q", "answer": "a"}
