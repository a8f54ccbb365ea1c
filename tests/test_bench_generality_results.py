"""The generality suite's halves, its record of openings, and what is made of its results."""

from __future__ import annotations

import functools
import json
from typing import NamedTuple

import pytest

from tasks.errors import ExperimentFailed, InputError
from tests.bench.generality import __main__ as command
from tests.bench.generality import held_out
from tests.bench.generality.draw import draw_folder
from tests.bench.generality.faults import FAULTS
from tests.bench.generality.held_out import HELD_OUT_FAULTS, HELD_OUT_TASKS, openings, record_opening
from tests.bench.generality.kinds import KINDS
from tests.bench.generality.results import Cell, append, cell_of, grouped, mean_share, table
from tests.bench.generality.suite import FIXED, FOLDERS, VARIANTS, chosen
from tools.report.facts import read_rows

CELL = Cell("dates", 0, "agent", budget="4m")


class Drawn(NamedTuple):
    name: str
    fault: str
    traits: tuple[str, ...]
    rows: int


def row(part: str, value: float, folder: str = "dates", seed: int = 0, **more: object):
    interval = {"low": value - 4.0, "high": value + 4.0}
    return {"folder": folder, "seed": seed, "part": part, "base_value": 0.0, "value": value} | interval | more


def test_half_of_the_tasks_are_held_out_and_the_fixed_folders_are_not():
    counted = set(FOLDERS) - set(VARIANTS)
    assert len(counted) >= 10
    assert set(KINDS) >= HELD_OUT_TASKS
    assert len(counted) == 2 * len(HELD_OUT_TASKS)
    assert not HELD_OUT_TASKS & set(FIXED)
    assert sorted(chosen("all")) == sorted([*chosen("open"), *chosen("held-out")])
    assert set(chosen("held-out")) == HELD_OUT_TASKS


@functools.cache
def drawn(name: str, seed: int) -> tuple[Drawn, ...]:
    """The sources of a folder, without their rows: drawing them is the slow part."""
    sources = draw_folder(KINDS[name], seed).sources
    return tuple(Drawn(each.name, each.fault, tuple(each.traits), len(each.rows)) for each in sources)


@pytest.mark.parametrize("name", KINDS)
def test_open_folders_have_open_faults_and_every_faulty_source_of_the_others_a_held_out_one(name):
    for seed in range(6):
        for source in drawn(name, seed):
            found = HELD_OUT_FAULTS & set(source.traits)
            if name not in HELD_OUT_TASKS:
                assert not found
            elif source.fault:
                assert found


@pytest.mark.parametrize("name", KINDS)
def test_no_combination_of_faults_leaves_a_source_without_rows_to_judge(name):
    for seed in range(12):
        for source in drawn(name, seed):
            assert source.rows >= 30, (seed, source.name, source.traits)


@pytest.mark.slow
def test_every_fault_comes_up_within_a_few_seeds():
    drawn = {
        trait
        for kind in KINDS.values()
        for seed in range(12)
        for source in draw_folder(kind, seed).sources
        for trait in source.traits
    }
    assert drawn == set(FAULTS)


def test_an_unknown_folder_is_refused_with_what_there_is():
    with pytest.raises(InputError, match=r"no such folder.*orders"):
        chosen("order")


def test_an_opening_is_one_more_line_and_open_folders_are_none(tmp_path):
    file = tmp_path / "openings.jsonl"
    assert not record_opening(["dates", "orders"], [0], ["agent"], file)
    assert not file.exists()
    assert record_opening(["dates", "phones", "polite"], [1, 0], ["agent"], file)
    before = file.read_text(encoding="utf-8")
    assert record_opening(["phones"], [2], ["oracle"], file)
    assert file.read_text(encoding="utf-8").startswith(before)
    first, second = openings(file)
    assert first["tasks"] == ["phones", "polite"]
    assert first["seeds"] == [0, 1]
    assert first["date"]
    assert first["commit"]
    assert second["parts"] == ["oracle"]


def test_the_record_in_the_repository_can_be_read():
    assert all({"date", "commit", "tasks", "seeds", "parts"} <= set(line) for line in openings())


def test_writing_or_running_the_held_out_half_enters_it(tmp_path, monkeypatch):
    file = tmp_path / "openings.jsonl"
    monkeypatch.setattr(held_out, "OPENINGS", file)
    ran = []
    monkeypatch.setattr(command, "_run", lambda cell, out, seconds: ran.append(cell))
    command.main(tmp_path / "out", only="orders,phones", parts="agent,oracle", seeds="0,1")
    assert len(ran) == 8
    command.main(tmp_path / "out", only="phones", parts="agent", seeds="0", write_only=True)
    command.main(tmp_path / "out", only="orders", parts="agent", seeds="0")
    assert [line["parts"] for line in openings(file)] == [["agent", "oracle"], ["written"]]


def test_what_was_run_is_not_run_again_and_another_model_or_ablation_is(tmp_path, monkeypatch):
    monkeypatch.setattr(held_out, "OPENINGS", tmp_path / "openings.jsonl")
    append(tmp_path / "results.jsonl", CELL, row("agent", 50.0, score="50.0"))
    ran: list[Cell] = []
    monkeypatch.setattr(command, "_run", lambda cell, out, seconds: ran.append(cell))
    command.main(tmp_path, only="dates", parts="agent", seeds="0")
    command.main(tmp_path, only="dates", parts="all_data,agent", seeds="0", base_model="smollm2-135m")
    command.main(tmp_path, only="dates", parts="all_data,agent", seeds="0", without="repair,tpe")
    assert [(cell.label, cell.base_model) for cell in ran] == [
        ("all_data", "smollm2-135m"),
        ("agent", "smollm2-135m"),
        ("all_data", "ftdojo-mini"),
        ("agent without repair", "ftdojo-mini"),
        ("agent without tpe", "ftdojo-mini"),
    ]


