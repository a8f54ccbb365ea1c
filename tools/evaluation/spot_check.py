"""Spot check of an export: it is loaded again, and answers some validation items as the champion did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.base import Sample, TaskSpec
from tasks.errors import InputError
from tools.evaluation.evaluate import Asking, answer_sets
from tools.evaluation.score_answers import score_answers
from tools.process.worker import Worker

ITEMS = 10
RIGHT_ITEMS = 7
"""Of these, items that the champion had right, where it had so many: all wrong, a broken model would pass."""
AGREEMENT = 0.8
"""Share of items with the champion's verdict, right or wrong: rounding to 16 bits turns few answers."""
SECONDS = 1800.0


@dataclass(frozen=True)
class Checked:
    """What an export answered, beside what the champion had answered."""

    items: int
    agree: int
    """Items with the same verdict."""
    identical: int
    """Items with the same answer, letter by letter."""
    right: int
    right_before: int

    def text(self) -> str:
        """For a person."""
        return (
            f"{self.agree} of {self.items} validation items judged as before ({self.right} right, "
            f"{self.right_before} before), {self.identical} answers identical"
        )


def spot_check(
    model_dir: Path,
    samples: Sequence[Sample],
    recorded: Sequence[Mapping[str, Any]],
    spec: TaskSpec,
    worker: Worker,
    log_path: Path,
    items: int = ITEMS,
) -> Checked:
    """Asks the model in ``model_dir`` and compares with the champion's recorded answers.

    Args:
        model_dir: the export, as it would be loaded by others.
        samples: the validation split.
        recorded: the champion's predictions, ``id``, ``prediction`` and ``right`` each.
        spec: the task, its answers as long as they were in the run.
        worker: where the child comes from.
        log_path: of the child.
        items: how many items, at most.

    Raises:
        InputError: it answers otherwise than the champion did.
        ExperimentFailed: it does not load or does not answer.
    """
    chosen = choose(samples, recorded, items)
    asked: dict[str, list[Any]] = {"items": [sample.asked for sample, _ in chosen]}
    asking = Asking(asked, model_dir, spec.max_new_tokens, spec.stops)
    reply, _ = answer_sets(asking, worker, log_path, SECONDS)
    answers = [str(answer) for answer in reply["answers"]["items"]]
    scored = score_answers(spec, [sample for sample, _ in chosen], answers)
    before = [item for _, item in chosen]
    found = Checked(
        items=len(chosen),
        agree=sum(new.right == old["right"] for new, old in zip(scored, before, strict=True)),
        identical=sum(new == old["prediction"] for new, old in zip(answers, before, strict=True)),
        right=sum(new.right for new in scored),
        right_before=sum(bool(old["right"]) for old in before),
    )
    if found.agree < AGREEMENT * found.items:
        wrong = f"it answers otherwise than the champion did: {found.text()}"
        raise InputError(
            str(model_dir), wrong, "export it with --dtype float32, and tell us if that fails too"
        )
    return found


def choose(
    samples: Sequence[Sample], recorded: Sequence[Mapping[str, Any]], items: int
) -> list[tuple[Sample, Mapping[str, Any]]]:
    """Items to ask, spread over the split, those that were right first.

    Raises:
        InputError: no recorded prediction is of these samples.
    """
    by_id = {sample.id: sample for sample in samples}
    known = [(by_id[item["id"]], item) for item in recorded if item["id"] in by_id]
    if not known:
        raise InputError(
            "the champion's predictions", "are not of this task's validation items", "resume the run"
        )
    right = [each for each in known if each[1]["right"]]
    wrong = [each for each in known if not each[1]["right"]]
    first = _spread(right, max(RIGHT_ITEMS * items // ITEMS, items - len(wrong)))
    return [*first, *_spread(wrong, items - len(first))]


def _spread(
    found: list[tuple[Sample, Mapping[str, Any]]], count: int
) -> list[tuple[Sample, Mapping[str, Any]]]:
    count = min(count, len(found))
    return [found[n * len(found) // count] for n in range(count)]
