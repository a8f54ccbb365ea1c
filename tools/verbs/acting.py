"""Verbs that act: they plan, make data, train, evaluate and finish an experiment, and journal what they did.

For agents that run a Dojo; no role is given one. What an agent asks for passes the checks that a language
model's and a person's decisions pass (``tools.checks``), and is done by the acts through which the graph's
nodes act (``tools.verbs.acts``). A refused call leaves nothing behind. As in the graph, a training or an
evaluation that fails becomes a record and ends its experiment; one that ran out of memory may be tried again
in a smaller form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from pydantic import Field

from memory.journal.log import BASE
from memory.recipe import BuiltIn, DataRecipe, Record, Script
from memory.recipe_draft import MOST_OPERATIONS, ScriptDraft
from memory.records import Change, Plan, Training, TrainingPlan
from tasks.errors import ExperimentFailed, InputError
from tools.checks.champion import gate_words
from tools.checks.plan import check_plan
from tools.checks.recipe import drafted_recipe
from tools.checks.training import check_training_plan
from tools.dojo import Dojo
from tools.toolkit.answers import known_experiment
from tools.toolkit.training import card_of, with_settled
from tools.verbs.acts import Acts
from tools.verbs.answer import Told
from tools.verbs.folder import AgentFolder

Verb = Callable[..., "str | Told"]
PLACES = {"model_dir", "command"}
"""Of a training's record: where it lies on this machine."""
TOO_LARGE = ("out_of_memory", "does_not_fit")


class ScriptFile(Record):
    """A script whose code stands in a file of the agent's folder; run in the sandbox like any other."""

    op: Literal["script_file"] = "script_file"
    purpose: str = Field(min_length=1, max_length=300)
    file: str = Field(max_length=200, description="Its name in the agent's folder, such as clean.py.")


AgentOperation = Annotated[BuiltIn | ScriptDraft | ScriptFile, Field(discriminator="op")]


def acting_verbs(dojo: Dojo, folder: AgentFolder | None = None) -> list[Verb]:
    """The functions, bound to one run and to the folder from which scripts are read."""
    acts = Acts(dojo)
    return [
        _planning(dojo, acts),
        _curating(dojo, acts, folder),
        *_training(dojo, acts),
        _evaluating(dojo, acts),
    ]


def _planning(dojo: Dojo, acts: Acts) -> Verb:
    def plan_experiment(
        hypothesis: Annotated[str, Field(min_length=1, max_length=600)],
        sources: Annotated[list[str], Field(min_length=1, max_length=40)],
        change: Change | None = None,
        parent: str | None = None,
        init_from: str = BASE,
        reason: Annotated[str, Field(max_length=600)] = "",
        expected_gain: Annotated[float, Field(ge=-100.0, le=100.0)] = 0.0,
        max_seconds: Annotated[float | None, Field(gt=0.0)] = None,
        rows: Annotated[int | None, Field(gt=0)] = None,
        weights: dict[str, float] | None = None,
        lessons: Annotated[list[str] | None, Field(max_length=20)] = None,
    ) -> Told:
        """Plan the next experiment and get its id. One is under way at a time.

        Args:
            hypothesis: what you expect to be true, in a sentence.
            sources: names of the sources it trains on, best first.
            change: the one thing in which it differs from its parent; the first experiment has none, every
                later one names it. data is sources with the operations they need.
            parent: the finished experiment that it builds on; left out for the base model.
            init_from: base, or the experiment whose weights training continues from.
            reason: why this and not something else.
            expected_gain: points of validation score over the parent.
            max_seconds: its share of the time left; by default all of it.
            rows: most training rows; by default as many as the run allows.
            weights: shares of the sources against each other; left out, their rows as they come.
            lessons: ids of the recalled lessons that it rests on.
        """
        journal = dojo.journal
        if not hypothesis.strip():
            raise InputError("hypothesis", "is blank", "say in a sentence what you expect to be true")
        acts.may_plan()
        plan = Plan(
            experiment=journal.next_experiment_id(),
            parent=None if parent == BASE else parent,
            hypothesis=hypothesis,
            reason=reason or hypothesis,
            change=change or "first",
            expected_gain=expected_gain,
            sources=tuple(sources),
            weights=weights or {},
            max_seconds=max_seconds or max(dojo.remaining_budget_seconds(), 0.01),
            rows=rows or dojo.max_rows,
            init_from=init_from,
            lessons=tuple(lessons or ()),
            decided_by="agent",
        )
        check_plan(dojo, plan)
        acts.plan(plan)
        text = f"{plan.experiment} is planned; run_data_recipe makes its data"
        return Told(text, {"experiment": plan.experiment, "plan": plan.model_dump(mode="json")})

    return plan_experiment


