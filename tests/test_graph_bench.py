"""The bench: a results file that only grows, tables, significance, plots, a page, checks, studies, lanes."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from graph.bench import lanes, schedule, studies
from graph.bench.gap import grouped, mean_share
from graph.bench.page import page
from graph.bench.play import settings_of, unfinished
from graph.bench.results import Cell, Result, append, missing, read, read_lines
from graph.bench.schedule import Bench, cells_of, in_order
from graph.bench.significance import holm, nemenyi, ranking
from graph.bench.table import tables
from graph.bench.verify import verify
from graph.cli.app import app
from memory.journal.log import Journal
from tasks.errors import ExperimentFailed, HarnessFault, InputError
from tests.support.bench_results import result, score
from tests.support.run_folder import make_run
from tools.training.made_to_fail import fail_where_asked, is_hit, share_of

TASKS = ("aime25", "panorama_par4pc", "FinanceIQ_gen", "chemcotbench_mol_opt", "tablebench_data_analysis")


def field(task: str, seed: int = 0) -> list[Result]:
    """Five policies on a task, best last but one; the oracle is marked."""
    values = {"base": 10.0, "all-data": 20.0, "random": 40.0, "playbook": 60.0, "oracle-source": 70.0}
    return [result(task, policy, value + len(task) % 3, 10.0, seed) for policy, value in values.items()]


# -- the file ----------------------------------------------------------------------------------


def test_results_are_appended_and_a_line_that_was_cut_off_costs_only_itself(tmp_path: Path) -> None:
    file = tmp_path / "out" / "results.jsonl"
    first, second = result("aime25", "base", 10.0), result("aime25", "tpe", 40.0)
    append(file, first)
    with file.open("a", encoding="utf-8") as out:
        out.write('{"cell": {"task": "ai')
    append(file, second)
    found, broken = read_lines(file)
    assert found == [first, second] and [line.number for line in broken] == [2]
    cells = [first.cell, second.cell, result("aime25", "random", 0.0).cell]
    assert missing([*cells, *cells], found) == cells[2:]


def test_results_of_earlier_versions_are_read_by_todays_names(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    row = {"task": "aime25", "seed": 1, "base_value": 6.4, "value": 87.0, "low": 84.0, "high": 90.0}
    lines = [row | {"part": part, "seconds": 9.0} for part in ("naive", "oracle", "agent")]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    found = read(file)
    assert [run.cell.policy for run in found] == ["all-data", "oracle-source", "playbook"]
    assert (found[2].score.value, found[2].base.value, found[2].cell.seed) == (87.0, 6.4, 1)
    assert read(tmp_path / "none.jsonl") == []


def test_a_cell_says_what_plays_with_which_memory_and_without_which_part(tmp_path: Path) -> None:
    cell = result("aime25", "playbook+memory without gates", 50.0, lessons=3).cell
    assert (cell.plays, cell.remembers, cell.without) == ("playbook", True, ("gates",))
    settings = settings_of(cell, tmp_path)
    assert settings.memory == str(tmp_path / "memory" / "playbook-ftdojo-mini")
    assert settings_of(result("aime25", "tpe", 1.0).cell, tmp_path).memory == "off"
    names = [run.cell.folder for run in (result("aime25", "tpe", 1.0), result("aime25", "mcp:./a b", 1.0))]
    assert len(set(names)) == 2 and all("/" not in name and " " not in name for name in names)


# -- tables ------------------------------------------------------------------------------------


def test_the_table_says_score_gap_and_costs_of_each_policy_and_marks_who_knows() -> None:
    text = tables(field("aime25")).text()
    assert "| aime25 | playbook | 60.0 [57.0, 63.0] | 83% | 2.0 | 280 | 0 | 0 |" in text
    assert "| aime25 | oracle-source * | 70.0" in text and "is told which sources are good" in text
    assert "5 runs: budgets of 1500 s in all, of which 1400 s were spent" in text
    assert "too few to test" in text
    from_all = tables(field("aime25"), "all-data").text()
    assert "| aime25 | playbook | 60.0 [57.0, 63.0] | 80% |" in from_all
    assert tables([]).text() == "No results."


def test_where_nothing_was_claimed_the_best_training_is_told_beside_the_bases_score() -> None:
    text = tables([result("aime25", "all-data", 10.0, 10.0, trained=4.2)]).text()
    assert "10.0 [7.0, 13.0] (the base; best training 4.2 on validation)" in text
    assert "| all-data | 1 | 1 | no gap |" in text


def test_several_seeds_are_averaged_and_the_interval_covers_them() -> None:
    runs = [result("aime25", "tpe", value, seed=seed) for seed, value in enumerate((30.0, 50.0, 70.0))]
    found = grouped(runs)[0].scores("tpe")
    assert found is not None and found.mean == 50.0 and found.runs == 3
    assert found.low < 35.0 and found.high > 65.0
    alone = grouped(runs[:1])[0].scores("tpe")
    assert alone is not None and abs(alone.low - 27.0) < 0.3 and abs(alone.high - 33.0) < 0.3


def test_the_gap_goes_from_the_runs_own_seed_and_a_prompted_base_is_none() -> None:
    runs = [
        result("aime25", "few-shot", 30.0, 30.0),
        result("aime25", "oracle-source", 90.0, 10.0),
        result("aime25", "tpe", 50.0, 10.0),
        result("aime25", "tpe", 50.0, 10.0, seed=1),  # no oracle of this seed
        result("tables", "oracle-source", 12.0, 10.0),  # no gap to speak of
        result("tables", "tpe", 11.0, 10.0),
    ]
    groups = grouped(runs)
    assert groups[0].shares("tpe", "base") == {0: 0.5}
    assert groups[0].shares("few-shot", "base") == {0: 0.25}
    share = mean_share(groups, "tpe", "base")
    assert share is not None and share.mean == 0.5 and share.runs == 1 and share.low < 0.5 < share.high


def test_of_a_metric_where_less_is_better_the_gap_and_the_rank_are_turned_round() -> None:
    def falling(policy: str, value: float) -> Result:
        found = result("aime25", policy, value, 90.0)
        turned = {"score": score(value, upwards=False), "base": score(90.0, upwards=False)}
        return found.model_copy(update=turned)

    groups = grouped([falling("tpe", 50.0), falling("oracle-source", 10.0)])
    assert groups[0].shares("tpe", "base") == {0: 0.5}
    assert ranking(groups, ["tpe", "oracle-source"]).ranks == {"tpe": 2.0, "oracle-source": 1.0}


# -- significance ------------------------------------------------------------------------------


def test_ranks_are_tested_only_over_enough_tasks_and_seeds_are_no_tasks() -> None:
    names = ["base", "all-data", "random", "playbook", "oracle-source"]
    few = grouped([run for seed in range(9) for run in field("aime25", seed)])
    assert ranking(few, names).friedman_p is None and "1 task: too few" in ranking(few, names).text()
    found = ranking(grouped([run for task in TASKS for run in field(task)]), names)
    assert found.tasks == 5 and found.ranks["playbook"] == 2.0 and found.ranks["base"] == 5.0
    assert found.friedman_p is not None and found.friedman_p < 0.001
    # Five tasks: no pair can differ at 5% by a signed-rank test with ten pairs to correct for.
    assert "No pair differs" in found.text() and "policies differ" in found.text()


def test_a_pair_that_differs_on_many_tasks_is_named_and_equals_are_not() -> None:
    runs = []
    for number in range(12):
        runs += [
            result(f"t{number}", "tpe", 40.0 + number),
            result(f"t{number}", "playbook", 60.0 + 2 * number),
        ]
        runs.append(result(f"t{number}", "random", 40.0 + number))
    text = ranking(grouped(runs), ["tpe", "playbook", "random"]).text()
    assert "playbook beats tpe by 25.5 points" in text and "playbook beats random" in text
    assert "tpe beats" not in text and "random beats" not in text


def test_holm_and_nemenyi_are_the_published_ones() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    # Demsar 2006, table 5: q = 2.569 for four classifiers; his example of 14 data sets has CD = 1.25.
    assert nemenyi(4, 14) == pytest.approx(1.25, abs=0.005)


# -- page and plots ----------------------------------------------------------------------------


class Outside(HTMLParser):
    """What a page would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        named = dict(attrs)
        self.loads += [
            str(named[name])
            for name in ("src", "href")
            if name in named and not str(named[name]).startswith("#")
        ]


