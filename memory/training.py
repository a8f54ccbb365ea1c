"""Training as it was measured: steps, losses, speed, how it ended, how well its rows were known."""

from __future__ import annotations

from typing import Literal

from memory.held_out import HeldOut
from memory.recipe import Record
from memory.training_plan import TrainingPlan

END_RATE = 0.1
"""Of the peak: a schedule that ends below it has done its work."""


class RowsReproduced(Record):
    """How well training rows are known, under teacher forcing, before the step that learns from them."""

    rows: int
    """The last ones that were trained on."""
    whole: float
    """Share (0.0 to 1.0) of them whose whole answer would be written word for word."""
    tokens: float
    """Share of their answer tokens that would be."""


class Training(Record):
    """What training did."""

    model_dir: str
    """Relative to the run's folder: a loadable model directory or a PEFT adapter directory."""
    method: Literal["lora", "full"]
    steps: int
    rows: int
    tokens: int
    """Tokens seen, padding not counted."""
    losses: tuple[tuple[int, float], ...]
    """(step, training loss)."""
    tokens_per_second: float
    """Over the whole call, its fixed part included."""
    wall_seconds: float
    cpu_seconds: float
    peak_gib: float
    step_seconds: float = 0.0
    """Of ``wall_seconds``, all steps at the pace of those after the first; the rest is the fixed part:
    loading, the warm-up of the first step, saving. 0.0 where it was not measured."""
    stopped_early: str = ""
    """Why training ended before its last step; empty when it did not."""
    planned_steps: int = 0
    """Steps before the schedule was shortened to fit the time; 0 in runs of earlier versions."""
    end_rate_share: float | None = None
    """Rate of the last step, of the highest: near 0.0 where the schedule came to its end."""
    reproduced: RowsReproduced | None = None
    """How well the rows trained on last were known; None where it was not noted."""
    learning_rate: float = 0.0
    """The rate that was used, where a range test allowed less than the plan asked for; else 0.0."""
    held_out: HeldOut | None = None
    """None where no rows were held out."""
    dropped_rows: int = 0
    """Rows that were longer than ``max_length`` and not trained on."""
    refused_rows: int = 0
    """Rows that the chat template refused, and that were not trained on."""
    loss_on: Literal["all", "last", ""] = ""
    """Which answers of conversations carried loss; empty where no row has an answer before its last."""
    remarks: tuple[str, ...] = ()
    """What there is to say about its rows, a line each."""
    command: str = ""
    """The command that repeats this training without the agent."""

    def ending(self) -> str:
        """How it ended where that was not after its last planned step; empty otherwise."""
        if not self.stopped_early:
            return ""
        if self.stopped_early != "time" or self.end_rate_share is None:
            return f"stopped early: {self.stopped_early}"
        if self.end_rate_share > END_RATE:
            return (
                f"cut off at step {self.steps} of {self.planned_steps}, with the rate at "
                f"{self.end_rate_share:.0%} of its highest"
            )
        return (
            f"shortened to fit its time, {self.steps} of {self.planned_steps} planned steps; the rate came "
            f"down with it, to {self.end_rate_share:.0%} of its highest"
        )


def rate_used(plan: TrainingPlan, done: Training | None) -> float:
    """The highest rate of a training: the plan's, or what its range test left of it."""
    return (done.learning_rate if done else 0.0) or plan.learning_rate
