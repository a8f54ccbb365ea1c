"""Every function that may become a tool of a role: what looks, tries and asks, and changes nothing.

The docstring of each inner function is what a model reads. ``tools.toolkit.by_role`` picks what each of
the five roles sees; ``tools.verbs`` adds what acts, for agents that play a run themselves.
"""

from __future__ import annotations

from collections.abc import Callable

from tools.chat.untrusted_text import delimited
from tools.dojo import Dojo
from tools.toolkit.recipes import recipe_tools
from tools.toolkit.results import result_tools
from tools.toolkit.sources import source_tools
from tools.toolkit.training import training_tools

QUERY_CHARACTERS = 500


def functions_of(dojo: Dojo) -> dict[str, Callable[..., str]]:
    """Every function, by name, bound to one run."""
    functions = [
        *source_tools(dojo),
        *recipe_tools(dojo),
        *training_tools(dojo),
        *result_tools(dojo),
        _recalling(dojo),
    ]
    return {function.__name__: function for function in functions}


def _recalling(dojo: Dojo) -> Callable[..., str]:
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

    return recall_experience
