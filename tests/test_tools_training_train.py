"""Training by TRL and PEFT on a real, tiny model: it learns, it fails with a reason, it can be repeated."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from memory.recipe import DataCard
from memory.records import Training, TrainingPlan
from tasks.errors import ExperimentFailed
from tests.support.copy_word_task import data_card
from tests.support.tiny_model import make_tiny_model, shared_worker
from tools.process import time_limit
from tools.training.length_groups import LengthGroups, LongestFirst
from tools.training.loss_curve import divergence, loss_fall, rate, thin
from tools.training.train import ADOPTED, LATER_FIELDS, TrainingJob, asked, probe, train
from tools.workspace import Workspace

PLAN = TrainingPlan(
    method="full",
    learning_rate=1e-2,
    max_steps=40,
    per_device_train_batch_size=8,
    warmup_steps=2,
    timeout_seconds=120.0,
)


@pytest.fixture
def space(runs_dir: Path) -> Workspace:
    return Workspace.create(runs_dir, "run")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "base")


@pytest.fixture
def card(space: Workspace) -> DataCard:
    return data_card(space)


def failed_training(plan: TrainingPlan, model: Path, card: DataCard, space: Workspace) -> ExperimentFailed:
    with pytest.raises(ExperimentFailed) as caught:
        train(TrainingJob(plan, "e01", model, card, space, shared_worker()))
    assert not (space.experiment_dir("e01") / "model").exists()
    return caught.value


def test_full_fine_tuning_learns_and_leaves_a_loadable_model(
    space: Workspace, model: Path, card: DataCard
) -> None:
    done = train(TrainingJob(PLAN, "e01", model, card, space, shared_worker()))
    assert done.steps == 40
    assert done.rows == 64
    assert done.losses[-1][1] < 0.3 * done.losses[0][1]
    assert done.tokens > 40 * 8 * 5
    assert 0.1 < done.peak_gib < 4.0
    assert done.model_dir == "experiments/e01/model"
    assert (done.stopped_early, done.ending(), done.planned_steps) == ("", "", 40)
    assert done.reproduced is not None and done.reproduced.rows == 64
    assert 0.9 < done.reproduced.tokens <= 1.0
    files = {path.name for path in space.inside(done.model_dir).iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= files
    assert str(space.experiment_dir("e01") / "plan.json") in done.command


def test_rows_are_known_word_for_word_only_after_they_were_learned(
    space: Workspace, model: Path, card: DataCard
) -> None:
    """By the base's likeliest tokens at first, and by hand over what was measured last."""
    fresh = train(
        TrainingJob(PLAN.model_copy(update={"max_steps": 1}), "e01", model, card, space, shared_worker())
    )
    assert fresh.reproduced is not None
    assert (fresh.reproduced.rows, fresh.reproduced.whole) == (PLAN.effective_batch_size, 0.0)
    learned = train(TrainingJob(PLAN, "e02", model, card, space, shared_worker())).reproduced
    assert learned is not None
    assert learned.whole > 0.5
    assert learned.tokens >= learned.whole


def test_training_again_returns_what_is_there_unless_the_plan_changed(
    space: Workspace, model: Path, card: DataCard
) -> None:
    plan = PLAN.model_copy(update={"max_steps": 3})
    first = train(TrainingJob(plan, "e01", model, card, space, shared_worker()))
    weights = space.inside(first.model_dir) / "model.safetensors"
    written = weights.stat().st_mtime_ns
    again = train(TrainingJob(plan, "e01", model, card, space, shared_worker()))
    assert again.remarks == (*first.remarks, ADOPTED)
    assert again.model_copy(update={"remarks": first.remarks}) == first
    assert weights.stat().st_mtime_ns == written
    other = train(
        TrainingJob(plan.model_copy(update={"max_steps": 4}), "e01", model, card, space, shared_worker())
    )
    assert other.steps == 4
    assert weights.stat().st_mtime_ns != written


def test_the_same_seed_gives_the_same_losses(space: Workspace, model: Path, card: DataCard) -> None:
    plan = PLAN.model_copy(update={"max_steps": 5, "seed": 3})
    runs = [
        train(TrainingJob(plan, name, model, card, space, shared_worker())).losses for name in ("e01", "e02")
    ]
    assert runs[0] == runs[1]


