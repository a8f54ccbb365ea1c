"""The published files behind the tasks: Hub id, pinned revision, files, columns, licence, gating."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Assets:
    """Files of one Hub repository."""

    folder: str
    """Name under the data root, such as ``tablebench``."""
    repo_id: str
    revision: str
    """Pinned commit (a prefix where only that is known)."""
    files: tuple[str, ...]
    """Paths in the repository, glob patterns allowed."""
    columns: tuple[str, ...]
    licence: str
    gated: bool = False


AIME2025 = Assets(
    "aime25",
    "opencompass/AIME2025",
    "a6ad95f",
    ("aime2025-I.jsonl", "aime2025-II.jsonl"),
    ("question", "answer"),
    "problems (c) MAA; no licence stated",
)
DEEPSCALER = Assets(
    "deepscaler",
    "agentica-org/DeepScaleR-Preview-Dataset",
    "b6ae8c6",
    ("deepscaler.json",),
    ("problem", "solution", "answer"),
    "MIT",
)
PANORAMA = Assets(
    "panorama",
    "LG-AI-Research/PANORAMA",
    "5c40de5",
    ("PAR4PC/*.parquet", "NOC4PC/*.parquet", "PI4PC/*.parquet"),
    ("application_number", "claim_number", "context"),
    "CC-BY-NC-4.0",
)
CHEMCOTBENCH = Assets(
    "chemcotbench",
    "OpenMol/ChemCoTBench",
    "4cfab96",
    ("chemcotbench/*/*.json",),
    ("id", "query", "gt", "task", "subtask", "meta"),
    "MIT / CC BY 4.0",
    gated=True,
)
CHEMCOT = Assets(
    "chemcot",
    "OpenMol/ChemCoTDataset",
    "d88a8af",
    ("chemcotbench-cot/**/*.json",),
    ("id", "query", "task", "subtask", "struct_cot", "raw_cot", "meta"),
    "CC BY 4.0",
    gated=True,
)
TABLEBENCH = Assets(
    "tablebench",
    "Multilingual-Multimodal-NLP/TableBench",
    "a23c244",
    ("TableBench_TCoT.jsonl",),
    ("id", "qtype", "qsubtype", "table", "question", "answer", "instruction_type", "instruction"),
    "Apache-2.0",
)
TABLEINSTRUCT = Assets(
    "tableinstruct",
    "Multilingual-Multimodal-NLP/TableInstruct",
    "41f6406",
    ("TableInstruct_instructions.jsonl",),
    ("id", "qtype", "qsubtype", "instruction", "instruction_type", "table", "question", "response"),
    "Apache-2.0",
)
FINANCEIQ = Assets(
    "financeiq",
    "Duxiaoman-DI/FinanceIQ",
    "fca1d9c",
    ("data/dev/*.csv", "data/test/*.csv"),
    ("Question", "A", "B", "C", "D", "Answer"),
    "CC BY-NC-SA 4.0",
)
BIOPROBENCH = Assets(
    "bioprobench",
    "bowenxian/BioProBench",
    "c9ae37c",
    ("*_test.json",),
    (),
    "CC BY 4.0",
)
