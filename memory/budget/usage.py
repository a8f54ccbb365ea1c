"""What calls of language models came to: accounts over the journal's ``usage`` events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from memory.journal.log import Journal
from memory.records import Usage


@dataclass(frozen=True)
class Account:
    """What a number of calls came to."""

    calls: int = 0
    input_tokens: int = 0
    """Cached ones included."""
    cached_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    wall_seconds: float = 0.0
    estimated: int = 0
    """Calls whose tokens were estimated, because the provider told none."""

    @property
    def tokens(self) -> int:
        """Input and output."""
        return self.input_tokens + self.output_tokens

    def plus(self, usage: Usage) -> Account:
        """The account with one more call."""
        return Account(
            self.calls + 1,
            self.input_tokens + usage.input_tokens,
            self.cached_tokens + usage.cached_tokens,
            self.output_tokens + usage.output_tokens,
            self.usd + usage.usd,
            self.wall_seconds + usage.wall_seconds,
            self.estimated + usage.estimated,
        )


def usages(journal: Journal) -> tuple[Usage, ...]:
    """Every call that the journal has counted, in order."""
    return tuple(Usage.model_validate(event.data) for event in journal.events if event.kind == "usage")


def accounts(calls: Iterable[Usage], by: Callable[[Usage], str]) -> dict[str, Account]:
    """One account for each value of ``by``, in order of first use."""
    found: dict[str, Account] = {}
    for usage in calls:
        key = by(usage)
        found[key] = found.get(key, Account()).plus(usage)
    return found


def by_experiment(journal: Journal) -> dict[str, tuple[Usage, ...]]:
    """The calls made for each experiment; those after the last finished one are filed under the next id.

    A plan is thought of before it has an id in the journal, so a call belongs to the
    experiment that finishes next.
    """
    found: dict[str, tuple[Usage, ...]] = {}
    waiting: list[Usage] = []
    for event in journal.events:
        if event.kind == "usage":
            waiting.append(Usage.model_validate(event.data))
        elif event.kind == "finished":
            found[str(event.experiment)], waiting = tuple(waiting), []
    return {**found, journal.next_experiment_id(): tuple(waiting)} if waiting else found
