"""Policies of runs: from a name, or from what Python handed in, to who decides.

A user's policy is an object with any of the five methods of ``roles.policy.Policy``, a class of such objects
that takes no arguments, a mapping from roles to functions, objects or names, or a function without arguments
that makes one of these. A function ``(dojo, experiment)`` is a planner. Decisions that it does not make are
the playbook's.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from graph.policy_names import KNOWING, OBJECT, ROLES, check_policy, is_trusted, kind_of, parts_of, trust
from roles import playbook
from roles.baselines.all_data import AllData
from roles.baselines.few_shot import FewShot
from roles.baselines.mixture_search import MixtureSearch
from roles.baselines.oracle_source import OracleSource
from roles.baselines.silent import Silent
from roles.baselines.untrained import Untrained
from roles.composed import METHODS, PROMPTED, Composed, Decider, DecidingRole, deciders_of
from roles.policy import Policy
from tasks import registry
from tasks.errors import InputError, did_you_mean, or_input_error

if TYPE_CHECKING:
    from tools.dojo import Dojo

Given = object
"""A policy as Python hands it in; see above."""
CLEAN_KINDS = ("chain_of_thought",)
"""The defect-free kind of source of a synthetic pool that whoever knows the pool would train on."""
FIX = "give an object with any of " + ", ".join(METHODS.values()) + ", or a mapping from roles to functions"


_HANDED_IN: dict[str, Given] = {}
"""Objects of this process, by the name that settings, journals and records call them by."""


def hand_in(given: Given, name: str = "") -> str:
    """Make a policy known to this process, and say the name that ``RunSettings.policy`` takes.

    Args:
        given: see above; a name is returned as it is.
        name: the name that a run knows it by already; its own when empty.
    """
    if isinstance(given, str):
        trust(given)
        return given
    own = name or OBJECT + _called(given)
    number = 1
    while not name and _HANDED_IN.get(own, given) is not given:
        number += 1
        own = f"{OBJECT}{_called(given)}-{number}"
    _HANDED_IN[own] = given
    return own


def _called(given: object) -> str:
    if isinstance(given, Mapping):
        return ",".join(f"{role}:{_called(decides)}" for role, decides in given.items())
    if isinstance(given, str):
        return given
    name = getattr(given, "__qualname__", None) or getattr(given, "__name__", None)
    return str(name or type(given).__qualname__).rpartition(".<locals>.")[2]


def require_policy(name: str) -> None:
    """Refuse a policy that is not here, before a run is begun.

    Raises:
        InputError: it cannot be imported, was never handed in, or plays through a door of its own.
    """
    match kind_of(name):
        case "object":
            _handed_in(name)
        case "code":
            _imported(name)
        case "composed":
            for part in parts_of(name).values():
                require_policy(part)
        case "command":
            fix = "play it by `ftdojo bench`, or open the door by `ftdojo mcp`"
            raise InputError(
                f"--policy {name}", "plays through a door of its own and decides for no role", fix
            )


def _handed_in(name: str) -> Given:
    if name not in _HANDED_IN:
        fix = "start or resume this run from Python, with policy=..."
        raise InputError(f"--policy {name}", "is an object of Python that is not in this process", fix)
    return _HANDED_IN[name]


def policy_of(name: str, dojo: Dojo) -> Policy:
    """Who decides by this name; a language model is seated elsewhere (``graph.deciding``).

    Raises:
        InputError: there is no such policy, or it cannot be had here.
    """
    match kind_of(name):
        case "playbook" | "llm":
            return playbook
        case "object":
            return _composed(_handed_in(name), name, dojo)
        case "code":
            return _composed(_imported(name), name, dojo)
        case "composed":
            parts = {cast(DecidingRole, role): part for role, part in parts_of(name).items()}
            return Composed({role: _decider_of(role, part, dojo) for role, part in parts.items()})
        case "baseline":
            policy = baseline(name, dojo)
            return Composed(deciders_of(policy, name), getattr(policy, PROMPTED, None))
        case _:
            require_policy(name)
            raise AssertionError(name)


def baseline(name: str, dojo: Dojo) -> object:
    """One of the baselines.

    Raises:
        InputError: it has to be told the good sources.
    """
    match name.partition(":")[0]:
        case "base":
            return Untrained()
        case "few-shot":
            return FewShot()
        case "all-data":
            return AllData()
        case "random":
            return MixtureSearch("random")
        case "tpe":
            return MixtureSearch("tpe")
        case "silent":
            return Silent()
        case _:
            return OracleSource(good_sources(name, dojo))


def good_sources(name: str, dojo: Dojo) -> tuple[str, ...]:
    """The sources behind ``oracle-source``: those that it names, or by the key of a synthetic pool.

    Raises:
        InputError: the task has no key and the name names none, or one that is not there.
    """
    named = tuple(filter(None, name.partition(":")[2].split(",")))
    if named:
        for source in named:
            if source not in dojo.pool:
                raise InputError(
                    f"--policy {name}", f"{source} is no source", did_you_mean(source, dojo.pool)
                )
        return named
    if dojo.edition != "mini" or dojo.spec.id not in registry.ids():
        raise InputError(
            f"--policy {KNOWING}",
            "nobody knows which of these sources are good",
            f"name them: {KNOWING}:{','.join(list(dojo.pool)[:2])}",
        )
    from tasks.mini.pool import pool_key

    key = pool_key(registry.synthetic(dojo.spec.id), dojo.seed)
    return tuple(source for source in dojo.pool if key[source] in CLEAN_KINDS)


def _composed(given: Given, name: str, dojo: Dojo) -> Policy:
    """A user's policy, with the playbook for what it does not decide."""
    return Composed(_deciders(given, name, dojo))


