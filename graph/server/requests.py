"""Requests for a run: the settings that a caller of the server may choose, and the folders that it may open.

Whoever reaches the server speaks with its owner's keys, files and machine. So a request chooses what a run
does and not where: no address, no path, no model, no memory. What the owner allows (``FTDOJO_SERVER_ALLOW``)
is as free as on the command line. The check stands where a run is opened and not where HTTP is read: an
assistant's stored context, a thread's edited state and a schedule all end there.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from langgraph.graph.state import CompiledStateGraph

from graph.server.settings import ALLOW, ServerSettings
from graph.session import OpenRuns, Session
from graph.settings import RunSettings, make_settings
from graph.state import RunInput
from memory.records import PolicyName
from tasks import registry
from tasks.errors import InputError, did_you_mean
from tools.chat.untrusted_text import one_line

FREE = frozenset(
    {
        "edition",
        "split",
        "loss_on",
        "budget_seconds",
        "policy",
        "search",
        "max_usd",
        "max_tokens",
        "decision_seconds",
        "approve",
        "seed",
        "max_rows",
        "max_length",
        "max_new_tokens",
        "forgetting_budget",
        "max_experiments",
        "max_disk_gb",
        "target",
    }
)
"""Fields that every request may choose: numbers and words that lead nowhere."""
INPUT = tuple(get_type_hints(RunInput))
"""What a request's input may hold."""
_WORD = re.compile(r"\w+")
"""How a task's id is written."""


_OF_PLATFORM = frozenset(
    {
        "thread_id",
        "thread_ts",
        "run_id",
        "assistant_id",
        "graph_id",
        "cron_id",
        "user_id",
        "checkpoint",
        "checkpoint_id",
        "checkpoint_ns",
        "checkpoint_map",
        "baggage",
        "user-agent",
    }
)
_PLATFORM_BEGINS = ("__", "langgraph_", "langgraph-", "langsmith_", "langsmith-", "x-")
"""What LangGraph's server and its clients add by themselves, by name or by how the name begins: a request's
``configurable`` becomes its context where it has none, and a header may become a key of it."""


class RequestedRuns(OpenRuns):
    """The runs of a server: started and opened as far as its owner allows."""

    def __init__(self, allowed: ServerSettings) -> None:
        super().__init__()
        self._allowed = allowed

    def start(self, settings: RunSettings, decider: PolicyName | None = None) -> Session:
        """A new run; see ``OpenRuns.start``.

        Raises:
            InputError: the request chose what it may not, too.
        """
        return super().start(admitted(settings, self._allowed), decider)

    def open(self, run_dir: Path, accept_changes: bool = False) -> Session:
        """The run in a folder; see ``OpenRuns.open``.

        Raises:
            InputError: the folder lies outside the server's own, too.
        """
        runs_dir = Path(RunSettings().runs_dir).expanduser().resolve()
        if "runs_dir" not in self._allowed.allow and run_dir.resolve().parent != runs_dir:
            fix = f"name a run of {runs_dir}, or start the server with {ALLOW}=runs_dir"
            raise InputError("run_dir", "a request may open runs of this server alone", fix)
        return super().open(run_dir, accept_changes)


class ServedGraph(CompiledStateGraph[Any, Any, Any, Any]):
    """The graph as a server streams it: a request's input is looked at before any of it is used."""

    async def astream(self, input: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        """As LangGraph's.

        Raises:
            InputError: the input names what is none of its fields.
        """
        check_input(input)
        async for part in super().astream(input, *args, **kwargs):
            yield part


def check_context(context: object) -> None:
    """Refuse what is no setting of a run; the server would leave it out without a word.

    Args:
        context: of a request, with that of its assistant, before the server drops what it does not know.

    Raises:
        InputError: a key is unknown, or a value cannot be.
    """
    given = {
        str(name): value
        for name, value in (context if isinstance(context, Mapping) else {}).items()
        if name not in _OF_PLATFORM and not str(name).startswith(_PLATFORM_BEGINS)
    }
    if unknown := next((name for name in given if name not in RunSettings.model_fields), None):
        fix = did_you_mean(unknown, RunSettings.model_fields, every=True)
        raise InputError(f"context: {one_line(unknown, 60)}", "is no setting of a run", fix)
    make_settings(**given)


def check_input(given: object) -> None:
    """Refuse what is no field of a run's input; LangGraph would leave it out without a word.

    Args:
        given: of a request. What is no object (a command, nothing new) is the graph's to read.

    Raises:
        InputError: a key is unknown, or a value is no text.
    """
    for key, value in given.items() if isinstance(given, Mapping) else ():
        name = str(key)
        what, number = f"input: {one_line(name, 60)}", name == "budget" and isinstance(value, int | float)
        if name in INPUT and not (value is None or isinstance(value, str) or number):
            raise InputError(what, "is no text", "write it in quotes, or leave it out")
        if name not in INPUT and name in RunSettings.model_fields:
            raise InputError(what, f"is none of {', '.join(INPUT)}", "give it in the context")
        if name not in INPUT:
            raise InputError(what, "is no field of the input", did_you_mean(name, INPUT, every=True))


def admitted(settings: RunSettings, allowed: ServerSettings) -> RunSettings:
    """The settings of a request, with the owner's models file.

    Raises:
        InputError: it names an address, a path or a model, or what else is the owner's to choose; or there
            is no such task.
    """
    own = RunSettings(models_file=allowed.models_file)
    settings = settings.model_copy(update={"models_file": settings.models_file or own.models_file})
    free = FREE | allowed.allow
    if _WORD.fullmatch(settings.task) and "task" not in free:  # no path, and no name of the Hub
        registry.get(settings.task)
        free |= {"task"}
    chosen = {name for name in RunSettings.model_fields if getattr(settings, name) != getattr(own, name)}
    refused = sorted(chosen - free)
    if refused:
        named = ",".join(sorted({*allowed.allow, *refused}))
        fix = f"leave it out, or start the server with {ALLOW}={named}"
        raise InputError(", ".join(refused), "a request may not choose it", fix)
    return settings
