"""Every task proves itself without a model: gold scores best, silence worst, nothing raises."""

from __future__ import annotations

import importlib
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tasks import registry
from tasks.base import Sample, TaskSpec
from tasks.columns import pluck
from tasks.errors import InputError
from tasks.load import load
from tasks.splits import fingerprint, seeded
from tests.support.gold_answers import affordable, gold_answer, item_scores_of, sampled
from tests.support.growth import grows_quadratically
from tests.support.mini_editions import mini, sealed

IDS = registry.ids()
MODULES = tuple(spec.scorer.__module__ for spec in registry.TASKS)

SAMPLED_ITEMS = 60
"""Of each subset; test_tasks_trust.py takes all of them in `make test-slow`."""

MALFORMED = [
    "",
    " \n\t",
    "\0\0\0",
    "{" * 5_000 + "[" * 5_000,
    '{"output": ' + "[" * 20_000,
    '{"code": "10',
    '{"code": {"code": 102',
    '{"output": "C1CC"}',
    '{"output": "' + "C" * 5_000 + '"}',
    '{"output": "not a molecule"}',
    '{"output": "\\ud800"}',
    '{"output": "CC\\u0000O"}',
    "\\boxed{" * 2_000,
    "\\boxed{}",
    "\\boxed{" + "9" * 5_000 + "}",
    "\\boxed{²}",
    "Final Answer: ",
    "Final Answer: " + "9" * 6_000,
    "Final Answer: Infinity",
    "Final Answer: 1e999",
    "<think>" * 3_000,
    "</think><think>",
    "答案：",
    "答案：Ｚ",
    "9" * 10_000,
    "1," * 10_000,
    "a" * 50_000,
    "\ud800",
]


@pytest.fixture(params=IDS)
def spec(request: pytest.FixtureRequest) -> TaskSpec:
    return registry.get(request.param)


def test_gold_scores_best_and_silence_worst(spec: TaskSpec) -> None:
    samples = affordable(spec, sampled(sealed(spec.id), SAMPLED_ITEMS))
    gold = spec.aggregate(samples, item_scores_of(spec, samples, [gold_answer(spec, s) for s in samples]))
    silent = spec.aggregate(samples, item_scores_of(spec, samples, [""] * len(samples)))
    assert (gold.value, gold.n, gold.unparseable_share) == (100.0, len(samples), 0.0)
    assert (silent.value, silent.unparseable_share) == (0.0, 1.0)
    assert gold.low < 100.0
    assert silent.high > 0.0
    assert set(gold.subsets) == set(spec.subsets) - set(registry.synthetic(spec.id).unscored_subsets)


def test_worked_answers_are_right_and_verified(spec: TaskSpec) -> None:
    miniature = registry.synthetic(spec.id)
    rng, item_scores = random.Random(3), []
    samples, targets = [], []
    for index in range(120):
        item = miniature.generator.draw(rng, index)
        prompt, target = miniature.prompt_of(item), spec.render(item.answer, item.reasoning)
        samples.append(Sample("x", item.subset, prompt, item.gold, item.meta))
        targets.append(target)
        assert spec.extract(target) == item.answer
        assert spec.verify(prompt, target) is not False, target
        item_scores.append(spec.verify(prompt, target))
        flaw = miniature.generator.corrupted_rationale(rng, item)
        if flaw:
            assert spec.verify(prompt, spec.render(*flaw)) is False, flaw
    assert item_scores.count(True) >= 50
    some = affordable(spec, samples)
    right = item_scores_of(spec, some, targets[: len(some)])
    assert [target for target, item_score in zip(targets, right, strict=False) if not item_score.right] == []


@pytest.mark.parametrize("answer", MALFORMED, ids=lambda text: repr(text[:24]))
def test_malformed_answers_are_wrong_and_never_raise(spec: TaskSpec, answer: str) -> None:
    sample = sealed(spec.id)[0]
    item_score = spec.scorer(sample, answer)
    assert (item_score.right, item_score.value) == (False, 0.0)
    assert item_score.error
    spec.extract(answer)
    assert spec.verify(sample.prompt, answer) is not True


