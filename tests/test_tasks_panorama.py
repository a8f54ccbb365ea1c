"""PANORAMA: what our parsers read, what the released evaluators read, and real rows."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks import registry
from tasks.answers.metrics import multilabel_macro_f1
from tasks.base import Metrics, Sample
from tasks.official.rows import read_rows
from tasks.panorama import noc4pc, par4pc, pi4pc, released
from tasks.panorama.claims import claim_lines
from tests.support.real_rows import data_root

ART = Sample("x", "panorama_par4pc", "", "A, G", {"silver": ["C"]})
PARAGRAPH = Sample("x", "panorama_pi4pc", "", "36", {"silver": ["65"], "keys": ["9", "36", "65"]})
CODE = Sample("x", "panorama_noc4pc", "", "103")
HUGE = "9" * 5_000


def _released(evaluate: Callable[..., Metrics], sample: Sample, answer: str) -> Metrics:
    return evaluate(sample.subset, [sample], [answer], [None])


@pytest.mark.parametrize(
    ("answer", "parsed"),
    [
        ('{"answer": ["A", "G"]}', "A, G"),
        ('{"answer": "A, G"}', "A, G"),
        ('{"answer": "G and A."}', "A, G"),
        ('{"answer": ["Option A", "patent g"]}', "A, G"),
        ('```json\n```json\n{"answer": ["G", "A"]}\n```\n```', "A, G"),
        ('{"answer": ["A", "G"]', "A, G"),
        ('{"answer": ["A", "G"],}', "A, G"),
        ("{'answer': ['A', 'G']}", "A, G"),
        ('{"answer": "B"} I correct myself: {"answer": ["A", "G"]}', "A, G"),
        ('<think>{"answer": "B"}</think>{"answer": ["A", "G"]}', "A, G"),
        ('<think>{"answer": ["A", "G"]}', None),
        ('{"answer": "G."}', "G"),
        ('{"answer": "AG"}', "A, G"),
        ('{"answer": "BAD"}', None),
        ('{"answer": ["A", "G"], "note": null}', "A, G"),
        ('{"answer": ["A", "G"]} or rather {"answer": "All"}', None),
        ('{"answer": ["A", "G"', None),
        ('{"answer": "A, G', None),
        ('{"answer": A}', None),
        ('{"answer": ["A", "Z"]}', None),
        ('{"answer": "All"}', None),
        ('{"answer": "A-H"}', None),
        ('{"answer": []}', None),
        ("A and G", None),
        ("a patent was cited", None),
    ],
)
def test_letters_as_we_read_them(answer: str, parsed: str | None) -> None:
    item_score = par4pc.scorer(ART, answer)
    assert item_score.parsed == parsed
    assert item_score.right is (parsed == "A, G")


@pytest.mark.parametrize(
    ("answer", "letters"),
    [
        ('{"answer": ["A", "G"]}', {"A", "G"}),
        ('{"answer": "AG"}', {"AG"}),
        ('{"answer": "All"}', {"ALL"}),
        ('{"answer": "A and G"}', {"A", "AND", "G"}),
        ('{"answer": "G."}', {"G."}),
        ('{"answer": ["Option A"]}', set()),
        ('{"answer": ["G"]', {"A", "E", "G"}),
        ('{"answer": "G"', {"A", "E", "G"}),
        ('<think>x</think>{"answer": "G"}', {"A", "E", "G"}),
        ('{"answer": "G"} {"answer": "B"}', {"A", "E", "G"}),
        ('```json\n```json\n{"answer": "G"}\n```\n```', set()),
        ("I chose a patent: G", {"A", "G"}),
        ("", set()),
    ],
)
def test_letters_as_the_released_parser_reads_them(answer: str, letters: set[str]) -> None:
    assert released.letters_said(answer) == letters


def test_the_released_macro_f1_is_micro_and_silver_is_false() -> None:
    both = [ART, Sample("y", ART.subset, "", "B")]
    found = released.prior_art(ART.subset, both, ['{"answer": ["A", "C"]}', '{"answer": "B"}'], [None, None])
    assert found["macro_f1"] == pytest.approx(100 * 2 * 2 / (2 * 2 + 1 + 1))
    assert found["precision"] == found["recall"] == pytest.approx(200 / 3)
    assert found["exact_match"] == 50.0
    assert found["custom_score"] == pytest.approx((0 + 100) / 2)
    for lost in (HUGE, f'{{"answer": {HUGE}}}', "[" * 5_000):
        assert set(_released(released.prior_art, ART, lost).values()) == {None}


def test_our_macro_f1_weighs_letters_alike() -> None:
    samples = [Sample(str(i), ART.subset, "", "A") for i in range(9)] + [Sample("z", ART.subset, "", "B")]
    item_scores = [par4pc.scorer(sample, '{"answer": "A"}') for sample in samples]
    score = multilabel_macro_f1(samples, item_scores, "ABCDEFGH")
    assert score.value == pytest.approx(100 * (18 / 19 + 0) / 2)
    assert score.low < score.value <= score.high


@pytest.mark.parametrize(
    ("answer", "parsed", "theirs"),
    [
        ('{"answer": 36}', "36", 36),
        ('{"answer": "36"}', "36", 36),
        ('{"answer": [36]}', "36", 36),
        ('{"answer": 36.0}', "36", 36),
        ('{"answer": 9.7}', None, 9),
        ('{"answer": true}', None, 1),
        ('{"answer": 36', "36", 36),
        ('{"answer": ["36"],}', "36", 36),
        ('{"answer": "[0036]"}', "36", 36),
        ('{"answer": 0036}', "36", 36),
        ('{"answer": 36abc}', None, 36),
        ('{"answer": 36-38}', None, 36),
        ('{"answer": "36', None, 36),
        ('{"answer": [36, 9]}', None, 36),
        ('{"answer": "paragraph 36"}', None, 36),
        ('{"answer": 9} no: {"answer": 36}', "36", 9),
        ('<think>{"answer": 9}</think>{"answer": 36}', "36", 9),
        ('```json\n```json\n{"answer": 36}\n```\n```', "36", None),
        ("US 20050025220 shows it in paragraph 36", None, 20050025220),
        ("", None, None),
    ],
)
def test_paragraphs_as_both_read_them(answer: str, parsed: str | None, theirs: int | None) -> None:
    item_score = pi4pc.scorer(PARAGRAPH, answer)
    assert (item_score.parsed, item_score.right) == (parsed, parsed == "36")
    assert released.key_said(answer) == theirs


@pytest.mark.parametrize("answer", ['{"answer": Infinity}', '{"answer": 1e999}', f"see {HUGE}", "[" * 5_000])
def test_outputs_that_end_the_released_paragraph_view(answer: str) -> None:
    assert set(_released(released.paragraphs, PARAGRAPH, answer).values()) == {None}
    assert not pi4pc.scorer(PARAGRAPH, answer).right


def test_silver_paragraphs_are_unknown_to_the_released_evaluator() -> None:
    found = _released(released.paragraphs, PARAGRAPH, '{"answer": 65}')
    assert (found["gold_hit_rate"], found["silver_hits"], found["valid_count"]) == (0.0, 0.0, 1.0)
    assert pi4pc.scorer(PARAGRAPH, '{"answer": 65}').error == "silver_paragraph"


@pytest.mark.parametrize(
    ("answer", "parsed", "theirs"),
    [
        ('{"code": "103"}', "103", "103"),
        ('{"code": 103}', "103", "103"),
        ("see paragraph 1024", None, "102"),
        ("not allowable, rejected under 103", None, "ALLOW"),
        ("not 102 but 103", None, "102"),
        ('{"code": "ALLOWED"}', "ALLOW", "ALLOW"),
        ('<think>{"code": "102"}</think>{"code": "103"}', "103", "102"),
        ('{"code": "103"} {"code": "102"}', "102", "103"),
        ('```json\n```json\n{"code": "103"}\n```\n```', "103", None),
        ("", None, None),
    ],
)
def test_codes_as_both_read_them(answer: str, parsed: str | None, theirs: str | None) -> None:
    assert noc4pc.scorer(CODE, answer).parsed == parsed
    assert released.code_said(answer) == theirs


def test_silence_helps_in_the_released_macro_f1_and_hurts_in_ours() -> None:
    samples = [Sample(str(i), CODE.subset, "", code) for i, code in enumerate(("ALLOW", "102", "103", "103"))]
    answers = [f'{{"code": "{code}"}}' for code in ("ALLOW", "102", "103")] + ["no idea"]
    theirs = released.novelty(CODE.subset, samples, answers, [None] * 4)
    assert (theirs["macro_f1"], theirs["valid_count"]) == (100.0, 3.0)
    item_scores = [noc4pc.scorer(*pair) for pair in zip(samples, answers, strict=True)]
    ours = noc4pc.aggregate(samples, item_scores)
    assert ours.value < 90
    assert ours.unparseable_share == 0.25


@pytest.mark.parametrize("answer", [HUGE, f'{{"code": {HUGE}}}', "[" * 5_000])
def test_outputs_that_end_the_released_novelty_view(answer: str) -> None:
    assert set(_released(released.novelty, CODE, answer).values()) == {None}
    assert not noc4pc.scorer(CODE, answer).right


def _rows(name: str) -> list[dict[str, object]]:
    files: list[Path] = sorted((data_root() / "panorama" / name).glob("*.json"))
    return [row for path in files for row in read_rows(path)]


@pytest.mark.parametrize("task_id", ["panorama_par4pc", "panorama_noc4pc", "panorama_pi4pc"])
def test_real_rows_make_full_prompts(task_id: str) -> None:
    spec, rows = registry.get(task_id), _rows(task_id.removeprefix("panorama_"))
    assert spec.published is not None
    assert len(rows) >= 5
    for row in rows:
        assert spec.published.subsets_of(row) == spec.subsets
        sample = spec.published.sample(row, spec.subsets[0])
        claims = row["context"]["claims"]  # type: ignore[index]
        assert claims[int(str(row["claim_number"])) - 1].split(". ", 1)[1][:80] in sample.prompt
        nested = {k: json.dumps(v) if isinstance(v, (dict, list)) else v for k, v in row.items()}
        assert spec.published.sample(nested, spec.subsets[0]) == sample
        assert spec.scorer(sample, spec.render(str(sample.gold), "")).right


@pytest.mark.parametrize(
    ("task_id", "column"), [("par4pc", "options"), ("noc4pc", "prior_art_specifications")]
)
def test_a_real_prompt_shows_the_prior_art_in_full(task_id: str, column: str) -> None:
    for row in _rows(task_id):
        prompt = registry.get(f"panorama_{task_id}").build_prompt(row) or ""
        held: Any = row[column]
        for document in held.values() if isinstance(held, dict) else held:
            cited = [str(paragraph["content"]) for paragraph in document.get("paragraphs", ())]
            for text in (document["title"], document["abstract"], *document["claims"][1:], *cited):
                assert " ".join(text.split()) in " ".join(prompt.split())


def test_a_dependent_claim_brings_what_it_refers_to() -> None:
    claims = ["1. A pump with a gear.", "2. The pump of claim 1, with a cam.", "3. The pump of claim 2."]
    row = {"claim_number": 3, "context": {"claims": claims, "title": "Pump"}}
    assert claim_lines(row) == [
        "Claim 1: A pump with a gear.",
        "Claim 2: The pump of claim 1, with a cam.",
        "Claim 3: The pump of claim 2.",
    ]
    first = claim_lines(row | {"claim_number": 1}, others=True)
    assert first == [f"Other claims: {claims[1]} {claims[2]}", "Claim 1: A pump with a gear."]
    assert claim_lines(row | {"claim_number": 4}) is None


def test_generated_elements_stand_in_none_one_or_two_candidates_and_some_are_never_cited() -> None:
    found = set()
    for index in range(300):
        item = par4pc.MINI.generator.draw(random.Random(index), index)
        held = [part for parts in item.meta["candidates"].values() for part in parts]
        found.add((len(item.meta["claim"]), len(item.answer.split(", "))))
        assert {held.count(part) for part in item.meta["claim"]} <= {0, 1, 2}
        assert set(held) - set(item.meta["claim"])
        assert item.answer
    assert {cited for size, cited in found if size == 3} == {1, 2, 3, 4, 5, 6}
    assert {size for size, cited in found if cited == 2} == {2, 3, 4}
