"""Playing a bench: kills, refusals, lanes, studies, the check of a results file, and the commands."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import GenericAlias
from typing import Any

import pytest
from typer.testing import CliRunner

from graph.bench import lanes, schedule, studies
from graph.bench import play as playing
from graph.bench.ablations import failing_share
from graph.bench.play import unfinished
from graph.bench.results import Cell, Result, append, read
from graph.bench.schedule import Bench, cells_of, in_order
from graph.bench.verify import verify
from graph.cli.app import app
from memory.journal.log import Journal
from tasks.errors import HarnessFault, InputError, MachineFault
from tests.support.bench_results import result
from tests.support.run_folder import make_run


def field(task: str, seed: int = 0) -> list[Result]:
    """Five policies on a task, best last but one; the oracle is marked."""
    values = {"base": 10.0, "all-data": 20.0, "random": 40.0, "playbook": 60.0, "oracle-source": 70.0}
    return [result(task, policy, value + len(task) % 3, 10.0, seed) for policy, value in values.items()]


# -- checks ------------------------------------------------------------------------------------


def written(folder: Path, runs: Sequence[Result]) -> Path:
    file = folder / "results.jsonl"
    for run in runs:
        append(file, run)
    return file


def test_a_sound_file_passes(tmp_path: Path) -> None:
    found = verify(written(tmp_path, field("aime25")))
    assert found.sound and found.lines == 5
    with pytest.raises(InputError, match="no such file"):
        verify(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([result("aime25", "tpe", 40.0)] * 2, "2 lines; the last counts"),
        ([result("aime25", "tpe", 40.0, seconds=400.0)], "took 400 s of a budget of 300 s"),
        ([result("aime25", "oracle-source", 40.0, knows=False)], "is said wrongly"),
        ([result("aime25", "tpe", 40.0, champion="base")], "claims the base, with another score"),
        ([result("aime25", "tpe", 40.0, lessons=7)], "its memory was on, against its name"),
        (
            [result("aime25", "tpe", 40.0), result("aime25", "base", 10.0, budget_seconds=60.0, seconds=9.0)],
            "budgets differ",
        ),
        (
            [result("aime25", "tpe", 40.0), result("aime25", "base", 10.0, machine="another")],
            "machines differ",
        ),
        (
            [result("aime25", "tpe", 40.0), result("aime25", "base", 10.0, test_digest="x")],
            "2 different test sets",
        ),
        (
            [
                result("aime25", "tpe", 40.0, journal_digest="abc"),
                result("tables", "tpe", 40.0, journal_digest="abc"),
            ],
            "one journal",
        ),
    ],
)
def test_what_may_not_stand_in_one_table_is_named(tmp_path: Path, runs: list[Result], said: str) -> None:
    assert any(said in problem for problem in verify(written(tmp_path, runs)).problems)


def test_a_line_is_held_against_the_journal_that_lies_beside(tmp_path: Path) -> None:
    from graph.bench.play import result_of

    cell = result("tablebench_numerical_reasoning", "playbook", 1.0).cell
    journal = make_run(tmp_path / "runs")
    honest = result_of(cell, Journal.open(journal.path, write=False), tmp_path)
    file = written(tmp_path, [honest])
    told = verify(file)
    assert told.sound and told.journals == 1, told.problems
    file.unlink()
    better = honest.model_copy(
        update={"score": honest.score.model_copy(update={"value": 99.0, "high": 99.9})}
    )
    assert any(
        "score not as its journal says" in each for each in verify(written(tmp_path, [better])).problems
    )
    journal.path.write_bytes(journal.path.read_bytes() + b"\n")
    assert any("has changed since" in each for each in verify(file).problems)


# -- playing -----------------------------------------------------------------------------------


def test_a_bench_that_is_killed_goes_on_and_a_run_that_fails_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[str] = []

    def play(cell: Cell, out: Path) -> Result:
        played.append(cell.policy)
        if cell.policy == "tpe" and played.count("tpe") == 1:
            raise HarnessFault("no space")
        if cell.policy == "playbook" and played.count("playbook") == 1:
            raise KeyboardInterrupt
        return result(cell.task, cell.policy, 40.0, budget_seconds=60.0)

    monkeypatch.setattr(schedule, "play", play)
    cells = cells_of(["aime25"], ["base", "tpe", "playbook", "random"], [0], 60.0, ["ftdojo-mini"])
    said: list[str] = []
    bench = Bench(cells, tmp_path, say=said.append)
    with pytest.raises(KeyboardInterrupt):
        bench.play()
    assert [run.cell.policy for run in read(bench.results_file)] == ["base"]
    assert any("not played (no space)" in line for line in said)
    assert [run.cell.policy for run in bench.play()] == ["base", "tpe", "playbook", "random"]
    assert played == ["base", "tpe", "playbook", "tpe", "playbook", "random"]
    assert bench.play() and len(played) == 6


def test_what_cannot_be_played_is_refused_before_the_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "play", lambda cell, out: pytest.fail("played"))
    for policy, said in (
        ("tpee", "no such policy"),
        ("tpe without brakes", "no part"),
        ("no_such_module_of_mine:policy", "cannot be imported"),
    ):
        cells = cells_of(["aime25"], ["base", policy], [0], 60.0, ["ftdojo-mini"])
        with pytest.raises(InputError, match=said):
            Bench(cells, tmp_path).play()


def test_an_unfinished_run_is_found_and_a_folder_without_a_journal_cleared(tmp_path: Path) -> None:
    assert unfinished(tmp_path) is None
    cut = tmp_path / "a-run"
    cut.mkdir()
    (cut / "run.json").write_text("{}")
    assert unfinished(tmp_path) is None and not cut.exists()
    for name, ended in (("b-run", True), ("c-run", False)):
        (tmp_path / name).mkdir()
        for file in ("run.json", "journal.jsonl", *(("summary.json",) if ended else ())):
            (tmp_path / name / file).write_text("{}")
    assert unfinished(tmp_path) == tmp_path / "c-run"


def test_runs_that_share_a_memory_follow_each_other() -> None:
    cells = cells_of(["a", "b"], ["playbook+memory", "tpe"], [0], 60.0, ["m"])
    assert sorted(len(queue) for queue in in_order(cells)) == [1, 1, 2]


# -- lanes -------------------------------------------------------------------------------------


def test_lanes_share_no_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3, 6})
    assert lanes.lanes(2) == ((0, 1), (2, 3))
    with pytest.raises(InputError, match="5 cores here"):
        lanes.lanes(6)


def test_interference_is_the_worst_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "_loop", lambda places: [1.0] if len(places) == 1 else [1.1, 1.4])
    assert lanes.interference([(0,), (1,)]) == 1.4


def test_a_lanes_process_tells_its_error_in_one_line_and_the_others_go_on(tmp_path: Path) -> None:
    """A real process, which finds no such task; nothing is loaded for it."""
    cells = [result(str(tmp_path / name), "base", 1.0).cell for name in ("nowhere", "elsewhere")]
    told: list[tuple[str, str]] = []
    place = (min(os.sched_getaffinity(0)),)
    lanes.play_all(
        [[cell] for cell in cells],
        tmp_path,
        [place],
        lambda *done: pytest.fail("played"),
        lambda cell, line: told.append((cell.task, line)),
    )
    assert [task for task, _ in told] == [cell.task for cell in cells]
    assert all("there is no such file or folder" in line and "\n" not in line for _, line in told)


def test_a_result_that_cannot_be_written_stops_every_lane(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[Cell] = []

    def child(cell: Cell, out: Path, place: lanes.Cores, running: Any) -> Result:
        played.append(cell)
        return result(cell.task, cell.policy, 40.0)

    monkeypatch.setattr(lanes, "_child", child)
    monkeypatch.setattr(schedule, "interference", lambda places: 1.0)
    monkeypatch.setattr(
        schedule, "append", lambda file, told: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    cells = cells_of(["aime25"], ["base", "tpe", "random", "playbook"], [0], 300.0, ["ftdojo-mini"])
    with pytest.raises(HarnessFault, match="disk is full"):
        Bench(cells, tmp_path, parallel=2, say=lambda line: None).play()
    assert len(played) <= 2


def test_a_fault_of_the_machine_stops_every_lane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child tells of a full disk, as a lane's process writes it: the next run would meet it as well."""
    line = json.dumps({"error": "the disk is full", "machine": True})
    played: list[str] = []

    class Child:
        __class_getitem__ = classmethod(GenericAlias)
        returncode = 1

        def __init__(self, command: list[str], **how: Any) -> None:
            played.append(command[-1])

        def communicate(self) -> tuple[str, None]:
            return f"{line}\n", None

        def terminate(self) -> None:
            """It has ended."""

    monkeypatch.setattr(lanes.subprocess, "Popen", Child)
    cells = cells_of(["aime25"], ["base", "tpe", "random", "playbook"], [0], 300.0, ["ftdojo-mini"])
    given = ([[cell] for cell in cells], tmp_path, [(0,)])
    with pytest.raises(MachineFault, match="the disk is full"):
        lanes.play_all(*given, lambda *done: None, lambda *failed: None)
    assert len(played) == 1


