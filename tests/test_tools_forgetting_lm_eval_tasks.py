"""Tasks of lm-evaluation-harness beside the base: paired by item, and one line where they cannot be had."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ExperimentFailed, InputError
from tests.support.tiny_model import make_tiny_model
from tools.forgetting.lm_eval_tasks import changes, check_tasks, of_samples, results

HARNESS = importlib.util.find_spec("lm_eval") is not None


CHOICE = """\
task: colours
dataset_path: json
dataset_kwargs:
  data_files:
    test: {folder}/test.jsonl
output_type: multiple_choice
test_split: test
doc_to_text: "{{{{question}}}}"
doc_to_choice: ["red", "blue"]
doc_to_target: "{{{{answer}}}}"
metric_list:
  - metric: acc
"""


def side(values: list[float], higher: bool = True) -> dict[str, Any]:
    items = {f"sums/{n}": value for n, value in enumerate(values)}
    return {"sums": {"metric": "acc", "higher_is_better": higher, "items": items}}


def test_a_task_that_lost_most_of_its_items_is_harmed_and_a_few_lost_are_chance() -> None:
    base = side([1.0] * 50)
    lost = changes(base, side([0.0] * 40 + [1.0] * 10))[0]
    assert (lost.base, lost.score, lost.delta, lost.n) == (100.0, 20.0, -80.0, 50)
    assert lost.harmed
    assert not changes(base, side([0.0] * 2 + [1.0] * 48))[0].harmed


def test_where_lower_is_better_a_rise_is_harm() -> None:
    assert changes(side([0.0] * 40, higher=False), side([1.0] * 30 + [0.0] * 10, higher=False))[0].harmed


def test_only_items_that_both_answered_count() -> None:
    assert changes(side([1.0] * 10), side([1.0] * 6))[0].n == 6


def test_of_several_filters_the_first_counts_and_a_group_is_its_tasks_items() -> None:
    logged = {
        "one": [
            {"doc_id": 0, "metrics": ["exact_match"], "filter": "strict", "exact_match": 0.0},
            {"doc_id": 0, "metrics": ["exact_match"], "filter": "loose", "exact_match": 1.0},
        ],
        "two": [{"doc_id": 0, "metrics": ["exact_match"], "filter": "strict", "exact_match": True}],
    }
    found = of_samples("group", logged, {"one": {"exact_match": True}, "two": {"exact_match": True}})
    assert found == {
        "metric": "exact_match",
        "higher_is_better": True,
        "items": {"one/0": 0.0, "two/0": 1.0},
    }


def test_a_metric_over_the_whole_set_cannot_be_paired() -> None:
    logged = {"one": [{"doc_id": 0, "metrics": ["word_perplexity"], "word_perplexity": (-3.0, 7)}]}
    with pytest.raises(ExperimentFailed, match="does not count item by item"):
        of_samples("one", logged, {})


def test_no_task_asks_for_nothing() -> None:
    check_tasks(())


@pytest.mark.skipif(HARNESS, reason="the extra lm-eval is installed")
def test_without_the_harness_one_line_says_how_to_get_it() -> None:
    with pytest.raises(InputError, match="lm-eval") as caught:
        check_tasks(("gsm8k",))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not HARNESS, reason="the extra lm-eval is not installed")
def test_a_task_that_the_harness_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match="no such task"):
        check_tasks(("no_such_task_at_all",))


@pytest.mark.skipif(not HARNESS, reason="the extra lm-eval is not installed")
def test_a_multiple_choice_task_of_the_users_is_scored_item_by_item(tmp_path: Path) -> None:
    rows = [{"question": f"Which colour has item {n}?", "answer": n % 2} for n in range(12)]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = tmp_path / "colours.yaml"
    task.write_text(CHOICE.format(folder=tmp_path))
    check_tasks((str(task),))
    payload = {"model_dir": str(make_tiny_model(tmp_path / "model")), "tasks": [str(task)], "items": 8}
    found = results(payload)[str(task)]
    assert (found["metric"], found["higher_is_better"], len(found["items"])) == ("acc", True, 8)
    assert set(found["items"].values()) <= {0.0, 1.0}
    assert changes({"t": found}, {"t": found})[0].delta == 0.0
