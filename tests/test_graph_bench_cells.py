"""Cells of the bench: where the run of each lies, what it learns from, and when it is played anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.bench import play as playing
from graph.bench.play import unfinished
from graph.bench.results import Cell
from graph.bench.schedule import cells_of, in_order
from graph.run import resume
from roles import stopping
from tasks.errors import InputError
from tests.support.cheap_run import cheap_task, quick_children


def test_what_is_added_to_a_policy_or_left_out_of_it_has_lessons_of_its_own(tmp_path: Path) -> None:
    """Runs of one memory follow each other; two policies in one memory would learn from each other."""
    policies = ["playbook", "playbook+workers2", "playbook without gates", "playbook without gates&tpe"]
    remembering = [policies[0] + "+memory", policies[0] + "+tree+memory", "playbook+memory+workers2"]
    remembering += ["playbook+memory without gates", "playbook+memory without gates&tpe", "tpe+memory"]
    cells = cells_of(["a", "b"], [*policies, *remembering], [0, 1], 60.0, ["m", "one/m", "other/m"])
    folders = {(cell.policy, cell.base_model): playing.settings_of(cell, tmp_path).memory for cell in cells}
    kept = {who: folder for who, folder in folders.items() if "+memory" in who[0]}
    assert len(set(kept.values())) == len(kept) == 3 * len(remembering)
    assert {folder for who, folder in folders.items() if who not in kept} == {"off"}
    assert sorted({len(queue) for queue in in_order(cells)}) == [1, 4]
    assert folders["playbook+memory", "m"].endswith("/playbook-greedy-m"), "as in earlier versions"


def test_no_two_cells_share_a_folder_and_any_file_system_takes_its_name() -> None:
    long = "mcp:" + "./agent --say 'あ/い' " * 40
    tasks = ["qa", "first/qa", "second/qa", "/home/two/qa", "q a", "q_a"]
    cells = cells_of(tasks, ["base", long, f"{long}2"], [0, 1], 60.0, ["m", "one/m", "other/m"])
    cells += cells_of(["qa"], ["base"], [0], 60.0, ["m"], edition="official")
    folders = [cell.folder for cell in cells]
    assert len(set(folders)) == len(folders)
    assert all(len(name.encode()) < 200 and Path(name).name == name for name in folders)


def test_a_cell_that_was_refused_for_its_budget_is_played_anew_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run has ended, and its clocks have gone on: gone on with, it would be refused for ever."""
    cell = Cell(task=str(cheap_task(tmp_path / "units")), seed=0, policy="base", budget_seconds=600.0)
    settings = playing.settings_of(cell, tmp_path)
    quick_children(monkeypatch, settings.task)
    folder = Path(settings.runs_dir)
    with monkeypatch.context() as patch:
        patch.setattr(stopping, "shortest_seconds", lambda dojo: 1e9)
        with pytest.raises(InputError, match="cannot fit one experiment"):
            playing.play(cell, tmp_path)
    (refused,) = folder.iterdir()
    assert unfinished(folder) is None
    with pytest.raises(InputError, match=r"was refused when it began.*start a new run"):
        resume(refused)
    played = playing.play(cell, tmp_path)
    assert played.champion == "base" and Path(played.journal).parent.name != refused.name
    assert (refused / "journal.jsonl").exists(), "it says why"
