"""Report facts about language models: who decided, what it cost, and how well it turned out."""

from __future__ import annotations

from dataclasses import dataclass

from memory.budget.usage import Account, accounts, by_experiment, usages
from memory.calibration import (
    DecisionCount,
    OverrideRecord,
    PredictionRecord,
    count_decisions,
    decisions,
    overrides,
    predictions,
)
from memory.journal.log import Journal
from memory.records import Decision, Experiment
from tools.report.facts import quotation


@dataclass(frozen=True)
class RoleLine:
    """One role: its decisions and its calls."""

    role: str
    decisions: DecisionCount
    account: Account


@dataclass(frozen=True)
class TakenOver:
    """One decision that the playbook made because the model did not manage."""

    role: str
    subject: str
    why: str


@dataclass(frozen=True)
class PolicyFacts:
    """Everything that the page's section on language models shows."""

    decisions: DecisionCount
    total: Account
    roles: tuple[RoleLine, ...]
    models: tuple[tuple[str, Account], ...]
    experiments: tuple[tuple[str, Account], ...]
    """Calls by the experiment that they were made for."""
    taken_over: tuple[TakenOver, ...]
    predictions: PredictionRecord
    overrides: OverrideRecord
    reasons: tuple[tuple[str, str], ...]
    """Experiment and reason of each override."""


def policy_facts(journal: Journal) -> PolicyFacts | None:
    """What there is to say about language models; None for a run that had none."""
    experiments = journal.experiments()
    made, calls = decisions(journal), usages(journal)
    tried = predictions(experiments)
    reasons = tuple(_reasons(experiments))
    if not (made or calls or tried.tested or reasons):
        return None
    base = journal.base_evaluation
    whole = accounts(calls, lambda usage: "all").get("all", Account())
    return PolicyFacts(
        decisions=count_decisions(made),
        total=whole,
        roles=tuple(_roles(made, accounts(calls, lambda usage: usage.role))),
        models=tuple(accounts(calls, lambda usage: usage.model).items()),
        experiments=tuple(
            (id, accounts(own, lambda usage: "all")["all"])
            for id, own in by_experiment(journal).items()
            if own
        ),
        taken_over=tuple(
            TakenOver(decision.role, decision.subject, quotation(decision.problems[-1]))
            for decision in made
            if decision.decided_by == "playbook" and decision.problems
        ),
        predictions=tried,
        overrides=overrides(experiments, base.score.value) if base else OverrideRecord(),
        reasons=reasons,
    )


def _roles(made: tuple[Decision, ...], spent: dict[str, Account]) -> list[RoleLine]:
    """Every role that decided or called, in order of first appearance."""
    names = dict.fromkeys([*(decision.role for decision in made), *spent])
    return [
        RoleLine(
            name,
            count_decisions(decision for decision in made if decision.role == name),
            spent.get(name, Account()),
        )
        for name in names
    ]


def _reasons(experiments: tuple[Experiment, ...]) -> list[tuple[str, str]]:
    return [
        (experiment.id, quotation(experiment.training_plan.override_reason))
        for experiment in experiments
        if experiment.training_plan and experiment.training_plan.override_reason
    ]
