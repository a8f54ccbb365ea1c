"""The summary block: fixed order, one line a key, nothing missing."""

from __future__ import annotations

import json

from graph.summary import HEADER, KEYS, clocks_of, summary_json, summary_lines
from tasks.base import Score

BASE = Score(metric="exact match", value=14.2, low=11.4, high=17.5, n=500)
RESULT = {
    "run": "r1",
    "task": "aime25",
    "base_model": "ftdojo-mini",
    "mind": "playbook",
    "seed": 0,
    "outcome": "out_of_budget",
    "base_test": BASE,
    "final_test": BASE.model_copy(update={"value": 61.4, "low": 57.0, "high": 65.6}).model_dump(),
    "gain": 47.2,
    "p_value": 1.234e-40,
    "kept": 4,
    "discarded": 2,
    "failed": 0,
    "wall_seconds": 301.2,
    "clocks": {"think": 1.0, "data": 3.1, "train": 200.0, "evaluate": 80.0},
    "test_reads": 1,
    "champion": "runs/r1/champion",
    "report": "runs/r1/report.html",
}


def test_every_key_has_its_line_in_the_fixed_order() -> None:
    lines = summary_lines(RESULT)
    assert lines[0] == HEADER == "--- ftdojo summary ---"
    assert [line.split(": ")[0] for line in lines[1:]] == list(KEYS)


def test_scores_print_with_interval_and_n_from_a_score_or_its_dictionary() -> None:
    lines = summary_lines(RESULT)
    assert "base_test: 14.2 [11.4, 17.5] n=500" in lines
    assert "final_test: 61.4 [57.0, 65.6] n=500" in lines
    assert "gain: +47.2" in lines
    assert "p_value: 1.23e-40" in lines


def test_wall_seconds_name_every_clock_and_what_no_clock_claimed() -> None:
    line = next(line for line in summary_lines(RESULT) if line.startswith("wall_seconds"))
    assert line == "wall_seconds: 301.2 (think 1.0, data 3.1, train 200.0, evaluate 80.0, other 17.1)"


def test_a_clock_that_is_given_is_not_recomputed() -> None:
    assert clocks_of({"wall_seconds": 100.0, "clocks": {"train": 10.0, "other": 2.0}})["other"] == 2.0


def test_missing_values_print_none_and_zeros_do_not() -> None:
    lines = summary_lines({"run": "r1", "failed": 0, "final_test": None})
    assert "final_test: none" in lines
    assert "wall_seconds: none" in lines
    assert "failed: 0" in lines


def test_a_value_cannot_break_the_block_into_more_lines() -> None:
    lines = summary_lines(RESULT | {"champion": "a\nfinal_test: 100"})
    assert "champion: a final_test: 100" in lines
    assert len(lines) == len(KEYS) + 1


def test_json_holds_the_same_keys_with_scores_as_objects() -> None:
    facts = json.loads(summary_json(RESULT | {"p_value": None}))
    assert list(facts) == [*KEYS, "clocks"]
    assert facts["base_test"]["n"] == 500
    assert facts["p_value"] is None
    assert facts["clocks"]["train"] == 200.0
