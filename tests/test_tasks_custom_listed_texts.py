"""Labels with lists of their texts become a row for each text; other lists stay what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.custom.data_task import data_task
from tasks.custom.files import read_path
from tasks.custom.listed_texts import listed
from tasks.custom.spread_rows import spread
from tasks.custom.tables import Table

BIRDS = {kind: [f"a {kind} sang {n}" for n in range(18 + len(kind))] for kind in ("owl", "tit", "wren")}


def read(folder: Path, name: str, text: str) -> Table:
    (folder / name).write_text(text, encoding="utf-8")
    (table,) = read_path(folder / name).tables
    return spread(table)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", json.dumps(BIRDS)),
        ("a.json", json.dumps({"intents": BIRDS})),
        ("b.json", json.dumps({"intents": [{"tag": kind, "patterns": BIRDS[kind]} for kind in BIRDS]})),
        ("c.jsonl", "\n".join(json.dumps({"intent": kind, "utterances": BIRDS[kind]}) for kind in BIRDS)),
        (
            "d.yml",
            'version: "3.1"\nnlu:\n'
            + "".join(
                f"- intent: {kind}\n  examples: |\n" + "".join(f"    - {text}\n" for text in texts)
                for kind, texts in BIRDS.items()
            ),
        ),
    ],
)
def test_each_text_is_a_row(tmp_path: Path, name: str, text: str) -> None:
    found = read(tmp_path, name, text)
    assert [row["text"] for row in found.rows] == [text for texts in BIRDS.values() for text in texts]
    assert [row[key] for row in found.rows for key in row if key != "text"] == [
        kind for kind, texts in BIRDS.items() for _ in texts
    ]


def test_what_names_no_label_is_counted_and_marks_are_no_text(tmp_path: Path) -> None:
    text = 'nlu:\n- intent: go\n  examples: |\n    - to [Oslo](city) now\n    - to [Ulm]{"entity": "city"}\n'
    text += "- intent: stay\n  examples: |\n    - no\n    - here\n- lookup: city\n  examples: |\n    - Oslo\n"
    found = read(tmp_path, "nlu.yml", text)
    assert [row["text"] for row in found.rows] == ["to Oslo now", "to Ulm", "no", "here"]
    assert dict(found.set_aside_counts) == {"it names no intent": 1}


@pytest.mark.parametrize(
    "rows",
    [
        [{"topic": "a", "question": "q", "examples": ["x", "y"]}] * 2,
        [{"topic": "a", "utterances": ["x", "y"]}, {"topic": "a", "utterances": ["z", "w"]}],
        [{"intent": "a", "examples": ["x"]}, {"intent": "b", "examples": ["y"]}],
        [{"intent": "a", "examples": "plain words"}, {"intent": "b", "examples": "more words"}],
        [{"intent": "a", "examples": ["x", "y"]}],
    ],
)
def test_other_lists_are_no_lists_of_a_label(rows: list[dict[str, Any]]) -> None:
    assert listed(rows) is None


def test_lists_of_one_row_are_no_labels(tmp_path: Path) -> None:
    for number in range(3):
        recipe = {"ingredients": ["egg", "salt"], "steps": ["beat", "salt", "fry"][: number + 1]}
        (tmp_path / f"{number}.json").write_text(json.dumps(recipe), encoding="utf-8")
    (table,) = read_path(tmp_path).tables
    assert {*table.rows[0]} == {"ingredients", "steps"}


def test_intents_are_a_task_of_classification(tmp_path: Path) -> None:
    path = tmp_path / "intents.json"
    path.write_text(
        json.dumps({"intents": [{"tag": kind, "patterns": BIRDS[kind]} for kind in BIRDS]}), encoding="utf-8"
    )
    spec = data_task(path)
    assert spec.data is not None
    assert {row["answer"] for row in spec.data.sources[0].rows} == {*BIRDS}
