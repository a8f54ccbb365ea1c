"""What a training's held-out rows said of it."""

from __future__ import annotations

from typing import Literal

from memory.recipe import Record


class HeldOut(Record):
    """Looks at rows that a training kept back of its own; never validation or test items."""

    rows: int
    losses: tuple[tuple[int, float, float], ...]
    """(step, mean loss of their answer tokens, share of those tokens ranked first), the end last."""
    rose: bool
    """Whether the end was worse than the best look before it, beyond noise: rows were learnt by heart."""
    kept: Literal["end", "best", "average"]
    """Whose weights were kept: those at the end, those of ``kept_step``, or the mean of the last ones."""
    kept_step: int
    average: tuple[float, float] | None = None
    """(loss, share of tokens) of the mean of the last weights; None where none was made."""
    averaged: int = 0
    """Over how many moments it was taken."""
    wall_seconds: float
    """Of all looks and copies; part of the training's own."""

    def in_words(self) -> str:
        """One line on what was seen and which weights were kept."""
        step, loss, right = self.losses[-1]
        said = f"{self.rows} held-out rows: loss {loss:.3f} with {right:.0%} of tokens right at step {step}"
        if self.average is not None:
            said += f", {self.average[0]:.3f} with the mean of {self.averaged} moments"
        if self.kept == "best":
            before = next(look for look in self.losses if look[0] == self.kept_step)
            return f"{said}, {before[1]:.3f} at step {self.kept_step}, whose weights were kept"
        kept = {"end": "the weights at the end", "average": "the mean"}[self.kept]
        return f"{said}; {kept} {'were' if self.kept == 'end' else 'was'} kept"
