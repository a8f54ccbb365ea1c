"""The rules of the house, kept by machine: imports, sizes, names, headers, and what the README claims."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PACKAGES = ("graph", "roles", "tools", "memory", "tasks")
SOURCES = [ROOT / "ftdojo.py", *sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))]
HEAVY = (
    "torch",
    "trl",
    "peft",
    "transformers",
    "datasets",
    "chromadb",
    "rdkit",
    "scipy",
    "matplotlib",
    "langgraph",
)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in SOURCES:
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def python(code: str) -> str:
    """What a fresh interpreter in the root prints."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_imports_go_one_way_and_langgraph_is_known_in_graph_alone() -> None:
    code = "from importlinter.cli import lint_imports_command as lint; lint()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert " 0 broken." in done.stdout


def test_the_public_face_and_the_help_load_nothing_heavy() -> None:
    report = f"print(sorted(set(sys.modules) & set({HEAVY!r})))"
    assert python(f"import sys, ftdojo; {report}") == "[]\n"
    shown = python(
        "import sys\nfrom graph.cli.app import main\nsys.argv = ['ftdojo', '--help']\n"
        f"try:\n    main()\nexcept SystemExit:\n    pass\n{report}"
    )
    assert shown.endswith("[]\n")
    assert "resume" in shown


def test_modules_below_graph_load_nothing_heavy_until_they_work() -> None:
    names = [module_of(path) for path in SOURCES if path.relative_to(ROOT).parts[0] in PACKAGES[1:]]
    light = [
        name for name in names if not name.startswith(("tools.recipes", "tools.bench", "tools.pretraining"))
    ]
    code = f"import importlib, sys\nfor name in {light!r}:\n    importlib.import_module(name)\n"
    assert python(f"{code}print(sorted(set(sys.modules) & set({HEAVY!r})))") == "[]\n"


@pytest.mark.parametrize(
    "path", [*SOURCES, *sorted((ROOT / "tests").glob("*.py"))], ids=lambda path: path.name
)
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_every_module_says_what_it_is_for() -> None:
    empty = [name for name, tree in trees() if not ast.get_docstring(tree)]
    assert empty == []


def test_no_drawers() -> None:
    drawers = {"utils", "util", "common", "helpers", "helper", "misc"}
    assert [path.name for path in SOURCES if path.stem in drawers] == []


CATCH_ALL = {
    "tasks/errors.py": "the boundary itself",
    "memory/experience/store.py": "whatever a damaged index raises, it is rebuilt from the lessons' text",
    "tools/curation/script_child.py": "inside the sandbox: what a role's script raises fails it",
    "tasks/tablebench/charts/capture.py": "inside the sandbox: whatever a model's code raises fails it",
    "roles/llm/decide.py": "whatever a provider's client raises, the rules decide and the journal says so",
    "tools/process/fork_server.py": "the far side of a process: its exception travels to the caller as data",
}
"""Files in which an exception of any kind may end, and why."""


def test_nothing_is_caught_whole_but_at_the_boundary() -> None:
    """``except Exception`` lives in ``tasks.errors.boundary``; wider nets must let the catch go again."""
    swallowing = []
    for name, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = ast.unparse(node.type) if node.type else "everything"
            lets_go = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            if caught in ("Exception", "BaseException", "everything") and not lets_go:
                swallowing.append(name)
    assert set(swallowing) <= set(CATCH_ALL)


def test_the_environment_and_the_command_line_are_read_in_graph_alone() -> None:
    """Modules that are programs of their own (``python -m``) have a command line of their own."""
    readers = []
    for name, tree in trees():
        if name.startswith("graph/") or "__name__ == '__main__'" in ast.unparse(tree):
            continue
        for node in ast.walk(tree):
            text = ast.unparse(node) if isinstance(node, ast.Attribute | ast.Subscript | ast.Call) else ""
            if text.startswith(("os.getenv", "os.environ.get", "os.environ[", "sys.argv")):
                readers.append(f"{name}:{node.lineno} {text}")
    assert readers == []


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX)\b|NotImplementedError")
    assert [path.name for path in SOURCES if later.search(path.read_text(encoding="utf-8"))] == []
    pages = ("README.md", "LOG.md", "CHANGELOG.md", "AGENTS.md")
    assert [name for name in pages if "<!-- FILL" in (ROOT / name).read_text(encoding="utf-8")] == []


def families() -> list[Path]:
    """The modules that define a task: those that make a ``TaskSpec``, apart from a user's own."""
    makers = [
        path for path in sorted((ROOT / "tasks").rglob("*.py")) if "= TaskSpec(" in path.read_text("utf-8")
    ]
    return [path for path in makers if path.parent.name != "custom"]


def test_there_are_task_modules_to_check() -> None:
    assert len(families()) >= 5


@pytest.mark.parametrize("path", families(), ids=lambda path: path.stem)
def test_a_task_opens_with_source_licence_metric_example_and_pitfall(path: Path) -> None:
    header = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    places = [header.find(f"\n{word}: ") for word in ("Source", "Licence", "Metric", "Example", "Pitfall")]
    assert -1 not in places
    assert places == sorted(places)


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def packages_in_the_readme() -> list[str]:
    """Every package in the README's tree, by its path."""
    block = readme().split("<!-- tree -->")[1].split("```")[1]
    paths: list[str] = []
    above: list[str] = []
    for line in block.strip().splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        above = [*above[:depth], line.split("/")[0].strip()]
        paths.append("/".join(above))
    return paths


def test_the_readmes_tree_is_the_disk() -> None:
    on_disk = {str(path.parent.relative_to(ROOT)) for path in SOURCES if path.name == "__init__.py"}
    assert sorted(packages_in_the_readme()) == sorted(on_disk)


def test_every_command_that_the_readme_names_exists() -> None:
    from graph.cli.app import app

    commands = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    named = set(re.findall(r"\bftdojo ([a-z][a-z-]+)\b", readme().replace("summary ---", "")))
    assert {"run", "resume", "report"} <= named <= commands
    targets = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    assert {"demo", "test"} <= set(re.findall(r"(?:`|\$ )make ([a-z-]+)", readme())) <= targets


def test_the_lock_pins_what_is_asked_for_and_what_ran() -> None:
    lock = dict(
        line.split("==")
        for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    )
    pins = {name.lower().replace("_", "-"): pin for name, pin in lock.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    # lm-eval brings a score of packages that nothing else needs: it is installed by those who ask for it.
    asked = project["dependencies"] + [
        line for name, extra in extras.items() if name != "lm-eval" for line in extra
    ]
    for requirement in map(Requirement, asked):
        if requirement.name == "ft-dojo":
            continue
        pin = pins[requirement.name.lower().replace("_", "-")]
        assert requirement.specifier.contains(pin), requirement
        assert version(requirement.name).split("+")[0] == pin, requirement


def test_studio_finds_the_graph() -> None:
    served = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))["graphs"]
    path, name = served["ftdojo"]["path"].split(":")
    assert (ROOT / path).is_file()
    module = python(f"from graph.studio import {name}; print({name}.name)")
    assert module == "ftdojo\n"


def test_the_example_environment_names_only_what_is_read() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    names = {line.lstrip("# ").split("=")[0] for line in lines if re.match(r"#? ?[A-Z_]+=", line)}
    readers = ("graph/settings.py", "graph/models_file.py", "tools/chat/models.py")
    source = "".join((ROOT / path).read_text(encoding="utf-8") for path in readers)
    assert names == {"FTDOJO_HOME", "OPENAI_API_KEY", "OPENAI_BASE_URL"}
    assert all(f'"{name}"' in source for name in names)
