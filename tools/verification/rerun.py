"""Rerun of test items: the champion and the base answer some of them again, and their words are compared.

Greedy answers repeat to the letter on the same machine and libraries. On others a rounding may turn a token
now and then, so a difference is told with both answers and whether it changes the verdict.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.base import Sample, TaskSpec
from tools.evaluation.evaluate import Asking, answer_sets
from tools.evaluation.score_answers import score_answers
from tools.process.worker import Worker
from tools.verification.finding import Finding, short
from tools.verification.predictions import items_of
from tools.workspace import Workspace

SECONDS = 3600.0
LOG = "verify.log"


def check_rerun(
    models: Mapping[str, Path],
    samples: Sequence[Sample],
    spec: TaskSpec,
    workspace: Workspace,
    worker: Worker,
    count: int,
    log_path: Path,
) -> Finding:
    """Answer ``count`` test items again.

    Args:
        models: folders by experiment id, the base model under ``base``.
        samples: the test items.
        spec: the task, with the lengths of the run.
        workspace: the run's folder, with the recorded answers.
        worker: where children come from.
        count: of items, for each model; drawn anew with each call, so that no forger knows them.
        log_path: takes what the children print.

    Raises:
        ExperimentFailed: a model does not load or does not answer.
    """
    chosen = random.SystemRandom().sample(range(len(samples)), min(count, len(samples)))
    some = [samples[place] for place in sorted(chosen)]
    found: list[str] = []
    for experiment, folder in models.items():
        recorded = {str(item["id"]): item for item in items_of(workspace, experiment, "test")}
        asked: dict[str, list[Any]] = {"items": [sample.asked for sample in some]}
        asking = Asking(asked, folder, spec.max_new_tokens, spec.stops)
        reply, _ = answer_sets(asking, worker, log_path, SECONDS)
        answers = [str(answer) for answer in reply["answers"]["items"]]
        verdicts = score_answers(spec, some, answers) if spec.judge is None else [None] * len(some)
        for sample, answer, verdict in zip(some, answers, verdicts, strict=True):
            item = recorded.get(sample.id)
            if item is None:
                found.append(f"{experiment}: item {sample.id} has no recorded answer")
            elif answer != item["prediction"]:
                turned = verdict is not None and verdict.right != item["right"]
                changes = "another verdict" if turned else "the same verdict"
                told = f"{short(answer)!r}, recorded {short(item['prediction'])!r} ({changes})"
                found.append(f"{experiment}: item {sample.id} answers {told}")
    told = f"{len(some)} test items answered again by {', '.join(models)}"
    return Finding("rerun", told, tuple(found))
