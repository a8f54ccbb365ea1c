"""Reading of the sealed test in the time that is left: base and champion on the same items, all or a part.

The items are read in an order that is drawn by the run's seed and declared before the first of them
(``ORDER``). Usually all are read. Where the machine has become so slow that the time does not hold them, the
reading ends with a first part of that order: a random sample of the test, whose size depends on time alone
and not on any answer, so that the paired test on it means what it says, with fewer items.

Both models answer a part before the next one is begun. The first part is sized by the run's earlier
measurements, the others by what the first one took; an answer that takes ``ALLOWANCE`` times as long as
expected is cut, and a smaller part is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from memory.records import Evaluation
from tasks.base import Sample
from tasks.errors import ExperimentFailed

ORDER = "sha256 of seed, prompt and id; where time is short, a first part of this order is read"
CALM_SHARE, MEASURED_SHARE = 0.3, 0.85
"""Of the time left, the most that all that is left to read may be expected to take to be one part: before
this reading has measured its own pace, and then."""
FIRST_SHARE, PART_SHARE = 0.15, 0.6
"""The same of a part after which others are to follow: small as long as the pace is not measured, for what is
cut is lost."""
ALLOWANCE = 2.0
"""So many times the seconds that were expected may be taken; at least ``LEAST_SECONDS`` are given."""
LEAST_SECONDS = 2.0
LEAST_ITEMS = 8
"""Of a part, unless fewer are left."""
SLOWER = 4.0
"""By so much the pace is taken to be slower after a part that was cut."""

Answer = Callable[[str, Sequence[Sample], str, float], Evaluation]
"""A model's answers to items, kept under a name, within so many seconds."""


@dataclass
class Expected:
    """What a model's answers are expected to take, in seconds."""

    fixed: float
    item: float

    def seconds(self, items: int) -> float:
        """Of so many items."""
        return self.fixed + self.item * items


@dataclass
class Reading:
    """What was read: places of the items in the test, in order, and each model's parts."""

    numbers: list[int] = field(default_factory=list)
    parts: dict[str, list[Evaluation]] = field(default_factory=dict)
    blocks: list[list[int]] = field(default_factory=list)
    """The places of each part's items, in the order of its predictions."""


def order_of(samples: Sequence[Sample], seed: int) -> list[int]:
    """Places of the items in the order in which they are read."""

    def draw(number: int) -> str:
        sample = samples[number]
        return sha256(f"{seed} {sample.prompt}\n{sample.id}".encode("utf-8", "replace")).hexdigest()

    return sorted(range(len(samples)), key=draw)


def read(
    samples: Sequence[Sample],
    seed: int,
    expected: Mapping[str, Expected],
    answer: Answer,
    seconds_left: Callable[[float], float],
    known: Iterable[tuple[str, Sequence[str]]] = (),
) -> Reading:
    """Read as much of the test as the time holds.

    Args:
        samples: the test.
        seed: the run's.
        expected: by model, in the order in which they answer.
        answer: see ``Answer``; what a name's file holds already is not asked again.
        seconds_left: until the reading has to end, on a machine that has become so many times slower since
            the pace was expected: what follows the reading takes longer there as well.
        known: names and item ids of parts that every model answered before a kill, in their order.

    Raises:
        ExperimentFailed: a model failed in another way than by its time.
    """
    order, found = order_of(samples, seed), Reading(parts={model: [] for model in expected})
    paces = {model: Expected(each.fixed, each.item) for model, each in expected.items()}

    def left() -> float:
        return seconds_left(_slowness(expected, paces))

    names = 0
    for name, ids in known:
        names += 1
        block = sorted(order[len(found.numbers) : len(found.numbers) + len(ids)])
        if [samples[number].id for number in block] == list(ids):
            _read_part(found, samples, block, name, paces, answer, left)
    measured = bool(found.numbers)
    while unread := len(order) - len(found.numbers):
        size = _size(unread, paces.values(), left(), measured)
        if not size:
            break
        names += 1
        block = sorted(order[len(found.numbers) : len(found.numbers) + size])
        try:
            _read_part(found, samples, block, f"test-{names}", paces, answer, left)
            measured = True
        except ExperimentFailed as failed:
            if failed.code != "timeout":
                raise
            for pace in paces.values():
                pace.item *= SLOWER
    found.numbers.sort()
    return found


def _read_part(
    found: Reading,
    samples: Sequence[Sample],
    block: Sequence[int],
    name: str,
    paces: Mapping[str, Expected],
    answer: Answer,
    left: Callable[[], float],
) -> None:
    """One part, answered by every model or by none."""
    asked, parts = [samples[number] for number in block], {}
    for model, pace in paces.items():
        allowed = max(LEAST_SECONDS, ALLOWANCE * pace.seconds(len(block)))
        part = answer(model, asked, name, min(allowed, max(left(), LEAST_SECONDS)))
        parts[model] = part
        pace.fixed = part.fixed_seconds
        pace.item = max(part.wall_seconds - part.fixed_seconds, 0.0) / len(block)
    for model, part in parts.items():
        found.parts[model].append(part)
    found.numbers += block
    found.blocks.append(list(block))


def _slowness(expected: Mapping[str, Expected], paces: Mapping[str, Expected]) -> float:
    """By how many times the machine is slower than was expected, 1.0 at least."""
    before, now = (sum(pace.item for pace in each.values()) for each in (expected, paces))
    return max(1.0, now / before) if before > 0.0 else 1.0


def _size(items: int, paces: Iterable[Expected], seconds_left: float, measured: bool) -> int:
    """How many of the items that are left the next part has; 0 where the time holds none."""
    paces = list(paces)
    whole = sum(pace.seconds(items) for pace in paces)
    if whole <= (MEASURED_SHARE if measured else CALM_SHARE) * seconds_left:
        return items
    fixed, each = sum(pace.fixed for pace in paces), sum(pace.item for pace in paces)
    share = PART_SHARE if measured else FIRST_SHARE
    fit = int((share * seconds_left - fixed) / each) if each > 0.0 else items
    least = min(LEAST_ITEMS, items)
    if fit >= least:
        return min(fit, items)
    # The last that can be done: fewer than are worth a part, but all that the time may hold.
    return least if fixed + each * least <= MEASURED_SHARE * seconds_left else 0
