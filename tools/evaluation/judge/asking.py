"""Asking of a judge: pairs put to a model up to the cap, each in both orders, and what came of every one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from memory.budget.spending import Cap
from tools.evaluation.asked_model import AskedModel
from tools.evaluation.judge.pairs import Choice, Outcome, Pair, choice_of, digest_of, outcome_of
from tools.evaluation.judge.verdicts import VerdictFile, verdict_line

TEMPERATURE = 0.0
EXPECTED_TOKENS = 120
"""Of a verdict with its reason, for an estimate."""


@dataclass(frozen=True)
class Judged:
    """One pair's end."""

    outcome: Outcome | None = None
    """None where the pair was not judged."""
    why: str = ""
    """Why it was not: ``cap``, ``no_reply`` or ``unreadable``."""
    first: tuple[bool, ...] = ()
    """Per request that chose an answer: whether it chose the one that stood first."""


@dataclass(frozen=True)
class Spent:
    """Tokens and US dollars; of a model without a price the dollars are 0.0."""

    tokens: float = 0.0
    usd: float = 0.0

    def plus(self, other: Spent) -> Spent:
        """Both together."""
        return Spent(self.tokens + other.tokens, self.usd + other.usd)

    def times(self, factor: float) -> Spent:
        """So many times as much."""
        return Spent(self.tokens * factor, self.usd * factor)

    def fits(self, left: Cap) -> bool:
        """Whether a cap has room for it."""
        return (left.tokens is None or self.tokens <= left.tokens) and (
            left.usd is None or self.usd <= left.usd
        )


class Asking:
    """Pairs put to one model under one system's turn.

    Args:
        model: whom to ask.
        system: the system's turn.
        left: what the caps leave, now.
        verdicts: where verdicts are kept.
    """

    def __init__(
        self, model: AskedModel, system: str, left: Callable[[], Cap], verdicts: VerdictFile
    ) -> None:
        self.model, self.system, self.left, self._verdicts = model, system, left, verdicts
        self.problem = ""
        """The first failure of the last batch, or the cap that ended it."""

    def cost(self, pair: Pair) -> Spent:
        """What asking about a pair will come to; nothing where both replies are on the disk."""
        cost = self.model.estimate(pair.prompts, self.system, EXPECTED_TOKENS, temperature=TEMPERATURE)
        return Spent(cost.input_tokens + cost.output_tokens, cost.usd or 0.0)

    def ask(self, pairs: Mapping[str, Pair], keep: Spent) -> dict[str, Judged]:
        """What came of each pair, by its key, which is the item's id.

        Pairs beyond what the caps hold are not asked, the last ones: of two models the same items are judged.

        Args:
            pairs: the pairs.
            keep: what has to be left over.

        Raises:
            InputError: the model cannot be used here, or has no price though there is a cap on money.
            HarnessFault: replies, verdicts or usage cannot be written.
        """
        self.problem = ""
        asked = self._within(pairs, keep)
        prompts = [prompt for key in asked for prompt in pairs[key].prompts]
        found = self.model.ask_all(prompts, system=self.system, temperature=TEMPERATURE, up_to_cap=True)
        if not self.problem:
            self.problem = found.capped or found.problem
        replies = list(zip(found.replies[::2], found.replies[1::2], strict=True))
        judged = {key: Judged(why="cap") for key in pairs}
        lines: list[dict[str, Any]] = []
        for key, (one, other) in zip(asked, replies, strict=True):
            if one is None or other is None:
                judged[key] = Judged(why="cap" if found.capped else "no_reply")
                continue
            said = choice_of(one.text), choice_of(other.text)
            judged[key] = _judged(*said)
            digests = [digest_of(self.system, prompt) for prompt in pairs[key].prompts]
            tokens = one.input_tokens + other.input_tokens, one.output_tokens + other.output_tokens
            lines.append(
                verdict_line(key, (digests[0], digests[1]), one.model, said, judged[key].outcome, tokens)
            )
        self._verdicts.keep(lines)
        return judged

    def _within(self, pairs: Mapping[str, Pair], keep: Spent) -> list[str]:
        """The keys that the caps hold, from the start."""
        left, so_far, fitting = self.left(), keep, []
        for key, pair in pairs.items():
            cost = self.cost(pair)
            so_far = so_far.plus(cost)
            if cost.tokens and not so_far.fits(left):
                self.problem = "what the cap leaves does not hold all of it"
                break
            fitting.append(key)
        return fitting


def _judged(answer_first: Choice | None, answer_second: Choice | None) -> Judged:
    if answer_first is None or answer_second is None:
        return Judged(why="unreadable")
    first = tuple(choice == "first" for choice in (answer_first, answer_second) if choice != "neither")
    return Judged(outcome_of(answer_first, answer_second), "", first)
