"""Tables of the synthetic editions: names, columns, the published row around a table, light edits."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.mini.edits import Swaps, edit_prose, respace
from tasks.splits import content_id

NAMES = ("Ann", "Bob", "Eve", "Tom", "Mia", "Sam", "Leo", "Ida", "Max", "Zoe", "Ben", "Kim", "Ada", "Jon")
MEASURES = ("wins", "goals", "points", "votes", "sales", "books", "cars", "trips", "hits", "medals")
CITIES = ("Rome", "Oslo", "Paris", "Lima", "Cairo", "Delhi", "Quito")


def as_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """The published ``table`` column."""
    return {"columns": list(columns), "data": [list(row) for row in rows]}


def columns_of(
    qtype: str, kind: str, instruction: str, table: Mapping[str, Any], question: str, **others: str
) -> dict[str, Any]:
    """The published columns of one row, without the answer; ``others`` has this ``qtype`` alone."""
    prompt = _filled(instruction, table, question)
    return {
        "id": content_id(prompt),
        "qtype": qtype,
        "qsubtype": kind,
        "table": dict(table),
        "question": question,
        **others,
        "instruction_type": "TCoT",
        "instruction": prompt,
    }


def edited(rng: random.Random, columns: Mapping[str, Any], instruction: str, swaps: Swaps) -> dict[str, Any]:
    """The question lightly edited; at times asked before the table, or the table spaced out."""
    question = edit_prose(rng, columns["question"], swaps)
    prompt = _filled(instruction, columns["table"], question)
    if rng.random() < 0.3:
        head, _, rest = prompt.partition("[TABLE]\n")
        table, _, asked = rest.partition("\n")
        prompt = f"{head}{asked}\n[TABLE]\n{table}"
    elif rng.random() < 0.4:
        prompt = prompt.replace(",", ", ")
    elif rng.random() < 0.3:
        prompt = respace(rng, prompt)
    return {**columns, "question": question, "instruction": prompt}


def _filled(instruction: str, table: Mapping[str, Any], question: str) -> str:
    text = json.dumps(table, separators=(",", ":"))
    return instruction.replace("{table}", text).replace("{question}", question)
