"""THREATS.md: every line that says something is guarded names the tests that hold it, and they exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "THREATS.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(test_\w+)::(test_\w+)`")
SOURCES = [path for folder in ("graph", "roles", "tools", "memory", "tasks", "ftdojo")
           for path in sorted((ROOT / folder).rglob("*.py"))]  # fmt: skip
LOADERS = {"from_pretrained", "from_config"}
REMOTE = {"AutoTokenizer", "AutoModelForCausalLM", "AutoConfig", "AutoModel", "AutoProcessor"}


def rows(heading: str) -> list[str]:
    """Lines of the table under a heading, without its two head lines."""
    section = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [line for line in section.splitlines() if line.startswith("|")][2:]


@cache
def tests_of(module: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / f"{module}.py").read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def keyword(call: ast.Call, name: str) -> object:
    """The constant that a keyword is given; "absent" without it, None where it is no constant."""
    given = next((each.value for each in call.keywords if each.arg == name), "absent")
    return given.value if isinstance(given, ast.Constant) else "absent" if given == "absent" else None


def test_each_guard_names_a_test_and_each_named_test_exists() -> None:
    guarded = rows("What is guarded")
    assert len(guarded) >= 25
    assert [line for line in guarded if not NAMED.search(line)] == []
    missing = [f"{module}::{name}" for module, name in NAMED.findall(TEXT) if name not in tests_of(module)]
    assert missing == []


def test_who_is_trusted_and_what_is_not_guarded_is_said() -> None:
    assert len(rows("Who is trusted")) >= 6
    assert len(rows("What is not guarded")) >= 10


def test_no_pickle_is_read_but_as_tensors_alone() -> None:
    """``torch.load`` says so each time, and nobody unpickles otherwise."""
    loads = {where: keyword(call, "weights_only") for where, call in calls()
             if ast.unparse(call.func) == "torch.load"}  # fmt: skip
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
    assert [where for where, call in calls() if ast.unparse(call.func) in readers] == []


def test_code_beside_a_model_is_never_run() -> None:
    given = {where: keyword(call, "trust_remote_code") for where, call in calls()}
    assert [where for where, value in given.items() if value not in ("absent", False)] == []
    silent = [
        where
        for where, call in calls()
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in LOADERS
        and ast.unparse(call.func.value).rpartition(".")[2] in REMOTE
        and keyword(call, "trust_remote_code") is not False
        and not any(each.arg is None for each in call.keywords)
    ]
    assert silent == []  # left out, transformers asks whoever sits at the terminal


@pytest.mark.parametrize("name", ["eval", "exec"])
def test_text_is_made_code_in_the_sandbox_alone(name: str) -> None:
    found = [where for where, call in calls() if ast.unparse(call.func) == name]
    assert {where.partition(":")[0] for where in found} <= {
        "tools/sandbox/child.py",
        "tools/curation/script_child.py",
    }