# -- studies -----------------------------------------------------------------------------------


def asked(**changes: Any) -> studies.Asked:
    usual = {
        "tasks": ["aime25"],
        "seeds": [0, 1],
        "budget_seconds": 300.0,
        "base_models": ["m", "n"],
        "max_rows": 2000,
    }
    return studies.Asked(**usual | changes)


def test_each_study_varies_one_thing() -> None:
    varied = {"backbones": "base_model", "data": "max_rows", "budget": "budget_seconds"}
    for name, about in studies.STUDIES.items():
        points = about.points(asked())
        fields = {
            key
            for key in ("base_model", "max_rows", "budget_seconds")
            if len({getattr(p.cell, key) for p in points}) > 1
        }
        assert fields == ({varied[name]} if name in varied else set()), name
        assert len({(p.tick, p.line, p.cell) for p in points}) == len(points)
    memory = studies.study("memory").points(asked(tasks=["a", "b"]))
    assert [(p.tick, p.cell.seed, p.cell.task) for p in memory if p.cell.remembers][:3] == [
        ("run 1", 0, "a"),
        ("run 2", 0, "b"),
        ("run 3", 1, "a"),
    ]
    with pytest.raises(InputError, match="did you mean recovery"):
        studies.study("recover")


def test_a_study_tells_its_means_and_draws_them(tmp_path: Path) -> None:
    points = studies.study("recovery").points(asked())
    runs = [
        result(
            "aime25", p.cell.policy, 60.0 - 50 * float(p.tick.rstrip("%")) / 100, seed=p.cell.seed
        ).model_copy(update={"cell": p.cell})
        for p in points
        if p.line == "playbook"
    ]
    text, files = studies.write("recovery", points, runs, tmp_path)
    assert "| playbook | 60.0" in text and "| random |" not in text and "6 of 12 runs" in text
    assert [file.name for file in files] == ["study-recovery.md", "study-recovery.svg"]
    assert files[1].read_text().startswith("<svg ") and "trainings that fail" in files[1].read_text()


