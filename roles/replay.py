"""Replay: how many general rows go into training, and when a plan is tried again with them.

Where forgetting alone kept a model from becoming the incumbent, training goes on from it with a share of
general rows, and with a larger one where that was not enough: what it learnt of the task stays, and rehearsal
brings back what was forgotten. What comes after keeps the share: without it training would forget again.
"""

from __future__ import annotations

from collections.abc import Sequence

from memory.records import Experiment
from roles.source_looks import is_look
from tools.checks.champion import beyond_budget, replaces_incumbent
from tools.curation.replay import BASE_ANSWERS
from tools.dojo import Dojo

SHARES = (0.1, 0.3)
"""Of all rows, tried in this order: 5% of replay is enough for a mild shift of the data and 25% or more is
for a strong one (Ibrahim et al. 2024, arXiv 2403.08763). With 5% SmolLM2-135M came to 1.2 nats in half an
hour on a table of words, of a budget of 1.5; with 10% to 0.8."""


def can_replay(dojo: Dojo) -> bool:
    """Whether there are general rows: the user's, or answers of a base that has general answers."""
    return bool(dojo.replay) or bool(dojo.journal.general and dojo.journal.general.measurable)


def replay_source(dojo: Dojo) -> str:
    """The user's general rows, the first source where there are several; empty for the base's answers."""
    return next((name for name in dojo.replay if name != BASE_ANSWERS), "")


def blocked(experiment: Experiment) -> bool:
    """Whether forgetting alone kept it from becoming the incumbent."""
    comparison = experiment.comparison
    return beyond_budget(experiment) and comparison is not None and replaces_incumbent(comparison)


def next_share(share: float) -> float:
    """The share after this one; the largest has none after it."""
    return next((each for each in SHARES if each > share), SHARES[-1])


def share_for(dojo: Dojo, history: Sequence[Experiment]) -> float:
    """The share of general rows that a training takes now: the incumbent's, or more where that forgot."""
    share = 0.0
    for experiment in history:
        if experiment.outcome == "kept":
            share = experiment.plan.replay
        elif blocked(experiment):
            share = max(share, next_share(experiment.plan.replay))
    return share if share and can_replay(dojo) else 0.0


def to_recover(dojo: Dojo, history: Sequence[Experiment]) -> Experiment | None:
    """The blocked experiment from which training goes on with more general rows; None where none is left.

    Not from a look at a source: it compares sources, and what goes on from it takes the share. Nor where
    that was tried before and failed: the same again would come to the same.
    """
    after = list(history)
    while after and any(experiment.outcome == "kept" for experiment in after):
        after.pop(0)
    candidates = [experiment for experiment in after if blocked(experiment) and not is_look(experiment)]
    if not candidates or not can_replay(dojo):
        return None
    last = candidates[-1]
    share, since = next_share(last.plan.replay), after[after.index(last) + 1 :]
    tried = any(each.plan.init_from == last.id and each.plan.replay >= share for each in since)
    return None if share <= last.plan.replay or tried else last
