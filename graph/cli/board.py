"""Board of a run: what is on the screen while it goes on, as plain values.

A ``Board`` hears the run's events one by one and remembers what a person wants to
see. It trusts nothing: a value that is missing or odd is left out, never an error,
because what is shown must not be able to end what is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graph.cli.printable import printable

SPEED = ("tokens_per_second", "peak_gib", "idle_share", "mfu", "seconds_left")
"""What a training says of its speed while it goes on."""


@dataclass
class Entry:
    """One line of the experiment table."""

    id: str
    change: str = ""
    hypothesis: str = ""
    rows: int | None = None
    method: str = ""
    score: tuple[float, float, float] | None = None
    """Validation score with its interval: value, low, high."""
    answered: str = ""
    """``38/150`` where answering was stopped early; empty where all items were answered."""
    delta: float | None = None
    p_value: float | None = None
    outcome: str = ""
    """kept, discarded or failed; empty while it runs."""


@dataclass
class Board:
    """Everything on the screen, as plain values: what the events have said so far."""

    run: dict[str, str] = field(default_factory=dict)
    budget_seconds: float | None = None
    role: str = ""
    doing: str = ""
    entries: dict[str, Entry] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    step: int = 0
    steps: int = 0
    speed: dict[str, float] = field(default_factory=dict)
    """Of the training under way: ``tokens_per_second``, ``peak_gib``, ``idle_share``, ``mfu`` and
    ``seconds_left``, those that are known; see ``tools.training.progress``."""
    speed_at: float = 0.0
    clocks: dict[str, float] = field(default_factory=dict)
    remaining_seconds: float | None = None
    heard_at: float = 0.0
    notes: list[str] = field(default_factory=list)
    ending: str = ""
    said_step: int = 0
    """The last training step that a plain line told of."""

    def hear(self, event: Mapping[str, Any], now: float) -> None:
        """Take in one event; ``now`` is a monotonic time in seconds."""
        data = event.get("data")
        data = data if isinstance(data, Mapping) else {}
        clocks = event.get("clocks")
        if isinstance(clocks, Mapping):
            found = {str(name): number(clocks, name) for name in clocks}
            self.clocks = {name: seconds for name, seconds in found.items() if seconds is not None}
        if (remaining := number(event, "remaining_seconds")) is not None:
            self.remaining_seconds, self.heard_at = remaining, now
        if event.get("kind") == "progress":
            self.speed_at = now
        handler = getattr(self, f"_on_{event.get('kind')}", None)
        if handler is not None:
            handler(words(event, "experiment"), data)

    def time_left(self, now: float) -> float | None:
        """Seconds of budget left, counted down between events; None before the first word of it."""
        if self.remaining_seconds is None:
            return None
        return max(0.0, self.remaining_seconds - (0.0 if self.ending else now - self.heard_at))

    def training_left(self, now: float) -> float | None:
        """Seconds that the training under way still takes, counted down between its words."""
        left = self.speed.get("seconds_left")
        return None if left is None else max(0.0, left - (now - self.speed_at))

    def _entry(self, experiment: str) -> Entry:
        return self.entries.setdefault(experiment, Entry(experiment))

    def _on_run_started(self, experiment: str, data: Mapping[str, Any]) -> None:
        self.run = {
            key: words(data, key) for key in ("run", "task", "edition", "base_model", "policy", "seed")
        }
        self.budget_seconds = number(data, "budget_seconds")
        if self.remaining_seconds is None:
            self.remaining_seconds = self.budget_seconds

    def _on_stage(self, experiment: str, data: Mapping[str, Any]) -> None:
        self.role, self.doing = words(data, "role"), words(data, "text")

    def _on_plan(self, experiment: str, data: Mapping[str, Any]) -> None:
        entry = self._entry(experiment)
        entry.change, entry.hypothesis = words(data, "change"), words(data, "hypothesis")
        self.losses, self.step, self.steps, self.said_step, self.speed = [], 0, 0, 0, {}

    def _on_card(self, experiment: str, data: Mapping[str, Any]) -> None:
        rows = number(data, "rows")
        self._entry(experiment).rows = None if rows is None else int(rows)

    def _on_progress(self, experiment: str, data: Mapping[str, Any]) -> None:
        self.step, self.steps = int(number(data, "step") or 0), int(number(data, "steps") or 0)
        if (loss := number(data, "loss")) is not None:
            self.losses.append(loss)
        found = {key: number(data, key) for key in SPEED}
        self.speed = {key: value for key, value in found.items() if value is not None}

    def _on_failure(self, experiment: str, data: Mapping[str, Any]) -> None:
        self.speed = {}

    def _on_training(self, experiment: str, data: Mapping[str, Any]) -> None:
        self.speed = {}
        self._entry(experiment).method = words(data, "method")
        losses = data.get("losses")
        losses = losses if isinstance(losses, list | tuple) else ()
        pairs = [pair for pair in losses if isinstance(pair, list | tuple) and len(pair) == 2]
        readings = [number({"loss": pair[1]}, "loss") for pair in pairs]
        if found := [loss for loss in readings if loss is not None]:
            self.losses, self.step, self.steps = found, *[int(number(data, "steps") or len(found))] * 2

    def _on_evaluation(self, experiment: str, data: Mapping[str, Any]) -> None:
        if words(data, "split") == "test":
            return
        entry = self._entry(experiment)
        entry.score, entry.answered = score_of(data), answered(data)
        if experiment == "base":
            entry.hypothesis = "the model as it came"

    def _on_finished(self, experiment: str, data: Mapping[str, Any]) -> None:
        """A whole experiment: it may be the first word of it, when a run is resumed."""
        for kind in ("plan", "card", "evaluation"):
            if isinstance(part := data.get(kind), Mapping):
                getattr(self, f"_on_{kind}")(experiment, part)
        entry = self._entry(experiment)
        if isinstance(part := data.get("training_plan"), Mapping):
            entry.method = words(part, "method")
        if isinstance(comparison := data.get("comparison"), Mapping):
            entry.delta, entry.p_value = number(comparison, "delta"), number(comparison, "p_value")
        entry.outcome = words(data, "outcome")

    def _on_note(self, experiment: str, data: Mapping[str, Any]) -> None:
        self.notes = [*self.notes, words(data, "text")][-2:]

    def _on_forgetting(self, experiment: str, data: Mapping[str, Any]) -> None:
        self._on_note(experiment, data)

    def _on_confirmation(self, experiment: str, data: Mapping[str, Any]) -> None:
        self._on_note(experiment, data)

    def _on_test_opened(self, experiment: str, data: Mapping[str, Any]) -> None:
        self.role, self.doing = "finish", "the sealed test is open: base and champion answer it, once"

    def _on_run_ended(self, experiment: str, data: Mapping[str, Any]) -> None:
        self.ending = words(data, "ending") or words(data, "outcome") or "ended"
        self.role, self.doing = "", ""


def number(data: Mapping[str, Any], key: str) -> float | None:
    """The finite number under ``key``, or None for anything else."""
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if value == value and abs(value) != float("inf") else None


def words(data: Mapping[str, Any], key: str) -> str:
    """The value under ``key`` as one line of printable text; empty for a missing one."""
    value = data.get(key)
    if value is None:
        return ""
    return " ".join(printable(str(value)).split())


def score_of(data: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """Value, low and high of an evaluation's score, when all three are there."""
    score = data.get("score")
    if not isinstance(score, Mapping):
        return None
    found = [number(score, key) for key in ("value", "low", "high")]
    return None if None in found else (found[0] or 0.0, found[1] or 0.0, found[2] or 0.0)


def answered(data: Mapping[str, Any]) -> str:
    """``38/150`` of an evaluation that was stopped early; empty for any other."""
    stopped = data.get("stopped")
    counts = [number(stopped, key) for key in ("answered", "items")] if isinstance(stopped, Mapping) else []
    return "" if not counts or None in counts else "/".join(f"{count:.0f}" for count in counts)
