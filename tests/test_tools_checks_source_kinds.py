"""Sources are judged by what is in them, never by their names."""

from __future__ import annotations

from typing import Any

import pytest

from tools.checks.source_kinds import by_kind, can_be_audited, distrusted, kind_of, why_unusable
from tools.curation.profile import SourceProfile


def profile(**changes: Any) -> SourceProfile:
    """A clean source of direct answers, unless told otherwise."""
    facts: dict[str, Any] = {
        "name": "somewhere",
        "card_excerpt": "",
        "licence": "generated",
        "rows": 1000,
        "columns": (),
        "suggested_columns": {"prompt": "question", "answer": "answer"},
        "empty_share": 0.0,
        "duplicate_share": 0.0,
        "exact_duplicate_share": 0.0,
        "conflict_share": 0.0,
        "parseable_share": 1.0,
        "in_format_share": 1.0,
        "reasoning_share": 0.0,
        "mean_reasoning_tokens": 0.0,
        "verified_share": 0.0,
        "refuted_share": 0.0,
        "undecided_share": 1.0,
        "on_domain_share": 1.0,
        "mean_similarity": 0.9,
        "contaminated_share": 0.0,
        "mean_prompt_tokens": 50.0,
        "mean_answer_tokens": 5.0,
        "samples": (),
    }
    return SourceProfile.model_validate(facts | changes)


def test_worked_solutions_are_told_from_bare_answers():
    assert kind_of(profile(reasoning_share=0.9)) == "chain_of_thought"
    assert kind_of(profile(reasoning_share=0.1)) == "direct"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"suggested_columns": {}}, "columns"),
        ({"parseable_share": 0.2}, "parsed"),
        ({"on_domain_share": 0.1}, "resemble"),
        ({"rows": 40, "duplicate_share": 0.9}, "too few"),
    ],
)
def test_what_cannot_be_used_says_why(changes, words):
    bad = profile(**changes)
    assert kind_of(bad) == "unusable"
    assert words in why_unusable(bad)


def test_repeats_do_not_count_towards_a_source_s_worth():
    sources = {"wide": profile(rows=600), "echo": profile(rows=1000, duplicate_share=0.8)}
    assert by_kind(sources)["direct"] == ("wide", "echo")


def test_a_source_of_wrong_labels_is_distrusted_once_the_champion_knows_better():
    agreement = {"a": 0.80, "b": 0.76, "c": 0.42}
    assert distrusted(agreement, rows=60, right=0.8) == ("c",)


def test_a_weak_champion_accuses_nobody():
    assert distrusted({"a": 0.12, "b": 0.08, "c": 0.04}, rows=60, right=0.1) == ()


def test_a_champion_that_learned_the_faults_of_the_largest_source_does_not_accuse_the_clean_one():
    learned_wrong = {"largest, wrong": 1.0, "clean": 0.29, "another": 0.25}
    assert distrusted(learned_wrong, rows=60, right=0.28) == ()
    assert distrusted(learned_wrong, rows=60, right=0.9) == ("another", "clean")


def test_a_single_source_has_nobody_to_be_compared_with():
    assert distrusted({"a": 0.1}, rows=60, right=0.9) == ()


def test_a_source_whose_answers_cannot_be_read_may_still_be_held_against_a_model():
    assert can_be_audited(profile(parseable_share=0.0))
    assert not can_be_audited(profile(parseable_share=0.0, on_domain_share=0.1))
