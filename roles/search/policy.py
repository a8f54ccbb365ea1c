"""The search policy: what kind of move is made next, and which of the candidates of that kind.

Experiments form a tree: a draft grows from the base, every other move from an experiment. The rules of the
Planner propose candidates, each a whole plan with its move; ``search_policy`` chooses one. Named cases come
first, for what no average can know: a comparison of sources is worth its answer only when it is whole, a
failure that can be mended was planned for good reasons, a suspect is asked when asking is cheap. All else is
a bandit: the candidate with the highest expected gain per second by one draw from what is believed of each
(Thompson sampling), so that a kind of which little is known gets its turn and one that disappointed loses
it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from memory.records import Alternative, Experiment, Plan
from roles.plan_context import STALLED_DISCARDS
from roles.search.outlook import Outlook
from roles.source_looks import is_look
from tools.checks.repeated_failure import mendable

LEAST_GAIN = 0.2
"""Points. Where no candidate is expected to bring as much, the run ends, and what it has is confirmed."""
CHEAP = 0.15
"""Of the time left, the most that a test of a diagnosis may take to go before the bandit."""


@dataclass(frozen=True)
class Candidate:
    """A plan that could be made next, with what is believed of it."""

    plan: Plan
    outlook: Outlook


@dataclass(frozen=True)
class Choice:
    """What was chosen, and by which case; None for the end of the search."""

    chosen: Candidate | None
    case: str


def search_policy(
    candidates: Sequence[Candidate], history: Sequence[Experiment], seconds_left: float, draws: random.Random
) -> Choice:
    """Choose the next move.

    Args:
        candidates: what the rules propose, in the order in which a fine-tuner would try them.
        history: finished experiments, oldest first.
        seconds_left: for experiments, the reserve for the confirmation and the test taken off.
        draws: of the beliefs; seeded by the run and the experiment, so that a resumed run chooses the same.
    """
    looks = [each for each in candidates if each.plan.steps]
    if looks:
        return Choice(looks[0], "compare the sources to the end before anything is built on one")
    if not any(e.comparison and not is_look(e) for e in history):
        return Choice(next(iter(candidates), None), "the first long training follows what the sources showed")
    repairs = [each for each in candidates if each.plan.move == "repair"]
    if repairs:
        return Choice(repairs[0], "what failed is mended before its idea is given up")
    ablations = [each for each in candidates if each.plan.move == "ablate" and each.plan.tests]
    if ablations and ablations[0].outlook.seconds <= CHEAP * seconds_left:
        return Choice(ablations[0], "a diagnosis names a suspect, and leaving it out is cheap")
    if max((each.outlook.gain for each in candidates), default=0.0) < LEAST_GAIN:
        return Choice(None, "nothing is expected to gain enough: the rest of the budget confirms")
    case, pool = "the highest draw of gain per second", list(candidates)
    stuck = plateau(history)
    if others := [each for each in pool if each.plan.move not in stuck]:
        case += f"; {', '.join(sorted(stuck))} set aside after a plateau" if stuck else ""
        pool = others
    return Choice(max(pool, key=lambda each: each.outlook.drawn(draws)), case)


def plateau(history: Sequence[Experiment]) -> frozenset[str]:
    """The kinds of move that the latest discarded experiments made, where they are two or more and alike: a
    plateau changes the kind."""
    latest = [e for e in history if not is_look(e) and not mendable(e)][-STALLED_DISCARDS:]
    moves = frozenset(e.plan.move for e in latest)
    stuck = len(latest) == STALLED_DISCARDS and all(e.outcome == "discarded" for e in latest)
    return moves if stuck and len(moves) == 1 and "" not in moves else frozenset()


def told(choice: Choice, candidates: Sequence[Candidate]) -> Plan | None:
    """The chosen plan with the numbers that decided, and with what it was chosen before."""
    if choice.chosen is None:
        return None
    plan, mine = choice.chosen.plan, choice.chosen.outlook
    others = [each for each in candidates if each is not choice.chosen]
    others.sort(key=lambda each: -each.outlook.gain / each.outlook.seconds)
    beside = "; ".join(
        f"{each.plan.move} from {each.plan.init_from}: {each.outlook.text()}" for each in others
    )
    reason = f"{plan.reason}. Search: {plan.move} from {plan.init_from}: {mine.text()}; {choice.case}"
    return plan.model_copy(
        update={
            "reason": f"{reason}. Beside it: {beside}" if beside else reason,
            "alternatives": tuple(_alternative(each) for each in others),
        }
    )


def _alternative(other: Candidate) -> Alternative:
    plan = other.plan
    return Alternative(
        hypothesis=plan.hypothesis,
        change=plan.change,
        init_from=plan.init_from,
        sources=plan.sources,
        expected_gain=round(other.outlook.gain, 3),
        seconds=other.outlook.seconds,
        move=plan.move,
    )
