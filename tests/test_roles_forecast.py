"""A plan is forecast from other runs, told what was tried, and not made again where that was in vain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memory.calibration import forecasts
from memory.forecast.forecaster import Forecaster
from memory.forecast.past import Past, PastExperiment, experiments_of
from memory.forecast_record import Forecast
from memory.records import Plan
from roles.forecast import forecast, tried_before
from roles.llm.briefing.build import briefing
from roles.llm.candidates import OWN_SD, best_plan, gain_per_second, sd_of_expectations, weighed_gain
from roles.llm.schemas import PlanDecision
from roles.planner import plan as playbook_plan
from tasks.errors import InvalidDecision
from tests.support.run_in_progress import StillDojo, make_dojo
from tests.support.source_world import SourceWorld
from tools.checks.plan import check_plan
from tools.checks.repeats import refusal

pytest.importorskip("sklearn")


@pytest.fixture
def dojo(tmp_path: Path) -> StillDojo:
    return make_dojo(tmp_path, 6, current="plan")


def others(dojo: StillDojo, runs: int = 6, **changes: Any) -> Past:
    """The run's own experiments as those of other runs."""
    own = experiments_of(dojo.journal)
    return Past(
        tuple(
            replace(e, run=f"r{number}", gain=None if e.gain is None else e.gain + number / 10, **changes)
            for number in range(runs)
            for e in own
        )
    )


def the_plan(dojo: StillDojo, **changes: Any) -> Plan:
    found = dojo.journal.plan("e07")
    assert found is not None
    return found.model_copy(update=changes)


def test_without_other_runs_there_is_no_forecast(dojo: StillDojo) -> None:
    assert forecast(dojo, the_plan(dojo)) is None
    dojo.forecaster = Forecaster(past=others(dojo, 1))
    assert forecast(dojo, the_plan(dojo)) is None


def test_a_forecast_says_from_what_it_was_learned_and_how_sure_it_is(dojo: StillDojo) -> None:
    dojo.forecaster = Forecaster(past=others(dojo, 2))
    few = forecast(dojo, the_plan(dojo))
    assert few is not None and few.basis == (3 * 5, 3)  # one of six failed
    start = dojo.validation_score("e06").value
    assert (few.low, few.high) == (pytest.approx(-start, abs=0.01), pytest.approx(100 - start, abs=0.01))
    dojo.forecaster = Forecaster(past=others(dojo, 6))
    many = forecast(dojo, the_plan(dojo))
    assert many is not None
    assert many.low <= many.gain <= many.high
    assert many.sd < few.sd
    assert many.seconds > 0
    assert f"{many.gain:+.1f}" in many.text() and "7 runs" in many.text()


def test_a_forecast_is_journaled_with_its_plan_and_scored(dojo: StillDojo) -> None:
    dojo.forecaster = Forecaster(past=others(dojo))
    foretold = forecast(dojo, the_plan(dojo))
    assert foretold is not None
    again = Plan.model_validate(the_plan(dojo, forecast=foretold).model_dump(mode="json"))
    assert again.forecast == foretold
    done = list(dojo.journal.experiments())
    made = Forecast(gain=5.0, low=-1.0, high=2.0, level=0.8, seconds=9.0, basis=(9, 3))
    done[-1] = done[-1].model_copy(update={"plan": done[-1].plan.model_copy(update={"forecast": made})})
    base = dojo.journal.base_evaluation
    assert base is not None
    record = forecasts(done, base.paired_score)
    actual = dojo.validation_score("e06").value - dojo.validation_score(done[-1].plan.init_from).value
    assert record.n == 1 and record.scored[0].actual == pytest.approx(actual)
    assert record.inside == (made.low <= actual <= made.high)
    assert "gains lay inside their 80% intervals" in record.text()


def in_vain(dojo: StillDojo, planned: Plan, **changes: Any) -> PastExperiment:
    """Another run's experiment by this plan, from the base, that lost two points."""
    own = next(e for e in experiments_of(dojo.journal) if e.gain is not None)
    setup = replace(
        own.setup,
        start="base",
        sources=tuple(sorted(planned.sources)),
        shares=planned.shares,
        seconds=planned.max_seconds,
        change=planned.change,
        decided_by=planned.decided_by,
        steps=planned.steps,
        replay=planned.replay,
    )
    fields = {"run": "X", "experiment": "e04", "gain": -2.1, "low": -3.1, "high": -1.1, "setup": setup}
    return replace(own, **fields | changes)


def test_what_was_tried_is_said_before_time_is_spent(dojo: StillDojo) -> None:
    planned = the_plan(dojo, init_from="base", parent=None, change="duration", sources=("forum",))
    digest = {"data": "d" * 64}
    dojo.journal.info = dojo.journal.info.model_copy(update={"data_digest": "d" * 64})
    dojo.forecaster = Forecaster(past=Past((in_vain(dojo, planned, **digest),)))
    tried = tried_before(dojo, planned)
    assert tried is not None
    assert tried.text("copy-s0") == "tried: -2.1 +/- 1.0 (e04 of run X)"
    assert "tried: -2.1 +/- 1.0 (e04 of run X); not worth repeating" in briefing("planner", dojo, "e08")
    assert tried_before(dojo, planned.model_copy(update={"max_seconds": 5000.0})) is None
    assert tried_before(dojo, planned.model_copy(update={"sources": ("elsewhere",)})) is None


