"""The Dojo's verbs as LangChain tools, for a language model to call.

The docstring of each inner function is what the model reads. A failed experiment comes
back as text that names stage, code and message, so that the model can mend its call; a
fault of the harness is raised, because no model can mend that. ``tools.toolkit.by_role`` picks
what each of the five roles sees; this is the whole box, for agents that run a Dojo alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from memory.journal.log import BASE
from memory.recipe import DataCard, DataRecipe
from memory.records import Lesson, TrainingPlan
from tasks.errors import InputError
from tools.chat.untrusted_text import delimited, one_line
from tools.dojo import Dojo
from tools.toolkit.answers import as_tools, known_experiment
from tools.toolkit.results import result_tools
from tools.toolkit.sources import source_tools

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

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
QUERY_CHARACTERS = 500


def toolbox(dojo: Dojo) -> list[BaseTool]:
    """Every verb as a structured tool, bound to one run."""
    functions = functions_of(dojo)
    return as_tools([functions[name] for name in NAMES])


def functions_of(dojo: Dojo) -> dict[str, Callable[..., str]]:
    """Every function that may become a tool, by name, bound to one run."""
    functions = [*source_tools(dojo), *_acting(dojo), *result_tools(dojo), *_remembering(dojo)]
    return {function.__name__: function for function in functions}


def _acting(dojo: Dojo) -> list[Callable[..., str]]:
    def card_of(experiment: str) -> DataCard:
        card = dojo.journal.card(experiment)
        if card is None:
            what = f"experiment {one_line(experiment)!r}"
            raise InputError(what, "has no data yet", "call run_data_recipe first")
        return card

    def startable(plan: TrainingPlan) -> TrainingPlan:
        if plan.init_from != BASE and dojo.journal.training(plan.init_from) is None:
            what = f"init_from {one_line(plan.init_from)!r}"
            raise InputError(what, "is no trained experiment of this run", "start from base or from one")
        return plan

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
        card = card_of(experiment)
        return dojo.probe(experiment, startable(plan), card).model_dump_json()

    def train_model(experiment: str, plan: TrainingPlan) -> str:
        """Fine-tune on the experiment's data; returns steps, loss curve, speed and peak memory.

        Args:
            experiment: the id of the experiment whose data is used.
            plan: method and hyper-parameters.
        """
        card = card_of(experiment)
        return dojo.train(experiment, startable(plan), card).model_dump_json()

    def evaluate_model(experiment: str) -> str:
        """Score base or an experiment's model on validation: score with interval, error clusters.

        Args:
            experiment: base, or an experiment's id.
        """
        if experiment != BASE and dojo.journal.training(known_experiment(dojo.journal, experiment)) is None:
            raise InputError(f"experiment {experiment}", "was not trained", "call train_model first")
        return dojo.evaluate(experiment).model_dump_json(indent=1)

    return [run_data_recipe, estimate_training, probe_training, train_model, evaluate_model]


def _remembering(dojo: Dojo) -> list[Callable[..., str]]:
    def recall_experience(query: str) -> str:
        """Search the lessons of earlier runs; those of the same task come first.

        Args:
            query: what you want to know, in words.
        """
        found = dojo.recall(query[:QUERY_CHARACTERS])
        lessons = [
            delimited(f"[{item.kind}] {item.lesson.text}", f"lesson {item.lesson.id}") for item in found
        ]
        return "\n".join(lessons) or "no lessons yet"

    def record_experience(lesson: Lesson) -> str:
        """Write a lesson for later runs: what was tried, under which conditions, what it gained.

        Args:
            lesson: the text must stand alone; evidence names run and experiment.
        """
        dojo.record(lesson)
        return f"recorded {lesson.id}"

    return [recall_experience, record_experience]
