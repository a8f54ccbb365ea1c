"""The sealed test: read once per run, for the champion alone, with a line in the journal.

At the start of a run the rows are loaded, hashed, lent to the decontamination guard
(which keeps hashes), and dropped. They come back once, by ``open``: the audit line
``test_opened`` is on the disk before a row is returned, and the rows must have the
digest that the run started with. When a run is killed after that line and resumed, the
same reading goes on for the same champion; the journal then says so by a second line,
``test_reopened``, and still holds one ``test_opened``. When the run has ended, ``ftdojo verify`` takes the
rows to judge its answers again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import TypeVar

from memory.journal.history import History
from memory.journal.log import Journal
from tasks.base import Sample, TaskData
from tasks.errors import HarnessFault, InputError

T = TypeVar("T")
Load = Callable[[], tuple[Sample, ...]]
Measure = Callable[[Sequence[str]], tuple[int, ...]]
DIGESTED_ROWS = 2_000
"""Rows of a source that its digest looks at."""


def digest_of(samples: Sequence[Sample]) -> str:
    """SHA-256 over the rows as canonical JSON, in order."""
    rows = ([s.id, s.subset, s.prompt, s.gold, dict(s.meta)] for s in samples)
    lines = (json.dumps(row, sort_keys=True, ensure_ascii=False, default=str) for row in rows)
    return sha256("\n".join(lines).encode()).hexdigest()


def data_digest(data: TaskData, metric: str) -> str:
    """SHA-256 over what experiments are compared by: the metric, validation, and the rows to train on.

    Of a large source 2,000 rows spread over it are looked at, and their number.
    """
    digest = sha256(f"{metric}\n{digest_of(data.validation)}".encode())
    for source in data.sources:
        step = max(1, len(source.rows) // DIGESTED_ROWS)
        rows = [source.rows[place] for place in range(0, len(source.rows), step)]
        held = json.dumps([source.name, len(source.rows), rows], default=str)
        digest.update(held.encode("utf-8", "replace"))
    return digest.hexdigest()


class SealedTest:
    """A task's test split behind its digest. Made by ``SealedTest.seal``."""

    def __init__(self, load: Load, samples: tuple[Sample, ...], measure: Measure | None = None) -> None:
        self._load = load
        self._unused: tuple[Sample, ...] | None = samples
        self._opened = False
        self.digest = digest_of(samples)
        """SHA-256 over the rows."""
        self.n = len(samples)
        """How many items the test holds."""
        self.prompt_tokens = measure([sample.prompt for sample in samples]) if measure else ()
        """Lengths of the prompts, or of a sample of them: what the time for the reading is reserved by."""

    @classmethod
    def seal(cls, load: Load, measure: Measure | None = None) -> SealedTest:
        """Load the rows once, to know their digest and how long their prompts are.

        Args:
            load: the rows.
            measure: tokens of prompts.

        Raises:
            InputError: the data cannot be read.
        """
        return cls(load, load(), measure)

    def use(self, work: Callable[[tuple[Sample, ...]], T]) -> T:
        """Hand the rows to the decontaminator, once, and drop them.

        Raises:
            HarnessFault: they were used before.
        """
        if self._unused is None:
            raise HarnessFault("the sealed test was used already; only the decontaminator may see it")
        samples, self._unused = self._unused, None
        return work(samples)

    def open(self, journal: Journal, champion: str | None = None, order: str = "") -> tuple[Sample, ...]:
        """The rows, for the final reading.

        Args:
            journal: gets the audit line, and tells whether a killed run had begun this reading.
            champion: the experiment that is read for; by default the one that the journal
                records as chosen.
            order: in words, in which the rows will be read; declared before one of them is.

        Raises:
            HarnessFault: a second opening, a reading for another champion than the first
                one's, or rows that are not the sealed ones.
        """
        if self._opened:
            raise HarnessFault("the sealed test was opened already in this run; it is read once")
        if journal.over:
            raise HarnessFault("the run has ended; its sealed test is not read again")
        chosen = champion if champion is not None else _chosen(journal)
        facts = {"digest": self.digest, "n": self.n, "champion": chosen} | ({"order": order} if order else {})
        before = _first_opening(journal)
        if before is None:
            journal.append("test_opened", {**facts, "reason": "the final reading, after the choice"})
        elif (before.get("champion"), before.get("digest")) != (chosen, self.digest):
            read_for = before.get("champion")
            raise HarnessFault(f"the sealed test was opened for {read_for}, not {chosen}; it is read once")
        else:
            journal.append("test_reopened", {**facts, "reason": "the reading was cut short and goes on"})
        self._opened = True
        samples = self._load()
        found = digest_of(samples)
        if found != self.digest:
            raise HarnessFault(f"the sealed test changed during the run ({found[:12]}, {self.digest[:12]})")
        return samples

    def for_verification(self, history: History) -> tuple[Sample, ...]:
        """The rows, to judge the answers of a finished run again: nothing is trained or chosen any more.

        Raises:
            InputError: the run has not ended, and may still train.
        """
        if history.ended is None:
            raise InputError(history.info.run, "has not ended: its sealed test stays shut", "resume it first")
        return self._load()


def _chosen(journal: Journal) -> str:
    for event in journal.events:
        if event.kind == "champion_chosen":
            return str(event.data["champion"])
    return journal.champion_id()


def _first_opening(journal: Journal) -> dict[str, object] | None:
    return next((event.data for event in journal.events if event.kind == "test_opened"), None)