@pytest.mark.parametrize(
    ("changes", "done", "refused"),
    [
        ({}, {}, True),
        ({}, {"high": 1.5}, False),  # a gain is not excluded
        ({}, {"data": "e" * 64}, False),  # other data
        ({}, {"base_model": "another"}, False),
        ({"change": "hyperparameters"}, {}, False),  # the search may choose others
        ({"change": "operations"}, {}, False),
        ({"max_seconds": 900.0}, {}, False),  # much longer
        ({"weights": {"field-notes": 2.0, "forum": 1.0}}, {}, False),
    ],
)
def test_a_repeat_in_vain_is_refused_and_whatever_differs_is_not(
    dojo: StillDojo, changes: dict[str, Any], done: dict[str, Any], refused: bool
) -> None:
    first = the_plan(dojo, init_from="base", parent=None, change="duration", sources=("field-notes", "forum"))
    dojo.journal.info = dojo.journal.info.model_copy(update={"data_digest": "d" * 64})
    past = in_vain(dojo, first, **{"data": "d" * 64} | done)
    dojo.forecaster = Forecaster(past=Past((past,)))
    planned = first.model_copy(update=changes)
    assert bool(refusal(dojo, planned)) == refused
    if refused:
        with pytest.raises(InvalidDecision, match=r"tried: -2\.1 \+/- 1\.0 \(e04 of run X\)"):
            check_plan(dojo, planned)
    else:
        assert "tried" not in refusal(dojo, planned)


def test_a_language_models_sources_leave_the_recipe_open(dojo: StillDojo) -> None:
    planned = the_plan(dojo, init_from="base", parent=None, change="sources", decided_by="llm")
    dojo.journal.info = dojo.journal.info.model_copy(update={"data_digest": "d" * 64})
    dojo.forecaster = Forecaster(past=Past((in_vain(dojo, planned, data="d" * 64),)))
    assert tried_before(dojo, planned) is not None
    assert refusal(dojo, planned) == ""


def test_the_playbook_passes_over_a_look_that_was_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = {"good": 60.0, "bad": 1.0, "fair": 40.0}
    plain = SourceWorld(looks=looks, long=looks).run()
    assert ("bad",) in [each.sources for each in plain if each.steps]
    vain = "roles.look_plans.refusal"
    monkeypatch.setattr(vain, lambda dojo, plan: "in vain" if plan.sources == ("bad",) else "")
    spared = SourceWorld(looks=looks, long=looks).run()
    assert ("bad",) not in [each.sources for each in spared if each.steps]
    assert {("good",), ("fair",)} <= {each.sources for each in spared if each.steps}
    monkeypatch.setattr(vain, lambda dojo, plan: "in vain")
    assert len({each.sources for each in SourceWorld(looks=looks, long=looks).run() if each.steps}) >= 2


def test_a_run_that_has_tried_nothing_tries_even_what_was_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roles.planner.refusal", lambda dojo, plan: "in vain")
    world = SourceWorld(looks={"only": 60.0}, long={"only": 60.0})
    first = playbook_plan(world.dojo(), "e01")
    assert first is not None and first.sources == ("only",)
    assert world.step() is not None and world.step() is None


def test_candidates_are_weighed_by_how_sure_each_side_is(dojo: StillDojo) -> None:
    planned = the_plan(dojo, expected_gain=10.0)
    assert weighed_gain(planned, OWN_SD) == 10.0
    sure = Forecast(gain=0.0, low=-1.0, high=1.0, level=0.8, seconds=1.0, basis=(50, 9))
    vague = sure.model_copy(update={"low": -100.0, "high": 100.0})
    assert weighed_gain(planned.model_copy(update={"forecast": sure}), OWN_SD) < 0.1
    assert weighed_gain(planned.model_copy(update={"forecast": vague}), OWN_SD) > 9.0
    assert gain_per_second(planned, 1.0) == pytest.approx(10.0 / planned.max_seconds)
    assert sd_of_expectations(dojo) < OWN_SD  # this run's plans were nearer to what came


def test_the_forecast_decides_between_candidates_that_a_model_thinks_equal(
    dojo: StillDojo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def foretold(dojo: StillDojo, plan: Plan) -> Forecast:
        gain = 8.0 if plan.change == "hyperparameters" else -8.0
        return Forecast(gain=gain, low=gain - 3, high=gain + 3, level=0.8, seconds=60.0, basis=(50, 9))

    monkeypatch.setattr("roles.llm.candidates.forecast", foretold)
    one: dict[str, Any] = {
        "hypothesis": "Longer training helps",
        "change": "duration",
        "init_from": "e06",
        "sources": ["field-notes"],
        "expected_gain": 3.0,
        "share_of_remaining_budget": 0.2,
    }
    other = one | {"hypothesis": "Another rate helps", "change": "hyperparameters"}
    decision = PlanDecision.model_validate({**one, "reason": "both may help", "alternatives": [other]})
    made = best_plan(dojo, "e08", decision)
    assert isinstance(made, Plan)
    assert made.change == "hyperparameters" and made.forecast is not None and made.forecast.gain == 8.0
    lower = made.alternatives[0]
    assert lower.forecast is not None and lower.forecast.gain == -8.0
