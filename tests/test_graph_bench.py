"""What a bench comes to: a results file that only grows, tables, significance, plots and the page."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from graph.bench.gap import grouped, mean_share
from graph.bench.page import page
from graph.bench.play import settings_of
from graph.bench.results import Result, append, missing, read, read_lines
from graph.bench.significance import holm, nemenyi, ranking
from graph.bench.table import tables
from tests.support.bench_results import result, score

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
    assert settings.memory == str(tmp_path / "memory" / "playbook_without_gates-greedy-ftdojo-mini")
    assert settings_of(result("aime25", "tpe", 1.0).cell, tmp_path).memory == "off"
    tree = result("aime25", "playbook+tree+memory", 1.0).cell
    assert (tree.plays, tree.remembers, settings_of(tree, tmp_path).search) == ("playbook", True, "tree")
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
