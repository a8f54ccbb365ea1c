"""Replay rows: the base model's own answers to general prompts; forgetting is measured on none of these."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
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
PORTION = 44
"""Prompts that are asked at a time, of 220."""
COST_SHARE = 0.015
"""Of the time left to a run, what asking may take: rows may come several times, so fewer will do."""


def base_answers(
    base_dir: Path,
    workspace: Workspace,
    worker: Worker,
    cache: Path | None,
    seed: int,
    most_seconds: float = math.inf,
) -> Source:
    """The base's answers as a source of general rows; asked once in a run.

    Args:
        base_dir: a loadable model directory.
        workspace: the run's folder, which keeps them.
        worker: where children come from.
        cache: a folder of the base's answers across runs.
        seed: of the prompts' order.
        most_seconds: no further portion is begun that would not end in this time.

    Raises:
        ExperimentFailed: the process failed.
    """
    file = workspace.experiment_dir("base") / FILE
    if not file.is_file():
        ask = partial(_asked, base_dir, worker, cache, file.with_suffix(".log"))
        workspace.write_jsonl(file, _in_portions(replay_prompts(seed), ask, most_seconds))
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    columns = {"prompt": "prompt", "answer": "answer"}
    return Source(BASE_ANSWERS, "", tuple(rows), columns=columns, replay=True)


def _in_portions(
    prompts: Sequence[str], ask: Callable[[Sequence[str]], list[dict[str, str]]], most_seconds: float
) -> list[dict[str, str]]:
    """Rows of the first portion, and of the others while there is time."""
    rows: list[dict[str, str]] = []
    began, longest = time.monotonic(), 0.0
    for start in range(0, len(prompts), PORTION):
        now = time.monotonic()
        if start and now - began + longest > most_seconds:
            break
        rows += ask(prompts[start : start + PORTION])
        longest = max(longest, time.monotonic() - now)
    return rows


def _asked(
    base_dir: Path, worker: Worker, cache: Path | None, log_path: Path, prompts: Sequence[str]
) -> list[dict[str, str]]:
    """Whole answers to some prompts, as rows."""
    asking = Asking({"replay": prompts}, base_dir, REPLAY_TOKENS, cache=cache)
    reply, _ = answer_sets(asking, worker, log_path, stage="data")
    told = zip(prompts, reply["answers"]["replay"], reply["limits"]["replay"], strict=True)
    rows = [{"prompt": prompt, "answer": answer.strip()} for prompt, answer, limit in told if not limit]
    return [row for row in rows if row["answer"]]
