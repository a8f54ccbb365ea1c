"""Answers that are code are run once each, in order, and never without isolation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tasks.base import Script, ScriptResult
from tasks.errors import InputError
from tasks.registry import get
from tests.support.gold_answers import gold_answer
from tests.support.mini_editions import sealed
from tests.support.unsandboxed_scripts import run_all
from tools.evaluation import score_answers
from tools.evaluation.evaluate import evaluate
from tools.process.worker import Worker
from tools.sandbox import run
from tools.workspace import Workspace

CHARTS = "tablebench_visualization"


class Counting:
    """A runner that keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[Script] = []

    def __call__(self, scripts: Sequence[Script]) -> Sequence[ScriptResult]:
        self.given += scripts
        return run_all(scripts)


def refusing(scripts: Sequence[Script]) -> Sequence[ScriptResult]:
    return [ScriptResult("refused") for _ in scripts]


def drawing(y: str) -> str:
    return f"```python\nimport matplotlib.pyplot as plt\nplt.bar([1, 2], {y})\n```"


def test_equal_scripts_run_once_and_results_keep_their_order() -> None:
    spec, runner = get(CHARTS), Counting()
    sample, other = sealed(CHARTS)[:2]
    answers = [drawing("[1, 2]"), "no code", drawing("[3, 4]"), drawing("[1, 2]"), drawing("[1, 2]")]
    samples = [sample, sample, sample, sample, other]
    results = score_answers.run_scripts(spec, samples, answers, runner)
    assert len(runner.given) == 3  # the fifth has another table
    drawn = ["[1, 2]" if r and "[1, 2]" in r.returned else r and "[3, 4]" for r in results]
    assert drawn == ["[1, 2]", None, "[3, 4]", "[1, 2]", "[1, 2]"]
    item_scores = score_answers.score_answers(spec, samples, answers, runner)
    assert [item_score.parsed is None for item_score in item_scores] == [False, True, False, False, False]


def test_a_task_without_code_is_judged_by_its_own_function_alone() -> None:
    spec, runner = get("aime25"), Counting()
    samples = sealed("aime25")[:3]
    answers = [f"\\boxed{{{samples[0].gold}}}", "\\boxed{-1}", ""]
    item_scores, results = score_answers.judge_all(spec, samples, answers, runner)
    assert item_scores == [
        spec.scorer(sample, answer) for sample, answer in zip(samples, answers, strict=True)
    ]
    assert [item_score.right for item_score in item_scores] == [True, False, False]
    assert (results, runner.given) == ([None] * 3, [])


def test_without_isolation_nothing_is_scored_and_one_line_says_why() -> None:
    with pytest.raises(InputError, match="no sandbox works here") as caught:
        score_answers.score_answers(get(CHARTS), sealed(CHARTS)[:1], [drawing("[1, 2]")], refusing)
    assert "\n" not in str(caught.value)
    silent = score_answers.score_answers(get(CHARTS), sealed(CHARTS)[:1], ["nothing to run"], refusing)
    assert silent[0].error == "no_code"


def test_an_evaluation_without_isolation_stops_before_a_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "active", lambda: run.Isolation("none", "nothing works"))
    workspace = Workspace.create(tmp_path, "run")
    missing, out = tmp_path / "no-model", tmp_path / "run" / "answers.jsonl"
    with pytest.raises(InputError, match="no sandbox works here"):
        evaluate(
            sealed(CHARTS)[:2], get(CHARTS), missing, out, workspace, Worker(preload=("no_such_library",))
        )
    assert list((tmp_path / "run").rglob("answers*")) == []


def test_charts_are_run_in_the_sandbox() -> None:
    """The real thing, once: model-like answers, hostile ones among them, through bubblewrap or Landlock."""
    if run.active().name == "none":
        pytest.skip(f"no sandbox works here: {run.active().detail}")
    spec, sample = get(CHARTS), sealed(CHARTS)[0]
    peeking = f"```python\nprint(open({str(Path(__file__))!r}).read())\n```"
    answers = [gold_answer(spec, sample), drawing("[1, 2]"), peeking, "no code"]
    item_scores, results = score_answers.judge_all(spec, [sample] * 4, answers)
    assert [item_score.right for item_score in item_scores] == [True, False, False, False]
    assert item_scores[2].error in ("raises FileNotFoundError", "raises PermissionError")
    assert [result and result.status for result in results] == ["ok", "ok", "ok", None]


def test_code_that_never_ends_is_stopped_with_all_that_was_to_run_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if run.active().name == "none":
        pytest.skip(f"no sandbox works here: {run.active().detail}")
    monkeypatch.setattr(score_answers, "WALL_SECONDS", 0.5)
    spec, samples = get(CHARTS), sealed(CHARTS)[:3]
    answers = [f"```python\nwhile True: {n}\n```" for n in range(3)]
    with pytest.raises(TimeoutError, match=r"[01] of 3 scripts run"):
        score_answers.score_answers(
            spec, samples, answers, lambda scripts: score_answers.in_sandbox(scripts, seconds=0.1)
        )
