"""The Dojo's verbs as LangChain tools, for a language model to call.

The docstring of each inner function is what the model reads. A failed experiment comes
back as text that names stage, code and message, so that the model can mend its call; a
fault of the harness is raised, because no model can mend that. ``tools.toolkit.by_role`` picks
what each of the five roles sees; this is the whole box, for agents that run a Dojo alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from memory.records import Lesson
from tools.chat.untrusted_text import delimited
from tools.dojo import Dojo
from tools.toolkit.acting import acting_tools
from tools.toolkit.answers import as_tools
from tools.toolkit.recipes import recipe_tools
from tools.toolkit.results import result_tools
from tools.toolkit.sources import source_tools

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

NAMES = (
    "list_sources",
    "profile_source",
    "recall_experience",
    "plan_experiment",
    "run_data_recipe",
    "estimate_training",
    "probe_training",
    "train_model",
    "evaluate_model",
    "compare_models",
    "audit_sources",
    "finish_experiment",
    "record_experience",
)
QUERY_CHARACTERS = 500


def toolbox(dojo: Dojo) -> list[BaseTool]:
    """Every verb as a structured tool, bound to one run."""
    functions = functions_of(dojo)
    return as_tools([functions[name] for name in NAMES])


MEASURED: Mapping[str, Any] = {"effect": None, "tried": None, "confirms": (), "contradicts": ()}
"""Fields of a lesson that the harness alone fills: an agent's word moves no other lesson's weight."""


def functions_of(dojo: Dojo) -> dict[str, Callable[..., str]]:
    """Every function that may become a tool, by name, bound to one run."""
    functions = [
        *source_tools(dojo),
        *recipe_tools(dojo),
        *acting_tools(dojo),
        *result_tools(dojo),
        *_remembering(dojo),
    ]
    return {function.__name__: function for function in functions}


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
        dojo.record(lesson.model_copy(update=MEASURED))
        return f"recorded {lesson.id}"

    return [recall_experience, record_experience]
