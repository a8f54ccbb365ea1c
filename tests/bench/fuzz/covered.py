"""Modules that decode text and that no target names: what reaches them, or why it is none of others."""

from __future__ import annotations

REACHED = {
    "ftdojo/result.py": "summary.json",
    "graph/cli/ask.py": "answer of a person",
    "memory/experience/lines.py": "lessons.jsonl",
    "memory/experience/lessons.py": "lessons.jsonl",
    "memory/journal/events.py": "journal.jsonl",
    "tasks/columns.py": "row of chemcotbench_mol_und",
    "tasks/bioprobench/released.py": "answer to bioprobench_ord",
    "tasks/chemcot/released_parsing.py": "answer to chemcotbench_mol_edit",
    "tasks/panorama/released.py": "answer to panorama_pi4pc",
    "tasks/tablebench/answers.py": "answer to tablebench_fact_checking",
    "tasks/tablebench/charts/script.py": "answer to tablebench_visualization",
    "tasks/tablebench/visualization_released.py": "answer to tablebench_visualization",
    "tasks/custom/arrow_rows.py": "rows.parquet",
    "tasks/custom/json_rows.py": "rows.jsonl",
    "tools/curation/run.py": "lines of a run",
    "tools/curation/script.py": "lines of a run",
    "tools/verification/data_sets.py": "lines of a run",
    "tools/curation/targets.py": "answer to aime25",
    "tools/evaluation/answer_cache.py": "lines of a run",
    "tools/evaluation/evaluate.py": "lines of a run",
    "tools/evaluation/judge/verdicts.py": "lines of a run",
    "tools/report/facts.py": "lines of a run",
    "tools/synthesis/cache.py": "lines of a run",
    "tools/training/train.py": "lines of a run",
    "tools/verification/file_digests.py": "lines of a run",
    "graph/verify.py": "working files",
}
"""Module -> the target that reaches its decoding."""

NOT_FOREIGN = (
    # Files that come with the package.
    "memory/budget/prices.py",
    "tasks/repeats/signature.py",
    "tools/forgetting/prompts.py",
    "tools/verification/foundations.py",
    # What this process has just written itself, or a child of ours with its own code for the same run.
    "graph/bench/lane",
    "graph/documents.py",
    "tools/checks/explained.py",
    "tools/checks/forgetting.py",
    "tools/forgetting/general.py",
    "tools/forgetting/replay.py",
    "tools/recipes/",
    "tools/verbs/answer.py",
    "tools/verification/figures.py",
    # Inside the sandbox, where the code beside them may do as it likes.
    "tasks/tablebench/charts/capture.py",
    "tools/curation/script_child.py",
    # Behind the network or an installed extra, with the same forms as what is tried.
    "graph/trackers.py",
    "memory/experience/index.py",
    "tasks/custom/lm_eval.py",
    "tools/hub/listing.py",
    "tools/models/fetch.py",
)
"""Beginnings of paths."""
