"""Experiments begun ahead: those that follow whatever the one under way comes to, worked on by free seats.

A look at a source (``roles.source_looks``) starts from the base or from its own weights, so the next looks of
a round do not depend on how this one ends, except that a very good one may end the round. They are begun on
the seats that are free, while the run goes through its experiments one after the other as ever: it plans,
gates, journals, compares and diagnoses in the order of their numbers, and asks for each training and each
answer when it is its turn. What was begun ahead is then there (``tools.process.placed``). This is
asynchronous successive halving (Li et al. 2020, arXiv 1810.05934) with one difference: results are read in
the order of the experiments and not in that of their arrival, so that which seat is fastest decides nothing.

A guess that turns out wrong is ended, and costs what a free seat did.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from memory.journal.imagined import Imagined
from memory.journal.log import BASE
from memory.recipe import DataCard, DataRecipe
from memory.records import Plan, TrainingPlan
from roles.planner import next_look
from roles.playbook import draft_training, write_recipe
from roles.training_gate import covers, needs_probe, timed
from tasks.errors import ExperimentFailed, InvalidDecision
from tools.checks.explained import asked_ahead
from tools.checks.source_kinds import by_kind
from tools.dojo import Dojo
from tools.evaluation import evaluate, staged
from tools.process.placed import Chain, Link, PlacedWorker
from tools.training import train
from tools.training.tracking import Audience

WAITING = 1
"""Experiments begun beyond the seats, so that none waits while the run reads what one has brought."""


@dataclass(frozen=True)
class Begun:
    """An experiment whose work was begun ahead, with what was decided for it."""

    plan: Plan
    recipe: DataRecipe
    card: DataCard
    training: TrainingPlan
    chain: Chain


class Ahead:
    """The experiments that were begun ahead in one run.

    Args:
        dojo: the run; its policy's plans are the playbook's.
        worker: where calls are begun.
        audience: who looks at an experiment's training, as the graph hands it to the training itself.
    """

    def __init__(self, dojo: Dojo, worker: PlacedWorker, audience: Callable[[str], Audience]) -> None:
        self.dojo, self.worker, self.audience = dojo, worker, audience
        self.begun: dict[str, Begun] = {}
        """By experiment, in their order; the one under way is the first of them."""

    def fill(self, experiment: str) -> None:
        """Begin the look under way and what follows it, as far as seats are free.

        What cannot be planned or curated here is left to its turn, where its failure has a place.
        """
        journal = self.dojo.journal
        for name in [name for name in self.begun if journal.stage(name, "finished") is not None]:
            self.worker.drop(self.begun.pop(name).chain)
        plan, recipe, card = journal.plan(experiment), journal.recipe(experiment), journal.card(experiment)
        training = journal.training_plan(experiment)
        if plan is None or recipe is None or card is None or training is None or not plan.steps:
            return
        if experiment not in self.begun and journal.training(experiment) is None:
            self._begin(plan, recipe, card, training)
        with suppress(ExperimentFailed, InvalidDecision):
            while self._has_room() and self._begin_next(experiment, plan, card, training):
                pass

    def follow(self, plan: Plan) -> None:
        """The run has planned an experiment: where another was begun in its place, all guesses are ended."""
        begun = self.begun.get(plan.experiment)
        if begun is not None and _kernel(begun.plan) != _kernel(plan):
            self.end()

    def settled(self, experiment: str, draft: TrainingPlan) -> TrainingPlan:
        """The training as it was begun, where only the time limit differs from what was drafted now."""
        begun = self.begun.get(experiment)
        if begun is None:
            return draft
        limit = {"timeout_seconds": begun.training.timeout_seconds}
        if draft.model_copy(update=limit) == begun.training:
            return begun.training
        self.end()
        return draft

    def end(self) -> None:
        """End every guess, and clear away what it has written."""
        for name, begun in self.begun.items():
            self.worker.drop(begun.chain)
            if self.dojo.journal.plan(name) is None:
                shutil.rmtree(self.dojo.workspace.experiment_dir(name), ignore_errors=True)
        self.begun.clear()

    def _has_room(self) -> bool:
        """Whether a seat is free, or will soon be."""
        busy = sum(not begun.chain.ended.is_set() for begun in self.begun.values())
        return busy < len(self.worker.executor.seats) + WAITING

    def _begin_next(self, experiment: str, current: Plan, rows: DataCard, trained: TrainingPlan) -> bool:
        dojo = self._imagined(experiment)
        name = dojo.journal.next_experiment_id()
        plan = next_look(dojo, name)
        if plan is None or bool(plan.weights) != bool(current.weights):
            return False
        if plan.init_from != BASE and self.dojo.journal.training(plan.init_from) is None:
            return False
        dojo.journal.append("plan", plan, name)
        recipe = write_recipe(dojo, plan)
        card = dojo.curate(name, recipe)
        draft = draft_training(dojo, plan, card)
        if needs_probe(dojo, draft, card) and not covers(trained, rows, trained.learning_rate, draft, card):
            return False
        self._begin(plan, recipe, card, timed(dojo, plan, card, draft, None))
        return True

    def _begin(self, plan: Plan, recipe: DataRecipe, card: DataCard, training: TrainingPlan) -> None:
        chain = self.worker.begin(self._links(plan, card, training))
        self.begun[plan.experiment] = Begun(plan, recipe, card, training, chain)

    def _imagined(self, experiment: str) -> Dojo:
        """The run as it will be if this experiment and all that were begun come to nothing."""
        dojo = copy.copy(self.dojo)
        vars(dojo).pop("evidence", None)
        imagined = dojo.journal = Imagined(self.dojo.journal)
        for name, begun in self.begun.items():
            imagined.append("plan", begun.plan, name)
            imagined.append("recipe", begun.recipe, name)
            imagined.append("card", begun.card, name)
            imagined.append("training_plan", begun.training, name)
            imagined.append("finished", {"outcome": "discarded"}, name)
        imagined.append("finished", {"outcome": "discarded"}, experiment)
        return dojo

    def _links(self, plan: Plan, card: DataCard, training: TrainingPlan) -> list[Link]:
        """Training, answers to the search items or to their first share, and a look's reading of sources."""
        dojo, name = self.dojo, plan.experiment
        folder = dojo.workspace.experiment_dir(name)
        start, model = dojo.model_dir(training.init_from), folder / "model"
        place = (dojo.workspace, self.worker, dojo.loss_on)
        trained = train.asked(train.TrainingJob(training, name, start, card, *place), self.audience(name))
        if dojo.eval_server is not None or "processes" in trained.call.payload:
            return [trained]
        samples, log = dojo.validation, folder / "validation.log"
        if staged.looks_first(name, samples, dojo.workspace, dojo.journal, dojo.ledger.spent()):
            samples = tuple(samples[number] for number in staged.first_share(samples, name, dojo.seed))
            log = folder / f"{staged.FIRST}.log"
        prompts: dict[str, list[Any]] = {"validation": [sample.asked for sample in samples]}
        asking = evaluate.Asking(prompts, model, dojo.spec.max_new_tokens, dojo.spec.stops)
        links = [trained, Link(asking.call(self.worker), evaluate.TIMEOUT_SECONDS, log, "evaluate")]
        if not plan.weights:
            groups = by_kind(dojo.profiles())
            links.append(asked_ahead(dojo, model, name, groups["chain_of_thought"] + groups["direct"]))
        return links


def _kernel(plan: Plan) -> tuple[object, ...]:
    """What decides a look's training."""
    return plan.sources, tuple(sorted(plan.weights.items())), plan.init_from, plan.steps, plan.rows