@pytest.mark.parametrize(
    "junk",
    [
        "{",
        "[",
        "\\boxed{",
        "<think>",
        "1+",
        "1,",
        '{"output":',
        "A ",
        "D1: a, ",
        "Final Answer:",
        "答案：",
        "C=",
    ],
)
def test_repetition_is_wrong_and_its_reading_does_not_grow_with_the_square(spec: TaskSpec, junk: str) -> None:
    sample = next(s for s in sealed(spec.id) if s.gold != "A")
    gold, published = gold_answer(spec, sample), spec.published
    assert published is not None

    def read(text: str) -> None:
        assert not spec.scorer(sample, text).right
        spec.extract(text)
        spec.verify(sample.prompt, text)
        spec.verify(text, gold)
        published.evaluate(sample.subset, [sample], [text], [None])

    assert not grows_quadratically(read, junk)


def test_splits_are_disjoint_and_sized(spec: TaskSpec) -> None:
    validation, test = mini(spec.id).validation, sealed(spec.id)
    sizes = (150, 300) if spec.script else (300, 500)
    assert (len(validation), len(test)) == sizes
    marks = [fingerprint(s.prompt) for s in (*validation, *test)]
    assert len(set(marks)) == sum(sizes)
    assert len({s.id for s in (*validation, *test)}) == sum(sizes)
    unscored = registry.synthetic(spec.id).unscored_subsets
    assert {s.subset for s in validation} == set(spec.subsets) - set(unscored)


_DIGESTS = """
import hashlib, sys
from tasks import registry
from tasks.load import load
from tasks.splits import seeded
for name in registry.ids():
    mini, rng = registry.synthetic(name).generator, seeded(name, 0)
    drawn = [mini.with_answer(item := mini.draw(rng, i), mini.wrong(rng, item), "") for i in range(30)]
    drawn += [mini.edit(rng, mini.draw(rng, i).columns) for i in range(30)]
    print(hashlib.sha256(repr(drawn).encode()).hexdigest())
data = load(registry.get("aime25"), "mini", 0)
print(hashlib.sha256(repr((data.validation, data.load_test(), data.sources)).encode()).hexdigest())
"""


