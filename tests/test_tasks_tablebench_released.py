"""TableBench's text tasks: the released evaluators' known facts, and real rows under both rules."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from tasks import registry
from tasks.base import Metrics, Sample
from tasks.tablebench import released
from tests.support.real_rows import data_root

FACTS, NUMBERS = "tablebench_fact_checking", "tablebench_numerical_reasoning"
ANALYSIS = "tablebench_data_analysis"
PREFIX = "tablebench_analysis_"
TEXT_TASKS = (FACTS, ANALYSIS, NUMBERS)


def _released(task_id: str, gold: str, answer: str, subset: str = "") -> Metrics:
    spec = registry.get(task_id)
    assert spec.published is not None
    subset = subset or spec.subsets[0]
    return spec.published.evaluate(subset, [Sample("x", subset, "", gold)], [answer], [None])


# -- the released evaluators -----------------------------------------------------------------------


@pytest.mark.parametrize("task_id", [FACTS, NUMBERS])
@pytest.mark.parametrize(
    ("gold", "answer", "percent"),
    [
        ("69", "Final Answer: 69", 100),
        ("69", "69", 100),
        ("69", "It is 69", 0),
        ("69", "**Final Answer: 69**", 100),
        ("69", "Final Answer:\n69", 100),
        ("69", "Final Answer: -69", 100),
        ("69", "Final Answer: 69%", 100),
        ("69", "Final Answer: $69", 100),
        ("12.6", "Final Answer: 12,6", 100),
        ("1234.5", "Final Answer: 1,234.5", 0),
        ("69", "Final Answer：69", 0),
        ("69", "Final Answer: AnswerName1, AnswerName2...\nFinal Answer: 69", 0),
        ("69", "Final Answer: 68\nFinal Answer: 69", 0),
        ("69", "<think>Final Answer: 68</think>Final Answer: 69", 0),
        ("69", "<think>Final Answer: 69\n</think>Final Answer: 68", 100),
    ],
)
def test_released_exact_match(task_id: str, gold: str, answer: str, percent: float) -> None:
    metrics = _released(task_id, gold, answer)
    assert metrics == {"exact_match": percent, "accuracy": percent, "correct_count": percent / 100}
    assert _released(ANALYSIS, gold, answer, PREFIX + "impactanalysis") == metrics


@pytest.mark.parametrize("subset", ["correlationanalysis", "trendforecasting", "statisticalanalysis"])
@pytest.mark.parametrize(
    ("gold", "said", "percent"),
    [
        ("Strong positive correlation, 0.81", "Strong negative correlation, 0.81", 100),
        ("Strong positive correlation, 0.81", "0.88", 100),
        ("Strong positive correlation, 0.81", "0.90", 0),
        ("Strong positive correlation, 0.81", "-0.81", 0),
        ("Strong positive correlation, 0.81", "Strong positive correlation", 0),
        ("1234.5", "1,234.5", 100),
        ("28.74, 1249884", "28.74, 5", 100),
        ("Increasing trend", "increasing trend", 100),
        ("Increasing trend", "Increasing trend**", 0),
        ("18.90%", "**18.9**", 100),
        ("0", "0", 100),
        ("0", "0.1", 0),
        ("5", "9" * 5000, 0),
    ],
)
def test_released_tolerance_reads_the_first_number(subset: str, gold: str, said: str, percent: float) -> None:
    metrics = _released(ANALYSIS, gold, f"Final Answer: {said}", PREFIX + subset)
    assert metrics == {"accuracy": percent, "EM_with_error_10": percent, "correct_count": percent / 100}


def test_released_rouge() -> None:
    gold = "The two anomalies are the score of Ann and the score of Bob."
    subset = PREFIX + "other"
    best = _released(ANALYSIS, gold, f"Final Answer: {gold}", subset)
    assert best == {"ROUGE-L": pytest.approx(99.9999995), "accuracy": best["ROUGE-L"], "correct_count": 1.0}
    assert (best["ROUGE-L"] or 0.0) < 99.9999999
    wrong = _released(ANALYSIS, gold, "Final Answer: " + gold.replace("Bob", "Eve"), subset)
    assert wrong["correct_count"] == 1.0
    # Distinct words: 9 on either side, of which 8 are shared.
    assert wrong["ROUGE-L"] == pytest.approx(100 * 8 / 9, abs=1e-4)
    words = [f"w{n}" for n in range(1500)]
    long = " ".join(words)
    assert _released(ANALYSIS, long, f"Final Answer: {long}", subset)["ROUGE-L"] == 0.0
    fine = " ".join(words[:300])
    assert _released(ANALYSIS, fine, f"Final Answer: {fine}", subset)["ROUGE-L"] == pytest.approx(100)
    for nothing in ("...", "", "Final Answer: ."):
        assert _released(ANALYSIS, gold, nothing, subset)["ROUGE-L"] == 0.0


def test_released_metrics_of_a_megabyte_come_to_an_end() -> None:
    for junk in ("a ", "a.", "Final Answer:", "1,", "Final Answer: the. ", " \n"):
        for subset in registry.get(ANALYSIS).subsets:
            metrics = _released(ANALYSIS, "The gold is long. " * 20, junk * (1_000_000 // len(junk)), subset)
            assert (metrics["accuracy"] or 0.0) < 50


# -- real rows -------------------------------------------------------------------------------------


def _real(name: str = "TableBench_TCoT.jsonl") -> list[dict[str, Any]]:
    path = data_root() / "tablebench" / name
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _samples(task_id: str, rows: list[dict[str, Any]]) -> dict[str, list[Sample]]:
    spec = registry.get(task_id)
    assert spec.published is not None
    found: dict[str, list[Sample]] = {}
    for row in rows:
        for subset in spec.published.subsets_of(row):
            found.setdefault(subset, []).append(spec.published.sample(row, subset))
    return found


@pytest.mark.parametrize(
    "name", ["TCoT.jsonl", "DP.jsonl", "SCoT.jsonl", "PoT.jsonl", ".jsonl"], ids=lambda n: n.partition(".")[0]
)
@pytest.mark.parametrize("task_id", TEXT_TASKS)
def test_every_real_gold_answer_is_right_by_both_rules(task_id: str, name: str) -> None:
    spec = registry.get(task_id)
    assert spec.published is not None
    rows = _real("TableBench" + ("" if name == ".jsonl" else "_") + name)
    for subset, samples in _samples(task_id, rows).items():
        answers = [f"Step by step.\nFinal Answer: {sample.gold}" for sample in samples]
        wrong = [s.gold for s, a in zip(samples, answers, strict=True) if not spec.scorer(s, a).right]
        assert wrong == []
        metrics = spec.published.evaluate(subset, samples, answers, [None] * len(samples))
        assert metrics["accuracy"] == pytest.approx(100, abs=1e-5)
        assert metrics["correct_count"] == len(samples)


def test_real_rows_belong_where_the_released_code_puts_them() -> None:
    rows = _real()
    counts = {subset: len(held) for task in TEXT_TASKS for subset, held in _samples(task, rows).items()}
    kinds = [row["qsubtype"].lower() for row in rows if row["qtype"] == "DataAnalysis"]
    own = ("correlationanalysis", "trendforecasting", "statisticalanalysis", "impactanalysis")
    assert counts == {
        **{PREFIX + kind: kinds.count(kind) for kind in own},
        PREFIX + "other": len(kinds),
        FACTS: sum(row["qtype"] == "FactChecking" for row in rows),
        "tablebench_numerical": sum(row["qtype"] == "NumericalReasoning" for row in rows),
    }
    sample = _samples(FACTS, rows)[FACTS][0]
    assert sample.prompt in {row["instruction"] for row in rows}


def test_negated_and_opposite_real_answers_are_wrong_here_and_right_there() -> None:
    """As the released code was measured: every negated number and every opposite label passes."""
    rows = _real()
    for task_id in (FACTS, NUMBERS):
        spec = registry.get(task_id)
        for samples in _samples(task_id, rows).values():
            numeric = [sample for sample in samples if re.fullmatch(r"[\d.]+", sample.gold)]
            answers = [f"Final Answer: -{sample.gold}" for sample in numeric]
            assert numeric
            assert not [s for s, a in zip(numeric, answers, strict=True) if spec.scorer(s, a).right]
            assert released.exact_match("", numeric, answers, [])["accuracy"] == 100
    spec = registry.get(ANALYSIS)
    samples = _samples(ANALYSIS, rows)[PREFIX + "correlationanalysis"]
    swap = {"positive": "negative", "negative": "positive"}
    opposite = [
        "Final Answer: "
        + re.sub("positive|negative|No correlation", lambda m: swap.get(m[0], "Weak positive"), s.gold)
        for s in samples
    ]
    assert not [s for s, a in zip(samples, opposite, strict=True) if spec.scorer(s, a).right]
    assert released.within_ten_percent("", samples, opposite, [])["accuracy"] == 100


def test_bold_real_lines_cost_points_there_and_none_here() -> None:
    found = _samples(ANALYSIS, _real())
    spec = registry.get(ANALYSIS)
    assert spec.published is not None
    loss = {}
    for subset, samples in found.items():
        answers = [f"**Final Answer: {sample.gold}**" for sample in samples]
        assert all(spec.scorer(s, a).right for s, a in zip(samples, answers, strict=True))
        loss[subset] = 100 - (spec.published.evaluate(subset, samples, answers, [])["accuracy"] or 0.0)
    assert loss[PREFIX + "trendforecasting"] == pytest.approx(20)
    assert 3 < loss[PREFIX + "statisticalanalysis"] < 10
    assert 20 < loss[PREFIX + "other"] < 32
    assert loss[PREFIX + "correlationanalysis"] == 0


@pytest.mark.parametrize("task_id", TEXT_TASKS)
def test_rows_without_the_columns_say_which(task_id: str) -> None:
    published = registry.get(task_id).published
    assert published is not None
    item = registry.synthetic(task_id).generator.draw(random.Random(0), 0)
    row = {**item.columns, "answer": item.answer}
    subset = published.subsets_of(row)[0]
    assert published.sample(row, subset).prompt == row["instruction"]
    plain = {name: row[name] for name in ("table", "question", "answer")} | {
        "table": json.dumps(row["table"])
    }
    assert row["question"] in published.sample(plain, subset).prompt
    for broken, named in (({**row, "answer": None}, "answer"), ({"answer": "5"}, "instruction")):
        with pytest.raises(ValueError, match=named):
            published.sample(broken, subset)
    with pytest.raises(ValueError, match="of this task"):
        published.sample({**row, "qtype": "Visualization"}, subset)
    assert published.subsets_of({"question": "?"}) == ()
