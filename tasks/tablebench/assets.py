"""Published files of TableBench (evaluation) and TableInstruct (training)."""

from __future__ import annotations

from tasks.assets import Assets, LocalFile, Part
from tasks.official.parts import whole


def parts_by_instruction(assets: Assets, file: LocalFile, seed: int) -> list[Part]:
    """One source for each kind of response (``instruction_type``)."""
    [(name, rows, note)] = whole(assets, file, seed)
    kinds = sorted({str(row.get("instruction_type", "other")) for row in rows})
    return [
        (f"{name}-{kind}", [row for row in rows if str(row.get("instruction_type", "other")) == kind], note)
        for kind in kinds
    ]


TABLEBENCH = Assets(
    "tablebench",
    "Multilingual-Multimodal-NLP/TableBench",
    "a23c244",
    ("TableBench_TCoT.jsonl",),
    ("id", "qtype", "qsubtype", "table", "question", "answer", "instruction_type", "instruction"),
    "Apache-2.0",
    size="886 rows",
    note="Questions on tables with an instruction that asks for step-by-step text. One id occurs twice.",
)

TABLEINSTRUCT = Assets(
    "tableinstruct",
    "Multilingual-Multimodal-NLP/TableInstruct",
    "41f6406",
    ("TableInstruct_instructions.jsonl",),
    ("id", "qtype", "qsubtype", "instruction", "instruction_type", "table", "question", "response"),
    "Apache-2.0",
    size="about 10,000 rows by its own account",
    note="Questions on tables with responses of four kinds, named by `instruction_type`: direct (DP), "
    "textual (TCoT), symbolic (SCoT) and program (PoT) reasoning.",
    pool_parts=parts_by_instruction,
    common_parts=("TableInstruct_instructions",),
)
