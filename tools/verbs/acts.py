"""Acts: what changes a run, each with its rules, its checks and its lines in the journal.

The nodes of our graph and the verbs of an agent act through this class and through nothing else: a rule
stands once, and holds for whoever decided. What is done already is not done again but returned, so that a
node may run twice after a kill.

How a decision has to be worded is checked where it comes in (``tools.checks``: a model's, a person's, an
agent's); here is checked what must hold of the act: the order of things, ids, caps, and every argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memory.confirmation import Confirmation
from memory.journal.log import BASE, Journal
from memory.recipe import DataCard, DataRecipe
from memory.records import (
    Comparison,
    Evaluation,
    Experiment,
    Failure,
    Lesson,
    Outcome,
    Plan,
    Training,
    TrainingPlan,
)
from tasks.errors import DiskFull, ExperimentFailed, InputError
from tools import disk
from tools.chat.untrusted_text import one_line
from tools.checks import claim_tests, explained, forgetting, kept_weights
from tools.checks.champion import candidate_of, outcome_of
from tools.checks.plan import check_names
from tools.checks.recipe import check_operations
from tools.checks.training import check_arguments
from tools.curation.audit import SourceAudit
from tools.dojo import Dojo
from tools.toolkit.training import card_of
from tools.training import ladder
from tools.training.memory import longest_batch
from tools.training.tracking import NOBODY, Audience
from tools.training.train import ProbeResult


class Acts:
    """The acts of one run.

    What does not fit raises ``InvalidDecision`` (an argument) or ``InputError`` (the order of things), and
    nothing has happened; what was begun and failed raises ``ExperimentFailed``.
    """

    def __init__(self, dojo: Dojo) -> None:
        self._dojo = dojo

    @property
    def _journal(self) -> Journal:
        return self._dojo.journal

    # ---- before the first experiment

    def profile(self) -> None:
        """Look at every source of the pool."""
        with self._dojo.ledger.measure("data"):
            self._dojo.profiles()

    def ask_base(self) -> str:
        """Ask the base what training must not harm; the finding in a sentence."""
        return forgetting.look_at_base(self._dojo)

    # ---- an experiment

    def plan(self, plan: Plan) -> None:
        """Begin an experiment."""
        if self._journal.plan(plan.experiment) is None:
            self._may_begin()
            if plan.experiment != (id := self._journal.next_experiment_id()):
                raise InputError(
                    f"experiment {one_line(plan.experiment)!r}", "is not the next one", f"it is {id}"
                )
            check_names(self._dojo, plan)
            self._journal.append("plan", plan, plan.experiment)

    def may_plan(self) -> None:
        """Raise where no experiment may be planned now.

        Raises:
            InputError: one is under way, the base was not scored, as many as were asked for are done, or the
                run's folder may not hold another.
        """
        self._may_begin()
        done, most = len(self._journal.experiments()), self._dojo.max_experiments
        if most is not None and done >= most:
            raise InputError("the experiments", f"all {done} that were asked for are done", "call submit")
        if problem := self.no_room():
            raise InputError("the run's folder", problem, "call submit")

    def no_room(self) -> str:
        """Why the run's folder holds no further experiment within its size, whatever weights are removed for
        it; empty where it does."""
        most = self._dojo.max_disk_gb
        if most is None or kept_weights.within(self._dojo, most):
            return ""
        return f"--max-disk-gb {most:g} leaves no room for another experiment"

    def _may_begin(self) -> None:
        """As ``may_plan``, but for the number of experiments: a fork goes on where its run had enough."""
        self._goes_on()
        journal = self._journal
        if (under_way := journal.unfinished()) is not None:
            raise InputError(f"experiment {under_way}", "is under way", "call finish_experiment first")
        if journal.evaluation(BASE) is None:
            raise InputError("base", "was not evaluated yet", "call evaluate_model with base first")

    def plan_in_vain(self, plan: Plan) -> None:
        """Write down a plan that is refused: its failure follows, and nothing is done for it."""
        self._journal.append("plan", plan, plan.experiment)

    def settle(self, experiment: str, decided: DataRecipe | TrainingPlan) -> None:
        """Write down how data will be made, or how they will be trained on, before it is done."""
        self.planned(experiment)
        self._journal.append(
            "recipe" if isinstance(decided, DataRecipe) else "training_plan", decided, experiment
        )

    def curate(self, experiment: str, recipe: DataRecipe) -> DataCard:
        """Make an experiment's data."""
        if (done := self._journal.card(experiment)) is not None:
            return done
        check_operations(self._dojo, self.planned(experiment), recipe.operations)
        forgetting.fetch_replay(self._dojo, recipe)
        return self._dojo.curate(experiment, recipe)

    def probe(self, experiment: str, training: TrainingPlan) -> ProbeResult:
        """A few real training steps."""
        card = self._checked(experiment, training)
        return self._dojo.probe(experiment, training, card)

    def train(self, experiment: str, training: TrainingPlan, audience: Audience = NOBODY) -> Training:
        """Train on an experiment's data."""
        if (done := self._journal.training(experiment)) is not None:
            return done
        self._checked(experiment, training)
        needed = disk.needed_bytes(self._dojo.base_model, training.method)
        disk.require(self._dojo.workspace.run_dir, needed, f"training {experiment}")
        return self._dojo.train(experiment, training, audience)

    def _checked(self, experiment: str, training: TrainingPlan) -> DataCard:
        plan, card = self.planned(experiment), card_of(self._dojo, experiment)
        check_arguments(self._dojo, plan, card, training)
        return card

    def evaluate(self, experiment: str) -> Evaluation:
        """Score base or an experiment on validation."""
        if (done := self._journal.evaluation(experiment)) is not None:
            return done
        if experiment != BASE:
            self.planned(experiment)
            if self._journal.training(experiment) is None:
                raise InputError(f"experiment {experiment}", "was not trained", "call train_model first")
        return self._dojo.evaluate(experiment)

    def compare(self, experiment: str) -> Comparison:
        """The paired test against the incumbent, and what the experiment forgot; made once."""
        journal = self._journal
        found = journal.comparison(experiment) or self._dojo.compare(experiment, journal.incumbent_id())
        journal.append("comparison", found, experiment)
        forgetting.measure(self._dojo, found)
        return found

    def audit(self, experiment: str, sources: Sequence[str]) -> SourceAudit:
        """How a trained model's answers to rows of sources relate to their labels."""
        return self._dojo.audit(experiment, sources)

    def explain(self, experiment: str, sources: Sequence[str]) -> None:
        """How likely a trained model finds the answers of sources."""
        explained.measure_explained(self._dojo, experiment, sources)

    def fail(self, experiment: str, failed: ExperimentFailed) -> Failure:
        """What went wrong with an experiment becomes a record of it.

        Raises:
            DiskFull: in place of a record, where a disk of the run is full: the experiment is not to blame.
        """
        if disk.full_place(self._dojo.workspace.run_dir) is not None:
            raise DiskFull(f"{failed.stage}: {failed.message}") from failed
        failure = Failure(
            stage=failed.stage,
            code=failed.code,
            message=failed.message,
            log_tail=failed.log_tail,
            tried=failed.tried,
        )
        self._journal.append("failure", failure, experiment)
        return failure

    def ran_out_of_memory(self, experiment: str, training: TrainingPlan) -> tuple[str, dict[str, Any]]:
        """The note on what ran out of memory, in words and facts: nothing as large is tried again."""
        batch = longest_batch(training, card_of(self._dojo, experiment))
        facts = {"plan": training.model_dump(mode="json"), "batch": [*batch]}
        return f"{experiment}: {ladder.in_words(training)} ran out of memory", {"did_not_fit": facts}

    def learn(self, experiment: str, lesson: Lesson) -> None:
        """Keep what transfers to later runs."""
        self._journal.append("lesson", lesson, experiment)
        self._dojo.record(lesson)

    def add_to_lesson(self, lesson: Lesson) -> None:
        """Keep an agent's own words beside a lesson."""
        self._dojo.record(lesson)

    def finish(self, experiment: str) -> Outcome:
        """Close an experiment; its outcome follows from its records."""
        done = self._journal.experiment(experiment)
        if done is None:
            self.planned(experiment)
        assert done is not None
        outcome = outcome_of(done)
        self._journal.finish(experiment, outcome)
        return outcome

    def planned(self, experiment: str) -> Plan:
        """The plan of the experiment under way.

        Raises:
            InputError: there is none by this id, or it is finished.
        """
        self._goes_on()
        plan = self._journal.plan(experiment)
        if plan is None:
            what, under_way = f"experiment {one_line(experiment)!r}", self._journal.unfinished()
            fix = f"{under_way} is under way" if under_way else "call plan_experiment first"
            raise InputError(what, "is not planned", fix)
        if self._journal.stage(experiment, "finished") is not None:
            raise InputError(f"experiment {experiment}", "is finished", "plan the next one")
        return plan

    def _goes_on(self) -> None:
        if chosen(self._journal):
            raise InputError("the run", "has chosen its champion", "submit goes on with the reading")

    # ---- the end

    def choose(self, ending: dict[str, str]) -> Experiment | None:
        """The one model that is tested for what the run claims; on record before an item is answered."""
        candidate = candidate_of(self._journal.experiments())
        id = candidate.id if candidate else BASE
        self._journal.append("candidate_chosen", {"candidate": id, **ending})
        return candidate

    def confirm(self, candidate: str) -> Confirmation:
        """Test it against the base on items kept apart."""
        return claim_tests.confirm(self._dojo, candidate)

    def claim(self, champion: str, ending: dict[str, str]) -> None:
        """Say for which model the sealed test is read; on record before it is."""
        self._journal.append("champion_chosen", {"champion": champion, **ending})

    def read_test(self, champion: str) -> None:
        """Read the sealed test, once, for the base and the champion."""
        claim_tests.final_test(self._dojo, champion)

    def end(self, ending: dict[str, str]) -> None:
        """Nothing is done in the run from here on."""
        self._journal.append("run_ended", ending)


def chosen(journal: Journal) -> bool:
    """Whether the end has begun: from the choice of a candidate on, a run only finishes."""
    return any(event.kind in ("candidate_chosen", "champion_chosen") for event in journal.events)