def _curating(dojo: Dojo, acts: Acts, folder: AgentFolder | None) -> Verb:
    def run_data_recipe(
        experiment: str,
        operations: Annotated[list[AgentOperation] | None, Field(max_length=MOST_OPERATIONS)] = None,
        seed: Annotated[int | None, Field(ge=0, le=1_000_000_000)] = None,
    ) -> Told:
        """Build the training set of an experiment by typed operations, in order; returns its data card.

        Select, map, decontaminate, mix and cap are put in where they are missing. Rows of the validation
        or test split block it. A script runs in the sandbox.

        Args:
            experiment: the id that plan_experiment gave.
            operations: such as filter, normalise, deduplicate, verify, script, sample; none for rows as
                they come.
            seed: of samples and mixes; by default the run's.
        """
        plan = acts.planned(experiment)
        if dojo.journal.card(experiment) is not None:
            raise InputError(f"experiment {experiment}", "has its data", "train it, or finish it")
        recipe = _recipe(dojo, folder, plan, operations or [], dojo.seed if seed is None else seed)
        card = acts.curate(experiment, recipe)
        facts = card.model_dump(mode="json", exclude={"path", "steps"})
        steps = [f"{step.op}: {step.rows_in:,} -> {step.rows_out:,}" for step in card.steps]
        each = f"{card.mean_tokens:.0f} tokens each on average"
        text = f"{experiment} has its data: {card.rows:,} rows, {each}; train_model trains on them"
        told = "\n".join([text, *steps, _rest(card, {"path", "steps"})])
        return Told(told, facts | {"experiment": experiment, "steps": steps})

    return run_data_recipe


def _recipe(
    dojo: Dojo, folder: AgentFolder | None, plan: Plan, drafts: list[AgentOperation], seed: int
) -> DataRecipe:
    """The recipe whole and checked.

    Raises:
        InvalidDecision: what does not fit the plan, or what the rehearsal met.
    """
    read = [_from_file(folder, draft) if isinstance(draft, ScriptFile) else draft for draft in drafts]
    return drafted_recipe(dojo, plan, read, seed)


def _from_file(folder: AgentFolder | None, draft: ScriptFile) -> ScriptDraft:
    if folder is None:
        raise InputError("script_file", "there is no agent's folder here", "give the code as op script")
    code = folder.read_text(draft.file)
    longest = Script.model_fields["code"].metadata[0].max_length
    if len(code) > longest:
        raise InputError(f"file {draft.file}", f"holds {len(code):,} characters", f"at most {longest:,}")
    return ScriptDraft(purpose=draft.purpose, code=code)


