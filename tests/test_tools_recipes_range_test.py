"""The range test finds where a training goes astray, caps its rate, and leaves its weights alone."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from memory.records import TrainingPlan
from tests.support.tiny_model import make_tiny_model, shared_worker
from tests.support.weight_jobs import write_codes
from tools.recipes.range_test import (
    ABOVE,
    BELOW,
    COST_SHARE,
    MARGIN,
    STEPS,
    highest_rate,
    lowered_rate,
    rates,
)

PLAN = TrainingPlan(
    method="full",
    learning_rate=2e-3,
    max_steps=math.ceil(STEPS / COST_SHARE),
    per_device_train_batch_size=8,
    range_test=True,
)


def ramp(tmp_path: Path, plan: TrainingPlan, **more: Any) -> dict[str, Any]:
    payload = {
        "plan": plan.model_dump(mode="json"),
        "model_dir": str(make_tiny_model(tmp_path / "base", spread=0.3)),
        "data": str(write_codes(tmp_path / "codes.jsonl", 200, rule=True)),
        "out": str(tmp_path / "out"),
    }
    return shared_worker().run("tests.support.weight_jobs:ramp", payload | more, 60.0, tmp_path / "log")


def test_a_rate_that_leads_astray_is_lowered_and_the_weights_stay(tmp_path: Path) -> None:
    wild = PLAN.model_copy(update={"learning_rate": 0.9})
    found = ramp(tmp_path, wild)
    assert found["same"]
    assert found["lowered"]["learning_rate"] == found["rate"] < 0.9
    assert "range test: trained at" in found["remarks"][0]
    assert not found["wrapped"]
    assert not found["left"]


def test_a_sound_rate_is_kept(tmp_path: Path) -> None:
    found = ramp(tmp_path, PLAN.model_copy(update={"learning_rate": 1e-5}))
    assert (found["lowered"], found["rate"]) == ({}, 1e-5)
    assert found["remarks"][0].startswith("range test:")


def test_a_ramp_over_an_adapter_puts_it_back_from_files(tmp_path: Path) -> None:
    found = ramp(tmp_path, PLAN.model_copy(update={"method": "lora", "learning_rate": 0.5}), files=True)
    assert found["same"]
    assert len(found["losses"]) >= 2
    assert not found["left"]


def test_a_training_too_short_for_it_goes_without(tmp_path: Path) -> None:
    found = ramp(tmp_path, PLAN.model_copy(update={"learning_rate": 0.9, "max_steps": 400}))
    assert (found["lowered"], found["rate"], found["remarks"]) == ({}, 0.9, [])


def test_a_training_on_several_devices_says_that_it_goes_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.training.ranks.world_size", lambda: 2)
    trainer = SimpleNamespace(plan=PLAN, args=SimpleNamespace(max_steps=PLAN.max_steps), remarks=[])
    assert lowered_rate(trainer, tmp_path) == {}  # type: ignore[arg-type]
    assert trainer.remarks == ["range test: none, several devices train together"]


def test_the_ramp_climbs_by_one_factor() -> None:
    steps = rates()
    assert (steps[0], steps[-1], len(steps)) == (BELOW, pytest.approx(ABOVE), STEPS)
    factors = [later / earlier for earlier, later in itertools.pairwise(steps)]
    assert max(factors) == pytest.approx(min(factors))


def test_the_cap_lies_under_the_rate_at_which_the_loss_begins_to_rise() -> None:
    quiet = [1.0, 1.1, 0.9, 1.0, 0.95, 1.05, 0.9, 0.85, 0.9, 0.85, 0.9, 0.85]
    found = highest_rate([*quiet, 2.0, 6.0, 9.0])
    assert found is not None
    assert rates()[9] / MARGIN <= found <= rates()[12] / MARGIN
    assert highest_rate(quiet * 2) is None
    assert highest_rate([1.0] * STEPS) is None


def test_a_loss_that_is_not_finite_caps_the_rate() -> None:
    found = highest_rate([1.0] * 10 + [math.nan])
    assert found == pytest.approx(rates()[9] / MARGIN)
    assert highest_rate([math.inf]) == BELOW / MARGIN
