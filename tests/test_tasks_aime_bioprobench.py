"""The extensions: AIME 2024 and the four tasks of BioProBench, on real rows where there are any."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tasks import registry
from tasks.base import LoadOptions, Sample
from tasks.bioprobench.released import between_marks
from tasks.errors import InputError
from tasks.load import load
from tasks.official.load import items, splits
from tests.support.malformed_answers import SAMPLED, malformed
from tests.support.real_rows import data_root

IDS = registry.extension_ids()
PQA_ROW = {"question": "Chill on ____.", "choices": ["ice", "B", "10 mM", "A 10"], "answer": "ice", "id": "1"}
ERR_ROW = {
    "context": {"purpose": "Keep cells", "prior_step": "Thaw", "next_step": "Plate"},
    "corrupted_text": "Use 1:10.",
    "corrected_text": "Use 1:100.",
    "is_correct": False,
    "type": "reagent",
    "id": "2",
}
ORD_ROW = {
    "question": "Sort.",
    "wrong_steps": ["Mix", "Pour", "Mix", "Dry"],
    "correct_steps": ["Pour", "Mix", "Dry", "Mix"],
    "id": "3",
}
GEN_ROW = {
    "system_prompt": "You are an expert.",
    "instruction": "List the steps.",
    "input": "How to pour a gel?",
    "output": ["1. Melt the agarose.", "2. Pour it slowly."],
    "id": "4",
}


def item(task: str, row: dict[str, Any]) -> Sample:
    spec = registry.get(task)
    assert spec.published is not None
    [subset] = spec.published.subsets_of(row)
    return spec.published.sample(row, subset)


@cache
def real(task: str) -> tuple[Sample, ...]:
    by_subset = items(registry.get(task), LoadOptions(data_root()))
    return tuple(sample for samples in by_subset.values() for sample in samples)


def value(task: str, row: dict[str, Any], answer: str) -> tuple[bool, str | None]:
    item_score = registry.get(task).scorer(item(task, row), answer)
    return item_score.right, item_score.parsed


@pytest.mark.parametrize("task", IDS)
def test_real_gold_answers_are_best_and_silence_worst(task: str) -> None:
    spec, samples = registry.get(task), real(task)
    assert len(samples) >= 15
    gold = [spec.scorer(sample, spec.render(str(sample.gold), "So it is.")) for sample in samples]
    assert [s.id for s, item_score in zip(samples, gold, strict=True) if not item_score.right] == []
    silent = [spec.scorer(sample, "") for sample in samples]
    score = spec.aggregate(samples, silent)
    assert (score.value, score.unparseable_share) == (0.0, 1.0)
    best = spec.aggregate(samples, gold)
    assert best.value == pytest.approx(100)
    assert best.low < best.value <= best.high + 1e-9


@pytest.mark.parametrize("task", IDS)
def test_real_gold_answers_are_best_by_the_strict_reading_too(task: str) -> None:
    spec, samples = registry.get(task), real(task)
    assert spec.published is not None
    answers = [spec.render(str(sample.gold), "") for sample in samples]
    found = spec.published.evaluate(spec.subsets[0], samples, answers, [None] * len(samples))
    name = next(iter(found))
    assert found[name] == pytest.approx(100, abs=1.5), (
        "the order of a step that stands twice has two writings"
    )
    silent = spec.published.evaluate(spec.subsets[0], samples, [""] * len(samples), [None] * len(samples))
    assert silent[name] == 0.0


@pytest.mark.parametrize("task", IDS)
def test_malformed_answers_are_never_right_and_never_hang(task: str) -> None:
    spec, samples = registry.get(task), real(task)
    assert spec.published is not None
    for number, answer in enumerate(malformed(SAMPLED)):
        sample = samples[number % len(samples)]
        item_score = spec.scorer(sample, answer)
        spec.extract(answer)
        spec.published.evaluate(spec.subsets[0], [sample], [answer], [None])
        assert not item_score.right, answer[:80]


@pytest.mark.parametrize("task", IDS)
@pytest.mark.parametrize("split", ["own", "published"])
def test_real_rows_become_both_splits(task: str, split: str) -> None:
    spec = registry.get(task)
    validation, test = splits(spec, LoadOptions(data_root(), split))  # type: ignore[arg-type]
    assert validation and test
    assert not {sample.id for sample in validation} & {sample.id for sample in test}


@pytest.mark.parametrize(
    ("answer", "right", "parsed"),
    [
        ("[ANSWER_START]ice[ANSWER_END]", True, "ice"),
        ("[ANSWER_START]B[ANSWER_END] no, [ANSWER_START] Ice. [ANSWER_END]", True, "ice"),
        ("<think>[ANSWER_START]ice[ANSWER_END]</think>[ANSWER_START]10 mM[ANSWER_END]", False, "10 mM"),
        ("[ANSWER_START]A[ANSWER_END]", True, "ice"),
        ("[ANSWER_START]A. ice[ANSWER_END]", True, "ice"),
        ("[ANSWER_START]C. ice[ANSWER_END]", False, None),
        ("[ANSWER_START]B[ANSWER_END]", False, "B"),
        ("[ANSWER_START]A 10[ANSWER_END]", False, "A 10"),
        ("[ANSWER_START]ice or B[ANSWER_END]", False, None),
        ("The answer is ice.", True, "ice"),
        ("I would put it on ice.", False, None),
        ("<think>[ANSWER_START]ice[ANSWER_END]", False, None),
    ],
)
def test_an_option_is_read_by_its_text_or_letter(answer: str, right: bool, parsed: str | None) -> None:
    assert value("bioprobench_pqa", PQA_ROW, answer) == (right, parsed)


@pytest.mark.parametrize(
    ("answer", "right", "parsed"),
    [
        ("[ANSWER_START]False[ANSWER_END]", True, "False"),
        ("[ANSWER_START]False[ANSWER_END] wait [ANSWER_START]**true**[ANSWER_END]", False, "True"),
        ("[ANSWER_START]not true[ANSWER_END]", True, "False"),
        ("[ANSWER_START]True or False[ANSWER_END]", False, None),
        ("false", True, "False"),
        ("It is false that the step is true", False, None),
    ],
)
def test_true_and_false_are_read_whole(answer: str, right: bool, parsed: str | None) -> None:
    assert value("bioprobench_err", ERR_ROW, answer) == (right, parsed)


def test_the_shown_step_is_the_corrupted_one_where_the_row_is_wrong() -> None:
    wrong = item("bioprobench_err", ERR_ROW)
    right = item("bioprobench_err", ERR_ROW | {"is_correct": True, "corrupted_text": None})
    assert ("Use 1:10." in wrong.prompt, wrong.gold) == (True, "False")
    assert ("Use 1:100." in right.prompt, right.gold) == (True, "True")
    assert "Use 1:100." not in wrong.prompt


@pytest.mark.parametrize(
    ("answer", "right", "parsed"),
    [
        ("[ANSWER_START][1, 0, 3, 2][ANSWER_END]", True, "[1, 0, 3, 2]"),
        ("[ANSWER_START][1, 2, 3, 0][ANSWER_END]", True, "[1, 2, 3, 0]"),  # the step "Mix" stands twice
        ("[ANSWER_START]1, 0, 3, 2[ANSWER_END]", True, "[1, 0, 3, 2]"),
        ("[0, 1, 2, 3] is wrong, [1,0,3,2] it is", True, "[1, 0, 3, 2]"),
        ("[ANSWER_START][0, 1, 2, 3][ANSWER_END]", False, "[0, 1, 2, 3]"),
        ("[ANSWER_START][1, 0, 3][ANSWER_END]", False, "[1, 0, 3]"),
        ("[ANSWER_START][1, 0, 3, 2, 2][ANSWER_END]", False, "[1, 0, 3, 2, 2]"),
        ("[ANSWER_START]Pour, Mix[ANSWER_END]", False, None),
    ],
)
def test_an_order_names_every_step_once(answer: str, right: bool, parsed: str | None) -> None:
    assert value("bioprobench_ord", ORD_ROW, answer) == (right, parsed)


def test_kendalls_tau_is_graded() -> None:
    spec, sample = registry.get("bioprobench_ord"), item("bioprobench_ord", ORD_ROW)
    assert spec.published is not None
    marks = "[ANSWER_START]{}[ANSWER_END]"
    answers = [marks.format(order) for order in ("[1, 0, 3, 2]", "[2, 3, 0, 1]", "[0, 1, 3, 2]", "none")]
    found = spec.published.evaluate("", [sample] * 4, answers, [None] * 4)
    assert found == {
        "exact_match": 25.0,
        "kendall_tau": pytest.approx((1 - 1 + 4 / 6) / 3),
        "failed": 25.0,
    }


def test_a_protocol_is_graded_by_shared_words_in_order() -> None:
    spec, sample = registry.get("bioprobench_gen"), item("bioprobench_gen", GEN_ROW)
    whole = spec.scorer(sample, "Sure!\n[ANSWER_START]1. melt the agarose\n2. pour it slowly[ANSWER_END]")
    half = spec.scorer(sample, "[ANSWER_START]1. Melt the agarose.[ANSWER_END]")
    assert (whole.right, whole.value) == (True, 1.0)
    # Four of the reference's eight words and numbers: precision 1, recall 1/2.
    assert (half.right, half.value) == (False, pytest.approx(2 / 3))
    assert spec.scorer(sample, "...").parsed is None


def test_rows_without_the_columns_are_named() -> None:
    for task, row, message in (
        ("bioprobench_pqa", PQA_ROW | {"answer": "fire"}, "none of `choices`"),
        ("bioprobench_ord", ORD_ROW | {"correct_steps": ["Pour", "Mix", "Dry", "Stir"]}, "not the steps"),
        ("bioprobench_gen", GEN_ROW | {"output": []}, "no text in `output`"),
        ("aime24", {"problem": "What is 1+1?"}, "`answer`"),
    ):
        with pytest.raises(ValueError, match=message):
            item(task, row)


def test_rows_of_another_task_belong_to_no_view() -> None:
    rows = {"pqa": PQA_ROW, "err": ERR_ROW, "ord": ORD_ROW, "gen": GEN_ROW}
    for name in rows:
        published = registry.get(f"bioprobench_{name}").published
        assert published is not None
        assert [other for other, row in rows.items() if published.subsets_of(row)] == [name]


def test_aime24_reads_both_namings_of_its_columns() -> None:
    one = item("aime24", {"problem": "What is 1+1?", "answer": "2"})
    other = item("aime24", {"origin_prompt": "What is 1+1?", "gold_answer": 2})
    assert one == other
    assert registry.get("aime24").scorer(one, "\\boxed{002}").right


def test_strict_marks_are_closed() -> None:
    assert between_marks("[ANSWER_START]a") is None
    assert between_marks("x</think>[ANSWER_START] a [ANSWER_END]") == "a"


def test_the_pool_is_what_is_no_test_file(tmp_path: Path) -> None:
    folder = tmp_path / "bioprobench"
    folder.mkdir()
    rows = [{**PQA_ROW, "question": f"Chill {n} tubes on ____.", "id": str(n)} for n in range(12)]
    (folder / "PQA_test.json").write_text(json.dumps(rows[:8]))
    with pytest.raises(InputError, match="no training rows"):
        load(registry.get("bioprobench_pqa"), "official", 0, LoadOptions(tmp_path))
    (folder / "PQA_train.json").write_text(json.dumps(rows[8:]))
    data = load(registry.get("bioprobench_pqa"), "official", 0, LoadOptions(tmp_path))
    assert [len(source.rows) for source in data.sources] == [4]
    assert len(data.validation) + len(data.load_test()) == 8
