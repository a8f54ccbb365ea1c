"""Workload of a list of prompts: how much more, or less, it takes to answer them than to answer others.

A test may have prompts ten times as long as validation's, so items say little about time. Each token of a
prompt and of its answer costs a pass through the weights, and in attention a share of all tokens before it:
the unit of work is a token that has none. The lengths of a sealed test's prompts are known here, their texts
are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memory.records import Evaluation
from tools.models.base_model import BaseModel

COUNTED = 400
"""Prompts of a longer list whose tokens are counted, evenly spread; the others are taken to be like them."""
DEAR_ATTENTION = 2.0
"""So many times its operations attention takes on a CPU, against products of whole matrices. A judgement, on
the side of reserving more."""


@dataclass(frozen=True)
class Workload:
    """Prompts by their lengths.

    Args:
        prompts: tokens of each, or of a sample of them.
        items: how many there are.
        span: tokens in a row from which on attention costs as much as the weights.
    """

    prompts: tuple[int, ...]
    items: int
    span: float

    def work(self, answer_tokens: float, items: float | None = None) -> float:
        """Units for answers of so many tokens each.

        Args:
            answer_tokens: of one answer.
            items: so many items of the list, taken to be like all; by default all.
        """
        count = self.items if items is None else items
        if not self.prompts or not count:
            return 0.0
        each = [(prompt + answer_tokens) for prompt in self.prompts]
        return count * sum(tokens * (1 + tokens / self.span) for tokens in each) / len(each)


def lengths_of(prompts: Sequence[str], count_tokens: Callable[[str], int]) -> tuple[int, ...]:
    """Tokens of each prompt; of a long list those of a sample."""
    step = max(1, len(prompts) // COUNTED)
    return tuple(count_tokens(prompts[place]) for place in range(0, len(prompts), step))


def span_of(model: BaseModel) -> float:
    """Of ``Workload``: a token costs 2 operations a parameter, and 4 x layers x width for each before it."""
    attention = DEAR_ATTENTION * 2 * model.n_layers * model.hidden_size
    return max(1.0, model.parameters / max(attention, 1.0))


def answer_tokens(evaluation: Evaluation) -> float:
    """Of one answer, the mean."""
    return evaluation.generated_tokens / max(evaluation.score.n, 1)


def pace(evaluation: Evaluation, asked: Workload) -> float:
    """Seconds for a unit of work, the fixed part of an evaluation and its judging left out.

    Args:
        evaluation: with its cost.
        asked: what its items were drawn from.
    """
    early = evaluation.stopped
    share = early.answered / early.items if early else 1.0
    work = asked.work(answer_tokens(evaluation), share * asked.items)
    answering = evaluation.wall_seconds - evaluation.fixed_seconds - evaluation.judging_seconds
    return max(answering, 0.0) / work if work else 0.0
