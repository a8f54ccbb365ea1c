"""Held-out slice of a training's own rows: which rows, when they are looked at, what their loss says.

Validation and test stay closed to a training. A slice of its own rows, chosen by their content and not
trained on, says when it begins to learn rows by heart and whether an average of its last weights is better
than its end. Each look asks the same rows, so that two looks are compared row by row.

A look counts the loss of each row and how many of its tokens would have been chosen. A loss that rises while
as many tokens are right is a model that grows too sure of itself (Guo et al. 2017, arXiv:1706.04599), and
no reason to stop: fine-tuned models answer better for epochs after their loss began to rise (Ouyang et al.
2022, arXiv:2203.02155, section 3.5). So only a loss that rises beyond noise while fewer tokens are right
counts as worse. No torch here.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memory.training_plan import TrainingPlan
from tasks.repeats.groups import exact_groups, near_groups
from tasks.splits import item_id
from tools.training.tokenise import messages_of

SHARE = 0.05
"""Of the rows, at most so many are held out."""
LEAST_ROWS, MOST_ROWS = 32, 256
"""Fewer say too little for what they cost the training; more say nothing new."""
LOOKS = 6
"""While it trains, evenly spread; the end is looked at as well, and so is the average."""
COST_SHARE = 0.04
"""Of the training's time, what all looks may take."""
FORWARD_SHARE = 1 / 3
"""Of a trained row's cost, what a row costs that is only looked at: the backward pass takes two parts."""
PATIENCE = 2
"""Looks in a row that must be worse than the best."""
NOISE = 2.0
"""Standard errors of the mean difference, row by row, from which two looks differ."""
NEAR_ROWS = 10_000
"""Rows up to which near copies are looked for, at a third of a millisecond each; beyond it, exact ones."""
SIMILAR = 0.8
"""Share of words in common from which two rows stay on one side, as in the split of a user's own rows."""


@dataclass(frozen=True)
class Slice:
    """Positions of the rows that are held out, and why there are none."""

    places: tuple[int, ...] = ()
    why_none: str = ""


@dataclass(frozen=True)
class Look:
    """The held-out rows at one moment of a training, in the order of the slice."""

    step: int
    losses: tuple[float, ...]
    """Of each row, summed over its tokens that carry loss."""
    right: tuple[int, ...]
    """Of each row, how many of those tokens the model ranks first."""
    tokens: tuple[int, ...]

    @property
    def loss(self) -> float:
        """Mean over all tokens, in nats."""
        return sum(self.losses) / max(sum(self.tokens), 1)

    @property
    def right_share(self) -> float:
        """Of all tokens, 0.0 to 1.0."""
        return sum(self.right) / max(sum(self.tokens), 1)


def wanted_rows(plan: TrainingPlan, rows: int) -> int:
    """How many of a training's rows its looks may ask for: a share of them, as many as the cost allows."""
    passes = (
        plan.max_steps * plan.effective_batch_size if plan.max_steps > 0 else plan.num_train_epochs * rows
    )
    looked_at = COST_SHARE * passes / FORWARD_SHARE
    return min(MOST_ROWS, int(SHARE * rows), int(looked_at / (LOOKS + 2)))


def slice_of(plan: TrainingPlan, records: Sequence[Mapping[str, Any]]) -> Slice:
    """The slice of a training: the same rows whatever their order and whatever stands beside them.

    Rows that are near copies of each other stay on one side. Groups are taken in the order of a hash of
    their content, so trainings on much the same rows hold out much the same ones.

    Args:
        plan: whether anything is held out, and how long the training is.
        records: the rows that would be trained on.
    """
    if not plan.uses_held_out:
        return Slice()
    wanted = wanted_rows(plan, len(records))
    if wanted < LEAST_ROWS:
        few = int(SHARE * len(records)) < LEAST_ROWS
        reason = f"{len(records):,} rows are too few" if few else "the training is too short"
        return Slice(why_none=f"no rows held out: {reason}")
    asked = [_asked(record) for record in records]
    members: dict[int, list[int]] = defaultdict(list)
    for place, first in enumerate(_groups(asked)):
        members[first].append(place)
    # A larger group would be most of what is measured, and costs more than it tells.
    small = [places for places in members.values() if len(places) <= max(1, wanted // 8)]
    # General rows, mixed in against forgetting, say nothing about what is learned of the task.
    small = [places for places in small if not records[places[0]].get("general")]
    held: list[int] = []
    for places in sorted(small, key=lambda places: min(_place(asked[place]) for place in places)):
        if len(held) + len(places) <= wanted:
            held += places
    if len(held) < LEAST_ROWS:
        return Slice(why_none="no rows held out: nearly all are copies of a few")
    return Slice(tuple(sorted(held)))


def worse(now: Look, best: Look) -> bool:
    """Whether the rows' loss has risen beyond noise, and no more of their tokens are right."""
    mean, error = difference(now, best)
    return mean > NOISE * error and sum(now.right) <= sum(best.right)


def difference(now: Look, then: Look) -> tuple[float, float]:
    """Mean difference of the rows' losses (positive: risen), and its standard error."""
    pairs = [one - other for one, other in zip(now.losses, then.losses, strict=True)]
    mean = sum(pairs) / len(pairs)
    spread = sum((pair - mean) ** 2 for pair in pairs) / max(len(pairs) - 1, 1)
    return mean, math.sqrt(spread / len(pairs))


def due(step: int, horizon: int, last: int) -> bool:
    """Whether a look is due at this step, the last one having been at ``last``; the end is apart."""
    return step < horizon and step - last >= horizon / (LOOKS + 1)


def _groups(asked: Sequence[str]) -> list[int]:
    if len(asked) > NEAR_ROWS:
        return exact_groups(asked)
    # As if all answers agreed: what may be a copy stays on the side of its like.
    return near_groups(asked, SIMILAR, [""] * len(asked))


def _asked(record: Mapping[str, Any]) -> str:
    """All that a row's answer follows on, as one text."""
    return "\n".join(str(turn.get("content") or "") for turn in messages_of(record)[:-1])


def _place(text: str) -> str:
    return hashlib.sha256(f"held out\x1f{item_id(text)}".encode()).hexdigest()