def _deciders(given: Given, name: str, dojo: Dojo) -> dict[DecidingRole, Decider]:
    """By role, from what a user gives.

    Raises:
        InputError: it decides nothing.
    """
    if isinstance(given, Mapping):
        found: dict[DecidingRole, Decider] = {}
        for role, decides in given.items():
            if role not in ROLES:
                raise InputError(f"policy {role!r}", "is no role", did_you_mean(str(role), ROLES))
            found[role] = _one(role, decides, name, dojo)
        return found
    if inspect.isclass(given):
        with or_input_error(name, "cannot be made without arguments", FIX):
            given = given()
    deciders = deciders_of(given, name, foreign=True)
    if not deciders and callable(given):
        if _needed(given):
            return {"planner": Decider(name, given, foreign=True)}
        with or_input_error(name, "failed to make a policy", FIX):
            made = given()
        if made is not None and not inspect.isfunction(made):
            return _deciders(made, name, dojo)
    if not deciders:
        raise InputError(name, "decides for no role", FIX)
    return deciders


def _one(role: DecidingRole, decides: object, name: str, dojo: Dojo) -> Decider:
    """Who decides for one role: a name, an object with the role's method, or a function in its place."""
    if isinstance(decides, str):
        return _decider_of(role, check_policy(decides), dojo)
    method = getattr(decides, METHODS[role], None)
    if callable(method):
        return Decider(name, method, foreign=True)
    if callable(decides):
        return Decider(name, decides, foreign=True)
    raise InputError(
        f"policy[{role!r}]", "is neither a function nor a name nor an object with its method", FIX
    )


def _decider_of(role: DecidingRole, name: str, dojo: Dojo) -> Decider:
    """One role of a policy by name."""
    kind = kind_of(name)
    if kind == "playbook":
        return Decider(name, getattr(playbook, METHODS[role]))
    if kind == "code":
        policy = _imported(name)
        if inspect.isfunction(policy) and _needed(policy):
            return Decider(name, policy, foreign=True)
        deciders = _deciders(policy, name, dojo)
    else:
        deciders = deciders_of(baseline(name, dojo), name)
    if role not in deciders:
        able = ", ".join(deciders) or "none of the roles"
        raise InputError(
            f"--policy {role}={name}", f"{name} does not decide for the {role}", f"it decides for {able}"
        )
    return deciders[role]


def _needed(function: Any) -> list[str]:
    """Arguments that a call cannot leave out."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ["unknown"]
    empty, variable = (
        inspect.Parameter.empty,
        (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD),
    )
    return [each.name for each in parameters if each.default is empty and each.kind not in variable]


def _imported(name: str) -> object:
    """What ``MODULE:NAME`` or ``FILE.py:NAME`` names; a module is looked for in the working folder first.

    Raises:
        InputError: it cannot be imported, holds no such name, or came by a way that may have no code run.
    """
    if not is_trusted(name):
        fix = f"name it yourself: `ftdojo run` or `ftdojo resume RUN` with --policy {name}"
        raise InputError(
            f"--policy {name}", "names code, which neither a request nor a run's folder may have run", fix
        )
    place, _, attribute = name.rpartition(":")
    with or_input_error(f"--policy {name}", f"{place} cannot be imported", "mend what the message names"):
        try:
            module: Any = _of_file(Path(place)) if place.endswith(".py") else _of_module(place)
        except ImportError as error:
            fix = "run ftdojo in its folder, or write FILE.py:NAME"
            raise InputError(f"--policy {name}", f"{place} cannot be imported ({error})", fix) from error
    found = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            known = [each for each in dir(found) if not each.startswith("_")]
            raise InputError(f"--policy {name}", f"{place} holds no {part}", did_you_mean(part, known))
        found = getattr(found, part)
    return cast(object, found)


def _of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise InputError(str(path), "there is no such file", "check the path")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # a .py file has a loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _of_module(name: str) -> ModuleType:
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)
