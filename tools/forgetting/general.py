"""General answers of a base model, and how far a trained model has moved away from them.

The reference is the base model itself: its greedy answers to the fixed prompts, read again by each trained
model (teacher forcing, one forward pass). The measure is the divergence of the next-token distributions along
them. How far a fine-tuned model lies from its base foretells how much of its other abilities it has lost
(Shenfeld et al. 2025, arXiv 2509.04259, there on the new task's prompts). It needs no judge and no right
answer.

    base/general.jsonl         {"prompt", "answer"}: the base's own answers, one a line
    base/general.safetensors   its distributions along them (``tools.evaluation.likelihood``)
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path

from memory.forgetting import Divergence, GeneralAnswers
from tools.evaluation.evaluate import Asking, answer_sets
from tools.evaluation.likelihood import read_rows
from tools.forgetting.prompts import GeneralPrompt, answers_right, general_prompts
from tools.process.worker import Worker
from tools.workspace import Workspace

ANSWERS, DISTRIBUTIONS, LOG = "general.jsonl", "general.safetensors", "general.log"
FACT_TOKENS, ANSWER_TOKENS = 32, 48
"""Of an answer where one is expected, and of any other: as far as they are compared."""
LEAST_RIGHT = 4
"""Of the 28 questions, right answers from which a model counts as one that answers general questions. None
can be guessed; with four the 95% interval (Wilson) of the share lies above 5%."""
LEAST_PROMPTS = 12
"""Prompts without which a mean says too little; others did not fit into the model's positions."""


def ask_base(base_dir: Path, workspace: Workspace, worker: Worker, cache: Path | None) -> GeneralAnswers:
    """Ask the base model the general questions; where it knows some answers, keep its answers to all prompts.

    A model that knows none costs no more than those short answers.

    Args:
        base_dir: a loadable model directory.
        workspace: the run's folder, which gets the reference.
        worker: where children come from.
        cache: a folder of the base's answers across runs.

    Raises:
        ExperimentFailed: the process failed.
    """
    facts = tuple(prompt for prompt in general_prompts() if prompt.expect)
    others = tuple(prompt for prompt in general_prompts() if not prompt.expect)
    told = _answers(facts, base_dir, workspace, worker, FACT_TOKENS, cache)
    right = sum(answers_right(prompt, answer) for prompt, answer in zip(facts, told, strict=True))
    if right < LEAST_RIGHT:
        return GeneralAnswers(right=right, asked=len(facts))
    told += _answers(others, base_dir, workspace, worker, ANSWER_TOKENS, cache)
    rows = [
        {"prompt": prompt.prompt, "answer": answer}
        for prompt, answer in zip((*facts, *others), told, strict=True)
        if answer.strip()
    ]
    folder = workspace.experiment_dir("base")
    workspace.write_jsonl(folder / ANSWERS, rows)
    reference, log_path = str((folder / DISTRIBUTIONS).resolve()), folder / LOG
    started = time.monotonic()
    read = read_rows(rows, base_dir, worker, log_path, write_reference=reference)
    prompts = len(read) if len(read) >= LEAST_PROMPTS else 0
    seconds = round(time.monotonic() - started, 3)
    return GeneralAnswers(right=right, asked=len(facts), prompts=prompts, candidate_seconds=seconds)


def divergence_from_base(
    model_dir: Path, experiment: str, workspace: Workspace, worker: Worker
) -> Divergence | None:
    """How far a model has moved from the base's answers; None where the reference is gone.

    Args:
        model_dir: a loadable model directory.
        experiment: its id, whose folder gets the log.
        workspace: the run's folder, which holds the reference.
        worker: where children come from.

    Raises:
        ExperimentFailed: the process failed.
    """
    reference = workspace.experiment_dir("base")
    if not (reference / DISTRIBUTIONS).is_file() or not (reference / ANSWERS).is_file():
        return None
    lines = (reference / ANSWERS).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    log_path, known = workspace.experiment_dir(experiment) / LOG, str((reference / DISTRIBUTIONS).resolve())
    read = read_rows(rows, model_dir, worker, log_path, reference=known)
    compared = [row for row in read if "divergence" in row]
    if len(compared) < 2:
        return None
    mean, low, high = mean_interval([row["divergence"] for row in compared])
    tokens = sum(row["tokens"] for row in compared)
    return Divergence(
        mean=max(mean, 0.0),
        low=max(low, 0.0),
        high=max(high, 0.0),
        prompts=len(compared),
        tokens=tokens,
        same=sum(row["same"] for row in compared) / tokens,
    )


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """(mean, low, high): the mean of at least two values, with its 95% interval by Student's t."""
    from scipy.stats import t

    n, mean = len(values), sum(values) / len(values)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1) / n)
    half = float(t.ppf(0.975, n - 1)) * spread
    return mean, mean - half, mean + half


def _answers(
    prompts: Sequence[GeneralPrompt],
    base_dir: Path,
    workspace: Workspace,
    worker: Worker,
    new_tokens: int,
    cache: Path | None,
) -> list[str]:
    asked = {"general": [prompt.prompt for prompt in prompts]}
    log_path = workspace.experiment_dir("base") / LOG
    reply, _ = answer_sets(Asking(asked, base_dir, new_tokens, cache=cache), worker, log_path)
    return [str(answer) for answer in reply["answers"]["general"]]
