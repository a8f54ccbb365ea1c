"""The structure bench: floors, rings and repeated lines of made-up code, and of this checkout."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from tests.bench.structure import FOLDERS, floors, measured, page, repeats, rings

TWICE = (
    "def total(rows):\n    a = 1\n    b = 2\n    c = 3\n\n    # why\n    d = 4\n    return a + b + c + d\n"
)


def test_a_chain_has_as_many_floors_as_links():
    assert floors({"a": {"b"}, "b": {"c"}, "c": set(), "d": {"c"}}) == 3
    assert floors({"a": set(), "b": set()}) == 1


def test_a_ring_is_found_and_stands_on_one_floor():
    edges = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}
    assert rings(edges) == [{"b", "c"}]
    assert floors(edges) == 3
    assert rings({"a": {"b"}, "b": set()}) == []


def test_the_same_lines_in_two_files_are_one_run(tmp_path: Path):
    (tmp_path / "one.py").write_text('"""One."""\nimport os\n' + TWICE, encoding="utf-8")
    (tmp_path / "two.py").write_text('"""Two."""\n\n\n' + TWICE + "x = 1\n", encoding="utf-8")
    (found,) = repeats(tmp_path.glob("*.py"), tmp_path)
    assert (found.first, found.second, found.lines) == ("one.py:3", "two.py:4", 6)


def test_five_lines_imports_and_docstrings_are_no_repetition(tmp_path: Path):
    text = '"""A\nlong\ndocstring\nof\nsix\nlines\n"""\n' + "".join(f"import m{n}\n" for n in range(9))
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(text + "a = 1\nb = 2\nc = 3\nd = 4\ne = 5\n", encoding="utf-8")
    assert repeats(tmp_path.glob("*.py"), tmp_path) == []


def test_the_checkout_is_measured(root: Path):
    folders = {one.name: one for one in measured(root)}
    assert tuple(folders) == FOLDERS
    for one in folders.values():
        assert 1 < one.floors <= one.rooms <= one.files
        assert 0 < one.longest_lines <= 400
        assert (root / one.longest).is_file()
    assert "circles" in page(root, "here", False)


def test_an_unknown_commit_is_refused():
    import typer

    from tests.bench import structure

    app = typer.Typer()
    app.command()(structure.main)
    done = CliRunner().invoke(app, ["--rev", "no-such-commit"])
    assert done.exit_code == 2