def test_the_agent_runs_without_the_part_that_a_cell_names(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(command, "by_agent", lambda settings, without: asked.append(without) or {"score": ""})
    made = command.FOLDERS["dates"](0)
    for part in ("repair", ""):
        cell = Cell("dates", 0, "agent", budget="4m", without=part)
        command._result(cell, command.settings_of(cell, tmp_path, tmp_path), made, 1.0)
    assert asked == [("repair",), ()]


def test_settings_that_are_refused_open_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(held_out, "OPENINGS", tmp_path / "openings.jsonl")
    with pytest.raises(InputError):
        command.main(tmp_path / "out", only="phones", parts="agent", seeds="0", budget="soon")
    with pytest.raises(InputError, match="no part that can be left out"):
        command.main(tmp_path / "out", only="phones", parts="agent", seeds="0", without="luck")
    with pytest.raises(InputError, match="no such part"):
        command.main(tmp_path / "out", only="phones", parts="agents", seeds="0")
    assert openings(tmp_path / "openings.jsonl") == []


def test_what_fails_is_told_and_left_for_the_next_call(tmp_path, monkeypatch, capsys):
    def fails(settings, without):
        raise ExperimentFailed("train", "diverged", "the loss is not a number")

    monkeypatch.setattr(command, "by_agent", fails)
    command.main(tmp_path, only="dates", parts="agent", seeds="0")
    assert "dates seed 0 agent: " in capsys.readouterr().err
    assert read_rows(tmp_path / "results.jsonl") == []


def test_a_line_that_was_cut_off_costs_itself_alone(tmp_path):
    file = tmp_path / "results.jsonl"
    append(file, CELL, {"value": 1.0})
    with file.open("a", encoding="utf-8") as out:
        out.write('{"folder": "da')
    append(file, Cell("dates", 1, "agent"), {"value": 2.0})
    assert [line["value"] for line in read_rows(file)] == [1.0, 2.0]
    assert cell_of(read_rows(file)[0]) == CELL


def test_results_of_earlier_versions_are_read():
    assert cell_of({"folder": "dates", "seed": 0, "part": "clean", "value": 1.0}).part == "oracle"


def test_the_share_goes_from_all_data_to_the_oracle():
    [group] = grouped([row("all_data", 20.0), row("oracle", 100.0), row("agent", 80.0)])
    assert group.share("agent") == pytest.approx(0.75)
    assert not group.below_all_data("agent")
    [group] = grouped([row("all_data", 60.0), row("oracle", 62.0), row("agent", 40.0)])
    assert group.share("agent") is None
    assert group.below_all_data("agent")


def test_no_run_makes_up_for_another_in_the_mean_and_the_interval_holds_it():
    rows = [
        *(row(part, value, "dates") for part, value in (("all_data", 10), ("oracle", 50), ("agent", 90))),
        *(row(part, value, "orders") for part, value in (("all_data", 10), ("oracle", 50), ("agent", 10))),
    ]
    found = mean_share(grouped(rows), "agent")
    assert found is not None
    mean, low, high = found
    assert mean == pytest.approx(0.5)
    assert low < 0.2 < 0.8 < high
    assert mean_share(grouped(rows), "tpe") is None


def test_the_table_shows_the_last_result_of_each_part_and_the_halves_apart():
    rows = [row("agent", 31.0), row("agent", 99.0), row("all_data", 20.0), row("oracle", 100.0)]
    rows += [row(part, 50.0 + i, "phones") for i, part in enumerate(("all_data", "agent", "tpe"))]
    rows.append(row("agent", 60.0, without="repair"))
    lines = table(map(json.loads, map(json.dumps, rows))).splitlines()
    heads = "| folder | half | seed | base model | base | all_data | oracle | agent |"
    assert lines[0].startswith(heads)
    scores = "20.0 [16.0, 24.0] | 100.0 [96.0, 104.0] | 99.0 [95.0, 103.0]"
    assert lines[2].startswith(f"| dates | open | 0 | ftdojo-mini | 0.0 | {scores} |")
    assert "99%" in lines[2]
    assert "| phones | held out |" in lines[3]
    told = {line.split(":")[0]: line for line in lines[4:] if line}
    assert set(told) == {"agent", "agent without repair", "tpe", "Not shown"}
    assert "held out: no gap, below all data in 0 of 1" in told["agent"]
    assert "all: 50%" in told["agent without repair"]
    assert "open: " not in told["agent without repair"]
    assert told["Not shown"].startswith("Not shown: 1,")


def test_a_half_is_told_apart_only_where_a_model_ran_on_both():
    rows = [
        row(part, 50.0, "dates", base_model=model) for model in ("a", "b") for part in ("all_data", "agent")
    ]
    (told,) = (line for line in table(rows).splitlines() if line.startswith("agent: "))
    assert told.count(", all: ") == 2
    assert "open" not in told


def test_a_seed_or_part_that_is_named_twice_runs_once(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(command, "_run", lambda cell, out, seconds: ran.append(cell))
    command.main(tmp_path, only="dates", parts="agent,agent", seeds="0,0")
    assert len(ran) == 1
    with pytest.raises(InputError, match="no number"):
        command.main(tmp_path, only="dates", parts="agent", seeds="0,one")
