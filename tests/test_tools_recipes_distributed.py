"""Several processes train as one would: the same losses and weights; and one process drives one device."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from memory.recipe import DataCard
from memory.records import TrainingPlan
from tasks.errors import ExperimentFailed
from tests.support import worker_jobs
from tests.support.copy_word_task import data_card
from tests.support.tiny_model import make_tiny_model, shared_worker, write_rows
from tests.support.weight_jobs import write_codes
from tools.process.fork_server import see_one_device
from tools.process.worker import Worker
from tools.training.ranks import processes_for
from tools.training.train import TrainingJob, probe, train
from tools.workspace import Workspace

PLAN = TrainingPlan(
    method="full",
    learning_rate=1e-2,
    max_steps=6,
    per_device_train_batch_size=8,
    warmup_steps=1,
    timeout_seconds=120.0,
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "base")


def trained_by_two(
    plan: TrainingPlan, model: Path, space: Workspace, experiment: str, card: DataCard | None = None
) -> dict[str, Any]:
    """The fields of a training that two processes made."""
    folder = space.experiment_dir(experiment)
    payload = {
        "plan": plan.model_dump(mode="json"),
        "model_dir": str(model),
        "data_path": str(space.inside((card or data_card(space)).path)),
        "out_dir": str(folder / "model"),
        "threads": 2,
        "processes": 2,
    }
    log = folder / "train.log"
    return shared_worker().run("tools.recipes.distributed:train", payload, 150.0, log, all_devices=True)


ACCUMULATED = {
    "gradient_checkpointing": True,
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 2,
}


@pytest.mark.parametrize(
    "fields",
    [
        {"method": "full"},
        {"method": "lora"},
        {"method": "full", "fsdp": True},
        {"method": "lora", "fsdp": True},
        {"method": "full", "fsdp": True, **ACCUMULATED},
        {"method": "lora", "fsdp": True, **ACCUMULATED},
    ],
    ids=lambda fields: "-".join(str(value) for value in fields.values()),
)
def test_two_processes_have_the_losses_and_the_weights_of_one(
    runs_dir: Path, model: Path, fields: dict[str, object]
) -> None:
    from safetensors.numpy import load_file

    plan = PLAN.model_copy(update={"lora_dropout": 0.0, **fields})
    space = Workspace.create(runs_dir, "run")
    alone = train(
        TrainingJob(
            plan.model_copy(update={"fsdp": False}), "e01", model, data_card(space), space, shared_worker()
        )
    )
    together = trained_by_two(plan, model, space, "e02")
    assert [loss for _, loss in together["losses"]] == pytest.approx(
        [loss for _, loss in alone.losses], rel=1e-4
    )
    assert (together["steps"], together["rows"], together["tokens"]) == (
        alone.steps,
        alone.rows,
        alone.tokens,
    )
    one, two = (
        load_file(space.inside(f"experiments/{name}/model/model.safetensors")) for name in ("e01", "e02")
    )
    assert one.keys() == two.keys()
    assert max(float(abs(one[name] - two[name]).max()) for name in one) < 1e-3


def test_each_process_of_a_sharded_training_holds_its_part(tmp_path: Path, model: Path) -> None:
    payload = {
        "plan": PLAN.model_copy(update={"fsdp": True, **ACCUMULATED, "max_steps": 2}).model_dump(mode="json"),
        "model_dir": str(model),
        "data_path": str(write_rows(tmp_path / "rows.jsonl")),
        "out_dir": str(tmp_path / "out"),
        "threads": 2,
        "processes": 2,
    }
    held = shared_worker().run(
        "tests.support.worker_jobs:held_parts", payload, 60.0, tmp_path / "log", all_devices=True
    )
    for name in ("weights", "gradients", "moments"):
        assert held[name] == pytest.approx(held["whole"] / 2, rel=0.02), name


def test_a_sharded_training_goes_on_from_an_adapter(runs_dir: Path, model: Path) -> None:
    from safetensors.numpy import load_file

    space = Workspace.create(runs_dir, "run")
    lora = PLAN.model_copy(update={"method": "lora"})
    train(TrainingJob(lora, "e01", model, data_card(space), space, shared_worker()))
    adapter = space.inside("experiments/e01/model/adapter")
    plan = PLAN.model_copy(update={"learning_rate": 1e-3, "max_steps": 2})
    alone = train(TrainingJob(plan, "e02", adapter, data_card(space), space, shared_worker()))
    together = trained_by_two(plan.model_copy(update={"fsdp": True}), adapter, space, "e03")
    assert [loss for _, loss in together["losses"]] == pytest.approx(
        [loss for _, loss in alone.losses], rel=1e-4
    )
    folder = space.inside("experiments/e03/model")
    assert not (folder / "start").exists()
    one = load_file(space.inside("experiments/e02/model/model.safetensors"))
    two = load_file(folder / "model.safetensors")
    assert one.keys() == two.keys()


def test_a_sharded_plan_is_probed_by_all_its_processes(
    runs_dir: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.training.train.device_count", lambda worker, folder: 2)
    space, plan = Workspace.create(runs_dir, "run"), PLAN.model_copy(update={"fsdp": True})
    found = probe(TrainingJob(plan, "e01", model, data_card(space), space, shared_worker()), steps=3)
    assert found.steps == 3
    assert found.seconds_per_step > 0
    monkeypatch.setattr("tools.training.train.device_count", lambda worker, folder: 1)
    with pytest.raises(ExperimentFailed, match="only one GPU") as failed:
        probe(TrainingJob(plan, "e02", model, data_card(space), space, shared_worker()))
    assert failed.value.code == "does_not_fit"


def test_processes_of_one_training_end_at_the_same_step_when_time_is_short(
    runs_dir: Path, model: Path
) -> None:
    plan = PLAN.model_copy(update={"max_steps": 100_000, "timeout_seconds": 20.0})
    done = trained_by_two(plan, model, Workspace.create(runs_dir, "run"), "e01")
    assert done["stopped_early"] == "time"
    assert 0 < done["steps"] < 100_000


def test_a_failure_of_the_processes_is_said_as_that_of_one(runs_dir: Path, model: Path) -> None:
    plan = PLAN.model_copy(update={"max_length": 1})
    with pytest.raises(ExperimentFailed) as failed:
        trained_by_two(plan, model, Workspace.create(runs_dir, "run"), "e01")
    assert failed.value.code == "empty_data"


@pytest.mark.parametrize(
    ("batch", "devices", "processes"), [(16, 1, 1), (16, 4, 4), (16, 3, 2), (1, 8, 1), (12, 8, 6)]
)
def test_a_batch_is_shared_out_evenly(batch: int, devices: int, processes: int) -> None:
    assert processes_for(batch, devices) == processes


@pytest.mark.parametrize(
    ("given", "seen"), [(None, "0"), ("2,3", "2"), ("", ""), ("-1", "-1"), ("GPU-5a,GPU-7b", "GPU-5a")]
)
def test_a_process_sees_one_device(monkeypatch: pytest.MonkeyPatch, given: str | None, seen: str) -> None:
    monkeypatch.delenv("HIP_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if given is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    see_one_device()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == seen


def test_jobs_see_one_device_and_those_for_several_see_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    worker = Worker(threads=1, preload=("json",))
    try:
        seen = [
            worker.run(worker_jobs.environment, {}, 30.0, tmp_path / "log", **how)["now"][
                "CUDA_VISIBLE_DEVICES"
            ]
            for how in ({}, {"resident": True}, {"all_devices": True})
        ]
    finally:
        worker.close()
    assert seen == ["1", "1", "1,0"]


def test_a_plan_file_of_several_processes_says_so(
    runs_dir: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.training.train.device_count", lambda worker, folder: 2)
    space = Workspace.create(runs_dir, "run")
    done = train(TrainingJob(PLAN, "e01", model, data_card(space), space, shared_worker()))
    assert done.steps == 6
    assert json.loads((space.experiment_dir("e01") / "plan.json").read_text())["processes"] == 2
    assert "tools.recipes.distributed" in done.command


def test_processes_of_one_training_look_at_the_same_rows_and_keep_the_same_weights(
    runs_dir: Path, model: Path
) -> None:
    space = Workspace.create(runs_dir, "run")
    plan = PLAN.model_copy(
        update={"max_steps": 120, "per_device_train_batch_size": 32, "learning_rate": 3e-3}
    ).model_copy(update={"early_stopping": True, "average_weights": True})
    card = data_card(space)
    write_codes(space.inside(card.path), 700, rule=False)
    done = trained_by_two(plan, model, space, "e01", card)
    held_out = done["held_out"]
    assert held_out["rows"] >= 32
    assert done["rows"] == 700 - held_out["rows"]
    assert len(held_out["losses"]) >= 2
    assert (space.experiment_dir("e01") / "model" / "model.safetensors").exists()