def test_the_seed_alone_decides_everything(root: Path) -> None:
    """Two processes, with other orders of their sets, build the same bytes."""
    printed = [
        subprocess.run(
            [sys.executable, "-c", _DIGESTS],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for seed in ("12345", "678")
    ]
    assert len(printed[0]) == len(IDS) + 1
    assert printed[0] == printed[1]


def test_another_seed_draws_other_items(spec: TaskSpec) -> None:
    generator = registry.synthetic(spec.id).generator
    drawn = [
        [generator.draw(seeded(spec.id, seed, "test"), i).columns for i in range(20)] for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_prompts_are_short(spec: TaskSpec) -> None:
    longest = max(len(s.prompt) for s in sealed(spec.id))
    assert longest < 400


def test_prompts_come_from_published_columns(spec: TaskSpec) -> None:
    miniature = registry.synthetic(spec.id)
    item = miniature.generator.draw(random.Random(0), 0)
    row = miniature.generator.with_answer(item, item.answer, item.reasoning)
    assert spec.build_prompt(row) == miniature.prompt_of(item)
    assert spec.build_prompt({"instruction": "x", "output": "y"}) is None
    assert spec.extract(pluck(row, spec.answer_column) or "") == item.answer
    assert pluck(row, spec.reasoning_column) == item.reasoning


def test_labels_are_balanced() -> None:
    patents = [s.gold for s in sealed("panorama_noc4pc")]
    letters = [s.gold for s in sealed("FinanceIQ_gen")]
    assert (
        max(map(patents.count, ("ALLOW", "102", "103"))) - min(map(patents.count, ("ALLOW", "102", "103")))
        <= 1
    )
    assert all(100 <= letters.count(letter) <= 150 for letter in "ABCD")


@pytest.mark.parametrize("module", MODULES)
def test_a_family_opens_with_its_facts_in_order(module: str) -> None:
    text = importlib.import_module(module).__doc__ or ""
    places = [text.find(f"\n{name}: ") for name in ("Source", "Licence", "Metric", "Example", "Pitfall")]
    assert places == sorted(places)
    assert places[0] > 0


def test_unknown_tasks_and_editions_say_what_to_do() -> None:
    with pytest.raises(InputError, match="did you mean aime25"):
        registry.get("aime26")
    with pytest.raises(InputError, match="use --edition official") as caught:
        load(registry.get("aime24"), "mini", 0)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="use --edition mini") as caught:
        load(registry.get("aime25"), "official", 0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("task_id", "answer", "right"),
    [
        ("aime25", "\\boxed{5} no, \\boxed{GOLD}", True),
        ("aime25", "<think>\\boxed{GOLD}</think> \\boxed{1000}", False),
        ("aime25", "<think>\\boxed{1000} so \\boxed{GOLD}", False),
        ("aime25", "$\\boxed{\\text{ } GOLD^\\circ}$", True),
        ("aime25", "\\boxed{x = 0GOLD}", True),
        ("aime25", "\\boxed{-GOLD}", False),
        ("aime25", "\\boxed{\\frac{GOLD}{1}}", True),
        ("aime25", "\\boxed{\\frac{GOLD}{7919}}", False),
        ("aime25", "GOLD", False),
        ("tablebench_numerical_reasoning", "Final Answer: 7\nFinal Answer: GOLD", True),
        ("tablebench_numerical_reasoning", "**Final Answer: GOLD**", True),
        ("tablebench_numerical_reasoning", "final answer： GOLD.", True),
        ("tablebench_numerical_reasoning", "Final Answer: -GOLD", False),
        ("tablebench_numerical_reasoning", "GOLD", False),
        ("panorama_noc4pc", '```json\n```json\n{"code": "GOLD",}\n```', True),
        ("panorama_noc4pc", "{'reason': 'see 1024', 'code': 'GOLD'", True),
        ("panorama_noc4pc", "paragraph 1024", False),
        ("panorama_noc4pc", '{"code": "GOLD"} or rather {"code": "ALLOW"}', False),
        ("FinanceIQ_gen", "答案：Ｇ", False),
        ("FinanceIQ_gen", "答案：GOLD。I hope GDP helps. Because", True),
        ("FinanceIQ_gen", "**GOLD**", True),
        ("FinanceIQ_gen", "(GOLD)", True),
        ("FinanceIQ_gen", "the answer is GOLD because it fits", True),
        ("FinanceIQ_gen", "the answer is not GOLD", False),
        ("FinanceIQ_gen", "GOLD不对", False),
    ],
)
def test_known_traps_of_the_published_evaluators(task_id: str, answer: str, right: bool) -> None:
    spec = registry.get(task_id)
    sample = next(s for s in sealed(task_id) if re.fullmatch(r"[2-9]\d?|10\d|[A-D]", str(s.gold)))
    assert spec.scorer(sample, answer.replace("GOLD", str(sample.gold))).right is right


def test_thousands_separators_do_not_matter() -> None:
    spec = registry.get("tablebench_numerical_reasoning")
    sample = Sample("x", spec.subsets[0], "", "1234.5")
    assert spec.scorer(sample, "Final Answer: 1,234.50").right
    assert spec.scorer(sample, "Final Answer: 1,235").error == "near_miss"
    assert spec.scorer(sample, "Final Answer: -1234.5").error == "wrong_sign"
    assert spec.scorer(sample, "Final Answer: Ann").error == "name_for_number"


def test_verify_knows_when_it_cannot_tell() -> None:
    for task_id, answer in (
        ("aime25", "\\boxed{3}"),
        ("panorama_noc4pc", '{"code": "102"}'),
        ("FinanceIQ_gen", "答案：A"),
    ):
        spec = registry.get(task_id)
        assert spec.verify(sealed(task_id)[0].prompt, answer) is None
    assert registry.get("chemcotbench_mol_edit").verify("Which city is it?", "Paris") is None
    assert registry.get("aime25").verify("", "3+4=7. \\boxed{8}") is False
    assert registry.get("FinanceIQ_gen").verify("A. 70\nB. 60\nC. 1\nD. 2", "90-30=60。答案：A") is False
    assert registry.get("FinanceIQ_gen").verify("A. 70\nB. 60\nC. 1\nD. 2", "90-30=60。答案：B") is True


def test_official_rows_of_nested_json_strings_make_a_prompt() -> None:
    row = {
        "claim_number": 2,
        "context": json.dumps({"claims": ["1. A pump.", "2. A pump with a gear."]}),
        "prior_art_specifications": json.dumps([{"abstract": "A lamp with a gear."}]),
    }
    prompt = registry.get("panorama_noc4pc").build_prompt(row)
    assert prompt is not None
    assert prompt.split("\n")[:-1] == ["Claim 2: A pump with a gear.", "D1: A lamp with a gear."]
    assert registry.get("panorama_noc4pc").build_prompt(row | {"claim_number": 3}) is None
