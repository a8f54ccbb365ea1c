"""The summary block: fixed order, one line a key, nothing missing."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from graph.cli.ask import show
from graph.cli.listing import print_run, print_runs
from graph.cli.summary import HEADER, KEYS, MODEL_KEYS, clocks_of, summary_json, summary_lines
from graph.result import result_of
from memory.journal.log import Journal
from memory.records import Decision, Usage
from tasks.base import Score
from tests.support.run_folder import make_run
from tests.support.run_records import plan, run_info

BASE = Score(metric="exact match", value=14.2, low=11.4, high=17.5, n=500)
RESULT = {
    "run": "r1",
    "task": "aime25",
    "base_model": "ftdojo-mini",
    "policy": "playbook",
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


MODELS = {
    "decisions": {"llm": 12, "playbook": 3, "taken_over": 2, "repaired": 4},
    "model_calls": 42,
    "model_tokens": {"input": 55000, "cached": 21000, "output": 6230},
    "model_usd": 0.04123,
}


def test_what_language_models_decided_and_cost_stands_after_the_time() -> None:
    lines = summary_lines(RESULT | MODELS)
    at = [line.split(": ")[0] for line in lines].index("wall_seconds")
    assert lines[at + 1 : at + 5] == [
        "decisions: llm 12, playbook 3 (taken over 2)",
        "model_calls: 42",
        "model_tokens: 61230 (input 55000, cached 21000, output 6230)",
        "model_usd: 0.0412",
    ]
    assert len(lines) == len(KEYS) + 5
    assert lines[at + 5].startswith("test_reads: ")


def test_a_run_without_language_models_has_no_line_about_them() -> None:
    assert not set(MODEL_KEYS) & {line.split(": ")[0] for line in summary_lines(RESULT)}
    assert not set(MODEL_KEYS) & set(json.loads(summary_json(RESULT)))


def test_calls_that_cost_nothing_are_said_to_cost_nothing() -> None:
    assert "model_usd: 0.0000" in summary_lines(RESULT | MODELS | {"model_usd": 0.0})


def test_json_holds_decisions_and_tokens_as_objects() -> None:
    facts = json.loads(summary_json(RESULT | MODELS))
    assert {key: facts[key] for key in MODEL_KEYS} == MODELS


def test_the_facts_come_from_the_journal_and_status_shows_them(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with make_run(folder) as journal:
        assert not set(MODEL_KEYS) & set(result_of(journal, None, None))
        for by in ("llm", "playbook"):
            journal.append(
                "decision",
                Decision(
                    role="planner",
                    subject="plan",
                    decided_by=by,  # type: ignore[arg-type]
                    model="openai:m",
                    calls=2,
                    repairs=1,
                    problems=("no JSON",),
                ),
            )
        for tokens in (100, 200):
            journal.append(
                "usage",
                Usage(
                    role="planner",
                    model="openai:m",
                    input_tokens=tokens,
                    cached_tokens=40,
                    output_tokens=7,
                    usd=0.0015,
                    wall_seconds=1.0,
                ),
            )
        result = result_of(journal, None, None)
    assert {key: result[key] for key in MODEL_KEYS} == {
        "decisions": {"llm": 1, "playbook": 1, "taken_over": 1, "repaired": 1},
        "model_calls": 2,
        "model_tokens": {"input": 300, "cached": 80, "output": 14},
        "model_usd": 0.003,
    }
    console = Console(record=True, width=200, file=(tmp_path / "shown").open("w", encoding="utf-8"))
    print_run(console, folder, as_json=False)
    console.file.close()
    shown = console.export_text()
    assert "decisions: llm 1, playbook 1 (taken over 1)" in shown
    assert "model_tokens: 314 (input 300, cached 80, output 14)" in shown


def test_what_answering_without_a_model_would_score_stands_after_the_p_value() -> None:
    baselines = {
        "majority": {"answer": "no", "score": 95.0},
        "chance": 90.5,
        "one_answer": {"answer": "no", "share": 0.98},
    }
    lines = summary_lines(RESULT | baselines)
    at = lines.index("p_value: 1.23e-40")
    assert lines[at + 1 : at + 4] == [
        "majority: 'no' alone would score 95.0",
        "chance: 90.5",
        "one_answer: the champion gives one answer, 'no', to 98% of the items",
    ]


def test_what_a_run_wrote_cannot_steer_the_terminal_that_shows_it(tmp_path: Path) -> None:
    folder, hostile = tmp_path / "r", "gain [/]\x1b[31m of \u202e5\u2066 points\x07"
    with Journal.create(folder / "journal.jsonl", run_info()) as journal:
        journal.append("plan", plan("e01").model_copy(update={"hypothesis": hostile}), "e01")
        journal.finish("e01", "failed")
    console = Console(record=True, width=200, file=(tmp_path / "shown").open("w", encoding="utf-8"))
    print_run(console, folder, as_json=False)
    show(console, {"question": hostile, "problem": hostile, "does": {"plan": hostile}, "costs": {}})
    print_runs(console, tmp_path / "[/none]", as_json=False)
    console.file.close()
    page = console.export_text()
    assert page.count("gain [/]") == 4 and "no runs in" in page and "[/none]" in page
    assert all(char.isprintable() or char == "\n" for char in page)
