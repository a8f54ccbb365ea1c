"""THREATS.md: every line that says something is guarded names the tests that hold it, and they exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "THREATS.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(test_\w+)::(test_\w+)`")
SOURCES = [path for folder in ("graph", "roles", "tools", "memory", "tasks", "ftdojo")
           for path in sorted((ROOT / folder).rglob("*.py"))]  # fmt: skip
IN_THE_SANDBOX = {
    "tools/sandbox/child.py",
    "tools/curation/script_child.py",
    "tasks/tablebench/charts/capture.py",
}
LOADERS = {"from_pretrained", "from_config"}
REMOTE = {"AutoTokenizer", "AutoModelForCausalLM", "AutoConfig", "AutoModel", "AutoProcessor"}


def rows(heading: str) -> list[str]:
    """Lines of the table under a heading, without its two head lines."""
    section = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [line for line in section.splitlines() if line.startswith("|")][2:]


@cache
def names_in(module: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / f"{module}.py").read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@cache
def calls() -> tuple[tuple[str, str, ast.Call], ...]:
    """Every call of the product: where, what is called as it is written, and the call."""
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                found.append((f"{path.relative_to(ROOT)}:{node.lineno}", dotted(node.func), node))
    return tuple(found)


def dotted(node: ast.expr) -> str:
    """A name with its points, ``?`` for what is none; to write out all expressions would take seconds."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def keyword(call: ast.Call, name: str) -> object:
    """The constant that a keyword is given; "absent" without it, None where it is no constant."""
    given = next((each.value for each in call.keywords if each.arg == name), "absent")
    return given.value if isinstance(given, ast.Constant) else "absent" if given == "absent" else None


def test_each_guard_names_a_test_and_each_named_test_exists() -> None:
    guarded = rows("What is guarded")
    assert len(guarded) >= 25
    assert [line for line in guarded if not NAMED.search(line)] == []
    missing = [f"{module}::{name}" for module, name in NAMED.findall(TEXT) if name not in names_in(module)]
    assert missing == []


def test_who_is_trusted_and_what_is_not_guarded_is_said() -> None:
    assert len(rows("Who is trusted")) >= 6
    assert len(rows("What is not guarded")) >= 10


def test_no_pickle_is_read_but_as_tensors_alone() -> None:
    """``torch.load`` says so each time, and nobody unpickles otherwise."""
    loads = {where: keyword(call, "weights_only") for where, called, call in calls()
             if called == "torch.load"}  # fmt: skip
    assert loads and set(loads.values()) == {True}, loads
    readers = (
        "pickle.load",
        "pickle.loads",
        "pickle.Unpickler",
        "joblib.load",
        "dill.load",
        "numpy.load",
        "np.load",
    )
    assert [where for where, called, _ in calls() if called in readers] == []


def test_code_beside_a_model_is_never_run() -> None:
    given = {where: keyword(call, "trust_remote_code") for where, _, call in calls()}
    assert [where for where, value in given.items() if value not in ("absent", False)] == []
    silent = [
        where
        for where, called, call in calls()
        if called.rpartition(".")[2] in LOADERS
        and called.rpartition(".")[0].rpartition(".")[2] in REMOTE
        and keyword(call, "trust_remote_code") is not False
        and not any(each.arg is None for each in call.keywords)
    ]
    assert silent == []  # left out, transformers asks whoever sits at the terminal


@pytest.mark.parametrize("name", ["eval", "exec"])
def test_text_is_made_code_in_the_sandbox_alone(name: str) -> None:
    found = [where for where, called, _ in calls() if called == name]
    assert {where.partition(":")[0] for where in found} <= IN_THE_SANDBOX