def _training(dojo: Dojo, acts: Acts) -> list[Verb]:
    def probe_training(experiment: str, plan: TrainingPlan) -> Told:
        """Run a few real training steps, to see that the loss is finite and memory suffices.

        Args:
            experiment: the id of the experiment whose data is used.
            plan: method and hyper-parameters.
        """
        hypothesis, card = acts.planned(experiment), card_of(dojo, experiment)
        whole = _whole(dojo, hypothesis, plan)
        check_training_plan(dojo, hypothesis, card, whole)
        found = acts.probe(experiment, whole)
        return Told(found.model_dump_json(), found.model_dump(mode="json"))

    def train_model(experiment: str, plan: TrainingPlan) -> Told:
        """Fine-tune on the experiment's data; returns steps, loss curve, speed and peak memory.

        Args:
            experiment: the id of the experiment whose data is used.
            plan: method and hyper-parameters; its timeout_seconds is by default what is left.
        """
        hypothesis = acts.planned(experiment)
        if dojo.journal.training(experiment) is not None:
            raise InputError(f"experiment {experiment}", "was trained", "evaluate it, then plan the next one")
        card = card_of(dojo, experiment)
        whole = _whole(dojo, hypothesis, plan)
        check_training_plan(dojo, hypothesis, card, whole)
        with _recorded(dojo, acts, experiment, whole):
            trained = acts.train(experiment, whole)
        told = f"{experiment}: {_course(trained)}; evaluate_model scores it\n"
        return Told(told + _rest(trained, {"losses", *PLACES}), _trained(experiment, trained))

    return [probe_training, train_model]


def _course(trained: Training) -> str:
    """How far the training went, and where its loss fell to."""
    losses = trained.losses
    fell = f", loss {losses[0][1]:.3f} to {losses[-1][1]:.3f}" if losses else ""
    return f"{trained.steps} steps, {trained.wall_seconds:.1f} s{fell}"


def _rest(found: Record, left_out: set[str]) -> str:
    """Every other figure of a record, as JSON."""
    return found.model_dump_json(exclude=left_out)


def _whole(dojo: Dojo, plan: Plan, training: TrainingPlan) -> TrainingPlan:
    """The training plan whole, and the agent's."""
    return with_settled(dojo, plan, training).model_copy(update={"decided_by": "agent"})


def _trained(experiment: str, trained: Training) -> dict[str, Any]:
    return {"experiment": experiment, **trained.model_dump(mode="json", exclude=PLACES)}


def _evaluating(dojo: Dojo, acts: Acts) -> Verb:
    def evaluate_model(experiment: str) -> Told:
        """Score base or an experiment's model on validation: score with interval, error clusters, and the
        paired test against the incumbent.

        Args:
            experiment: base, or an experiment's id.
        """
        if experiment != BASE:
            known_experiment(dojo.journal, experiment)
        with _recorded(dojo, acts, experiment):
            evaluation = acts.evaluate(experiment)
            comparison = None if experiment == BASE else acts.compare(experiment)
        if experiment == BASE:
            acts.ask_base()
        facts = evaluation.model_dump(mode="json", exclude={"predictions", "clusters"})
        facts |= {"experiment": experiment, "clusters": {c.name: c.count for c in evaluation.clusters}}
        text = f"{experiment}: validation {evaluation.text()}"
        if comparison is not None:
            facts["comparison"] = comparison.model_dump(mode="json")
            text += f"\nagainst {comparison.champion}: {gate_words(comparison)}"
        return Told(f"{text}\n{_rest(evaluation, {'predictions'})}", facts)

    return evaluate_model


@contextmanager
def _recorded(dojo: Dojo, acts: Acts, experiment: str, plan: TrainingPlan | None = None) -> Iterator[None]:
    """A training or an evaluation that fails is a record of its experiment and ends it, as in the graph.

    Raises:
        ExperimentFailed: with what became of the experiment in its message.
    """
    try:
        yield
    except ExperimentFailed as failed:
        if experiment == BASE:
            raise
        if failed.code in TOO_LARGE and plan is not None:
            text, facts = acts.ran_out_of_memory(experiment, plan)
            dojo.journal.note(text, experiment, **facts)
            raise
        acts.fail(experiment, failed)
        acts.finish(experiment)
        said = f"{failed.message}; {experiment} is closed as failed, plan the next one"
        raise ExperimentFailed(failed.stage, failed.code, said, failed.log_tail) from failed
