"""The metric that is guessed for answers that are sets, objects, sequences or boxed; how sets are scored."""

from __future__ import annotations

import json
import random

import pytest

from tasks.custom.guess import guess_metric
from tasks.custom.metrics.sets import set_reader

RNG = random.Random(0)
LABELS = ("bug", "urgent", "docs", "user interface")
SETS = [RNG.sample(LABELS, RNG.randint(1, 3)) for _ in range(60)]
NOTES = [f"note {n}" for n in range(60)]


@pytest.mark.parametrize(
    ("answers", "metric"),
    [
        ([", ".join(labels) for labels in SETS], "set_f1"),
        ([json.dumps(labels) for labels in SETS], "set_f1"),
        ([json.dumps([{"text": f"x{n}", "label": "LOC"}]) for n in range(60)], "set_f1"),
        ([json.dumps(RNG.choices(["O", "O", "B-LOC"], k=9)) for _ in range(60)], "rouge_l"),
        ([json.dumps({"name": f"n{n}", "city": "Oslo", "sum": n}) for n in range(60)], "json"),
        ([json.dumps({"items": [n, n + 1]}) for n in range(60)], "json"),
        ([json.dumps({"answer": f"a{n}", "city": "Oslo"}) for n in range(60)], "json_field"),
        ([json.dumps({"city": f"a{n}", "reason": "so it is"}) for n in range(60)], "json_field"),
        ([f"We add.\nSo $\\boxed{{{n}}}$." for n in range(60)], "number"),
        ([f"We divide: \\boxed{{\\frac{{{n}}}{{7}}}}" for n in range(1, 60)], "number"),
        ([f"{1000 + n:,}" for n in range(60)], "number"),
        ([f"Paris {n}, France" for n in range(60)], "exact_match"),
        (["Oslo, Norway", "Lima, Peru", "Riga, Latvia"] * 20, "exact_match"),
    ],
)
def test_the_metric_suits_the_form_of_the_answers(answers: list[str], metric: str) -> None:
    assert guess_metric(answers, NOTES).metric == metric


def test_a_list_that_only_orders_what_is_asked_is_no_set() -> None:
    prompts = [f"Sort by length: {' '.join(sorted(labels))}" for labels in SETS]
    assert guess_metric([", ".join(labels) for labels in SETS], prompts).metric != "set_f1"


def test_a_prompt_that_lists_all_labels_leaves_them_a_set() -> None:
    prompts = [f"{note}: which of {', '.join(LABELS)}?" for note in NOTES]
    assert guess_metric([", ".join(labels) for labels in SETS], prompts).metric == "set_f1"


@pytest.mark.parametrize(
    ("reply", "gold", "score"),
    [
        ("urgent, bug", "bug, urgent", 1.0),
        ('["Bug", "urgent"]', "bug, urgent", 1.0),
        ("- bug\n- urgent", '["bug", "urgent"]', 1.0),
        ("It is slow.\nAnswer: bug", "bug, urgent", 2 / 3),
        ("user interface", "interface", 0.0),
        ('```json\n[{"label": "LOC", "text": "oslo"}]\n```', '[{"text": "Oslo", "label": "LOC"}]', 1.0),
        ('[{"text": "Oslo", "label": "PER"}]', '[{"text": "Oslo", "label": "LOC"}]', 0.0),
    ],
)
def test_sets_are_scored_by_the_f1_of_their_entries(reply: str, gold: str, score: float) -> None:
    reader = set_reader()
    said, right = reader.read(reply), reader.gold(gold)
    assert said is not None and right is not None
    assert reader.value(said, right) == pytest.approx(score)
