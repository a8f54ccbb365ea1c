"""Memory and time before training: a formula first, measurements as soon as there are any."""

from __future__ import annotations

from pathlib import Path

import pytest

from memory.recipe import DataCard
from memory.records import Training, TrainingPlan
from tests.support import run_records
from tools.models.base_model import BaseModel
from tools.process.machine import Machine
from tools.training.estimate import estimate

LAPTOP = Machine(cores=2, memory_gib=8.0)


def base(parameters: int = 1_200_000, hidden: int = 128, layers: int = 4) -> BaseModel:
    return BaseModel(
        path=Path("/models/base"),
        name="base",
        parameters=parameters,
        n_layers=layers,
        hidden_size=hidden,
        vocab=3000,
        max_positions=512,
        size_gib=parameters * 4 / 2**30,
        sha="0" * 16,
    )


def card(rows: int = 2000, mean_tokens: float = 80.0) -> DataCard:
    return run_records.card(rows, mean_tokens=mean_tokens)


def measured(tokens: int, wall_seconds: float, peak_gib: float, method: str = "full") -> Training:
    return run_records.training(
        method=method,
        rows=2000,
        tokens=tokens,
        losses=(),
        tokens_per_second=tokens / wall_seconds,
        wall_seconds=wall_seconds,
        cpu_seconds=wall_seconds,
        peak_gib=peak_gib,
    )


def test_the_small_model_fits_a_laptop_and_a_large_one_does_not() -> None:
    small = estimate(TrainingPlan(), card(), base(), where=LAPTOP)
    assert small.fits
    assert small.basis == "formula"
    assert 0.45 < small.peak_gib < 2.0
    large = estimate(TrainingPlan(), card(), base(7_600_000_000, 3584, 28), where=LAPTOP)
    assert not large.fits
    assert large.peak_gib > 7.6 * 16 / 1.074  # weights, gradients and two moments: 16 bytes a parameter


def test_lora_needs_less_memory_and_time_than_full_fine_tuning() -> None:
    model = base(500_000_000, 1024, 24)
    full = estimate(TrainingPlan(method="full"), card(), model, where=LAPTOP)
    lora = estimate(TrainingPlan(method="lora"), card(), model, where=LAPTOP)
    assert lora.peak_gib < 0.7 * full.peak_gib
    assert lora.seconds < full.seconds


def test_memory_grows_with_the_batch_and_time_with_the_epochs() -> None:
    def figures(**hyperparameters: float) -> tuple[float, float]:
        found = estimate(TrainingPlan.model_validate(hyperparameters), card(), base(), where=LAPTOP)
        return found.peak_gib, found.seconds

    assert figures(per_device_train_batch_size=128)[0] > figures(per_device_train_batch_size=32)[0]
    assert figures(num_train_epochs=4)[1] > 2.0 * figures(num_train_epochs=1)[1]
    assert figures(num_train_epochs=4, max_steps=1)[1] < figures(num_train_epochs=1)[1]


def test_a_measured_speed_replaces_the_formula() -> None:
    plan = TrainingPlan(num_train_epochs=2.0)
    history = [(TrainingPlan(), measured(tokens=160_000, wall_seconds=81.0, peak_gib=0.8))]
    found = estimate(plan, card(2000, 80.0), base(), history, LAPTOP)
    assert found.basis == "measured"
    assert found.seconds == pytest.approx(1.0 + 320_000 / 2000.0)
    assert found.peak_gib == pytest.approx(0.8)
    doubled = plan.model_copy(update={"per_device_train_batch_size": 64})
    assert estimate(doubled, card(), base(), history, LAPTOP).peak_gib == pytest.approx(
        0.45 + 2 * 0.35, abs=0.03
    )


def test_the_other_method_says_nothing_about_this_one() -> None:
    history = [(TrainingPlan(method="lora"), measured(160_000, 20.0, 0.8, "lora"))]
    assert estimate(TrainingPlan(method="full"), card(), base(), history, LAPTOP).basis == "formula"


def test_a_gpu_is_judged_by_its_own_memory() -> None:
    model = base(1_500_000_000, 1536, 28)
    with_gpu = Machine(cores=8, memory_gib=4.0, gpus=("GPU",), gpu_memory_gib=80.0)
    assert estimate(TrainingPlan(), card(), model, where=with_gpu).fits
    assert not estimate(TrainingPlan(), card(), model, where=LAPTOP).fits
