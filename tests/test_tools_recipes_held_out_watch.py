"""Early stop and the mean of the last weights, in real trainings of a tiny model by TRL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from memory.recipe import DataCard
from memory.records import Training, TrainingPlan
from tests.support.copy_word_task import data_card
from tests.support.tiny_model import make_tiny_model, shared_worker
from tests.support.weight_jobs import write_codes
from tools.training.train import TrainingJob, probe, train
from tools.workspace import Workspace

ROWS = 700
RULED_SHARE = 0.6
"""Of the rows: the rule is learned soon; what comes after it is known by heart, or is noise at a high rate.
On rows without a rule what a training came to hung on the processor's rounding."""
PLAN = TrainingPlan(
    method="full",
    learning_rate=1e-2,
    max_steps=160,
    per_device_train_batch_size=32,
    warmup_steps=2,
    lr_scheduler_type="constant_with_warmup",
    timeout_seconds=120.0,
    average_weights=True,
)


@pytest.fixture
def space(runs_dir: Path) -> Workspace:
    return Workspace.create(runs_dir, "run")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "base")


def card_of(space: Workspace, rule: float) -> DataCard:
    card = data_card(space)
    write_codes(space.inside(card.path), ROWS, rule)
    return card.model_copy(update={"rows": ROWS})


def job(name: str, plan: TrainingPlan, model: Path, space: Workspace, **more: Any) -> dict[str, Any]:
    payload = {
        "plan": plan.model_dump(mode="json"),
        "model_dir": str(model),
        "data": str(write_codes(space.run_dir / "codes.jsonl", ROWS, rule=True)),
        "out": str(space.run_dir / "out"),
    }
    log = space.run_dir / "log"
    return shared_worker().run(f"tests.support.weight_jobs:{name}", payload | more, 120.0, log)


def test_rows_that_can_only_be_known_by_heart_end_a_training_early(space: Workspace, model: Path) -> None:
    plan = PLAN.model_copy(update={"early_stopping": True, "max_steps": 600, "learning_rate": 5e-3})
    done = train(TrainingJob(plan, "e01", model, card_of(space, RULED_SHARE), space, shared_worker()))
    held_out = done.held_out
    assert held_out is not None
    assert done.steps < 600
    assert done.stopped_early.startswith("the loss on held-out rows rose from")
    assert held_out.kept == "best"
    assert held_out.kept_step < done.steps
    steps = [step for step, *_ in held_out.losses]
    assert steps == sorted(set(steps))
    losses = {step: loss for step, loss, _ in held_out.losses}
    assert losses[held_out.kept_step] == min(losses.values()) < losses[done.steps]
    assert done.rows + held_out.rows == ROWS
    assert held_out.in_words() in done.remarks
    assert f"at step {held_out.kept_step}, whose weights were kept" in held_out.in_words()
    assert 0.0 < held_out.wall_seconds < done.wall_seconds
    assert Training.model_validate_json(done.model_dump_json()) == done
    assert not (space.experiment_dir("e01") / "model.copies").exists()
    # What lies on the disk is what was best: its loss is that of the look.
    found = job("look_twice", plan, space.inside(done.model_dir), space, data=rows_of(space))
    loss = sum(found["ours"]) / sum(found["tokens"][0])
    assert loss == pytest.approx(losses[held_out.kept_step], rel=1e-3)


def rows_of(space: Workspace) -> str:
    return str(space.inside("data") / "rows.jsonl")


def test_what_can_be_learned_is_trained_to_its_end(space: Workspace, model: Path) -> None:
    plan = PLAN.model_copy(update={"early_stopping": True, "max_steps": 100, "lr_scheduler_type": "cosine"})
    done = train(TrainingJob(plan, "e01", model, card_of(space, rule=True), space, shared_worker()))
    assert (done.steps, done.stopped_early) == (100, "")
    assert done.held_out is not None
    assert done.held_out.kept in ("end", "average")
    assert done.held_out.losses[-1][1] < done.held_out.losses[0][1]


