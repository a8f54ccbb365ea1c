"""What a command prints cannot steer the terminal, and JSON loses nothing by that."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path

import pytest
from rich.table import Table

from graph.cli.listing import print_runs
from graph.cli.printable import json_text, printable, say, shown, terminal
from graph.session import SETTINGS_FILE
from memory.journal.log import Journal
from tests.support.run_records import run_info

CLI = Path(__file__).parent.parent / "graph" / "cli"
HOSTILE = "a\x1b[31mb\x1b]52;c;Y29weQ==\x07\u202ec\u2066\x9bd\re\x00"


def _is_clean(text: str) -> bool:
    return all(char.isprintable() or char in "\n\t" for char in text)


def test_nothing_that_is_printed_through_a_console_steers_the_terminal(capsys: pytest.CaptureFixture) -> None:
    console = terminal()
    table = Table(HOSTILE)
    table.add_row(HOSTILE)
    console.print(HOSTILE, markup=False)
    console.print(table)
    console.print(f"[bold]{shown(HOSTILE)}[/]")
    say(HOSTILE)
    say(HOSTILE, err=True)
    out, err = capsys.readouterr()
    assert _is_clean(out) and _is_clean(err)
    assert "a" in out and "e" in err


def test_the_consoles_own_colours_stay() -> None:
    console = terminal()
    console.file, console._force_terminal, console._color_system = io.StringIO(), True, 1
    console.print("[red]red[/]")
    assert "\x1b[" in console.file.getvalue()


def test_json_holds_what_cannot_be_printed_by_its_code(capsys: pytest.CaptureFixture) -> None:
    facts = {"text": HOSTILE, "half": "\ud800", "emoji": "👩\u200d🔬", "中": ["é", 1.5, None]}
    assert _is_clean(json_text(facts)) and json.loads(json_text(facts)) == facts
    terminal().print_json(json.dumps(facts))
    out = capsys.readouterr().out
    assert _is_clean(out) and json.loads(out) == facts
    assert "中" in out


def test_no_command_prints_past_it() -> None:
    """Consoles and echoes are made in ``graph.cli.printable`` alone."""
    found = []
    for path in sorted(CLI.glob("*.py")):
        if path.name == "printable.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "Console",
                "typer.echo",
                "typer.secho",
            ):
                found.append(f"{path.name}:{node.lineno}")
    assert found == []


def test_printable_text_is_left_alone() -> None:
    assert printable("Größe 中文 ✓\n\tx") == "Größe 中文 ✓\n\tx"


NAME = "tablebench_numerical_reasoning-s0-20260131-101500-fork-12"


def test_a_runs_name_and_command_can_be_copied_at_80_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    Journal.create(tmp_path / NAME / "journal.jsonl", run_info(run=NAME)).close()
    (tmp_path / NAME / SETTINGS_FILE).write_text("{}")
    print_runs(terminal(), tmp_path, as_json=False)
    out = capsys.readouterr().out
    assert NAME in out.splitlines()
    assert f"ftdojo resume {NAME}" in out


def test_a_run_that_cannot_be_read_is_shown_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / SETTINGS_FILE).write_text("{}")
    print_runs(terminal(), tmp_path, as_json=False)
    assert "broken cannot be read: there is no journal" in capsys.readouterr().out
    print_runs(terminal(), tmp_path, as_json=True)
    assert json.loads(capsys.readouterr().out)[0]["run"] == "broken"
