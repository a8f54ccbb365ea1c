"""The Dojo's verbs as LangChain tools, for a language model to call.

The docstring of each inner function is what the model reads. A failed experiment comes
back as text that names stage, code and message, so that the model can mend its call; a
fault of the harness is raised, because no model can mend that.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

from memory.recipe import DataCard, DataRecipe
from memory.records import Lesson, TrainingPlan
from tasks.errors import ExperimentFailed, InputError, did_you_mean
from tools.dojo import Dojo

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

P = ParamSpec("P")
NAMES = (
    "list_sources",
    "profile_source",
    "run_data_recipe",
    "estimate_training",
    "probe_training",
    "train_model",
    "evaluate_model",
    "compare_models",
    "audit_sources",
    "recall_experience",
    "record_experience",
)


def toolbox(dojo: Dojo) -> list[BaseTool]:
    """Every verb as a structured tool, bound to one run."""
    from langchain_core.tools import StructuredTool

    functions = [*_looking(dojo), *_acting(dojo), *_remembering(dojo)]
    return [StructuredTool.from_function(_told(function), parse_docstring=True) for function in functions]


def _told(function: Callable[P, str]) -> Callable[P, str]:
    """Failures become text for the model."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> str:
        try:
            return function(*args, **kwargs)
        except (ExperimentFailed, InputError) as error:
            return f"failed: {error}"

    return call


def _looking(dojo: Dojo) -> list[Callable[..., str]]:
    def list_sources() -> str:
        """List the raw data sources of the task, with rows, licence and the first lines of their cards."""
        return "\n\n".join(
            f"## {name} ({len(source.rows)} rows, {source.licence})\n{source.card[:600]}"
            for name, source in dojo.pool.items()
        )

    def profile_source(name: str) -> str:
        """Measure one source: columns, token lengths, empty, duplicate, parseable, leaking shares, samples.

        Args:
            name: a source's name, as list_sources gives it.
        """
        profiles = dojo.profiles()
        if name not in profiles:
            raise InputError(f"source {name}", "is not in the pool", did_you_mean(name, profiles))
        return profiles[name].model_dump_json(indent=1)

    return [list_sources, profile_source]


def _acting(dojo: Dojo) -> list[Callable[..., str]]:
    def card_of(experiment: str) -> DataCard:
        card = dojo.journal.card(experiment)
        if card is None:
            raise InputError(f"experiment {experiment}", "has no data yet", "call run_data_recipe first")
        return card

    def run_data_recipe(recipe: DataRecipe) -> str:
        """Build a training set from raw sources by typed operations, in order; returns its data card.

        Start with select, then map (columns to prompt and answer), then filter, normalise,
        deduplicate, verify, decontaminate, mix, sample, cap. The result is cached; rows of the
        validation or test split block it.

        Args:
            recipe: the operations and a seed.
        """
        return dojo.curate(recipe).model_dump_json(indent=1)

    def estimate_training(experiment: str, plan: TrainingPlan) -> str:
        """Estimate seconds per epoch and peak memory of a training before it runs.

        Args:
            experiment: the id of the experiment whose data is used.
            plan: method and hyper-parameters.
        """
        return dojo.estimate(plan, card_of(experiment)).model_dump_json()

    def probe_training(experiment: str, plan: TrainingPlan) -> str:
        """Run a few real training steps, to see that the loss is finite and memory suffices.

        Args:
            experiment: the id of the experiment whose data is used.
            plan: method and hyper-parameters.
        """
        return dojo.probe(experiment, plan, card_of(experiment)).model_dump_json()

    def train_model(experiment: str, plan: TrainingPlan) -> str:
        """Fine-tune on the experiment's data; returns steps, loss curve, speed and peak memory.

        Args:
            experiment: the id of the experiment whose data is used.
            plan: method and hyper-parameters.
        """
        return dojo.train(experiment, plan, card_of(experiment)).model_dump_json()

    def evaluate_model(experiment: str) -> str:
        """Score base or an experiment's model on validation: score with interval, error clusters.

        Args:
            experiment: base, or an experiment's id.
        """
        return dojo.evaluate(experiment).model_dump_json(indent=1)

    def compare_models(challenger: str, champion: str) -> str:
        """Compare two evaluated models item by item: difference, interval, p-value, items fixed and broken.

        Args:
            challenger: an experiment's id.
            champion: base, or an experiment's id.
        """
        return dojo.compare(challenger, champion).model_dump_json(indent=1)

    def audit_sources(experiment: str, sources: list[str]) -> str:
        """Let a model answer rows of each source; the share that agrees with the labels shows wrong labels.

        Args:
            experiment: base, or the id of a trained experiment.
            sources: names of sources.
        """
        return json.dumps(dojo.audit(experiment, sources), ensure_ascii=False)

    return [
        run_data_recipe,
        estimate_training,
        probe_training,
        train_model,
        evaluate_model,
        compare_models,
        audit_sources,
    ]


def _remembering(dojo: Dojo) -> list[Callable[..., str]]:
    def recall_experience(query: str) -> str:
        """Search the lessons of earlier runs; those of the same task come first.

        Args:
            query: what you want to know, in words.
        """
        found = dojo.recall(query)
        return (
            "\n".join(f"[{item.kind}] {item.lesson.id}: {item.lesson.text}" for item in found)
            or "no lessons yet"
        )

    def record_experience(lesson: Lesson) -> str:
        """Write a lesson for later runs: what was tried, under which conditions, what it gained.

        Args:
            lesson: the text must stand alone; evidence names run and experiment.
        """
        dojo.record(lesson)
        return f"recorded {lesson.id}"

    return [recall_experience, record_experience]
