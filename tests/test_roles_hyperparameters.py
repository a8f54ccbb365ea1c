"""The numeric optimiser learns from the journal and stays in range."""

from __future__ import annotations

import pytest

from roles.hyperparameters import (
    BATCH_SIZES,
    Trial,
    default_hyperparameters,
    learning_rate_range,
    suggest,
    trials_from,
)
from tests.test_memory_calibration import experiment
from tests.test_memory_early_stop import stopped


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("width", [64, 128, 768, 4096])
def test_the_default_lies_inside_the_range(method, width):
    low, high = learning_rate_range(method, width)
    assert low < default_hyperparameters(method, width).learning_rate < high


def test_lora_wants_a_higher_rate_than_full_fine_tuning():
    assert (
        default_hyperparameters("lora", 128).learning_rate
        > 2 * default_hyperparameters("full", 128).learning_rate
    )


def test_models_of_billions_of_parameters_get_published_rates():
    low, high = learning_rate_range("full", 4096)
    assert low <= 1e-5 <= high
    low, high = learning_rate_range("lora", 4096)
    assert low <= 2e-4 <= high


def test_suggestions_are_reproducible_and_inside_the_space():
    trials = [Trial(1e-3, 32, 0.3), Trial(3e-3, 16, 0.1), Trial(5e-4, 64, 0.2)]
    first, second = suggest(trials, "full", 128, seed=3), suggest(trials, "full", 128, seed=3)
    assert first == second
    low, high = learning_rate_range("full", 128)
    assert low <= first.learning_rate <= high
    assert first.batch_size in BATCH_SIZES


def test_a_stopped_trial_is_worth_what_its_paired_answers_say():
    tried = experiment(1, None, training={"init_from": "base"})
    tried = tried.model_copy(update={"evaluation": stopped(70.0, against="base", against_value=20.0)})
    (trial,) = trials_from([tried], 20.0, "full")
    assert trial.worth == pytest.approx(-25.0 / 80.0)  # 25 points behind, however easy its share was


def test_a_restart_stays_under_the_rate_that_made_its_weights():
    trials = [Trial(3e-3, 16, 0.5), Trial(3.5e-3, 16, 0.6), Trial(2e-3, 32, 0.1)]
    rates = [suggest(trials, "full", 128, seed, ceiling=1.5e-3).learning_rate for seed in range(12)]
    assert max(rates) <= 1.5e-3
    low, _ = learning_rate_range("full", 128)
    assert suggest(trials, "full", 128, 0, ceiling=low / 10).learning_rate <= 2 * low


def test_many_trials_pull_the_search_towards_the_better_rates():
    low, high = learning_rate_range("full", 128)
    # Rates near the top of the range do well, those near the bottom badly.
    trials = [Trial(high * 0.7, 32, 0.5)] * 8 + [Trial(low * 1.5, 32, -0.5)] * 8
    rates = [suggest(trials, "full", 128, seed=seed).learning_rate for seed in range(9)]
    middle = (low * high) ** 0.5
    assert sum(rate > middle for rate in rates) >= 7
