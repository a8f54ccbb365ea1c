"""Names of policies: what ``--policy`` takes, and what a name says about who decides.

playbook, llm                 the rules; a language model (``--model``)
llm:PROVIDER:MODEL            the same in one word
base, few-shot, all-data, random, tpe, oracle-source[:SOURCE,...]     baselines
ROLE=NAME+ROLE=NAME           some roles by other policies, the rest by the playbook
MODULE:NAME, FILE.py:NAME     a policy of yours, imported in this process
mcp:COMMAND                   a program that plays through the MCP door
object:NAME                   an object that Python handed in; only Python can start or resume such a run
"""

from __future__ import annotations

import re
from typing import Literal

from tasks.errors import InputError, did_you_mean

Kind = Literal["playbook", "llm", "baseline", "composed", "code", "command", "object"]
BASELINES = {
    "base": "trains nothing: what the untouched model scores",
    "few-shot": "trains nothing and shows solved examples before each question",
    "all-data": "one training on every source that can be read, uncleaned",
    "oracle-source": "one training on the sources that are known to be good; marked, for it knows",
    "random": "mixtures of the sources and rates drawn at random",
    "tpe": "the same, drawn by a tree-structured Parzen estimator",
    "silent": "the playbook with an Evaluator and a Diagnostician that say nothing",
}
POLICIES = {
    "playbook": "the rules of the five roles; needs no key",
    "llm": "a language model (--model, --models)",
    **BASELINES,
}
"""What has a name of its own, with a line on it."""
ROLES = ("planner", "data_curator", "training_engineer", "evaluator", "diagnostician")
FORMS = "llm:PROVIDER:MODEL, ROLE=NAME+ROLE=NAME, MODULE:NAME, FILE.py:NAME, mcp:COMMAND"
KNOWING = "oracle-source"
COMMAND, OBJECT, LLM = "mcp:", "object:", "llm:"
_CODE = re.compile(r"(?:[A-Za-z_]\w*(?:\.\w+)*|[^:]+\.py):[A-Za-z_]\w*(?:\.\w+)*")


def kind_of(name: str) -> Kind:
    """What sort of policy a name stands for.

    Raises:
        InputError: none.
    """
    if name == "playbook":
        return "playbook"
    if name == "llm" or name.startswith(LLM):
        return "llm"
    if name in BASELINES or name.startswith(f"{KNOWING}:"):
        return "baseline"
    if name.startswith(COMMAND):
        return "command"
    if name.startswith(OBJECT):
        return "object"
    if "=" in name:
        return "composed"
    if _CODE.fullmatch(name):
        return "code"
    raise InputError(
        f"--policy {name}", "there is no such policy", f"{did_you_mean(name, POLICIES)} (or {FORMS})"
    )


def check_policy(name: str) -> str:
    """The name, where there is such a policy.

    Raises:
        InputError: there is none, or a part of it names none.
    """
    if kind_of(name) == "command" and not name.removeprefix(COMMAND).strip():
        raise InputError(
            f"--policy {name}", "names no program", "write the command behind it: mcp:./agent.py"
        )
    if kind_of(name) == "composed":
        for role, part in parts_of(name).items():
            if kind_of(part) not in ("playbook", "baseline", "code"):
                raise InputError(
                    f"--policy {name}",
                    f"{part} cannot decide for the {role} alone",
                    "take a baseline or MODULE:NAME",
                )
    return name


def parts_of(name: str) -> dict[str, str]:
    """Role -> policy, of a composed name.

    Raises:
        InputError: a role is unknown, comes twice or has no policy.
    """
    found: dict[str, str] = {}
    for part in name.split("+"):
        role, _, policy = part.partition("=")
        if role not in ROLES:
            raise InputError(f"--policy {name}", f"{role!r} is no role", did_you_mean(role, ROLES))
        if role in found or not policy:
            raise InputError(f"--policy {name}", f"name one policy for the {role}", f"e.g. {role}=random")
        found[role] = policy
    return found


def knows(name: str) -> bool:
    """Whether the policy, or a part of it, is told which sources are good."""
    parts = parts_of(name).values() if "=" in name and kind_of(name) == "composed" else [name]
    return any(part.partition(":")[0] == KNOWING for part in parts)


ANY = "*"
_TRUSTED: set[str] = set()


def trust(name: str) -> None:
    """Let a policy's code be imported; ``ANY`` lets that of every name.

    Python and the command line do so for what they are given. A name that comes by another way (a request to
    a server of the graph, a run's folder) has no code run.
    """
    _TRUSTED.update({name, *(parts_of(name).values() if name != ANY and kind_of(name) == "composed" else ())})


def is_trusted(name: str) -> bool:
    """Whether a policy's code may be imported in this process."""
    return bool(_TRUSTED & {name, ANY})