def test_the_page_holds_everything_itself_and_escapes_what_others_wrote() -> None:
    strange = result("aime25", "mine:<script>alert(1)</script>", 33.0)
    text = page([*field("aime25"), *field("FinanceIQ_gen"), strange], "ftdojo bench --tasks aime25")
    outside = Outside()
    outside.feed(text)
    assert (
        outside.loads == [] and {"svg", "table", "details"} <= outside.seen and "script" not in outside.seen
    )
    assert 'name="viewport"' in text and "ftdojo bench --tasks aime25" in text
    assert text.count("<svg") == 2 and "validation score against time" in text


def test_a_curve_of_several_seeds_is_averaged_in_time() -> None:
    from graph.bench.plots import _mean_curve

    runs = [result("aime25", "tpe", value, seed=seed) for seed, value in enumerate((30.0, 50.0))]
    curve = _mean_curve(grouped(runs)[0], "tpe")
    assert curve is not None
    seconds, mean, low, high = curve
    assert mean[0] == 10.0 and mean[-1] == 40.0 and seconds[-1] == 280.0
    assert (low[-1], high[-1]) == (30.0, 50.0) and np.all(low <= high)


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
        ("mcp:./agent", "door of its own"),
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


def test_a_share_of_the_trainings_fails_the_same_ones_each_time() -> None:
    names = [f"e{number:02d}" for number in range(1, 201)]
    hit = [name for name in names if is_hit(0.3, 0, name)]
    assert 40 <= len(hit) <= 80 and hit == [name for name in names if is_hit(0.3, 0, name)]
    assert hit != [name for name in names if is_hit(0.3, 1, name)]
    assert [share_of(part) for part in ("trainings:0.3", "trainings:2", "trainings:x", "gates")] == [
        0.3,
        None,
        None,
        None,
    ]
    with pytest.raises(ExperimentFailed, match="signal 9"):
        fail_where_asked({"trainings:0.999"}, 0, "e01")
    fail_where_asked({"gates"}, 0, "e01")


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
