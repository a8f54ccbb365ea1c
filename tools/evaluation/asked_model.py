"""Asked model: what a judge and a served baseline need of whoever answers over an address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class ReplyText(Protocol):
    """A reply that was received whole."""

    @property
    def text(self) -> str:
        """What the model said."""

    @property
    def model(self) -> str:
        """``provider:model``."""

    @property
    def input_tokens(self) -> int:
        """Of the request."""

    @property
    def output_tokens(self) -> int:
        """Of the reply."""


class Replies(Protocol):
    """What came of a batch."""

    @property
    def replies(self) -> Sequence[ReplyText | None]:
        """One per prompt."""

    @property
    def problem(self) -> str:
        """The first failure, in one line."""

    @property
    def capped(self) -> str:
        """The cap that ended the batch, in one line."""


class Cost(Protocol):
    """What a batch will come to."""

    @property
    def input_tokens(self) -> int:
        """Of the calls still to be made."""

    @property
    def output_tokens(self) -> int:
        """Of those calls."""

    @property
    def usd(self) -> float | None:
        """None where the model has no price."""


class AskedModel(Protocol):
    """Whom to ask: cached by content, within the caps, accounted for."""

    @property
    def name(self) -> str:
        """``provider:model``."""

    def ask_all(
        self, prompts: Sequence[str], *, system: str, temperature: float, up_to_cap: bool = False
    ) -> Replies:
        """A reply per prompt."""

    def estimate(
        self, prompts: Sequence[str], system: str, max_output_tokens: int, *, temperature: float = 0.0
    ) -> Cost:
        """What asking would come to; nothing is sent."""