def test_lora_is_merged_and_its_adapter_kept(space: Workspace, model: Path, card: DataCard) -> None:
    done = train(
        TrainingJob(PLAN.model_copy(update={"method": "lora"}), "e01", model, card, space, shared_worker())
    )
    folder = space.inside(done.model_dir)
    assert done.losses[-1][1] < done.losses[0][1]
    adapter = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    assert adapter["r"] == PLAN.lora_r
    assert len(adapter["target_modules"]) == 14  # the seven linear layers of each block, not the embedding
    assert not (folder / "adapter_config.json").exists()
    merged, base = (folder / "model.safetensors").stat().st_size, (model / "model.safetensors").stat().st_size
    assert merged == pytest.approx(base, rel=0.02)


def test_rows_that_are_too_long_are_dropped_and_none_left_is_a_failure(
    space: Workspace, model: Path, card: DataCard
) -> None:
    rows = space.inside(card.path)
    rows.write_text(rows.read_text() + json.dumps({"prompt": "long " * 300, "answer": "x"}) + "\n")
    plan = PLAN.model_copy(update={"max_steps": 2, "max_length": 60})
    assert train(TrainingJob(plan, "e02", model, card, space, shared_worker())).rows == 64
    failed = failed_training(plan.model_copy(update={"max_length": 4}), model, card, space)
    assert failed.code == "empty_data"


def test_a_wild_learning_rate_is_called_divergence(space: Workspace, model: Path, card: DataCard) -> None:
    learned = train(TrainingJob(PLAN, "e00", model, card, space, shared_worker()))
    wild = PLAN.model_copy(update={"learning_rate": 1.0, "max_steps": 400, "warmup_steps": 0})
    failed = failed_training(wild, space.inside(learned.model_dir), card, space)
    assert (failed.stage, failed.code) == ("train", "diverged")
    assert "loss" in failed.message


def test_training_that_runs_late_ends_in_good_order(space: Workspace, model: Path, card: DataCard) -> None:
    endless = PLAN.model_copy(update={"max_steps": 1_000_000, "timeout_seconds": 4.0})
    done = train(TrainingJob(endless, "e01", model, card, space, shared_worker()))
    assert done.stopped_early == "time"
    assert 0 < done.steps < 1_000_000
    assert f"shortened to fit its time, {done.steps} of 1000000 planned steps" in done.ending()
    assert done.end_rate_share is not None and done.end_rate_share < 0.2
    assert (space.inside(done.model_dir) / "model.safetensors").exists()


def test_training_ends_in_good_order_before_a_limit_that_is_nearer_than_its_own(
    space: Workspace, model: Path, card: DataCard
) -> None:
    """As where a budget's rest is less than the plan's margin: what is trained is saved, not killed."""
    from tools.recipes import sft

    plan = PLAN.model_copy(update={"max_steps": 1_000_000, "timeout_seconds": 10_000.0})
    payload = asked(TrainingJob(plan, "e01", model, card, space, shared_worker())).call.payload
    time_limit.begin(6.0)
    try:
        done = sft.train(payload)
    finally:
        time_limit.begin(None)
    assert done["stopped_early"] == "time" and 0 < done["steps"] < 1_000_000
    assert (space.experiment_dir("e01") / "model" / "model.safetensors").exists()


def test_training_continues_from_another_experiment(space: Workspace, model: Path, card: DataCard) -> None:
    first = train(TrainingJob(PLAN, "e01", model, card, space, shared_worker()))
    plan = PLAN.model_copy(update={"max_steps": 5, "init_from": "e01", "learning_rate": 1e-4})
    second = train(TrainingJob(plan, "e02", space.inside(first.model_dir), card, space, shared_worker()))
    assert second.losses[0][1] < 0.5 * first.losses[0][1]


def test_a_probe_measures_a_few_steps_and_saves_nothing(
    space: Workspace, model: Path, card: DataCard
) -> None:
    found = probe(TrainingJob(PLAN, "e01", model, card, space, shared_worker()), steps=4)
    assert found.steps == 4
    assert found.falling == (found.last_loss < found.first_loss)
    assert math.isfinite(found.last_loss)
    assert found.seconds_per_step > 0.0
    assert found.tokens_per_second > 0.0
    assert not list(space.run_dir.rglob("*.safetensors"))


def test_the_loss_is_that_of_the_model_on_the_answer_tokens(
    space: Workspace, model: Path, card: DataCard
) -> None:
    payload = {"model_dir": str(model), "data": str(space.inside(card.path)), "out": str(space.run_dir / "x")}
    found = shared_worker().run("tests.support.worker_jobs:answer_loss", payload, 60.0, space.run_dir / "log")
    assert found["scored"] > 0
    assert found["ours"] == pytest.approx(found["theirs"], rel=1e-4)


