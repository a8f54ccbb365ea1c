"""Parts of an evaluation: answers that were given in several calls, joined to one record and one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from memory.records import Evaluation
from tasks.base import Sample, TaskSpec
from tools.evaluation.evaluate import clusters
from tools.evaluation.paired_test import Item, item_score
from tools.workspace import Workspace


def joined(
    experiment: str,
    samples: Sequence[Sample],
    spec: TaskSpec,
    items: Mapping[int, Item],
    parts: Sequence[Evaluation],
    workspace: Workspace,
    split: Literal["validation", "confirmation", "test"] = "validation",
) -> Evaluation:
    """One evaluation of all that was answered, its predictions in one file in the order of the samples.

    Args:
        experiment: whose answers they are.
        samples: all items of the split.
        spec: its aggregate is the metric.
        items: scored answers by the place of their sample.
        parts: of what was answered, with their costs.
        workspace: the run's folder.
        split: which one it is, and so the name of the file.
    """
    numbers = sorted(items)
    answered = [samples[number] for number in numbers]
    scores = [item_score(items[number]) for number in numbers]
    path = workspace.experiment_dir(experiment) / f"{split}.jsonl"
    workspace.write_jsonl(path, [items[number] for number in numbers])
    return Evaluation(
        split=split,
        score=spec.aggregate(answered, scores),
        predictions=workspace.relative(path),
        clusters=clusters(answered, scores),
        generated_tokens=sum(part.generated_tokens for part in parts),
        wall_seconds=sum(part.wall_seconds for part in parts),
        cpu_seconds=sum(part.cpu_seconds for part in parts),
        fixed_seconds=sum(part.fixed_seconds for part in parts),
        judging_seconds=sum(part.judging_seconds for part in parts),
    )
