"""Sampler of rows for training: batches of similar length, in random order. No torch here."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

GROUPED_BATCHES = 16
"""Batches that are sorted by length together: little padding, and the order stays random."""


class LengthGroups:
    """A sampler of row indices; every ``batch_size`` of them make a batch. Another order each epoch.

    Transformers' own ``group_by_length`` pads as little and is not used for its order: it runs
    each group from its longest row to its shortest, four times in an epoch of 2,000 rows, and so
    ends on the shortest answers. Measured on 2,000 rows of TableBench's numerical task, batch 32, seeds
    0 to 2: 5% padding with either and 22% in random order; the mean length of a batch correlates
    with its place by -0.16 to -0.20 there and by -0.06 to 0.13 here. What that does to scores was
    not measured.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size = lengths, batch_size
        self.random = random.Random(seed)

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        order = list(range(len(self.lengths)))
        self.random.shuffle(order)
        # The loader cuts the stream every `batch_size` rows, so the short batch goes last.
        full = len(order) - len(order) % self.batch_size
        group = GROUPED_BATCHES * self.batch_size
        batches: list[list[int]] = []
        for start in range(0, full, group):
            rows = sorted(order[start : min(start + group, full)], key=self.lengths.__getitem__)
            batches += [rows[n : n + self.batch_size] for n in range(0, len(rows), self.batch_size)]
        self.random.shuffle(batches)
        for batch in batches:
            yield from batch
        yield from order[full:]