def test_divergence_is_a_loss_that_is_not_finite_or_doubles() -> None:
    assert divergence([], 0) == ""
    assert "nan" in divergence([1.0, math.nan], 10)
    assert divergence([1.0] * 5 + [3.0] * 5, warmup_steps=10) == ""  # still warming up
    assert "rose from 1.000 to 3.000" in divergence([1.0] * 5 + [3.0] * 20, warmup_steps=10)
    assert divergence([1.0] * 5 + [1.5] * 40, warmup_steps=0) == ""


def test_a_falling_and_a_flat_curve_are_told_apart() -> None:
    falling = tuple((step, 2.0 / (1 + step)) for step in range(40))
    flat = tuple((step, 0.5) for step in range(40))
    assert (loss_fall(falling) or 0.0) > 0.15
    assert loss_fall(flat) == 0.0
    assert loss_fall(flat[:5]) is None


def test_a_long_curve_is_thinned_by_means() -> None:
    points = thin([float(n % 2) for n in range(1000)], points=100)
    assert len(points) == 100
    assert points[-1] == (1000, 0.5)
    assert thin([2.0, 4.0]) == [(1, 2.0), (2, 4.0)]


@pytest.mark.parametrize(
    ("schedule", "end"),
    [("cosine", 0.0), ("linear", 0.0), ("constant_with_warmup", 1.0), ("warmup_stable_decay", 0.0)],
)
def test_the_rate_warms_up_and_ends_at_the_horizon(schedule: str, end: float) -> None:
    rates = [rate(step, 100, 10, schedule) for step in range(101)]
    assert rates[:10] == sorted(rates[:10])
    assert 0.0 < rates[0] < 0.2
    assert max(rates) == rates[10] == 1.0
    assert rates[100] == pytest.approx(end)
    assert rate(3, 4, 10, schedule) <= 1.0  # a short training warms up for a quarter of it


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant_with_warmup", "warmup_stable_decay"])
def test_after_the_warm_up_the_rates_are_those_of_transformers(schedule: str) -> None:
    import torch
    from transformers import get_scheduler

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    # transformers names the parts of one schedule otherwise.
    specific = {"num_decay_steps": 40, "decay_type": "1-sqrt"} if "stable" in schedule else None
    theirs = get_scheduler(schedule, optimizer, 10, 200, scheduler_specific_kwargs=specific)
    for step in range(200):
        if step >= 10:
            assert rate(step, 200, 10, schedule) == pytest.approx(theirs.get_last_lr()[0], abs=1e-9), step
        optimizer.step()
        theirs.step()


def test_a_stable_rate_decays_over_the_last_fifth_wherever_the_end_has_moved() -> None:
    for horizon in (100, 60):
        rates = [rate(step, horizon, 10, "warmup_stable_decay") for step in range(10, horizon + 1)]
        assert [each for each in rates if each == 1.0] == rates[: int(0.8 * horizon) - 9]
        assert rates == sorted(rates, reverse=True)
        assert rates[-1] == 0.0


def test_every_row_is_read_once_an_epoch_in_batches_of_like_length() -> None:
    lengths = [(7 * n) % 97 for n in range(203)]
    groups = LengthGroups(lengths, batch_size=8, seed=0)
    first, second = list(groups), list(groups)
    assert sorted(first) == sorted(second) == list(range(203))
    assert first != second
    batches = [first[n : n + 8] for n in range(0, 200, 8)]
    spread = max(max(lengths[n] for n in batch) - min(lengths[n] for n in batch) for batch in batches)
    assert spread < 20
    longest = [max(lengths[n] for n in batch) for batch in batches]
    assert longest != sorted(longest)
    assert longest != sorted(longest, reverse=True)


def test_a_training_record_survives_the_journal(space: Workspace, model: Path, card: DataCard) -> None:
    done = train(
        TrainingJob(PLAN.model_copy(update={"max_steps": 2}), "e01", model, card, space, shared_worker())
    )
    assert Training.model_validate_json(done.model_dump_json()) == done


def test_a_step_in_four_batches_is_the_step_in_one(space: Workspace, model: Path, card: DataCard) -> None:
    sizes = ((16, 1), (4, 4))
    runs = []
    for number, (rows, times) in enumerate(sizes):
        plan = PLAN.model_copy(
            update={
                "per_device_train_batch_size": rows,
                "gradient_accumulation_steps": times,
                "num_train_epochs": 2.0,
                "max_steps": -1,
                "learning_rate": 1e-3,
            }
        )
        runs.append(train(TrainingJob(plan, f"e{number}", model, card, space, shared_worker())))
    one, four = runs
    assert one.steps == four.steps == 8
    assert one.tokens == four.tokens
    assert [loss for _, loss in four.losses] == pytest.approx([loss for _, loss in one.losses], rel=1e-5)
    first, second = (load_file(space.inside(run.model_dir) / "model.safetensors") for run in runs)
    for name, weights in first.items():
        assert np.abs(weights - second[name]).max() < 1e-5, name


