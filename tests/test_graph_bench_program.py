"""A program in the agent's seat: it is given the door, its time is counted, and what it leaves is ended."""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path

import pytest

from graph.bench import play as playing
from graph.bench import program
from graph.bench.program import play_program
from graph.settings import RunSettings, make_settings
from tasks.errors import HarnessFault, InputError
from tests.support.bench_results import result

DOOR = [sys.executable, str(Path(__file__).parent / "support" / "mcp_door.py")]
AGENT = """
import json, os, subprocess, sys
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
told = {name: os.environ[name] for name in ("FTDOJO_MCP_URL", "FTDOJO_MCP_TOKEN")}
open(sys.argv[1], "w").write(json.dumps(told | {"left": left.pid}))
print("done")
"""


def settings(folder: Path, seconds: float = 60.0) -> RunSettings:
    return make_settings(task="aime25", budget_seconds=seconds, memory="off", runs_dir=str(folder))


def agent(folder: Path, code: str) -> str:
    file = folder / "agent.py"
    file.write_text(code)
    return f"{sys.executable} {file}"


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_a_program_finds_the_door_in_its_environment_and_leaves_nothing_running(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    command = f"{agent(tmp_path, AGENT)} {tmp_path / 'told.json'}"
    play_program(command, settings(runs), None, [*DOOR, str(runs)])
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["FTDOJO_MCP_URL"] == "http://127.0.0.1:9/mcp" and len(told["FTDOJO_MCP_TOKEN"]) > 16
    assert gone(told["left"]) and (runs / "program.log").read_text() == "done\n"
    assert (runs / "a-run" / "summary.json").exists(), "the door was closed in order"


def test_a_program_whose_time_is_up_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "GRACE_SECONDS", 0.0)
    written = tmp_path / "pid"
    code = f"import os, time\nopen({str(written)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    play_program(agent(tmp_path, code), settings(tmp_path, 2.0), None, [*DOOR, str(tmp_path)])
    assert not written.exists() or gone(int(written.read_text()))


def test_a_door_that_does_not_open_and_a_program_that_is_none_are_said(tmp_path: Path) -> None:
    shut = [sys.executable, "-c", "import sys; sys.exit('error: no such task')"]
    with pytest.raises(HarnessFault, match="does not open: error: no such task"):
        play_program("true", settings(tmp_path), None, shut)
    with pytest.raises(InputError, match="cannot be started"):
        play_program("/no/such/agent", settings(tmp_path), None, [*DOOR, str(tmp_path)])


def test_the_door_is_opened_by_the_cells_settings_or_for_a_run_that_was_left(tmp_path: Path) -> None:
    cell = result("aime25", "mcp:./agent --fast", 1.0, seed=3, budget_seconds=90.0).cell
    asked = playing.settings_of(cell, tmp_path)
    new, again = program._door(asked, None), program._door(asked, tmp_path / "a-run")
    assert new[2:4] == ["graph", "mcp"] and "--http" in new
    given = dict(itertools.pairwise(new))
    assert (given["--budget"], given["--seed"], given["--memory"]) == ("90s", "3", "off")
    assert again[-2:] == ["--run", str(tmp_path / "a-run")] and "--task" not in again


def test_a_run_that_its_program_left_is_submitted_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = result("aime25", "mcp:./agent", 1.0).cell
    asked = playing.settings_of(cell, tmp_path)
    run_dir = Path(asked.runs_dir) / "a-run"
    submitted: list[Path] = []

    def leaves(command: str, settings: RunSettings, left: Path | None) -> None:
        assert (command, left) == ("./agent", None)
        run_dir.mkdir(parents=True)
        for name in ("run.json", "journal.jsonl"):
            (run_dir / name).write_text("{}")

    monkeypatch.setattr(playing, "play_program", leaves)
    monkeypatch.setattr(playing, "submit", submitted.append)
    assert playing._by_program(cell, asked, None) == run_dir and submitted == [run_dir]
