"""Replay rows: the base model's own answers to general prompts; forgetting is measured on none of these."""

from __future__ import annotations

import json
from pathlib import Path

from tasks.base import Source
from tools.curation.replay import BASE_ANSWERS
from tools.evaluation.evaluate import Asking, answer_sets
from tools.forgetting.prompts import replay_prompts
from tools.process.worker import Worker
from tools.workspace import Workspace

FILE = "replay.jsonl"
REPLAY_TOKENS = 96
"""Of an answer; the prompts ask for a sentence or two. One that is cut teaches to stop half-way, and is left
out."""


def base_answers(
    base_dir: Path, workspace: Workspace, worker: Worker, cache: Path | None, seed: int
) -> Source:
    """The base's answers as a source of general rows; asked once in a run.

    Args:
        base_dir: a loadable model directory.
        workspace: the run's folder, which keeps them.
        worker: where children come from.
        cache: a folder of the base's answers across runs.
        seed: of the prompts' order.

    Raises:
        ExperimentFailed: the process failed.
    """
    file = workspace.experiment_dir("base") / FILE
    if not file.is_file():
        prompts = replay_prompts(seed)
        log_path = file.with_suffix(".log")
        asking = Asking({"replay": prompts}, base_dir, REPLAY_TOKENS, cache=cache)
        reply, _ = answer_sets(asking, worker, log_path, stage="data")
        told = zip(prompts, reply["answers"]["replay"], reply["limits"]["replay"], strict=True)
        rows = [{"prompt": prompt, "answer": answer.strip()} for prompt, answer, limit in told if not limit]
        workspace.write_jsonl(file, [row for row in rows if row["answer"]])
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    columns = {"prompt": "prompt", "answer": "answer"}
    return Source(BASE_ANSWERS, "", tuple(rows), columns=columns, replay=True)
