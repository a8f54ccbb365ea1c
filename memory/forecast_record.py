"""Forecast of one experiment as it is written down, and what a near repeat of it came to."""

from __future__ import annotations

from memory.recipe import Record


class Tried(Record):
    """What an experiment came to that a plan would nearly repeat."""

    run: str
    experiment: str
    gain: float
    """Points over the weights that its training began from; positive is better."""
    low: float
    """95% interval of the gain, on the validation items."""
    high: float
    times: int = 1
    """How often it was tried; ``gain`` is then the mean, and this the latest."""

    @property
    def margin(self) -> float:
        """Half the interval."""
        return (self.high - self.low) / 2

    def text(self, run: str = "") -> str:
        """``tried: -2.1 +/- 1.0 (e04 of run X)``; of the run at hand its name is left out."""
        where = self.experiment if self.run == run else f"{self.experiment} of run {self.run}"
        often = f", {self.times} times" if self.times > 1 else ""
        return f"tried{often}: {self.gain:+.1f} +/- {self.margin:.1f} ({where})"


class Forecast(Record):
    """What an experiment is expected to gain, by all that was tried before."""

    gain: float
    """Points of validation score over the weights that training goes on from, the base or a parent;
    positive is better."""
    low: float
    """Interval that is to hold ``level`` of the gains."""
    high: float
    level: float
    seconds: float
    """Wall-clock that it is expected to take, thinking not counted."""
    basis: tuple[int, int]
    """(experiments, runs) that it was learned from."""
    tried: Tried | None = None
    """A near repeat; None where there is none."""

    @property
    def sd(self) -> float:
        """Standard deviation of a normal distribution with an interval as wide, in points."""
        from statistics import NormalDist

        return max((self.high - self.low) / 2 / NormalDist().inv_cdf((1 + self.level) / 2), 1e-6)

    def text(self) -> str:
        """``+3.2 [-4.0, +10.5] (80%, from 62 experiments of 11 runs)``."""
        experiments, runs = self.basis
        return (
            f"{self.gain:+.1f} [{self.low:+.1f}, {self.high:+.1f}] ({self.level:.0%}, from {experiments} "
            f"experiments of {runs} run{'s' if runs != 1 else ''})"
        )
