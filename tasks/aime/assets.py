"""Published files of AIME 2025 and 2024, and the competition problems to learn from."""

from __future__ import annotations

from tasks.assets import Assets

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
