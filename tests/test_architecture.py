"""The rules of the house, kept by machine: imports, sizes, names, headers, and what the README claims."""

from __future__ import annotations

import ast
import functools
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PACKAGES = ("graph", "roles", "tools", "memory", "tasks")
SOURCES = sorted(path for name in ("ftdojo", *PACKAGES) for path in (ROOT / name).rglob("*.py"))
HEAVY = (
    "torch",
    "trl",
    "peft",
    "transformers",
    "datasets",
    "chromadb",
    "rdkit",
    "scipy",
    "sklearn",
    "matplotlib",
    "langgraph",
)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def texts() -> dict[str, str]:
    """Every source by its path."""
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in SOURCES}


def trees() -> Iterator[tuple[str, ast.Module]]:
    for name, text in texts().items():
        yield name, ast.parse(text)


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
    kept = re.search(r"Contracts: (\d+) kept, 0 broken\.", done.stdout)
    assert kept is not None, done.stdout
    assert (
        int(kept[1])
        >= len(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"])
        > 0
    )


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


def test_no_file_is_longer_than_400_lines() -> None:
    """One test: as one for each file, these were an eighth of all items that are handed out."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (*SOURCES, *(ROOT / "tests").glob("*.py"))
    }
    assert len(lengths) > 700
    assert {path: length for path, length in lengths.items() if length > 400} == {}


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
    "tools/chat/probe.py": "whatever a provider's client raises, the user is told and the run begins",
    "tools/process/resident_child.py": "the far side of a process as well, job after job",
    "tools/training/tracking.py": "whatever a tracker's client raises, the training goes on with a remark",
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
    for name, source in texts().items():
        # To write a tree out takes most of this test: only where it can find something.
        if name.startswith("graph/") or not re.search(r"getenv|environ|argv", source):
            continue
        tree = ast.parse(source)
        if "__name__ == '__main__'" in ast.unparse(tree):
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


def packages_in_the_tree() -> list[str]:
    """Every package in the tree of docs/architecture.md, by its path."""
    block = (
        (ROOT / "docs" / "architecture.md")
        .read_text(encoding="utf-8")
        .split("<!-- tree -->")[1]
        .split("```")[1]
    )
    paths: list[str] = []
    above: list[str] = []
    for line in block.strip().splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        above = [*above[:depth], line.split("/")[0].strip()]
        paths.append("/".join(above))
    return paths


def test_the_tree_is_the_disk() -> None:
    on_disk = {str(path.parent.relative_to(ROOT)) for path in SOURCES if path.name == "__init__.py"}
    assert sorted(packages_in_the_tree()) == sorted(on_disk)


PAGES = ("README.md", "AGENTS.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))


@pytest.mark.parametrize("page", PAGES)
def test_every_command_flag_and_link_of_a_page_exists(page: str) -> None:
    from typer.main import get_command

    from graph.cli.app import app

    text = (ROOT / page).read_text(encoding="utf-8")
    commands = get_command(app).commands  # type: ignore[attr-defined]
    named = re.findall(r"\bftdojo ([a-z][a-z-]+)\b([^`\n#]*)", text.replace("summary ---", ""))
    assert {command for command, _ in named} <= set(commands)
    for command, rest in named:
        group = getattr(commands[command], "commands", {})
        below = rest.split()[0] if rest.split() else ""
        parts = [group[below]] if below in group else [commands[command], *group.values()]
        known = {option for part in parts for held in part.params for option in held.opts} | {"--help"}
        assert set(re.findall(r"(?<= )--[a-z-]+", rest)) <= known, (command, rest)
    targets = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    assert set(re.findall(r"(?:`|\$ )make ([a-z-]+)", text)) <= targets
    for module in re.findall(r"python -m ((?:graph|tools|tests)[\w.]*\w)", text):
        path = ROOT / module.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file(), module
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


def test_the_readme_is_a_front_door() -> None:
    """Short, with the two commands that a newcomer needs, and every page of ``docs/`` one link away."""
    assert len(readme().splitlines()) < 200
    assert {"make demo", "ftdojo run", "ftdojo init-task"} <= set(
        re.findall(r"make demo|ftdojo run|ftdojo init-task", readme())
    )
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert pages <= set(re.findall(r"\]\((docs/[^)#]+)", readme()))


def test_the_way_of_an_experiment_is_the_codes() -> None:
    """Each hop of docs/architecture.md names a function, and the file has it."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    hops = re.findall(r"^\| (\d+) \|.*$", text, flags=re.MULTILINE)
    assert hops == [str(number) for number in range(1, len(hops) + 1)]
    assert len(hops) <= 12
    named = re.findall(r"`([\w/]+\.py):([\w.]+)`", text)
    assert len(named) >= len(hops)
    for path, function in named:
        name = function.split(".")[-1]
        defined = rf"^\s*(?:async )?(?:def|class) {name}\b|^{name}\b.* ="
        assert re.search(defined, (ROOT / path).read_text(encoding="utf-8"), flags=re.MULTILINE), (path, name)


def test_the_lock_pins_what_is_asked_for_and_what_ran() -> None:
    lock = dict(
        line.split("==")
        for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    )
    pins = {name.lower().replace("_", "-"): pin for name, pin in lock.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert "==" not in "".join([*project["dependencies"], *sum(extras.values(), [])])  # noqa: RUF017
    # lm-eval brings a score of packages that nothing else needs, and qlora is of use on a GPU alone: both are
    # installed by those who ask for them.
    asked = project["dependencies"] + [
        line for name, extra in extras.items() if name not in ("lm-eval", "qlora") for line in extra
    ]
    for requirement in map(Requirement, asked):
        if requirement.name == "ft-dojo":
            continue
        pin = pins[requirement.name.lower().replace("_", "-")]
        assert requirement.specifier.contains(pin), requirement
        if requirement.name == "ray" and find_spec("ray") is None:
            continue  # 240 MB for a cluster: installed by those who have one
        assert version(requirement.name).split("+")[0] == pin, requirement


def test_studio_finds_the_graph() -> None:
    served = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))["graphs"]
    path, name = served["ftdojo"]["path"].split(":")
    assert (ROOT / path).is_file()
    module = python(
        f"from graph.studio import {name}; from langgraph_sdk.runtime import _ReadRuntime as Read;"
        f"print({name}(Read(access_context='assistants.read', store=None)).name)"
    )
    assert module == "ftdojo\n"


def test_the_example_environment_names_only_what_is_read() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    names = {line.lstrip("# ").split("=")[0] for line in lines if re.match(r"#? ?[A-Z_]+=", line)}
    readers = ("graph/settings.py", "graph/models_file.py", "tools/chat/models.py")
    source = "".join((ROOT / path).read_text(encoding="utf-8") for path in readers)
    assert names == {"FTDOJO_HOME", "OPENAI_API_KEY", "OPENAI_BASE_URL"}
    assert all(f'"{name}"' in source for name in names)
