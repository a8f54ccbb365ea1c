"""Examination of a journal that somebody may have changed: what can be read, and each fault by its line.

``read_log`` refuses such a file, because a run must not go on from it. Here it is read to its end, so that
all that is wrong can be named at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from memory.journal.chain import Chain, ChainBroken
from memory.journal.events import Event, decode, is_canonical, lines_of
from tasks.errors import InputError


@dataclass(frozen=True)
class Examined:
    """A journal as it lies there."""

    events: tuple[Event, ...]
    """Those that can be read, counted anew."""
    digests: tuple[str, ...]
    """Of each line, by which ``events`` are told."""
    faults: tuple[str, ...]
    """``line N: what is wrong``; empty where nothing is."""
    chained: int
    """How many of the lines name the one before."""
    chain: Chain = field(default_factory=Chain)

    def chain_at(self, place: int) -> Chain:
        """The chain as it was after the line of an event."""
        return Chain.at(self.digests[place])


def examine(path: Path) -> Examined:
    """Read a journal to its end, whatever is wrong with it.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            str(path), f"cannot be read ({error.strerror})", "name the folder of a run"
        ) from error
    events: list[Event] = []
    digests: list[str] = []
    faults: list[str] = []
    chain, seq, chained = Chain(), 0, 0
    for number, line in enumerate(lines_of(content), start=1):
        named: str | None = chain.head if chain.begun else None
        readable = False
        try:
            event = decode(line)
            if not isinstance(event.data, dict):
                raise ValueError("its data is no object")
            readable, named = True, event.prev
            if not is_canonical(line):
                faults.append(f"line {number}: is not written as the journal writes")
            if event.seq != seq:
                faults.append(f"line {number}: numbered {event.seq}, where {seq} comes next")
            seq = event.seq
            chain.check(named)
        except ChainBroken:
            faults.append(f"line {number - 1}: is not the one that line {number} names as the one before it")
        except ValueError as error:
            faults.append(f"line {number}: cannot be read ({error})")
        digest = chain.add(line, named)
        if readable:
            events.append(replace(event, seq=len(events)))
            digests.append(digest)
        seq += 1
        chained += named is not None
    return Examined(tuple(events), tuple(digests), tuple(faults), chained, chain)
