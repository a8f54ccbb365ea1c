"""The published files behind the tasks: Hub id, pinned revision, files, columns, licence, gating.

Every fact about a repository is declared here and nowhere else. Below a data root, files
lie as ``<root>/<folder>/<path in the repository>``, or ``<root>/<owner>/<name>/<path>``.
``ftdojo prepare`` writes ``<root>/<folder>/prepared.json`` beside them; ``tasks.official.files``
reads it back and says which file changed since.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MANIFEST = "prepared.json"
"""``{"repo_id", "revision", "commit", "patterns", "files": {path: {"size", "sha256"}}, "tasks"}``.

``commit`` is the full hash that ``revision`` resolved to, ``patterns`` what was asked for and is
complete, ``tasks`` the row counts that were found: task id -> split rule -> [validation, test].
"""


@dataclass(frozen=True)
class Assets:
    """Files of one Hub data set repository."""

    folder: str
    """Name under the data root, such as ``tablebench``."""
    repo_id: str
    revision: str
    """Pinned commit (a prefix where only that is known; ``prepare`` resolves it to the full hash).

    ``main`` where no pin is known: ``prepare`` takes the newest commit and keeps its hash in the manifest."""
    files: tuple[str, ...]
    """Paths in the repository, glob patterns allowed (``*`` crosses folders, as on the Hub)."""
    columns: tuple[str, ...]
    """The columns by which a row is known; single files may hold more."""
    licence: str
    gated: bool = False
    """Whether the terms must be accepted on the Hub, with an account, before a download."""
    size: str = ""
    """What is known of the number of rows and bytes."""
    note: str = ""
    """Origin and quality of the rows, as the data set's own page or its users state them."""

    also: tuple[str, ...] = ()
    """The same rows in another layout that is in circulation, such as one JSON file a row."""

    def only(self, *words: str) -> Assets:
        """The same repository, with those files alone whose paths hold one of the words (any case)."""
        kept = [
            tuple(path for path in paths if any(word.casefold() in path.casefold() for word in words))
            for paths in (self.files, self.also)
        ]
        if not kept[0]:
            raise ValueError(f"{self.repo_id} has no file with {' or '.join(words)} in its path")
        return replace(self, files=kept[0], also=kept[1])


AIME2025 = Assets(
    "aime25",
    "opencompass/AIME2025",
    "a6ad95f",
    ("aime2025-I.jsonl", "aime2025-II.jsonl"),
    ("question", "answer"),
    "problems (c) MAA; no licence stated",
    size="30 rows",
    note="The two papers of the 2025 examination, part I then part II. Answers are whole numbers.",
)
DEEPSCALER = Assets(
    "deepscaler",
    "agentica-org/DeepScaleR-Preview-Dataset",
    "b6ae8c6",
    ("deepscaler.json",),
    ("problem", "solution", "answer"),
    "MIT",
    size="40,315 rows",
    note="Competition problems collected from several earlier sets. `solution` is empty in about 82% of "
    "the rows and short in the rest; `answer` is a LaTeX string.",
)
PANORAMA = Assets(
    "panorama",
    "LG-AI-Research/PANORAMA",
    "5c40de5",
    ("PAR4PC/*.parquet", "NOC4PC/*.parquet", "PI4PC/*.parquet"),
    ("application_number", "claim_number", "context"),
    "CC-BY-NC-4.0",
    size="training rows: 54,028 PAR4PC, 64,210 PI4PC, 136,211 NOC4PC",
    note="US patent applications with the prior art that examiners cited. Nested columns may be JSON "
    "kept as text. No worked reasoning; prompts are long.",
    also=("par4pc/*.json", "noc4pc/*.json", "pi4pc/*.json"),
)
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
)
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
)
FINANCEIQ = Assets(
    "financeiq",
    "Duxiaoman-DI/FinanceIQ",
    "fca1d9c",
    ("*dev/*.csv", "*test/*.csv"),
    ("Question", "A", "B", "C", "D", "Answer"),
    "CC BY-NC-SA 4.0",
    size="6,179 rows in 10 files, and 5 examples a subject",
    note="Chinese single-choice questions of professional examinations, one file a subject. No worked "
    "reasoning.",
)
AIME24 = Assets(
    "aime24",
    "HuggingFaceH4/aime_2024",
    "main",
    ("*.parquet",),
    ("problem", "answer"),
    "problems (c) MAA; no licence stated",
    size="30 rows",
    note="The two papers of the 2024 examination. Answers are whole numbers.",
    also=("*aime*.json", "*aime*.jsonl"),
)
BIOPROBENCH = Assets(
    "bioprobench",
    "bowenxian/BioProBench",
    "c9ae37c",
    tuple(f"{task}{part}" for task in ("PQA", "ERR", "ORD", "GEN") for part in ("_test.json", "*.json")),
    ("id", "type"),
    "CC BY 4.0 (its card); CC BY-NC 4.0 (the repository of its code)",
    size="about 550,000 rows with the training files",
    note="Questions on biological laboratory protocols, without worked reasoning. Rows of the test files may "
    "stand in the others too.",
)

ALL: tuple[Assets, ...] = (
    AIME2025,
    DEEPSCALER,
    PANORAMA,
    CHEMCOTBENCH,
    CHEMCOT,
    TABLEBENCH,
    TABLEINSTRUCT,
    FINANCEIQ,
    AIME24,
    BIOPROBENCH,
)
