"""Early stop of an evaluation: why not all items were answered, and what the answers that there are say."""

from __future__ import annotations

from memory.recipe import Record
from tasks.base import Score


class EarlyStop(Record):
    """A model that was so far behind on a share of the items that the others were not asked."""

    answered: int
    """Items that were answered, drawn for this experiment alone."""
    items: int
    """All that there were to answer."""
    against: str
    """``base`` or the experiment that it was behind; that one answered all items."""
    against_value: float
    """Its score on all items."""
    delta: float
    """Points over it on the answered items; negative, whatever the metric's direction."""
    p_value: float
    """One-sided: the chance of being so far behind for a model that is no worse."""
    level: float
    """The chance at which the answering ends."""

    @property
    def counts(self) -> str:
        """How many of how many, in words."""
        return f"{self.answered} of {self.items} items answered"

    def text(self) -> str:
        """Why, with the evidence."""
        return (
            f"{self.counts}: {-self.delta:.1f} points behind {self.against} on them "
            f"(one-sided p={self.p_value:.2g}, stopped from {self.level:.2g} down)"
        )

    def on_all_items(self, score: Score) -> Score:
        """The score to hold against scores on all items, estimated from paired answers alone.

        It is the other model's score on all items plus the difference on those that both answered: luck
        with the draw cancels. Still low on average, because only models that are far behind are stopped.

        Args:
            score: on the answered items.
        """
        behind = self.delta if score.higher_is_better else -self.delta
        shift = self.against_value + behind - score.value
        moved = {name: getattr(score, name) + shift for name in ("value", "low", "high")}
        return score.model_copy(update=moved)
