"""The Dojo: the few verbs with which any agent works on a task.

profile, curate, estimate, probe, train, evaluate, audit, compare, recall, record. The graph's nodes act
through them and ``tools.toolkit.all`` offers them to a language model. Those that make something (curate,
train, evaluate) write it into the journal, and return what stands there already. Paths,
processes, caches, clocks and the sealed test stay behind them: no verb shows a test item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from memory.agreement import Agreement
from memory.budget.clocks import Ledger
from memory.experience.catalogue import LessonFilter
from memory.experience.lessons import Recalled
from memory.experience.store import Experience
from memory.experience.ways import Situation, Ways
from memory.forecast.forecaster import Forecaster
from memory.journal.log import BASE, Journal
from memory.lesson import Kind, Place
from memory.recipe import DataCard, DataRecipe, Repair
from memory.records import Comparison, Estimate, Evaluation, Lengths, Lesson, Training, TrainingPlan
from tasks.base import Sample, Score, Source, TaskSpec
from tasks.errors import HarnessFault, boundary
from tools.contamination.check import Decontaminator
from tools.curation import audit as auditing
from tools.curation import run as curating
from tools.curation.audit import AUDIT_ROWS, SourceAudit
from tools.curation.operations import TeacherSteps
from tools.curation.profile import SourceProfile, longest_answers, profile_source
from tools.evaluation import answering_time, staged
from tools.evaluation import evaluate as evaluating
from tools.evaluation.judge.scoring import unjudged
from tools.evaluation.lost_child import SMALL_BATCH, once_more
from tools.evaluation.reserve import Reserve
from tools.evidence import Evidence
from tools.forgetting.watched import Watched
from tools.models.base_model import BaseModel
from tools.models.chat_template import LossOn
from tools.process.machine import machine
from tools.process.worker import Worker
from tools.sealed_test import SealedTest
from tools.task_features import place_of
from tools.training import estimate as estimating
from tools.training import train as training
from tools.training.tracking import NOBODY, Audience
from tools.workspace import Workspace

if TYPE_CHECKING:
    from memory.budget.spending import Spending
    from tools.evaluation.judge.scoring import PairwiseJudge
    from tools.evaluation.served import EvalServer
    from tools.evaluation.served_baseline import ServedBaseline
    from tools.synthesis.teacher import Teacher

Split = Literal["validation", "confirmation", "test"]
SearchName = Literal["greedy", "tree"]


@dataclass
class Dojo:
    """One run's environment. Built by ``graph.session``; holds no decisions."""

    spec: TaskSpec
    edition: str
    base_model: BaseModel
    validation: tuple[Sample, ...]
    """The search items: what experiments are scored on and roles may see."""
    pool: Mapping[str, Source]
    test: SealedTest
    decontaminator: Decontaminator
    workspace: Workspace
    journal: Journal
    ledger: Ledger
    store: Experience
    worker: Worker
    count_tokens: Callable[[str], int]
    seed: int
    max_rows: int
    max_experiments: int | None = None
    """How many experiments were asked for at most."""
    max_disk_gb: float | None = None
    """The most that the run's folder may take, in 1e9 bytes."""
    search: SearchName = "greedy"
    """How the Planner chooses among what its rules propose."""
    confirmation: tuple[Sample, ...] = ()
    """Validation items kept apart, on which the final model alone is tested against the base."""
    max_length: int = 512
    template_tokens: int = 0
    """What the chat template adds to a row; known once the lengths are settled."""
    loss_on: LossOn = "auto"
    """Which answers of a conversation carry loss; ``auto`` leaves it to the chat template."""
    spending: Spending | None = None
    """Money and tokens of language models; None where no such model is used."""
    teacher: Teacher | None = None
    """The model that recipes may ask for data."""
    judge: PairwiseJudge | None = None
    """The language model that judges answers, where the task's metric is one."""
    answer_cache: Path | None = None
    """The base model's answers to validation items across runs; None to ask it in every run."""
    eval_server: EvalServer | None = None
    """Answers for the base model and adapters of it; None where all are answered here."""
    served_baseline: ServedBaseline | None = None
    """Another model whose score on the sealed test is told beside."""
    watched: Watched = field(default_factory=Watched)
    """What training may not harm."""
    replay: dict[str, Source] = field(default_factory=dict)
    """General rows by source, for recipes that mix them in: declared ones, and the base's own answers."""
    forecaster: Forecaster = field(default_factory=Forecaster)
    """What earlier experiments say of a plan; without a folder of runs nothing."""
    agreements: dict[tuple[str, str], Agreement] = field(default_factory=dict)
    """What audits found since the run was opened, by (experiment, source)."""
    prompted: Callable[[Dojo, Sequence[Sample]], Sequence[Sample]] | None = None
    """What models are asked in place of the items, where the policy shows them more (few-shot examples)."""
    _profiles: dict[str, SourceProfile] = field(default_factory=dict)

    @cached_property
    def evidence(self) -> Evidence:
        """Records digests of what the run writes."""
        return Evidence(self.journal, self.workspace)

    # -- looking ---------------------------------------------------------------------------

    def profiles(self) -> Mapping[str, SourceProfile]:
        """A profile of every source of the pool; made once."""
        if not self._profiles:
            with boundary("data", "profiling the sources"):
                self._profiles = {
                    name: profile_source(
                        source, self.spec, self.validation, self.count_tokens, self.decontaminator
                    )
                    for name, source in self.pool.items()
                }
        return self._profiles

    def apply_lengths(self, lengths: Lengths) -> None:
        """Let rows and answers be as long as was settled."""
        self.max_length, self.template_tokens = lengths.max_length, lengths.template_tokens
        self.spec = replace(self.spec, max_new_tokens=lengths.max_new_tokens)

    def recall(self, query: str | None = None) -> tuple[Recalled, ...]:
        """Lessons of earlier runs that fit this task, best first; empty when memory is off.

        Those of the task itself come first. A lesson learned with another base model or edition is left
        out: its hyperparameters, as they stand, do not transfer (``ways`` says what does).
        """
        text = query or f"{self.spec.id} {self.spec.domain} {self.base_model.name} {self.spec.description}"
        # In the search, not after it: among many lessons of other models the nearest would all be theirs.
        fitting = LessonFilter(
            base_model=self.base_model.name, edition=self.edition, not_run=self.journal.info.run
        )
        found = self.store.recall(text, 8, self.spec.id, self.spec.domain, fitting, self.place)
        return tuple(sorted(found, key=lambda item: item.lesson.task != self.spec.id))

    def lessons(self, ids: Sequence[str]) -> tuple[Lesson, ...]:
        """The lessons with these ids, in order; unknown ids are left out."""
        known = {item.lesson.id: item.lesson for item in self.recall()} if ids else {}
        return tuple(known[name] for name in ids if name in known)

    @cached_property
    def place(self) -> Place:
        """Kinds of the run's metric and answers, and its model's width; the same words on every task."""
        return place_of(self.spec, self.validation, self.base_model.hidden_size)

    def ways(self, kinds: Sequence[Kind]) -> Ways:
        """What lessons of all tasks, this run's among them, say about data and learning rate here.

        Args:
            kinds: of the sources that can be trained on.
        """
        place = self.place.model_copy(update={"kinds": tuple(kinds)})
        here = Situation(self.spec.id, self.spec.domain, self.edition, self.base_model.name, place)
        return self.store.ways(here)

    # -- time ------------------------------------------------------------------------------

    def remaining_budget_seconds(self) -> float:
        """What is left of the budget once the final test, the export and the report are paid for."""
        return self.ledger.remaining_seconds - self.finishing_seconds()

    def finishing_seconds(self) -> float:
        """The reserve for the end: two models on confirmation and test items, at the measured pace."""
        return self.reserve.finishing_seconds()

    @cached_property
    def reserve(self) -> Reserve:
        """What the end of the run takes; the lengths of its prompts are counted once."""
        items = (self.validation, self.confirmation, self.test)
        known = (self.count_tokens, self.base_model, lambda: longest_answers(self._profiles))
        return Reserve.of(self.journal, *items, *known)

    def job_seconds(self) -> float:
        """Seconds that a child may take from now on, whatever its own limit."""
        return self.reserve.job_seconds(self.ledger.remaining_seconds)

    def overhead_seconds(self) -> float:
        """What an experiment costs besides its training steps: data, probe, all answers, process start."""
        return answering_time.overhead_seconds(self.journal)

    def minimum_experiment_seconds(self) -> float:
        """The shortest budget that still trains for some seconds."""
        return 1.5 * self.overhead_seconds() + 5.0

    @staticmethod
    def now() -> str:
        """UTC, ISO 8601, to the second."""
        return datetime.now(UTC).isoformat(timespec="seconds")

    # -- data ------------------------------------------------------------------------------

    def curate(self, experiment: str, recipe: DataRecipe) -> DataCard:
        """Run an experiment's recipe; see ``tools.curation.run.run_recipe`` for what can fail."""
        if (done := self.journal.card(experiment)) is not None:
            return done
        with self.ledger.measure("data"), boundary("data", "curating"):
            card = curating.run_recipe(
                recipe,
                {**self.pool, **self.replay},
                self.spec,
                self.decontaminator,
                self.workspace,
                self.count_tokens,
                max_rows=self.max_rows,
                domain_prompts=[sample.prompt for sample in self.validation],
                teacher=self._teacher_steps(),
                max_length=self.max_length,
                template_tokens=self.template_tokens,
            )
        self.journal.append("recipe", recipe, experiment)
        self.evidence.vouch("data set", card.path, experiment)
        self.journal.append("card", card, experiment)
        return card

    def _teacher_steps(self) -> TeacherSteps | None:
        """The operations that ask this run's teacher, for curation, which knows no teacher."""
        from tools.synthesis.operations import teacher_steps

        return teacher_steps(self.teacher) if self.teacher else None

    # -- models ----------------------------------------------------------------------------

    def model_dir(self, experiment: str) -> Path:
        """The weights of ``base`` or of an experiment."""
        if experiment == "base":
            return self.base_model.path
        trained = self.journal.training(experiment)
        if trained is None:
            raise HarnessFault(f"{experiment} has no trained model in this run's journal")
        return self.workspace.inside(trained.model_dir)

    def estimate(self, plan: TrainingPlan, card: DataCard) -> Estimate:
        """Seconds per epoch and peak memory, from this run's measurements where there are any."""
        return estimating.estimate(plan, card, self.base_model, self._trainings())

    def training_speed(self, plan: TrainingPlan) -> estimating.Speed:
        """What a training by this plan's method costs: a fixed part, and a part for each token."""
        base = self.journal.evaluation(BASE)

        def answered() -> float:
            return (self.prompt_tokens + base.generated_tokens) / max(base.wall_seconds, 0.1) if base else 0.0

        return estimating.training_speed(plan, self.base_model, self._trainings(), machine(), answered)

    @property
    def prompt_tokens(self) -> float:
        """Of all search prompts together."""
        load = self.reserve.search
        return load.items * sum(load.prompts) / max(len(load.prompts), 1)

    def _trainings(self) -> list[tuple[TrainingPlan, Training]]:
        done = self.journal.experiments()
        return [(e.training_plan, e.training) for e in done if e.training and e.training_plan]

    def probe(self, experiment: str, plan: TrainingPlan, card: DataCard) -> training.ProbeResult:
        """A few real training steps; raises ExperimentFailed when they do not look sane."""
        with self.ledger.measure("train"):
            return training.probe(self._job(plan, experiment, card))

    def _job(self, plan: TrainingPlan, experiment: str, card: DataCard) -> training.TrainingJob:
        start = self.model_dir(plan.init_from)
        return training.TrainingJob(plan, experiment, start, card, self.workspace, self.worker, self.loss_on)

    def train(self, experiment: str, plan: TrainingPlan, audience: Audience = NOBODY) -> Training:
        """Train on the experiment's data, in a child process."""
        if (done := self.journal.training(experiment)) is not None:
            return done
        card = self.journal.card(experiment)
        if card is None:
            raise HarnessFault(f"{experiment} has no data in this run's journal")
        with self.ledger.measure("train"):
            trained = training.train(self._job(plan, experiment, card), audience)
        self.journal.append("training_plan", plan, experiment)
        self.evidence.vouch_model(trained.model_dir, experiment, plan.init_from)
        self.journal.append("training", trained, experiment)
        return trained

    def evaluate(self, experiment: str) -> Evaluation:
        """Score ``base`` or an experiment on validation, where that pays on a share of the items first."""
        if (done := self.journal.evaluation(experiment)) is not None:
            return done

        def answer(samples: Sequence[Sample], name: str) -> Evaluation:
            return self.answers(experiment, samples, "validation", name)

        given = (experiment, self.validation, self.workspace)
        with self.ledger.measure("evaluate"), boundary("evaluate", f"evaluating {experiment}"):
            if staged.looks_first(*given, self.journal, self.ledger.spent()):
                best = self.journal.incumbent_id()
                rival = staged.Rival(best, self.items(best, "validation"), self.validation_score(best))
                evaluation = staged.evaluate(*given, self.spec, self.seed, rival, answer)
            else:
                evaluation = answer(self.validation, "validation")
        self.evidence.vouch("predictions", evaluation.predictions, experiment)
        self.journal.append("evaluation", evaluation, experiment)
        return evaluation

    def answers(
        self,
        experiment: str,
        samples: Sequence[Sample],
        split: Split,
        name: str = "",
        timeout_seconds: float = evaluating.TIMEOUT_SECONDS,
    ) -> Evaluation:
        """Scored answers to some items, kept under a name; for ``tools.checks``, no verb of an agent's."""
        file = self.workspace.experiment_dir(experiment) / f"{name or split}.jsonl"
        place = (self.model_dir(experiment), file, self.workspace, self.worker, split)
        kept = self.answer_cache if experiment == BASE and split != "test" else None
        samples = self.prompted(self, samples) if self.prompted else samples
        ways: dict[str, Any] = {"cache": kept, "server": self.eval_server, "evidence": self.evidence}
        ways["timeout_seconds"] = timeout_seconds
        answer = partial(evaluating.evaluate, samples, self.spec, *place, **ways)
        what, smaller = (
            f"answering {name or split} with {experiment}",
            partial(answer, batch_rows=SMALL_BATCH),
        )
        evaluation = once_more(self.journal, what, answer, smaller)
        if told := evaluating.remark_on(evaluation, self.workspace):
            self.journal.note(f"{experiment}, {split}: {told}")
        if self.judge and (missing := unjudged(self.items(experiment, name or split))):
            facts = {"experiment": experiment, "split": split, **missing}
            self.journal.note(f"{experiment}, {split}: {missing['text']}", unjudged=facts)
        return evaluation

    def validation_score(self, experiment: str) -> Score:
        """The validation score of ``base`` or an evaluated experiment, to hold against each other."""
        evaluation = self.journal.evaluation(experiment)
        if evaluation is None:
            raise HarnessFault(f"{experiment} was never evaluated in this run")
        return evaluation.paired_score

    def right_share(self, experiment: str) -> float:
        """Share (0.0 to 1.0) of the scored validation items that ``base`` or an experiment has right."""
        items = [item for item in self.items(experiment, "validation") if item.get("scored", True)]
        return sum(bool(item["right"]) for item in items) / max(len(items), 1)

    def compare(self, challenger: str, champion: str) -> Comparison:
        """Paired test on the validation items that both answered."""
        new, old = self.items(challenger, "validation"), self.items(champion, "validation")
        return staged.compare_shared(new, old, challenger, champion, self.spec, self.validation)

    def items(self, experiment: str, split: str) -> list[dict[str, Any]]:
        """An experiment's scored answers to a split, or under another name."""
        return evaluating.read_items(self.workspace.experiment_dir(experiment) / f"{split}.jsonl")

    def audit(self, experiment: str, sources: Sequence[str]) -> SourceAudit:
        """How a model's answers to sampled rows of each source relate to the labels."""
        profiles, given = self.profiles(), (self.pool, self.spec, self.decontaminator)
        recipes = auditing.samples({name: profiles[name] for name in sources}, AUDIT_ROWS, self.seed)
        rows = {name: curating.rows_of(recipe, *given) for name, recipe in recipes.items()}
        with self.ledger.measure("evaluate"), boundary("diagnose", "auditing the sources"):
            model_dir = self.model_dir(experiment)
            answer = partial(evaluating.row_answers, rows, self.spec, model_dir, self.worker)
            answers = once_more(self.journal, f"auditing sources with {experiment}", answer)
        found = auditing.agreements(experiment, evaluating.row_agreement(answers, self.spec))
        self.agreements.update(found)
        repairs = tuple(auditing.repairs_of(answers, self.spec, self.right_share(experiment)))
        return SourceAudit({item.source: item.share for item in found.values()}, repairs)

    def repairs(self) -> dict[str, Repair]:
        """By source, the rule that an audit of this run found to make its answers right."""
        found = {op.source: op for op in self.journal.repairs}
        return {} if "repair" in self.journal.without else found

    def record(self, lesson: Lesson) -> None:
        """Write a lesson for later runs."""
        self.store.record(lesson)

    def close(self) -> None:
        """Stop child processes and release the journal."""
        self.worker.close()
        self.journal.close()
