"""When a model's answers are held against the labels of the sources, and of which."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from memory.agreement import Agreement
from memory.records import Diagnosis, Experiment
from roles.audit import sources_to_audit, with_agreements
from roles.llm.briefing.build import briefing
from tests.support.run_in_progress import make_dojo
from tests.support.source_world import score
from tests.test_tools_checks_source_kinds import profile

PROFILES = {
    "clean": profile(),
    "names": profile(parseable_share=0.0),
    "elsewhere": profile(on_domain_share=0.1),
}


def kept(
    sources: tuple[str, ...],
    value: float = 60.0,
    steps: int = 0,
    *,
    seconds: float = 1.0,
    loading: float = 0.0,
    **facts: Any,
) -> Experiment:
    return Experiment.model_construct(
        id="e02",
        plan=SimpleNamespace(sources=sources, steps=steps),
        evaluation=SimpleNamespace(
            score=score(value), wall_seconds=seconds, fixed_seconds=loading, stopped=None
        ),
        **{"outcome": "kept", "diagnosis": None} | facts,
    )


def asked(experiment: Experiment, *before: Experiment, left: float = 100.0) -> tuple[str, ...]:
    dojo: Any = SimpleNamespace(
        profiles=lambda: PROFILES,
        journal=SimpleNamespace(experiments=lambda: before),
        remaining_budget_seconds=lambda: left,
        right_share=lambda id: experiment.evaluation.score.value / 100,  # type: ignore[union-attr]
    )
    return sources_to_audit(dojo, experiment)


AUDITED = kept(
    ("clean", "names"),
    40.0,
    diagnosis=Diagnosis(cause="data", evidence=(), next_move="tune", source_scores={"clean": 0.4}),
)


def test_a_kept_mixture_is_asked_about_readable_and_unreadable_answers_to_the_tasks_questions():
    assert asked(kept(("clean", "other"))) == ("clean", "names")


def test_a_good_model_of_one_source_is_asked_once_how_the_others_can_be_repaired():
    assert asked(kept(("clean",), 60.0)) == ("clean", "names")
    assert asked(kept(("clean",), 30.0)) == ()
    assert asked(kept(("clean",), 60.0), AUDITED) == ()


@pytest.mark.parametrize(
    "experiment",
    [kept(("clean", "other"), outcome="discarded"), kept(("clean",), steps=40)],
    ids=["discarded", "a look"],
)
def test_nobody_else_is_asked(experiment):
    assert asked(experiment) == ()


def test_a_clearly_better_mixture_is_asked_again():
    assert asked(kept(("clean", "other"), 45.0), AUDITED) == ()
    assert asked(kept(("clean", "other"), 55.0), AUDITED) == ("clean", "names")


def test_an_audit_that_would_take_up_the_time_left_is_not_made():
    n = score(60.0).n
    half_a_second_each = kept(("clean", "other"), seconds=0.5 * n)
    assert asked(half_a_second_each, left=590.0) == ()
    assert asked(half_a_second_each, left=610.0) == ("clean", "names")


def test_of_an_audit_the_loading_of_the_model_counts_once_and_whole():
    loads_long = kept(("clean", "other"), seconds=12.0, loading=11.0)  # 11 + 0.8 s for 120 of 150 items
    assert asked(loads_long, left=115.0) == ()
    assert asked(loads_long, left=119.0) == ("clean", "names")


def test_a_diagnosis_takes_down_every_fresh_audit_and_later_briefings_show_it(tmp_path: Path) -> None:
    """Also one that the Diagnostician asked for, which no source score of the playbook's holds."""
    dojo = make_dojo(tmp_path, 1)
    found = Agreement(experiment="e01", source="forum", agreed=21, rows=60)
    dojo.agreements["e01", "forum"] = found
    plain = Diagnosis(cause="data", evidence=("e02: it is so",), next_move="tune")
    diagnosis = with_agreements(dojo, plain)
    assert diagnosis.agreements == (found,)
    dojo.journal.append("plan", dojo.journal.plan("e01").model_copy(update={"experiment": "e02"}), "e02")
    dojo.journal.append("diagnosis", diagnosis, "e02")
    dojo.journal.finish("e02", "discarded")
    assert with_agreements(dojo, plain).agreements == ()
    for role in ("planner", "diagnostician"):
        assert "35% [24, 48] of 60 (e01)" in briefing(role, dojo, "e03")
