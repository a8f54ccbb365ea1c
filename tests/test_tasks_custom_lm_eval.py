"""A task of lm-evaluation-harness on a local file: its prompts, its filter and its metric, in the Dojo."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from graph.task_names import load_task
from tasks.base import TaskSpec
from tasks.custom.lm_eval import load_lm_eval
from tasks.errors import InputError
from tasks.load import load

needs_harness = pytest.mark.skipif(
    importlib.util.find_spec("lm_eval") is None, reason="the extra lm-eval is not installed"
)

YAML = """\
task: sums
dataset_path: json
dataset_kwargs:
  data_files:
    train: {folder}/train.jsonl
    test: {folder}/test.jsonl
output_type: generate_until
{splits}
doc_to_text: "Q: {{{{question}}}}\\nA:"
doc_to_target: "{{{{answer}}}}"
generation_kwargs:
  until: ["\\n\\n", "Q:"]
  max_gen_toks: 40
filter_list:
  - name: strict
    filter:
      - function: regex
        regex_pattern: "#### (\\\\d+)"
      - function: take_first
metric_list:
  - metric: {metric}
    aggregation: mean
    higher_is_better: true
"""
SPLITS = "training_split: train\ntest_split: test\nfewshot_split: train"


def write_task(folder: Path, splits: str = SPLITS, metric: str = "exact_match") -> Path:
    for name, start in (("train", 0), ("test", 100)):
        rows = [{"question": f"{n} plus 7?", "answer": str(n + 7)} for n in range(start, start + 40)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = folder / "sums.yaml"
    path.write_text(YAML.format(folder=folder, splits=splits, metric=metric))
    return path


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> TaskSpec:
    folder = tmp_path_factory.mktemp("sums")
    return load_task(f"lm-eval:{write_task(folder)}", "mini")


@needs_harness
def test_the_harness_judges_what_its_filter_reads(spec: TaskSpec) -> None:
    sample = load(spec, "user", 0).validation[0]
    gold = int(sample.gold)
    for answer, right, parsed in (
        (f"It is #### {gold}", True, str(gold)),
        (f"#### {gold}\n\n#### 1", True, str(gold)),  # the task stops at an empty line
        (f"<think>#### 1</think>#### {gold}", True, str(gold)),
        (f"#### {gold + 1}", False, str(gold + 1)),
        (str(gold), False, None),
        ("", False, None),
        ("\x00#### ", False, None),
    ):
        item_score = spec.scorer(sample, answer)
        assert (item_score.right, item_score.value, item_score.parsed) == (right, float(right), parsed), (
            answer
        )


@needs_harness
def test_the_splits_and_the_pool_are_disjoint_and_complete(spec: TaskSpec) -> None:
    data = load(spec, "user", 0)
    test = data.load_test()
    assert len(data.validation) + len(test) == 40
    assert not {sample.id for sample in data.validation} & {sample.id for sample in test}
    [source] = data.sources
    assert (source.name, len(source.rows)) == ("lm-eval-sums-train", 40)
    assert data.validation[0].prompt.startswith("Q: 1")
    assert spec.build_prompt(source.rows[0]) == "Q: 0 plus 7?\nA:"
    assert spec.build_prompt({"other": "column"}) is None


@needs_harness
def test_a_training_target_is_written_so_that_the_filter_reads_it(spec: TaskSpec) -> None:
    data = load(spec, "user", 0)
    written = [spec.scorer(s, spec.render(str(s.gold), "Add them.")) for s in data.validation]
    assert all(item_score.right for item_score in written)
    score = spec.aggregate(data.validation, written)
    assert (score.metric, score.value, score.n) == ("exact_match", 100.0, len(data.validation))
    assert (spec.id, spec.max_new_tokens, spec.extract("so #### 12 .")) == ("lm-eval-sums", 40, "12")


@needs_harness
def test_a_folder_with_one_task_is_that_task(tmp_path: Path) -> None:
    write_task(tmp_path)
    assert load_lm_eval(f"lm-eval:{tmp_path}").id == "lm-eval-sums"


@needs_harness
def test_named_splits_are_kept_and_left_over_rows_are_the_pool(tmp_path: Path) -> None:
    path = write_task(tmp_path, "validation_split: train\ntest_split: test")
    with pytest.raises(InputError, match="no rows to train on"):
        load_lm_eval(f"lm-eval:{path}")
    rows = [{"question": f"{n} plus 7?", "answer": str(n + 7)} for n in range(1000, 1530)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = load(load_lm_eval(f"lm-eval:{path}"), "user", 0)
    assert (len(data.validation), len(data.load_test())) == (500, 40)
    assert [(source.name, len(source.rows)) for source in data.sources] == [
        ("lm-eval-sums-validation-rest", 30)
    ]


@needs_harness
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("output_type: generate_until", "output_type: multiple_choice\ndoc_to_choice: ['1', '2']"), "task"),
        (("dataset_path: json", "dataset_path: nobody/has-this"), "not on this machine"),
        (("train.jsonl", "absent.jsonl"), "not on this machine"),
        (("higher_is_better: true", "higher_is_better: false"), "lower is better"),
        (("{{question}}", "{{quest"), "cannot build"),
    ],
)
def test_a_task_that_cannot_be_used_says_why(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = write_task(tmp_path)
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(InputError, match=message) as caught:
        load_lm_eval(f"lm-eval:{path}")
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@needs_harness
def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no .*none\.yaml"):
        load_lm_eval(f"lm-eval:{tmp_path}/none.yaml")
    with pytest.raises(InputError, match="names no task"):
        load_lm_eval("lm-eval:")


def test_without_the_harness_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "lm_eval", None)
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", None)
    with pytest.raises(InputError, match=r"pip install 'ft-dojo\[lm-eval\]'"):
        load_lm_eval("lm-eval:gsm8k")
