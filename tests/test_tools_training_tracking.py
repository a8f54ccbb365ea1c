"""Trackers hear of each training by name, cost nothing when they fail, and get no key but their own."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graph.settings import make_settings
from graph.trackers import require_trackers, tracker_variables, tracking_of
from memory.records import Training, TrainingPlan
from tasks.errors import InputError
from tests.support.copy_word_task import data_card
from tests.support.tiny_model import make_tiny_model, shared_worker
from tools.process.environment import child_environment
from tools.process.worker import Worker
from tools.training.tracking import Audience, tracked
from tools.training.train import TrainingJob, train
from tools.workspace import Workspace

PLAN = TrainingPlan(method="full", learning_rate=1e-2, max_steps=4, per_device_train_batch_size=8)


def trained(
    space: Workspace, folder: Path, experiment: str, names: tuple[str, ...], worker: Worker
) -> Training:
    model = folder / "base"
    if not model.exists():
        make_tiny_model(model)
    tracking = tracking_of(names, "copy", space, experiment, {})
    return train(
        TrainingJob(PLAN, experiment, model, data_card(space), space, worker),
        audience=Audience(None, tracking),
    )


def events_of(folder: Path) -> dict[str, list[float]]:
    """The scalar series of one folder of event files."""
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs tensorboard"
    )
    found = accumulator.EventAccumulator(str(folder))
    found.Reload()
    return {tag: [event.value for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_tensorboard_gets_loss_rate_and_speed_of_each_experiment(runs_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs tensorboard")
    space = Workspace.create(runs_dir, "run")
    done = {
        name: trained(space, tmp_path, name, ("tensorboard",), shared_worker()) for name in ("e01", "e02")
    }
    for name, training in done.items():
        series = events_of(space.run_dir / "tensorboard" / name)
        assert series["train/loss"][: training.steps] == pytest.approx(
            [loss for _, loss in training.losses], rel=1e-3
        )
        assert len(series["train/learning_rate"]) == training.steps
        assert min(series["train/tokens_per_second"]) > 0
        assert min(series["train/peak_gib"]) > 0
        assert not [remark for remark in training.remarks if "tensorboard" in remark]
        assert not (space.inside(training.model_dir) / "runs").exists()


def test_nothing_is_written_where_nobody_asked(runs_dir: Path, tmp_path: Path) -> None:
    space = Workspace.create(runs_dir, "run")
    trained(space, tmp_path, "e01", (), shared_worker())
    assert not (space.run_dir / "tensorboard").exists()
    assert "tracking" not in json.loads((space.experiment_dir("e01") / "plan.json").read_text())


def test_a_tracker_that_cannot_start_leaves_a_remark_and_the_training_goes_on(
    runs_dir: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard", reason="needs tensorboard")
    space = Workspace.create(runs_dir, "run")
    (space.run_dir / "tensorboard").write_text("a file where a folder should be")
    done = trained(space, tmp_path, "e01", ("tensorboard",), shared_worker())
    assert done.steps == 4
    assert "tensorboard" in [remark.split(" was told")[0] for remark in done.remarks]


class FailingCallback:
    """A tracker's client at the far end of a broken connection."""

    def __init__(self) -> None:
        self.calls = 0

    def on_log(self, *_: Any, **named: Any) -> None:
        self.calls += 1
        raise ConnectionError("no route to host")


def test_a_tracker_is_silent_after_its_first_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FailingCallback, "__module__", "transformers.integrations.integration_utils")
    callback, ours = FailingCallback(), SimpleNamespace()
    trainer = SimpleNamespace(
        callback_handler=SimpleNamespace(callbacks=[callback, ours]), progress=SimpleNamespace(rates={})
    )
    with tracked(trainer) as remarks:
        guarded, untouched = trainer.callback_handler.callbacks
        for _ in range(3):
            assert guarded.on_log(None, None, None, logs={"loss": 1.0}) is None
    assert untouched is ours
    assert callback.calls == 1
    assert remarks == ["failing was told no more of this training: no route to host"]


def test_an_experiment_is_a_run_named_after_it_in_a_project_named_after_the_task(tmp_path: Path) -> None:
    space = Workspace.create(tmp_path, "aime25-s0")
    tracking = tracking_of(("wandb",), "aime25", space, "e03", {})
    assert tracking is not None
    assert (tracking.project, tracking.run_name) == ("aime25", "aime25-s0/e03")
    chosen = tracking_of(("tensorboard",), "aime25", space, "e03", {"TENSORBOARD_LOGGING_DIR": "/logs"})
    assert chosen is not None
    assert chosen.events == "/logs/aime25-s0/e03"
    assert tracking_of((), "aime25", space, "e03", {}) is None


SECRETS = {
    "WANDB_API_KEY": "w" * 40,
    "MLFLOW_TRACKING_TOKEN": "m" * 40,
    "OPENAI_API_KEY": "o" * 40,
    "HF_TOKEN": "h" * 40,
}


@pytest.mark.parametrize(
    ("names", "seen"),
    [
        ((), set()),
        (("tensorboard",), set()),
        (("trackio",), set()),
        (("wandb",), {"WANDB_API_KEY"}),
        (("mlflow", "wandb"), {"WANDB_API_KEY", "MLFLOW_TRACKING_TOKEN"}),
    ],
)
def test_a_child_sees_the_keys_of_the_trackers_that_were_asked_for(
    names: tuple[str, ...], seen: set[str]
) -> None:
    environment = child_environment(SECRETS, tracker_variables(names, SECRETS))
    assert set(environment) & set(SECRETS) == seen


def test_wandb_without_a_key_writes_to_the_disk(tmp_path: Path) -> None:
    nobody = {"NETRC": str(tmp_path / "netrc")}
    assert tracker_variables(("wandb",), nobody)["WANDB_MODE"] == "offline"
    assert "WANDB_MODE" not in tracker_variables(("wandb",), {"WANDB_API_KEY": "k"})
    assert tracker_variables(("wandb",), nobody | {"WANDB_MODE": "disabled"})["WANDB_MODE"] == "disabled"
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password k\n")
    (tmp_path / "netrc").chmod(0o600)
    assert "WANDB_MODE" not in tracker_variables(("wandb",), nobody)


def test_a_tracker_that_is_not_installed_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph.trackers.missing", list)
    with pytest.raises(InputError, match=r"--report-to wandb: needs wandb, not installed here; pip install"):
        require_trackers(("wandb",))


def test_trackers_are_named_as_transformers_names_them() -> None:
    assert make_settings(task="aime25", report_to="tensorboard, wandb").report_to == ("tensorboard", "wandb")
    assert make_settings(task="aime25").report_to == ()
    assert make_settings(task="aime25", report_to="none").report_to == ()
    with pytest.raises(InputError, match="report_to"):
        make_settings(task="aime25", report_to="paper")