def test_a_cell_whose_trainings_fail_has_them_injected_and_is_begun_anew_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = [failing_share(part) for part in ("trainings:0.3", "trainings:2", "trainings:x", "gates")]
    assert shares == [0.3, None, None, None]
    cell = result("aime25", "tpe without trainings:0.4", 40.0).cell
    cut_off = Path(playing.settings_of(cell, tmp_path).runs_dir) / "cut-off"
    cut_off.mkdir(parents=True)
    for name in ("run.json", "journal.jsonl"):
        (cut_off / name).write_text("{}")

    def run(settings: Any, on_event: Any, without: Any, opened: Any) -> dict[str, str]:
        assert without == ("trainings:0.4",) and opened is not None and not cut_off.exists()
        raise HarnessFault("far enough")

    monkeypatch.setattr(playing, "run", run)
    with pytest.raises(HarnessFault, match="far enough"):
        playing.play(cell, tmp_path)


# -- commands ----------------------------------------------------------------------------------


def test_the_commands_print_check_and_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, field("aime25"))
    runner = CliRunner()
    arguments = ["bench", "--tasks", "aime25", "--out", str(tmp_path), "--table-only"]
    shown = runner.invoke(
        app, [*arguments, "--page", str(tmp_path / "docs" / "board.html"), "--write", str(tmp_path / "t.md")]
    )
    assert shown.exit_code == 0, shown.output
    assert "| aime25 | playbook | 60.0" in shown.output
    assert (
        "<svg" in (tmp_path / "docs" / "board.html").read_text()
        and "playbook" in (tmp_path / "t.md").read_text()
    )
    checked = runner.invoke(app, ["bench", "verify", str(tmp_path / "results.jsonl")])
    assert checked.exit_code == 0 and "5 lines, 0 journals read again: sound" in checked.output
    append(tmp_path / "results.jsonl", result("aime25", "tpe", 40.0, seconds=999.0))
    assert runner.invoke(app, ["bench", "verify", str(tmp_path / "results.jsonl")]).exit_code == 2
    made = runner.invoke(
        app, ["bench", "study", "roles", "--tasks", "aime25", "--out", str(tmp_path), "--table-only"]
    )
    assert made.exit_code == 0 and "whole" in made.output and (tmp_path / "study-roles.svg").exists()


def test_a_program_behind_the_door_may_have_commas_in_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from graph.cli.bench import _policies

    assert _policies(["base,tpe", "mcp:./agent a,b", "tpe"]) == ["base", "tpe", "mcp:./agent a,b"]


def test_the_bench_and_its_studies_share_their_options_word_for_word() -> None:
    from typer.main import get_command

    group = get_command(app).commands["bench"]  # type: ignore[attr-defined]
    study = {option.name: option for option in group.commands["study"].params}
    shared = {option.name: option for option in group.params if option.name in study}
    assert {"tasks", "policies", "seeds", "budget", "out", "parallel", "table_only"} <= set(shared)
    for name, option in shared.items():
        assert (option.opts, option.help) == (study[name].opts, study[name].help), name
        assert (option.default == study[name].default) == (name != "tasks"), name
