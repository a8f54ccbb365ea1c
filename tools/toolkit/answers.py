"""Functions as LangChain tools: every answer is text, bounded, and an error says how to mend the call.

A fault of the harness is raised, because no model can mend that.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec, cast

from memory.journal.log import BASE, Journal
from tasks.errors import CapReached, ExperimentFailed, InputError, InvalidDecision, did_you_mean
from tools.chat.untrusted_text import TAG, one_line

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool
    from pydantic import BaseModel, ValidationError

P = ParamSpec("P")
ANSWER_CHARACTERS = 9_000
"""Of one answer: about 3,000 tokens."""
_FENCE = re.compile(rf'^<(/?){TAG} id="(\w+)"[^\n]*>$', re.MULTILINE)
PROBLEMS = 3
"""Wrong arguments that are named at once."""


RENAMED_ARGUMENTS: Mapping[str, Mapping[str, str]] = MappingProxyType({"profile_source": {"name": "source"}})
"""By function: old name of an argument -> its name now, so that old clients and recorded calls are read."""


class TrialFailed(ExperimentFailed):
    """What was tried out does not work: nothing was recorded, and no experiment failed.

    Args:
        text: several lines; foreign ones stand in a fence.
    """

    def __init__(self, text: str) -> None:
        super().__init__("data", "bad_script", text)
        self.text = text


def with_new_names(function: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with an old name exchanged for the new one, where that is not given as well."""
    now = RENAMED_ARGUMENTS.get(function, {})
    return {
        now[name] if name in now and now[name] not in arguments else name: value
        for name, value in arguments.items()
    }


def as_tools(functions: Sequence[Callable[..., str]]) -> list[BaseTool]:
    """The functions as structured tools; docstrings are what a model reads.

    One call runs at a time: an agent calls tools from several threads, and the ledger, the
    worker and the sandbox behind them answer one caller.
    """
    from langchain_core.tools import StructuredTool

    lock = threading.RLock()
    made = []
    for function in functions:
        tool = StructuredTool.from_function(_told(function, lock), parse_docstring=True)
        tool.args_schema = schema = _strict(cast("type[BaseModel]", tool.args_schema))
        tool.handle_validation_error = partial(wrong_arguments, schema)
        made.append(cast("BaseTool", tool))
    return made


def described(function: Callable[..., object]) -> tuple[str, type[BaseModel]]:
    """What a model reads of a function, and its arguments: these and no others."""
    from langchain_core.tools import StructuredTool

    tool = StructuredTool.from_function(function, parse_docstring=True)
    return tool.description, _strict(cast("type[BaseModel]", tool.args_schema))


def _strict(schema: type[BaseModel]) -> type[BaseModel]:
    """The same arguments and no others: one that is ignored answers another question than was asked."""
    from pydantic import ConfigDict

    members = {"model_config": ConfigDict(extra="forbid"), "__doc__": schema.__doc__}
    return cast("type[BaseModel]", type(schema.__name__, (schema,), members | {"__module__": __name__}))


def _told(function: Callable[P, str], lock: threading.RLock) -> Callable[P, str]:
    """Failures become text for the model, and long answers are cut."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> str:
        with lock:
            try:
                return bounded(function(*args, **kwargs))
            except CapReached:
                raise
            except TrialFailed as failed:
                return bounded(failed.text)
            except (ExperimentFailed, InputError, InvalidDecision) as error:
                return bounded(f"failed: {error}")

    return call


def bounded(text: str, characters: int = ANSWER_CHARACTERS) -> str:
    """The text, or whole lines from its start and how much is missing; a cut fence is closed.

    A single line that is too long is cut inside.
    """
    if len(text) <= characters:
        return text
    notice = f"\n[… {len(text) - characters:,} or more characters left out; ask for less]"
    head = text[: characters - len(notice) - 80]
    whole = head.rpartition("\n")[0]
    head = whole if len(whole) > characters // 2 else head
    marks = _FENCE.findall(head)
    still_open = marks and marks[-1][0] == ""
    return head + (f'\n</{TAG} id="{marks[-1][1]}">' if still_open else "") + notice


def wrong_arguments(schema: type[BaseModel], error: ValidationError) -> str:
    """What the schema refuses, named by argument; for an argument that there is not, the nearest one."""
    told = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False)[:PROBLEMS]:
        place = ".".join(str(part) for part in problem["loc"]) or "arguments"
        wrong = problem["msg"]
        if problem["type"] == "extra_forbidden":
            known, what = known_at(schema.model_json_schema(), problem["loc"]), "argument"
            what = what if len(problem["loc"]) == 1 else "field"
            meant = did_you_mean(str(problem["loc"][-1]), known) if known else "it takes none"
            wrong = f"there is no such {what}; {meant}"
        elif problem["type"] == "missing":
            wrong = "is missing"
        elif problem["type"] == "union_tag_not_found":
            wrong = "says not which one it is; give its op"
        told.append(f"{one_line(place, 100)}: {one_line(wrong, 300)}")
    more = error.error_count() - len(told)
    rest = f"; and {more} more" if more > 0 else ""
    return f"failed: {'; '.join(told)}{rest}; mend the arguments and call again"


def known_at(schema: Mapping[str, Any], place: Sequence[int | str]) -> list[str]:
    """The names that there are beside one that a schema does not know.

    Args:
        schema: JSON schema of a function's arguments.
        place: the way to the unknown name; of a union the name of the part is a step.
    """
    found = dict(schema)
    for step in place[:-1]:
        found = _resolved(found, schema)
        ways = found.get("discriminator", {}).get("mapping", {})
        found = (
            {"$ref": ways[step]}
            if step in ways
            else found.get("items", {})
            if isinstance(step, int)
            else found.get("properties", {}).get(step) or found.get("additionalProperties") or {}
        )
    return list(_resolved(found, schema).get("properties", ()))


def _resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """A part of a schema with what it refers to in place; of what may be left out, what it is."""
    part = next((each for each in part.get("anyOf", ()) if each.get("type") != "null"), part)
    name = str(part.get("$ref", "")).rpartition("/")[2]
    return dict(schema["$defs"][name] if name else part)


def known_experiment(journal: Journal, experiment: str, *, base: bool = True) -> str:
    """The id, if this run has such an experiment.

    Raises:
        InputError: it has none; the nearest ids are named.
    """
    ids = dict.fromkeys(str(event.experiment) for event in journal.events if event.experiment)
    known = [id for id in ids if base or id != BASE]
    if experiment in known:
        return experiment
    if not known:
        raise InputError(f"experiment {one_line(experiment)!r}", "is unknown", "this run has none yet")
    fix = did_you_mean(experiment, known[-40:])
    raise InputError(f"experiment {one_line(experiment)!r}", "is not in this run", fix)