@pytest.mark.parametrize(("method", "files"), [("full", False), ("full", True), ("lora", False)])
def test_the_mean_is_that_of_the_checkpoints(space: Workspace, model: Path, method: str, files: bool) -> None:
    found = job("averaged", PLAN.model_copy(update={"method": method}), model, space, files=files)
    assert found["moments"] >= 4
    assert found["off"] < 1e-6 < 1e-4 < found["moved"]
    assert found["back"] == 0.0
    assert (found["files"] > 0) == files
    assert found["files_after"] == 0
    settled = found["settled"]
    assert settled["averaged"] == found["moments"]
    better = settled["average"][0] < settled["losses"][-1][1]
    assert settled["kept"] == ("average" if better else "end")
    # Averaged factors stand for the averaged products: within one training they move together little.
    assert found["product_error"] < 0.05


def test_at_a_high_constant_rate_the_mean_is_better_than_the_end(space: Workspace, model: Path) -> None:
    plan = PLAN.model_copy(update={"learning_rate": 2e-2})
    done = train(TrainingJob(plan, "e01", model, card_of(space, RULED_SHARE), space, shared_worker()))
    assert done.held_out is not None
    assert done.held_out.average is not None
    assert done.held_out.kept == "average"
    assert done.held_out.average[0] < done.held_out.losses[-1][1]


def test_a_look_tells_each_rows_own_loss_and_changes_nothing(space: Workspace, model: Path) -> None:
    found = job("look_twice", PLAN.model_copy(update={"lora_dropout": 0.1, "method": "lora"}), model, space)
    assert found["same"]
    assert found["ours"] == pytest.approx(found["theirs"], rel=1e-4)
    assert found["right"][0] == found["right"][1]
    assert found["tokens"][0] == found["tokens"][1]
    assert len(found["ours"]) >= 32


def test_looks_leave_the_training_as_it_would_be_without_them(space: Workspace, model: Path) -> None:
    card = card_of(space, rule=True)
    quiet = PLAN.model_copy(update={"max_steps": 80, "lr_scheduler_type": "cosine", "lora_dropout": 0.1})
    plans = [quiet.model_copy(update={"method": "lora", "early_stopping": on}) for on in (False, True)]
    runs = [
        train(TrainingJob(plan, f"e{n}", model, card, space, shared_worker())) for n, plan in enumerate(plans)
    ]
    assert len(runs[1].held_out.losses if runs[1].held_out else ()) > 1  # one look at least before the last
    assert runs[0].losses == runs[1].losses


def test_looks_are_not_compiled_for_and_keep_out_of_what_a_trial_times(space: Workspace, model: Path) -> None:
    plan = PLAN.model_copy(update={"max_steps": 60, "early_stopping": True, "average_weights": False})
    found = job("looks_beside_compiling", plan, model, space)
    assert found["traced"] > 0
    assert found["traced_without_gradients"] == 0
    assert found["looks"]
    assert min(found["looks"]) > found["trial_ended"]


def test_a_training_on_few_rows_says_that_none_are_held_out(space: Workspace, model: Path) -> None:
    plan = PLAN.model_copy(update={"max_steps": 3, "early_stopping": True})
    done = train(TrainingJob(plan, "e01", model, data_card(space), space, shared_worker()))
    assert done.rows == 64
    assert done.held_out is None
    assert any("no rows held out: 64 rows are too few" in remark for remark in done.remarks)


def test_a_probe_holds_nothing_out(space: Workspace, model: Path) -> None:
    plan = PLAN.model_copy(update={"early_stopping": True})
    assert (
        probe(TrainingJob(plan, "e01", model, card_of(space, rule=True), space, shared_worker())).steps == 4
    )


def test_a_plan_that_asks_for_nothing_new_is_written_as_before(space: Workspace, model: Path) -> None:
    plan = TrainingPlan(max_steps=1, per_device_train_batch_size=8, timeout_seconds=60.0)
    train(TrainingJob(plan, "e01", model, data_card(space), space, shared_worker()))
    written = json.loads((space.experiment_dir("e01") / "plan.json").read_text())["plan"]
    assert not {"early_stopping", "average_weights", "range_test"} & written.keys()
