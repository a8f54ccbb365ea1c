"""Staged evaluation: a share of the search items first, the others only for a model that can still win.

Answers are greedy, so what a model comes to on all search items is fixed before it is asked. It matters to
the search only where it comes out above the incumbent there (``tools.checks.champion``: what is kept has to,
and so has what becomes the candidate). A quarter of the items is answered first, and answering ends where a
model that comes out above the incumbent would be so far behind with a chance of at most ``LEVEL``:
stochastic curtailment (Lan, Simon and Halperin 1982, Sequential Analysis 1:207) with one look.

The first share is drawn anew for each experiment, by a hash of seed, experiment and item: the look owes
nothing to those by which the incumbent came to be one. How many of the items on which the two differ go
for either is then hypergeometric, which strays less than the fair coin of a sign test (Hoeffding 1963, JASA
58:13, section 6). So the paired test of ``tools.evaluation.paired_test`` on the share, one-sided, holds the
level with room to spare; ``python -m tests.bench.claims`` shows how much. What a run claims is tested on
items kept apart, and no look at search items touches that.

Two calls cost more than one, so a first share is only asked for where answering is dear, by the seconds that
this run has measured (``pays``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from memory.early_stop import EarlyStop
from memory.journal.log import BASE, Journal
from memory.records import Comparison, Evaluation
from tasks.base import Sample, Score, TaskSpec
from tools.evaluation.answering_time import look_pays
from tools.evaluation.evaluate import read_items
from tools.evaluation.paired_test import Item, compare
from tools.evaluation.parts import joined
from tools.workspace import Workspace

FIRST_SHARE = 0.25
"""Of the search items. Less stops too few, more saves too little: the bench shows a fifth to a half."""
LEVEL = 0.05
"""The most that a model which would come out above the incumbent is stopped with, one-sided."""
LEAST_FIRST = 20
"""Items under which a look is not worth a second call: a model must be far behind to be told by so few."""
FIRST, REST = "validation-first", "validation-rest"
"""Names of prediction files: the first share, and the other items."""

Answer = Callable[[Sequence[Sample], str], Evaluation]
"""Answers items with the experiment's model and keeps the predictions under this name."""


@dataclass(frozen=True)
class Rival:
    """The model that has to be beaten; it answered all items."""

    id: str
    items: Sequence[Item]
    score: Score


def first_share(samples: Sequence[Sample], experiment: str, seed: int) -> tuple[int, ...]:
    """Places of the items that an experiment answers first, in order; of each subset its share."""

    def draw(number: int) -> str:
        text = f"{seed} {experiment} {samples[number].prompt}\n{samples[number].id}"
        return sha256(text.encode("utf-8", "replace")).hexdigest()

    by_subset: dict[str, list[int]] = {}
    for number, sample in enumerate(samples):
        by_subset.setdefault(sample.subset, []).append(number)
    drawn: list[int] = []
    for numbers in by_subset.values():
        drawn += sorted(numbers, key=draw)[: max(1, round(FIRST_SHARE * len(numbers)))]
    return tuple(sorted(drawn))


def looks_first(
    experiment: str,
    samples: Sequence[Sample],
    workspace: Workspace,
    journal: Journal,
    totals: Mapping[str, float],
) -> bool:
    """Whether an experiment answers a share first: there is something to lose against, and it pays.

    Answers to a first share that were given before a kill are used, whatever pays now.

    Args:
        experiment: its id; the base answers all items.
        samples: the search items.
        workspace: the run's folder.
        journal: of the run.
        totals: the ledger's, now.
    """
    if experiment == BASE or round(FIRST_SHARE * len(samples)) < LEAST_FIRST:
        return False
    if "early-stopping" in journal.without:  # an ablation
        return False
    begun = (workspace.experiment_dir(experiment) / f"{FIRST}.jsonl").exists()
    return begun or look_pays(journal, totals, FIRST_SHARE)


def evaluate(
    experiment: str,
    samples: Sequence[Sample],
    workspace: Workspace,
    spec: TaskSpec,
    seed: int,
    rival: Rival,
    answer: Answer,
) -> Evaluation:
    """Answers the first share, and the other items unless the model is too far behind its rival.

    Args:
        experiment: its id.
        samples: all search items.
        workspace: the run's folder; all answers end in one file, in the order of the items.
        spec: the task; its aggregate is the metric.
        seed: the run's.
        rival: what has to be beaten.
        answer: may raise ExperimentFailed; what a part's file holds already is not asked again.
    """
    first = first_share(samples, experiment, seed)

    def part(numbers: Sequence[int], name: str) -> tuple[Evaluation, dict[int, Item]]:
        evaluation = answer([samples[number] for number in numbers], name)
        found = read_items(workspace.inside(evaluation.predictions))
        return evaluation, dict(zip(numbers, found, strict=True))

    evaluation, items = part(first, FIRST)
    parts, stopped = [evaluation], None
    ordered = [items[number] for number in first]
    found = compare_shared(ordered, rival.items, experiment, rival.id, spec, samples)
    if cannot_win(found):
        stopped = EarlyStop(
            answered=len(first),
            items=len(samples),
            against=rival.id,
            against_value=rival.score.value,
            delta=found.delta,
            p_value=found.p_value / 2,
            level=LEVEL,
        )
    elif others := [number for number in range(len(samples)) if number not in items]:
        evaluation, more = part(others, REST)
        parts, items = [*parts, evaluation], items | more
    whole = joined(experiment, samples, spec, items, parts, workspace)
    return whole.model_copy(update={"stopped": stopped})


def cannot_win(found: Comparison) -> bool:
    """Whether a model is too far behind on the first share to come out above its rival on all items."""
    return found.delta < 0 and found.p_value / 2 <= LEVEL


def compare_shared(
    challenger_items: Sequence[Item],
    champion_items: Sequence[Item],
    challenger: str,
    champion: str,
    spec: TaskSpec,
    samples: Sequence[Sample],
) -> Comparison:
    """The paired test on the items that both answered; see ``tools.evaluation.paired_test.compare``.

    Raises:
        ValueError: one of the two holds predictions of other samples.
    """
    new, old = _by_place(challenger_items, samples), _by_place(champion_items, samples)
    shared = [number for number in new if number in old]
    mine, theirs = ([side[number] for number in shared] for side in (new, old))
    return compare(mine, theirs, challenger, champion, spec, [samples[number] for number in shared])


def _by_place(items: Sequence[Item], samples: Sequence[Sample]) -> dict[int, Item]:
    """Predictions by the place of their sample; both are in the same order."""
    found: dict[int, Item] = {}
    for number, sample in enumerate(samples):
        if len(found) < len(items) and items[len(found)]["id"] == sample.id:
            found[number] = items[len(found)]
    if len(found) < len(items):
        raise ValueError(f"{items[len(found)]['id']} is no item of these, or not in their order")
    return found
