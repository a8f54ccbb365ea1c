"""Explained record: how likely a model trained on one source finds the answers of another."""

from __future__ import annotations

from memory.recipe import Record


class Explained(Record):
    """A source's answers under a model that was trained on a source: who explains whom."""

    source: str
    """Whose rows were read."""
    base_loss: float
    """Mean cross-entropy of its answers in nats per token under the base model."""
    loss: float
    """The same under the model."""
    rows: int

    @property
    def gain(self) -> float:
        """Nats per token by which the answers became likelier than under the base."""
        return self.base_loss - self.loss


def explained_share(by_other: Explained, by_own: Explained) -> float:
    """Share of what a source's own training taught about it that training on another source taught as well.

    1.0: its answers follow from the other source as well as from itself; 0.0 or less: the other source says
    nothing of them, or contradicts them. 0.0 where its own training taught nothing.
    """
    return by_other.gain / by_own.gain if by_own.gain > 0 else 0.0
