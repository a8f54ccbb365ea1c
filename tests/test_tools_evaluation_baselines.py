"""Levels without a model: every metric states both, and a constant champion is told from a better one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.base import TaskSpec
from tests.support.copy_word_task import copy_spec
from tests.support.copy_word_task import samples as copy_items
from tests.support.unsandboxed_scripts import run_all
from tests.test_tasks_custom_metrics import loaded
from tools.evaluation import score_answers as scoring
from tools.evaluation.baselines import against_majority, baselines, commonest_reply
from tools.evaluation.score_answers import score_answers

ADD, SUBTRACT = "def f(a, b):\n    return a + b", "def f(a, b):\n    return a - b"
SCORER = "def score(answer, reference, row):\n    return 1.0 if answer == reference else 0.25\n"
METRICS: list[tuple[str, list[Any], dict[str, list[Any]], float]] = [
    ('metric = "exact_match"', ["no", "no", "no", "yes"], {}, 75.0),
    ('metric = "choice_letter"', ["A", "A", "A", "C"], {}, 75.0),
    ('metric = "classification"', ["no", "no", "no", "yes"], {}, 100 * (6 / 7) / 2),
    ('metric = "number"', ["5", "5", "5", "8"], {}, 75.0),
    ('metric = "json_field"\nfield = "a"', ["x", "x", "x", "y"], {}, 75.0),
    ('metric = "json"', [{"a": 1, "b": 2}] * 3 + [{"a": 1, "b": 3}], {}, 87.5),
    (
        'metric = "json"\nfields = ["b"]',
        [{"a": 1, "b": 2}, {"a": 2, "b": 2}] * 2 + [{"a": 1, "b": 3}],
        {},
        80.0,
    ),
    ('metric = "token_f1"', ["red house"] * 3 + ["red barn"], {}, 87.5),
    ('metric = "rouge_l"', ["red house"] * 3 + ["red barn"], {}, 87.5),
    ('metric = "chrf"', ["abcd"] * 3 + ["wxyz"], {}, 75.0),
    ('metric = "regex"\npattern = "(\\\\d+)"', ["at 7", "at 7", "at 7", "at 9"], {}, 75.0),
    (
        'metric = "regex"\npattern_column = "form"',
        ["a1", "a1", "a1", "b2"],
        {"form": ["a\\d", "a\\d", "a\\d", "b\\d"]},
        75.0,
    ),
    (
        'metric = "code"',
        [ADD, ADD, ADD, SUBTRACT],
        {"tests": ["assert f(5, 3) == 8"] * 3 + ["assert f(5, 3) == 2"]},
        75.0,
    ),
    ('metric = "python"', ["a", "a", "a", "b"], {}, 81.25),
]


def a_task(folder: Path, settings: str, answers: list[Any], columns: dict[str, list[Any]]) -> TaskSpec:
    if "python" in settings:
        folder.joinpath("scorer.py").write_text(SCORER, encoding="utf-8")
    return loaded(folder, settings, answers, **columns)


@pytest.mark.parametrize(("settings", "answers", "columns", "majority"), METRICS)
def test_every_metric_states_chance_and_the_commonest_answers_level(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: str,
    answers: list[Any],
    columns: dict[str, list[Any]],
    majority: float,
) -> None:
    monkeypatch.setattr(scoring, "in_sandbox", run_all)
    spec = a_task(tmp_path, settings, answers, columns)
    assert spec.data is not None
    found = baselines(spec, spec.data.validation, spec.data.load_test())
    assert found.majority == pytest.approx(majority, abs=0.01)
    assert found.chance is not None
    assert 0.0 <= found.chance <= 100.0
    assert not found.undefined
    assert f"would score {majority:.1f}, and chance {found.chance:.1f}." in found.text()


def test_a_benchmark_with_many_different_answers_says_that_there_is_no_level() -> None:
    from dataclasses import replace

    items = copy_items(40)
    many = [replace(item, gold=f"word {n}") for n, item in enumerate(items)]
    found = baselines(replace(copy_spec(), domain="math"), many, many)
    assert (found.majority, found.chance) == (None, None)
    assert found.text().count("is not defined (40 different answers)") == 2
    assert against_majority(found, [], "e01", copy_spec(), many) is None


def test_a_level_measured_before_is_taken_and_one_that_cannot_be_is_explained(tmp_path: Path) -> None:
    spec = loaded(tmp_path, 'metric = "exact_match"', ["no", "no", "yes"])
    assert spec.data is not None
    test = spec.data.load_test()
    assert baselines(spec, spec.data.validation, test, chance=12.5).chance == 12.5
    told = baselines(spec, spec.data.validation, test, chance="nobody drew any")
    assert "chance is not defined (nobody drew any)" in told.text()


def test_a_champion_is_tested_against_the_commonest_answer_item_by_item(tmp_path: Path) -> None:
    spec = loaded(tmp_path, 'metric = "exact_match"', ["no"] * 30 + ["yes"] * 10)
    assert spec.data is not None
    test = spec.data.load_test()
    found = baselines(spec, spec.data.validation, test)

    def tested(replies: list[str]) -> dict[str, float]:
        scored = score_answers(spec, test, replies)
        items = [
            {
                "id": sample.id,
                "right": one.right,
                "value": one.value,
                "parsed": one.parsed,
                "error": one.error,
            }
            for sample, one in zip(test, scored, strict=True)
        ]
        result = against_majority(found, items, "e01", spec, test)
        assert result is not None
        return result

    constant = tested(["no"] * 40)
    assert (constant["delta"], constant["p_value"]) == (0.0, 1.0)
    better = tested([str(sample.gold) for sample in test])
    assert better["delta"] == pytest.approx(25.0)
    assert better["p_value"] < 0.01
    assert better["low"] > 0.0


def test_the_commonest_reply_counts_silence_as_another() -> None:
    assert commonest_reply([{"parsed": "No"}, {"parsed": "no"}, {"parsed": None}, {"parsed": "x"}]) == {
        "answer": "No",
        "share": 0.5,
    }
    assert commonest_reply([{"parsed": None}]) is None
