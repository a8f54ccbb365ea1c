"""Confirmation of a run's final model on validation items that its search never saw.

A run tries many models on the same items and goes on from whatever looks best there. Its best figure is
therefore too good: with 20 models that are no better than the base, the best of them passes a test at 5%
in one run of four, and more tests make it worse. So validation is cut in two before the run starts:

* the **search** items score every experiment, are shown to roles, and may be read as often as wanted;
* the **confirmation** items are read once, at the end, for the base and one candidate.

Whatever the search did, the candidate was chosen without these items, so a plain test on them holds its
level (data splitting, Cox 1975, Biometrika 62:441). A gain is claimed when that test allows it at a
one-sided 5%. Two looks share the level (alpha spending, Lan and DeMets 1983, Biometrika 70:659): a gain
that is plain on the first third of the items is confirmed there and the others need no answers. The sum
of the levels bounds the error whatever the two looks have in common.

Other rules were simulated beside this one (``python -m tests.bench.claims``): Bonferroni over all
candidates on all items (assumes that no candidate was shaped by the items it is tested on), Holm over
the two best candidates, and a betting e-process with any number of looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

from memory.confirmation import Confirmation, Look
from memory.journal.log import BASE
from memory.records import Comparison
from tasks.base import Sample, TaskSpec
from tools.evaluation.paired_test import Item, compare, score_of

LEVEL = 0.05
"""One-sided: at most this share of runs without a true gain end with a champion other than the base."""
FIRST_LOOK_LEVEL = 0.005
"""What the first look may use of it: enough for a large gain, and the last look loses next to nothing."""
FIRST_LOOK_SHARE = 1 / 3
LEAST_FIRST_LOOK = 20
"""Items under which a look is not worth its level: eight must differ, all in one direction."""
CONFIRMATION_SHARE = 0.5
"""Of validation. More of it confirms a given gain more surely, less of it lets the search find larger ones:
``tests.bench.claims`` shows both for a third, a half and two thirds."""
LEAST_ITEMS = 5
"""Items without which nothing can be confirmed: five that differ, all in one direction, have p = 0.031."""


def split_validation(samples: Sequence[Sample]) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Cut validation into (search, confirmation) items, alike in subsets.

    The cut depends on the items alone: the same in every run, so that what a remembered lesson was learned
    on is never what another run confirms on. Search items keep their order; the first part of the
    confirmation items is as mixed as the whole.
    """
    wanted = max(LEAST_ITEMS, round(CONFIRMATION_SHARE * len(samples)))
    n, total = max(0, min(len(samples) - 1, wanted)), len(samples)
    groups = _by_subset(samples)
    listed = [number for numbers in groups for number in numbers]
    # Evenly over the list, one subset after the other: each gets its share, to the item.
    kept = {number for place, number in enumerate(listed) if (place + 1) * n // total > place * n // total}
    search = tuple(sample for number, sample in enumerate(samples) if number not in kept)
    return search, _mixed(samples, [[number for number in group if number in kept] for group in groups])


def _by_subset(samples: Sequence[Sample]) -> list[list[int]]:
    """Places of the items by subset, in an order that depends on their texts alone."""
    by_subset: dict[str, list[tuple[str, int]]] = {}
    for number, sample in enumerate(samples):
        key = sha256(f"{sample.prompt}\n{sample.id}".encode("utf-8", "replace")).hexdigest()
        by_subset.setdefault(sample.subset, []).append((key, number))
    return [[number for _, number in sorted(by_subset[subset])] for subset in sorted(by_subset)]


def _mixed(samples: Sequence[Sample], groups: Sequence[Sequence[int]]) -> tuple[Sample, ...]:
    """Each group spread evenly over the whole."""
    places = [
        ((place + 0.5) / len(group), of, number)
        for of, group in enumerate(groups)
        for place, number in enumerate(group)
    ]
    return tuple(samples[number] for _, _, number in sorted(places))


def schedule(n: int) -> tuple[tuple[int, float], ...]:
    """The looks at ``n`` confirmation items: (how many of the first items, the level that it may use)."""
    first = round(FIRST_LOOK_SHARE * n)
    if first < LEAST_FIRST_LOOK:
        return ((n, LEVEL),) if n else ()
    return (first, FIRST_LOOK_LEVEL), (n, LEVEL - FIRST_LOOK_LEVEL)


def passes(comparison: Comparison, level: float) -> bool:
    """Whether the candidate is better than the base at this one-sided level."""
    return comparison.delta > 0 and comparison.p_value / 2 <= level


def decide(candidate: str, n: int, compare_first: Callable[[int], Comparison]) -> Confirmation:
    """Look at the confirmation items, a part first, until the candidate is confirmed or all are read.

    Args:
        candidate: the experiment that the search ended with.
        n: how many confirmation items there are.
        compare_first: the paired test of the candidate against the base on the first so many items.
    """
    looks: list[Look] = []
    for items, level in schedule(n):
        comparison = compare_first(items)
        looks.append(Look(items=items, level=level, comparison=comparison))
        if passes(comparison, level):
            return Confirmation(candidate=candidate, looks=tuple(looks), confirmed=True)
    return Confirmation(candidate=candidate, looks=tuple(looks), confirmed=False)


def confirm(
    candidate: str,
    samples: Sequence[Sample],
    spec: TaskSpec,
    answer: Callable[[str, int, int], Sequence[Item]],
    of: int | None = None,
) -> Confirmation:
    """Test a candidate against the base on the confirmation items.

    Args:
        candidate: the experiment that the search ended with.
        samples: the confirmation items, in the order of the cut; the first of them where the time holds no
            more.
        spec: the task; its aggregate is the metric.
        answer: scored answers of a model to the items from one number to another.
        of: how many items there are in all, where these are a part.
    """
    answers: dict[str, list[Item]] = {BASE: [], candidate: []}

    def compare_first(items: int) -> Comparison:
        for model, known in answers.items():
            known += answer(model, len(known), items)
        return compare(answers[candidate], answers[BASE], candidate, BASE, spec, samples[:items])

    taken = len(samples)
    found = decide(candidate, taken, compare_first)
    found = found.model_copy(update={"items": taken, "of": taken if of is None else of})
    if not found.looks:
        return found
    read = samples[: found.looks[-1].items]
    base, score = (score_of(spec, read, answers[model]) for model in (BASE, candidate))
    return found.model_copy(update={"base": base, "score": score})
