"""Published files of ChemCoTBench (evaluation) and ChemCoTDataset (training)."""

from __future__ import annotations

import json
from typing import Any

from tasks.assets import Assets, LocalFile, Part
from tasks.base import Row
from tasks.columns import opened
from tasks.official.parts import whole


def unified_parts(assets: Assets, file: LocalFile, seed: int) -> list[Part]:
    """A file of training rows, all in the columns that most of the files have."""
    [(name, rows, note)] = whole(assets, file, seed)
    return [(name, [_unified(row) for row in rows], note)]


def _unified(row: Row) -> dict[str, Any]:
    """A row of ``rcr.json`` in the columns of the others: ``struct_cot``, and ``gt`` inside ``meta``."""
    plain = dict(row)
    if "cot_result" in plain and "struct_cot" not in plain:
        plain["struct_cot"] = plain.pop("cot_result")
    if "gt" in plain:
        meta = opened(plain.get("meta"))
        held = {**(meta if isinstance(meta, dict) else {}), "gt": plain.pop("gt")}
        plain["meta"] = json.dumps(held, ensure_ascii=False)
    return plain


CHEMCOTBENCH = Assets(
    "chemcotbench",
    "OpenMol/ChemCoTBench",
    "4cfab96",
    (
        "chemcotbench/mol_und/*.json",
        "chemcotbench/mol_edit/*.json",
        "chemcotbench/mol_opt/*.json",
        "chemcotbench/reaction/*.json",
    ),
    ("id", "query", "gt", "task", "subtask", "meta"),
    "MIT / CC BY 4.0",
    gated=True,
    size="1,495 rows in 21 files",
    note="Questions on molecules and reactions. `gt` is a number, a string or empty by subtask; `meta` is "
    "JSON kept as text.",
)

CHEMCOT = Assets(
    "chemcot",
    "OpenMol/ChemCoTDataset",
    "d88a8af",
    ("chemcotbench-cot/*.json",),
    ("id", "query", "task", "subtask", "struct_cot", "raw_cot", "meta"),
    "CC BY 4.0",
    gated=True,
    size="about 23,223 rows in 22 files, 174 MB",
    note="Questions on molecules and reactions with generated reasoning, structured (`struct_cot`) and free "
    "(`raw_cot`). There are no rows of the subtasks equivalence, retro, nepp and mechsel.",
    pool_parts=unified_parts,
    common_parts=("chemcotbench-cot",),
)
