"""When chain-of-thought answers that lost a short race get another look."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from memory.held_out import HeldOut
from memory.records import Experiment
from roles.planner import PlannerContext, _look_again
from tasks.base import Score
from tests.support.run_records import plan as made_plan
from tests.support.run_records import training
from tools.training.estimate import Speed

STEEP = tuple((step, 4.0 * 0.9**step) for step in range(16))
FLAT = tuple((step, 1.0) for step in range(16))


def experiment(number: int, sources: tuple[str, ...], init_from: str, losses=STEEP) -> Experiment:
    parent = None if init_from == "base" else init_from
    plan = made_plan(f"e{number:02d}", parent, change="first", sources=sources, init_from=init_from)
    trained = training(steps=16, rows=100, losses=losses)
    return Experiment.model_construct(
        id=plan.experiment, plan=plan, training=trained, evaluation=object(), outcome="kept"
    )


def context(scores: dict[str, float], *history: Experiment, champion: Experiment) -> PlannerContext:
    dojo = SimpleNamespace(
        validation_score=lambda id: Score(metric="m", value=scores[id], low=0, high=100, n=300),
        remaining_budget_seconds=lambda: 200.0,
        minimum_experiment_seconds=lambda: 10.0,
        overhead_seconds=lambda: 6.0,
        training_speed=lambda plan: Speed(1.0, 5000.0, "measured"),
        base_model=SimpleNamespace(parameters=1_000_000),
        profiles=lambda: {},
        template_tokens=10,
        max_rows=2000,
        max_experiments=None,
    )
    groups = {"chain_of_thought": ("steps",), "direct": ("bare",), "unusable": ()}
    return PlannerContext(dojo, "e09", history, champion, groups, ())  # type: ignore[arg-type]


WORKED, BARE = experiment(1, ("steps",), "base"), experiment(2, ("bare",), "base")


def test_worked_answers_that_were_cut_short_go_on_from_their_own_weights():
    scores = {"base": 4.0, "e01": 10.0, "e02": 23.0}
    plan = _look_again(context(scores, WORKED, BARE, champion=BARE))
    assert plan is not None
    assert (plan.sources, plan.init_from, plan.change) == (("steps",), "e01", "duration")
    assert "e01 was cut short" in plan.reason


def test_they_go_on_while_they_close_the_gap_and_no_longer():
    second = experiment(3, ("steps",), "e01")
    near = {"base": 4.0, "e01": 10.0, "e02": 23.0, "e03": 18.0}
    plan = _look_again(context(near, WORKED, BARE, second, champion=BARE))
    assert plan is not None
    assert plan.init_from == "e03"
    far = near | {"e02": 40.0, "e03": 12.0}
    assert _look_again(context(far, WORKED, BARE, second, champion=BARE)) is None


def test_a_good_champion_whose_plain_answers_teach_no_more_is_challenged_too():
    good = {"base": 4.0, "e01": 43.0, "e02": 57.0}
    stalled = experiment(2, ("bare",), "base", FLAT)
    plan = _look_again(context(good, WORKED, stalled, champion=stalled))
    assert plan is not None
    assert (plan.sources, plan.init_from) == (("steps",), "e01")
    assert _look_again(context(good, WORKED, BARE, champion=BARE)) is None


def test_worked_answers_within_reach_challenge_a_champion_that_could_not_be_improved():
    vain = experiment(3, ("bare",), "e02")
    near = {"base": 4.0, "e01": 43.0, "e02": 57.0, "e03": 57.0}
    plan = _look_again(context(near, WORKED, BARE, vain, champion=BARE))
    assert plan is not None
    assert plan.init_from == "e01"
    far = near | {"e02": 75.0, "e03": 74.0}
    assert _look_again(context(far, WORKED, BARE, vain, champion=BARE)) is None
    failed = vain.model_copy(update={"evaluation": None})
    assert _look_again(context(near, WORKED, BARE, failed, champion=BARE)) is None


@pytest.mark.parametrize(
    ("scores", "losses"),
    [
        ({"base": 4.0, "e01": 10.0, "e02": 23.0}, FLAT),
        ({"base": 4.0, "e01": 4.0, "e02": 23.0}, STEEP),
        ({"base": 4.0, "e01": 10.0, "e02": 60.0}, STEEP),
    ],
    ids=["its loss is flat", "it gained nothing", "the champion is good"],
)
def test_no_second_look_where_it_promises_little(scores, losses):
    first = experiment(1, ("steps",), "base", losses)
    assert _look_again(context(scores, first, BARE, champion=BARE)) is None


def test_no_second_look_for_rows_that_were_learnt_by_heart():
    scores = {"base": 4.0, "e01": 10.0, "e02": 23.0}
    assert _look_again(context(scores, WORKED, BARE, champion=BARE)) is not None
    held_out = HeldOut(
        rows=40,
        losses=((8, 0.5, 0.5), (16, 0.9, 0.4)),
        rose=True,
        kept="best",
        kept_step=8,
        wall_seconds=1.0,
    )
    assert WORKED.training is not None
    by_heart = WORKED.model_copy(
        update={"training": WORKED.training.model_copy(update={"held_out": held_out})}
    )
    assert _look_again(context(scores, by_heart, BARE, champion=BARE)) is None


def test_a_worked_champion_needs_no_second_look():
    scores = {"base": 4.0, "e01": 30.0, "e02": 23.0}
    assert _look_again(context(scores, WORKED, BARE, champion=WORKED)) is None


def test_worked_answers_that_do_not_end_yet_go_on_where_those_that_end_are_better_than_the_champions():
    level = experiment(1, ("steps",), "base", FLAT)
    scores = {"base": 9.0, "e01": 40.0, "e02": 44.0}
    asked = context(scores, level, BARE, champion=BARE)
    assert _look_again(asked) is None
    unread(asked, "e01", 0.27)
    plan = _look_again(asked)
    assert plan is not None
    assert plan.init_from == "e01"
    assert "27% of its answers cannot be read yet" in plan.reason
    unread(asked, "e01", 0.05)
    assert _look_again(asked) is None


def unread(asked: PlannerContext, id: str, share: float) -> None:
    """So much of an experiment's answers cannot be parsed."""
    before = asked.dojo.validation_score
    asked.dojo.validation_score = lambda other: (  # type: ignore[method-assign]
        before(other).model_copy(update={"unparseable_share": share}) if other == id else before(other)
    )
