"""Deciders of a run: the policy that the settings ask for, and whether its language models fit the budget.

Before the run each model of a role is asked one short question. Its reply time tells what a decision has to
get at the least; a budget that gives less is refused, with what would do. The call is counted like any other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from graph.settings import RunSettings
from memory.budget.spending import Spending
from memory.journal.log import Journal
from memory.records import Role, Usage
from tasks.base import TaskSpec
from tasks.errors import InputError
from tools.chat.models import Models

if TYPE_CHECKING:
    from graph.session import Session
    from roles.llm.limits import OwnLimits
    from tools.chat.probe import Probed

DECIDERS = "deciders"
"""What a note of the journal is ``about`` that says what language models get."""
DECISIONS = 5
"""Of one experiment."""
MUCH = 0.25
"""Of the budget: where the replies of one experiment take more, the user is told."""


def models_of(settings: RunSettings, spec: TaskSpec) -> Models | None:
    """The language models that the settings and the task ask for, with their keys; None when none is.

    Raises:
        InputError: a model, its key, its package or its price is missing.
    """
    asked = settings.teacher or settings.baseline or settings.models_file or spec.judge
    if settings.policy != "llm" and not asked:
        return None
    from graph.models_file import load_models

    models = load_models(settings, judge=spec.judge.model if spec.judge else "")
    if spec.judge is not None and spec.judge.max_usd is not None:
        models.prices.require([spec.judge.model])
    return models


class Probes:
    """The short questions of a run that begins: what they told and what they cost."""

    def __init__(self, told: Iterable[str] = (), usages: Iterable[Usage] = ()) -> None:
        self.told, self.usages = tuple(told), tuple(usages)

    def write(self, journal: Journal) -> None:
        """File them with the run."""
        for usage in self.usages:
            journal.append("usage", usage)
        for line in self.told:
            journal.note(line, about=DECIDERS)


def probed(settings: RunSettings, models: Models | None) -> Probes:
    """Ask the models of the roles, each once.

    Raises:
        InputError: a decision gets less than one reply takes.
    """
    if models is None or settings.policy != "llm":
        return Probes()
    from graph.models_file import own_limits
    from tools.chat.probe import probe

    own, spending = own_limits(settings), Spending(models.prices, settings.max_usd, settings.max_tokens)
    first: dict[str, Role] = {}
    for role, chain in models.roles.items():
        first.setdefault(chain[0].name, role)
    most = _patience(settings.budget_seconds, own)
    found = [probe(models.roles[role][0], role, most, spending) for role in first.values()]
    for each in found:
        _refuse_slow(settings, own, each)
    told = [*map(_told, found), *_said(settings, own, found)]
    return Probes(told, [each.usage for each in found if each.usage])


def seat(session: Session, models: Models | None) -> Session:
    """Who decides; with language models, the Dojo also learns what they may spend.

    Raises:
        InputError: the policy cannot be had here.
    """
    from graph.policies import policy_of
    from roles.composed import Composed

    session.policy = policy_of(session.settings.policy, session.dojo)
    if isinstance(session.policy, Composed):
        session.dojo.prompted = session.policy.prompted
    return session if models is None else _with_models(session, models)


def _with_models(session: Session, models: Models) -> Session:
    dojo, settings = session.dojo, session.settings
    dojo.spending = Spending.attach(dojo.journal, models.prices, settings.max_usd, settings.max_tokens)
    from tools.synthesis.teacher import Teacher

    if models.teacher:
        dojo.teacher = Teacher(models.teacher, dojo.spending, dojo.workspace.run_dir / "teacher")
    if models.judge:
        from graph.judge import seat_judge

        seat_judge(dojo, models)
    if models.baseline:
        from tools.evaluation.served_baseline import ServedBaseline

        folder = dojo.workspace.run_dir / "baseline"
        teacher = Teacher(models.baseline, dojo.spending, folder / "replies", role="baseline")
        dojo.served_baseline = ServedBaseline(teacher, folder / "test.jsonl")
    if settings.policy == "llm":
        from graph.models_file import own_limits
        from roles.llm.policy import LanguageModel

        session.policy = LanguageModel(models, dojo.spending, own=own_limits(settings))
    return session


def _refuse_slow(settings: RunSettings, own: OwnLimits, found: Probed) -> None:
    granted = _with_grace(own.granted_seconds(settings.budget_seconds, found.seconds))
    if not found.late and (found.problem or found.seconds <= granted):
        return
    took = f"more than {found.seconds:.0f} s" if found.late else f"{found.seconds:.0f} s"
    enough = math.ceil(2 * found.seconds)
    raise InputError(
        f"--budget {settings.budget_seconds:g}s",
        f"one decision gets {granted:.0f} s of it, and {found.model} took {took} for a short question",
        f"give --decision-seconds {enough} and a --budget of {_minutes(4 * DECISIONS * found.seconds)} or "
        "more, or take a faster model",
    )


def _told(found: Probed) -> str:
    if found.problem:
        return (
            f"{found.model} did not answer a short question ({found.problem}): as long as that lasts, the "
            "playbook decides"
        )
    return f"{found.model} answered a short question in {found.seconds:.1f} s"


def _said(settings: RunSettings, own: OwnLimits, found: list[Probed]) -> list[str]:
    """What a decision gets, and what the replies of one experiment come to where that is much."""
    answered = [each for each in found if not each.problem]
    slowest = max(answered, key=lambda each: each.seconds, default=None)
    budget, reply = settings.budget_seconds, slowest.seconds if slowest else 0.0
    lines = [
        f"one decision gets {own.granted_seconds(budget, reply):.0f} s at the start of this budget, less as "
        "it is used up (--decision-seconds, or [limits] in the models file)"
    ]
    if slowest is not None and DECISIONS * reply > MUCH * budget:
        lines.append(
            f"{DECISIONS} decisions make an experiment: {DECISIONS * reply:.0f} s or more of the "
            f"{budget:.0f} s go by waiting for {slowest.model}; "
            f"with --budget {_minutes(4 * DECISIONS * reply)} it would be a quarter"
        )
    return lines


def _patience(budget: float, own: OwnLimits) -> float:
    """The most that one decision of a slow model could get, and no more than a usual model's most."""
    from roles.llm.limits import REPLY_SHARE, SECONDS

    return min(own.granted_seconds(budget, REPLY_SHARE * budget), own.seconds or SECONDS)


def _with_grace(seconds: float) -> float:
    from roles.llm.limits import GRACE

    return seconds * (1 + GRACE)


def _minutes(seconds: float) -> str:
    return f"{math.ceil(seconds / 60)}m"
