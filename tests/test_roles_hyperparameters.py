"""The numeric optimiser learns from the journal and stays in range."""

from __future__ import annotations

import pytest

from memory.records import Experiment, TrainingPlan
from roles.hyperparameters import (
    BATCH_SIZES,
    Hyperparameters,
    Trial,
    caution,
    default_hyperparameters,
    learning_rate_range,
    suggest,
)
from tests.support.run_records import plan


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


def trained(number: int, sources: tuple[str, ...] = ("a",), epochs: float = 3.0) -> Experiment:
    id = f"e{number:02d}"
    made = plan(id).model_copy(update={"sources": sources})
    training = TrainingPlan(method="full", num_train_epochs=epochs)
    return Experiment(id=id, number=number, plan=made, training_plan=training)


def test_a_suggestion_says_how_many_trials_it_rests_on_and_what_else_differed():
    found = Hyperparameters(1e-3, 16, "tpe after 2 trials")
    alike = [trained(number) for number in range(1, 13)]
    assert caution(alike, "full", found) == ("- the search has seen 12 trials",)
    assert "so few make it little more than a guess" in caution(alike[:2], "full", found)[0]
    mixed = [trained(1), trained(2, ("a", "b")), trained(3, epochs=1.0)]
    assert "differ in data or start (2 kinds) and duration (2) as well" in caution(mixed, "full", found)[0]


def test_what_is_no_searchs_needs_no_caution():
    assert caution([trained(1)], "full", Hyperparameters(1e-3, 16, "best so far")) == ()
    assert caution([], "full", Hyperparameters(1e-3, 16, "tpe after 0 trials")) == ()