def test_checkpointing_changes_no_weight(space: Workspace, model: Path, card: DataCard) -> None:
    plan = PLAN.model_copy(update={"max_steps": 4})
    plans = [plan, plan.model_copy(update={"gradient_checkpointing": True})]
    runs = [
        train(TrainingJob(each, f"e{n}", model, card, space, shared_worker())) for n, each in enumerate(plans)
    ]
    first, second = (load_file(space.inside(run.model_dir) / "model.safetensors") for run in runs)
    for name, weights in first.items():
        assert np.abs(weights - second[name]).max() < 1e-6, name


def test_peft_gets_what_the_plan_says(space: Workspace, model: Path, card: DataCard) -> None:
    plan = PLAN.model_copy(
        update={"method": "lora", "max_steps": 3, "use_rslora": True, "use_dora": True, "lora_dropout": 0.1}
    )
    done = train(TrainingJob(plan, "e01", model, card, space, shared_worker()))
    folder = space.inside(done.model_dir)
    adapter = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    assert (adapter["use_rslora"], adapter["use_dora"], adapter["lora_dropout"]) == (True, True, 0.1)


def test_noise_on_the_embeddings_changes_the_losses_and_is_gone_afterwards(
    space: Workspace, model: Path, card: DataCard
) -> None:
    plan = PLAN.model_copy(update={"max_steps": 3})
    noisy = plan.model_copy(update={"neftune_noise_alpha": 5.0})
    runs = [
        train(TrainingJob(each, f"e{n}", model, card, space, shared_worker()))
        for n, each in enumerate((plan, noisy))
    ]
    again = train(TrainingJob(plan, "e02", model, card, space, shared_worker()))
    assert runs[0].losses != runs[1].losses
    assert runs[0].losses == again.losses


@pytest.mark.parametrize("fields", [{"method": "lora", "load_in_4bit": True}, {"optim": "adamw_8bit"}])
def test_quantised_training_without_its_package_or_device_is_one_line(
    space: Workspace, model: Path, card: DataCard, fields: dict[str, object]
) -> None:
    failed = failed_training(PLAN.model_copy(update={"max_steps": 2, **fields}), model, card, space)
    assert "needs bitsandbytes" in failed.message or "needs a CUDA device" in failed.message
    assert "\n" not in failed.message


def test_a_plan_without_later_fields_is_written_as_before(
    space: Workspace, model: Path, card: DataCard
) -> None:
    train(TrainingJob(PLAN.model_copy(update={"max_steps": 1}), "e01", model, card, space, shared_worker()))
    written = json.loads((space.experiment_dir("e01") / "plan.json").read_text())["plan"]
    assert not LATER_FIELDS & written.keys()
    plan = PLAN.model_copy(update={"max_steps": 1, "gradient_accumulation_steps": 2})
    train(TrainingJob(plan, "e02", model, card, space, shared_worker()))
    written = json.loads((space.experiment_dir("e02") / "plan.json").read_text())["plan"]
    assert LATER_FIELDS & written.keys() == {"gradient_accumulation_steps"}


def test_a_probe_begins_with_the_longest_batch_of_all_rows() -> None:
    lengths = [(7 * n) % 97 for n in range(64)]
    groups = LengthGroups(lengths, batch_size=16, seed=0)
    order = list(LongestFirst(groups, batch_size=4, steps=2))
    longest = sorted(lengths, reverse=True)[:4]
    assert sorted((lengths[n] for n in order[:4]), reverse=True) == longest
    assert sorted((lengths[n] for n in order[16:20]), reverse=True) == longest
    assert len(order) == 64
    plain = LengthGroups(lengths, batch_size=16, seed=0)
    assert list(LongestFirst(plain, 4, 0)) == list(LengthGroups(lengths, batch_size=16, seed=0))


def test_more_memory_than_there_is_is_called_so(space: Workspace) -> None:
    job = "tests.support.worker_jobs:allocate"
    with pytest.raises(ExperimentFailed, match="allocate memory") as caught:
        shared_worker().run(job, {"gib": 1 << 20}, 60.0, space.run_dir / "log")
    assert caught.value.code == "out_of_memory"
