"""A language model behind the five decisions of a policy; the playbook stands behind the model.

Each decision: a briefing from the journal, the tools of the role, a schema, and a check against
the facts. Where no valid decision comes of it, the playbook decides this one, and a ``decision``
event of the journal says so. Gates, measurements and clocks are the harness's, whoever decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from memory.budget.spending import Spending
from memory.budget.usage import usages
from memory.recipe import DataCard, DataRecipe
from memory.records import Comparison, Decision, Diagnosis, Experiment, Plan, Role, TrainingPlan, Verdict
from roles import playbook
from roles.inherited_recipe import inherited_recipe
from roles.llm import schemas, validate
from roles.llm.agent import DecisionPrompt
from roles.llm.briefing.build import briefing, system_prompt
from roles.llm.briefing.layout import name
from roles.llm.candidates import best_plan
from roles.llm.decide import Decided, Subject, decide
from roles.llm.limits import NOTHING_SAID, USUAL, Limits, OwnLimits, Pace
from roles.llm.validate_recipe import recipe_of
from roles.llm.validate_training import training_draft_of
from roles.stopping import Stop
from tools.chat.models import Models
from tools.chat.redact import Redactor
from tools.dojo import Dojo
from tools.toolkit.by_role import tools_for

T = TypeVar("T")


class LanguageModel:
    """Five decisions by chat models, each with the playbook as its fallback.

    Args:
        models: a chain of models for each role.
        spending: the caps and the account.
        redactor: takes secrets out of what is written down; by default the models' keys.
        limits: bounds of one decision, where its owner says nothing.
        own: what the run's owner says about a decision.
    """

    audited = True
    """Its roles are told what audits of the sources find."""

    def __init__(
        self,
        models: Models,
        spending: Spending,
        redactor: Redactor | None = None,
        limits: Limits | None = None,
        own: OwnLimits = NOTHING_SAID,
    ) -> None:
        self.models, self.spending = models, spending
        self.limits, self.own = limits or USUAL, own
        self._pace: Pace | None = None
        self.redactor = redactor or models.redactor

    def plan(self, dojo: Dojo, experiment: str) -> Plan | Stop | None:
        """The next experiment, the model's word that the run should end, or None from the playbook."""
        decided = self._decide(
            dojo,
            "planner",
            "plan",
            experiment,
            schemas.PlanDecision,
            lambda reply: best_plan(dojo, experiment, reply),
        ).value
        return playbook.plan(dojo, experiment) if decided is None else decided

    def write_recipe(self, dojo: Dojo, plan: Plan) -> DataRecipe:
        """The data for a plan; where it changes something else, the parent's, and nobody is asked."""
        if (kept := inherited_recipe(dojo, plan)) is not None:
            said = f"{plan.experiment} keeps the data of {plan.parent}: its plan changes {plan.change}"
            if said not in dojo.journal.notes:
                dojo.journal.note(said, plan.experiment)
            return kept
        decided = self._decide(
            dojo,
            "data_curator",
            "recipe",
            plan.experiment,
            schemas.recipe_decision(teacher=dojo.teacher is not None),
            lambda reply: recipe_of(dojo, plan, reply),
            script=True,
        ).value
        return decided or playbook.write_recipe(dojo, plan)

    def draft_training(self, dojo: Dojo, plan: Plan, card: DataCard) -> TrainingPlan:
        """Structure from the model, numbers from the optimiser."""
        decided = self._decide(
            dojo,
            "training_engineer",
            "training_plan",
            plan.experiment,
            schemas.TrainingDecision,
            lambda reply: training_draft_of(dojo, plan, card, reply),
        ).value
        return decided or playbook.draft_training(dojo, plan, card)

    def assess(self, dojo: Dojo, comparison: Comparison) -> Verdict:
        """Keep or discard. ``keep`` counts only where the paired test allows it.

        Where the model's verdict is none, its notes on the errors are still worth reading: they stay.
        """
        decided = self._decide(
            dojo,
            "evaluator",
            "verdict",
            comparison.challenger,
            schemas.VerdictDecision,
            lambda reply: validate.verdict_of(dojo, comparison, reply),
        )
        return decided.value or validate.with_notes(
            dojo, comparison, playbook.assess(dojo, comparison), decided.seen
        )

    def diagnose(self, dojo: Dojo, experiment: Experiment, audit: Mapping[str, float]) -> Diagnosis:
        """Cause, evidence, next move. The model is shown the audit of the sources."""
        floor = playbook.diagnose(dojo, experiment, audit)
        decided = self._decide(
            dojo,
            "diagnostician",
            "diagnosis",
            experiment.id,
            schemas.DiagnosisDecision,
            lambda reply: validate.diagnosis_of(dojo, experiment, floor, reply),
            more=_audit_text(dojo, experiment.id, floor),
        ).value
        return decided or floor

    def _decide(
        self,
        dojo: Dojo,
        role: Role,
        subject: Subject,
        experiment: str,
        schema: type[BaseModel],
        accept: Callable[[Any], T],
        *,
        more: str = "",
        script: bool = False,
    ) -> Decided[T]:
        """The record, or none when the playbook has to decide; either way the journal says who did."""
        chain = self.models.roles[role]
        if self.spending.exhausted:
            problem = self.redactor.text(self.spending.exhausted)
            decision = Decision(
                role=role,
                subject=subject,
                decided_by="playbook",
                model=chain[0].name,
                calls=0,
                repairs=0,
                problems=(problem,),
            )
            decided: Decided[T] = Decided(None, decision)
        else:
            text, limits = briefing(role, dojo, experiment), self._limits(dojo, chain[0].name, script)
            prompt = DecisionPrompt(
                system=system_prompt(role, dojo),
                user=f"{text}\n\n{more}" if more else text,
                tools=tools_for(role, dojo) if limits.tool_calls else (),
                schema=schema,
            )
            decided = decide(
                role,
                subject,
                prompt,
                chain,
                self.spending,
                accept,
                self.redactor,
                limits,
                self._paced(dojo),
            )
        dojo.journal.append("decision", decided.decision, experiment)
        return decided

    def _limits(self, dojo: Dojo, model: str, script: bool) -> Limits:
        """Thinking takes a share of a small budget, and no less than a model needs to answer."""
        left, reply = dojo.remaining_budget_seconds(), self._paced(dojo).reply_seconds(model)
        return self.own.over(self.limits, left, reply, script=script)

    def _paced(self, dojo: Dojo) -> Pace:
        """How fast the models reply, from the run's own calls of roles."""
        if self._pace is None:
            roles = self.models.roles
            self._pace = Pace(usage for usage in usages(dojo.journal) if usage.role in roles)
        return self._pace


def _audit_text(dojo: Dojo, experiment: str, floor: Diagnosis) -> str:
    """The measured agreement of the champion's answers with each source's labels; empty without an audit."""
    if not floor.source_scores:
        return ""
    found = {source: item.text() for (id, source), item in dojo.agreements.items() if id == experiment}
    shares = "\n".join(
        f"- {name(source)}: {found.get(source, f'{share:.0%}')}"
        for source, share in floor.source_scores.items()
    )
    return (
        "Audit: the share of sampled rows of each source on which this experiment's model agrees with the "
        "label, with its 95% interval and the rows asked. Far below the best source, labels may be wrong; "
        f"a share inside another's interval is no different.\n{shares}"
    )
