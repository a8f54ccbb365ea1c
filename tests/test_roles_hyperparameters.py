"""The numeric optimiser learns from the journal and stays in range."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from memory.records import Experiment
from memory.training_plan import TrainingPlan
from roles.hyperparameters import (
    Hyperparameters,
    batch_sizes,
    best_so_far,
    caution,
    default_hyperparameters,
    suggest,
)
from roles.search_space import MAX_EPOCHS, ORDER, moved, searched_values
from roles.trials import MOST_EARLIER, Trial, earlier_trials, rate_for, standings, trials_from
from tests.bench.forecast_family import family
from tests.support.run_records import plan as made_plan
from tests.support.run_records import run_info
from tests.test_memory_calibration import experiment
from tests.test_memory_early_stop import stopped
from tools.checks.training import check_values
from tools.training.learning_rate import learning_rate_range


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


@pytest.mark.parametrize(
    ("row_tokens", "rows"), [(0.0, 16), (80.0, 16), (256.0, 16), (300.0, 8), (1_000.0, 4), (9_000.0, 4)]
)
def test_long_rows_make_small_batches_and_lower_rates(row_tokens, rows):
    found = default_hyperparameters("full", 576, row_tokens)
    assert found.batch_size == rows
    usual = default_hyperparameters("full", 576).learning_rate
    assert found.learning_rate == pytest.approx(usual * (rows / 16) ** 0.5)
    searched = {
        suggest([Trial(1e-3, rows, 0.3)], "full", 576, seed, row_tokens=row_tokens).batch_size
        for seed in range(9)
    }
    assert searched == {rows, 2 * rows}


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("width", [64, 576, 4096])
def test_the_rate_of_a_small_batch_stays_in_the_range(method, width):
    low, high = learning_rate_range(method, width)
    assert low <= default_hyperparameters(method, width, 5_000.0).learning_rate < high


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
    assert first.batch_size in batch_sizes(0.0)


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


def tried(method: str, count: int, rows_read: float = 0.0, **fields: object) -> list[Trial]:
    """So many trials of plans with these fields; the worth falls with their number."""
    plan = TrainingPlan.model_validate({"method": method, "num_train_epochs": 3.0, **fields})
    low, high = learning_rate_range(method, 128)
    further = searched_values(plan)
    return [
        Trial(low * (high / low) ** (n / max(count, 2)), 16, 1.0 - n / count, f"e{n:02d}", rows_read, further)
        for n in range(count)
    ]


@pytest.mark.parametrize("method", ["full", "lora"])
def test_few_trials_move_rate_and_batch_alone_and_more_trials_one_field_after_another(method):
    assert [len(moved(method, count)) for count in (0, 5, 6, 8, 9, 12)] == [0, 0, 1, 1, 2, 3]
    assert suggest(tried(method, 5), method, 128, seed=0).further == {}
    seven = suggest(tried(method, 7), method, 128, seed=0).further
    assert set(seven) - {"lora_alpha"} == {ORDER[method][0]}
    many = suggest(tried(method, 40), method, 128, seed=0).further
    assert set(many) - {"lora_alpha"} == set(ORDER[method])


@pytest.mark.parametrize("width", [32, 576, 4096])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_every_suggestion_of_a_long_search_passes_the_gate_of_a_models_decision(method, width):
    worth, trials = random.Random(0), tried(method, 5)
    seen = {name: set() for name in ORDER[method]}
    for number in range(40):
        found = suggest(trials, method, width, seed=0)
        given = {"method": method, "learning_rate": found.learning_rate, **found.further}
        plan = TrainingPlan.model_validate(given)
        check_values(plan, width)
        assert plan.num_train_epochs <= MAX_EPOCHS
        if "lora_r" in found.further:
            assert plan.lora_alpha == 2 * plan.lora_r
            assert plan.lora_r <= max(8, width // 4)
        for name, values in seen.items():
            values.add(getattr(plan, name))
        made = replace(tried(method, 1)[0], learning_rate=found.learning_rate, further=searched_values(plan))
        trials.append(replace(made, worth=worth.random(), experiment=f"e{number:02d}"))
    # Each field is tried in several values, and those that can be off are off at times.
    assert all(len(values) > 1 for values in seen.values())
    assert None in seen["neftune_noise_alpha"]


def test_trials_that_did_well_pull_a_field_towards_their_value():
    well = [replace(trial, worth=0.9) for trial in tried("lora", 10, lora_r=64)]
    badly = [replace(trial, worth=-0.5) for trial in tried("lora", 10, lora_r=8)]
    ranks = [suggest(well + badly, "lora", 4096, seed).further["lora_r"] for seed in range(15)]
    assert sum(rank > 16 for rank in ranks) >= 11


def test_a_choice_outside_of_the_space_is_no_obstacle():
    odd = tried(
        "full", 10, lr_scheduler_type="constant_with_warmup", weight_decay=0.9, neftune_noise_alpha=1.0
    )
    assert suggest(odd * 2, "full", 128, seed=1).further


def test_trials_are_ranked_among_those_of_like_length():
    short = [Trial(1e-3, 16, worth, rows_read=1000.0) for worth in (0.1, 0.2, 0.3)]
    long = [Trial(1e-3, 16, worth, rows_read=16_000.0) for worth in (0.6, 0.8)]
    found = standings([*short, *long], 16_000.0)
    assert found[:3] == sorted(found[:3])
    assert found[4] == max(found)  # the best long one
    assert found[2] < found[4]  # the best short one is no match for it
    assert found[2] > 0.5 > found[0]  # but says something
    assert max(abs(each - 0.5) for each in found[:3]) < 0.1
    near = standings([*short, *long], 1000.0)
    assert near[2] == max(near)


def test_a_history_of_one_length_is_ranked_by_worth():
    trials = [Trial(1e-3, 16, worth, rows_read=500.0 + worth) for worth in (0.3, -1.0, 0.1, 0.9)]
    found = standings(trials, 0.0)
    assert sorted(range(4), key=found.__getitem__) == [1, 2, 0, 3]
    assert standings([Trial(1e-3, 16, -1.0)], 0.0) == [0.0]


def test_a_rate_of_a_short_training_is_lowered_for_a_long_one_and_never_raised():
    trial = Trial(1e-3, 16, 0.5, rows_read=1000.0)
    assert rate_for(trial, 2000.0) == 1e-3
    assert rate_for(trial, 10_000.0) == pytest.approx(1e-3 * 10**-0.32)
    assert rate_for(trial, 1e9) == pytest.approx(1e-3 / 3)
    assert rate_for(trial, 10.0) == rate_for(trial, 0.0) == 1e-3


def test_the_best_so_far_is_taken_at_a_rate_for_the_length_to_come():
    trials = [Trial(2e-3, 32, 0.6, rows_read=1000.0), Trial(1e-3, 16, 0.2, rows_read=1000.0)]
    assert best_so_far(trials, 1000.0).learning_rate == 2e-3
    assert best_so_far(trials, 10_000.0).learning_rate < 1.1e-3
    assert best_so_far([Trial(2e-3, 32, -0.1)], 0.0) is None


def trained(number: int, sources: tuple[str, ...] = ("a",), epochs: float = 3.0) -> Experiment:
    id = f"e{number:02d}"
    made = made_plan(id).model_copy(update={"sources": sources})
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


def earlier_run(rates: dict[float, float]) -> list[Trial]:
    return [Trial(rate, 16, worth, rows_read=5000.0) for rate, worth in rates.items()]


def test_a_search_begins_where_earlier_runs_did_well():
    low, high = learning_rate_range("full", 128)
    good = low * (high / low) ** 0.25
    rates = {low * (high / low) ** (step / 11): 0.0 for step in range(12)}
    earlier = [
        earlier_run({rate: 0.4 - abs(math.log(rate / good)) / 10 for rate in rates}),
        earlier_run({rate: 0.9 - abs(math.log(rate / good)) / 10 for rate in rates}),
    ]
    own = [Trial(high * 0.9, 16, 0.01, rows_read=5000.0)]
    cold = [suggest(own, "full", 128, seed, rows_read=5000.0) for seed in range(12)]
    warm = [suggest(own, "full", 128, seed, rows_read=5000.0, earlier=earlier) for seed in range(12)]

    def distance(found):
        return sum(abs(math.log(each.learning_rate / good)) for each in found) / len(found)

    assert distance(warm) < 0.7 * distance(cold)
    assert warm[0].origin == "tpe after 1 trials and 24 of earlier runs"
    assert all(low <= each.learning_rate <= high for each in warm)


def test_what_this_run_found_outweighs_what_others_did():
    low, high = learning_rate_range("full", 128)
    theirs, own_best = low * 2, high / 2
    earlier = [earlier_run({theirs: 0.5, own_best: 0.1})]
    own = [Trial(own_best * (1 + step / 50), 16, 0.5 + step / 50, rows_read=5000.0) for step in range(6)]
    own += [Trial(theirs * (1 + step / 50), 16, 0.01, rows_read=5000.0) for step in range(6)]
    found = [suggest(own, "full", 128, seed, rows_read=5000.0, earlier=earlier) for seed in range(9)]
    middle = math.sqrt(theirs * own_best)
    assert sum(each.learning_rate > middle for each in found) >= 7


def test_earlier_trials_are_of_this_model_and_method_the_same_task_first_and_bounded():
    known = [e for e in family(30) if e.base_model == "model-128"]
    info = run_info(base_model="model-128", task=known[0].task)
    runs = earlier_trials(known, info, "full")
    assert 0 < sum(map(len, runs)) <= MOST_EARLIER
    by_rate = {float(e.setup.training["rate"]): e for e in known if e.setup.training}
    tasks = [by_rate[trials[0].learning_rate].task for trials in runs]
    assert tasks == sorted(tasks, key=lambda task: task != info.task)
    assert earlier_trials(known, info, "lora") == []
    assert earlier_trials(known, run_info(base_model="another"), "full") == []
