"""Structure of the project, measured: ``python -m tests.bench.structure [--rev COMMIT] [--repeats]``.

For each top folder:

* rooms: its direct children, modules and packages;
* floors: the longest chain of imports between its rooms, where a ring of rooms is one floor;
* circles: groups of modules that import each other in a ring (wanted: 0), and rings of rooms, which can
  exist without one of modules;
* lines, files, and the longest file.

Then the runs of six lines or more that stand in two places of the product word for word (blank lines,
imports and docstrings apart), and the lines of the tests. ``--rev`` measures another commit, taken from git
into a temporary folder, so that before and after can be held side by side.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import grimp
import typer

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("graph", "roles", "tools", "memory", "tasks")
RUN = 6
"""Lines from which a repetition counts."""

Edges = Mapping[str, set[str]]


@dataclass(frozen=True)
class Folder:
    """What was measured of one top folder."""

    name: str
    rooms: int
    floors: int
    circles: int
    room_circles: int
    files: int
    lines: int
    longest: str
    longest_lines: int


@dataclass(frozen=True)
class Repeat:
    """The same lines in two places."""

    first: str
    second: str
    lines: int


def rings(edges: Edges) -> list[set[str]]:
    """Groups of two or more that reach each other (strongly connected components, after Tarjan 1972)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in sorted(edges.get(node, ())):
            if other not in number:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == number[node]:
            at = stack.index(node)
            group = set(stack[at:])
            del stack[at:]
            if len(group) > 1:
                found.append(group)

    for node in sorted(edges):
        if node not in number:
            visit(node)
    return found


def floors(edges: Edges) -> int:
    """Nodes on the longest chain of edges; a ring stands on one floor."""
    home = {node: node for node in edges}
    for group in rings(edges):
        home.update(dict.fromkeys(group, min(group)))
    merged: dict[str, set[str]] = defaultdict(set)
    for node, others in edges.items():
        merged[home[node]] |= {home[other] for other in others} - {home[node]}
    height: dict[str, int] = {}

    def of(node: str) -> int:
        if node not in height:
            height[node] = 1 + max((of(other) for other in merged[node]), default=0)
        return height[node]

    return max((of(node) for node in list(merged)), default=0)


def measured(root: Path) -> list[Folder]:
    """Every top folder of a checkout, from its imports and its files."""
    sys.path.insert(0, str(root))
    try:
        imports = grimp.build_graph(*FOLDERS, include_external_packages=False, cache_dir=None)
    finally:
        sys.path.remove(str(root))
    return [_folder(root, name, imports) for name in FOLDERS]


def _folder(root: Path, name: str, imports: grimp.ImportGraph) -> Folder:
    modules = sorted(module for module in imports.modules if module.startswith(f"{name}."))
    inside = {
        module: {
            other
            for other in imports.find_modules_directly_imported_by(module)
            if other.startswith(name + ".")
        }
        for module in modules
    }
    rooms: dict[str, set[str]] = {_room(module): set() for module in modules}
    for module, others in inside.items():
        rooms[_room(module)] |= {_room(other) for other in others} - {_room(module)}
    counts = {path: _lines(path) for path in sorted((root / name).rglob("*.py"))}
    longest = max(counts, key=lambda path: counts[path])
    return Folder(
        name,
        len([room for room in rooms if not room.endswith(".__main__")]),
        floors(rooms),
        len(rings(inside)),
        len(rings(rooms)),
        len(counts),
        sum(counts.values()),
        str(longest.relative_to(root)),
        counts[longest],
    )


def _room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def repeats(files: Iterable[Path], root: Path) -> list[Repeat]:
    """Runs of ``RUN`` lines or more that stand in two places, longest first; overlapping ones are one."""
    code = {str(path.relative_to(root)): _code_lines(path) for path in sorted(files)}
    places: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for name, lines in code.items():
        for at in range(len(lines) - RUN + 1):
            places[tuple(text for _, text in lines[at : at + RUN])].append((name, at))
    pairs = {
        (one, two)
        for found in places.values()
        for number, one in enumerate(found)
        for two in found[number + 1 :]
    }
    starts = [(one, two) for one, two in pairs if ((one[0], one[1] - 1), (two[0], two[1] - 1)) not in pairs]
    return sorted(
        (_run(one, two, pairs, code) for one, two in starts), key=lambda run: (-run.lines, run.first)
    )


def _run(
    one: tuple[str, int],
    two: tuple[str, int],
    pairs: set[tuple[tuple[str, int], tuple[str, int]]],
    code: Mapping[str, list[tuple[int, str]]],
) -> Repeat:
    more = 0
    while ((one[0], one[1] + more + 1), (two[0], two[1] + more + 1)) in pairs:
        more += 1
    first, second = (f"{name}:{code[name][at][0]}" for name, at in (one, two))
    return Repeat(first, second, RUN + more)


def _code_lines(path: Path) -> list[tuple[int, str]]:
    """Number and text of the lines that say something: no blank line, comment, import or docstring."""
    text = path.read_text(encoding="utf-8")
    left_out: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            left_out |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    numbered = enumerate((line.strip() for line in text.splitlines()), 1)
    return [(at, line) for at, line in numbered if line and line[0] != "#" and at not in left_out]


def page(root: Path, title: str, show_repeats: bool) -> str:
    """The measurements of one checkout as text."""
    folders = measured(root)
    head = f"{'folder':8} {'rooms':>5} {'floors':>6} {'circles':>7} {'of rooms':>8} {'files':>5} {'lines':>6}"
    lines = [f"# {title}", f"{head}  longest file"]
    for one in folders:
        figures = f"{one.name:8} {one.rooms:5} {one.floors:6} {one.circles:7} {one.room_circles:8}"
        longest = f"{one.longest} ({one.longest_lines})"
        lines.append(f"{figures} {one.files:5} {one.lines:6}  {longest}")
    face = [*root.glob("ftdojo.py"), *root.glob("ftdojo/*.py")]
    product = [*face, *(path for name in FOLDERS for path in (root / name).rglob("*.py"))]
    same = repeats(product, root)
    tests = sorted((root / "tests").rglob("*.py"))
    flat = [path for path in tests if path.name.startswith("test_")]
    lines += [
        f"ftdojo {sum(map(_lines, face))} lines",
        f"product {sum(map(_lines, product))} lines in {len(product)} files",
        f"tests {sum(map(_lines, tests))} lines in {len(tests)} files, {len(flat)} of them tests",
        f"circles {sum(one.circles for one in folders)}, of rooms {sum(one.room_circles for one in folders)}",
        f"runs of {RUN} lines or more that stand twice: {len(same)}, {sum(one.lines for one in same)} lines",
    ]
    for one in same[: None if show_repeats else 0]:
        lines.append(f"  {one.lines:3} lines  {one.first}  =  {one.second}")
    return "\n".join(lines)


def at_revision(revision: str, folder: Path) -> Path:
    """The tree of a commit, unpacked into a folder."""
    done = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise typer.BadParameter(done.stderr.decode().strip(), param_hint="--rev")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def main(
    rev: Annotated[list[str] | None, typer.Option(help="Measure this commit first; may be repeated.")] = None,
    repeated: Annotated[bool, typer.Option("--repeats", help="Also list the repeated runs.")] = False,
) -> None:
    """Print the structure of the checkout, and of other commits before it."""
    for revision in rev or ():
        with tempfile.TemporaryDirectory() as folder:
            typer.echo(page(at_revision(revision, Path(folder)), revision, repeated) + "\n")
    typer.echo(page(ROOT, "this checkout", repeated))


if __name__ == "__main__":
    typer.run(main)
