"""Progress of a training: lines at most once a second, followed while they are written; FLOPs and MFU."""

from __future__ import annotations

import errno
import json
import math
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from memory.records import TrainingPlan
from tests.support.copy_word_task import data_card
from tests.support.tiny_model import make_tiny_model, shared_worker
from tools.training.flops import flops_per_token, peak_flops
from tools.training.progress import PROGRESS_FILE, Progress, following, progress_of
from tools.training.tracking import Audience
from tools.training.train import TrainingJob, train
from tools.workspace import Workspace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_there_is_a_line_a_second_and_one_for_the_first_and_the_last_step(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "e01" / "progress.jsonl"
    progress = Progress(path, threads=2, flops_per_token=6e9, peak_flops=1e12, clock=clock)
    for step in range(1, 101):
        clock.now += 0.1
        progress.step(step, 100, 2.0, 1e-3, 50 * step)
    said = lines(path)
    steps = [line["step"] for line in said]
    assert steps[0] == 1
    assert steps[-1] == 100
    assert 10 <= len(said) <= 12
    middle = said[5]
    assert middle["tokens_per_second"] == pytest.approx(500, rel=0.01)
    assert middle["mfu"] == pytest.approx(500 * 6e9 / 1e12, rel=0.01)
    assert middle["seconds_left"] == pytest.approx(0.1 * (100 - middle["step"]), abs=0.06)
    assert 0.0 <= middle["idle_share"] <= 1.0
    assert middle["peak_gib"] > 0.01


def test_what_is_not_known_is_null_and_every_line_is_json(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "p.jsonl", threads=1)
    progress.step(1, 1, math.inf, 0.0, 0)
    line = json.loads((tmp_path / "p.jsonl").read_text(), parse_constant=pytest.fail)
    assert (line["loss"], line["seconds_left"], line["mfu"]) == (None, None, None)


def test_a_file_that_cannot_be_written_ends_no_training(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "p.jsonl", threads=1)
    (tmp_path / "p.jsonl").unlink()
    (tmp_path / "p.jsonl").mkdir()
    progress.step(1, 2, 1.0, 0.1, 10)
    assert progress.latest["step"] == 1


def test_a_follower_hears_each_line_once_and_a_half_written_one_when_it_is_whole(tmp_path: Path) -> None:
    path, heard = tmp_path / "progress.jsonl", []
    path.write_text('{"step": 99}\n')  # of an earlier attempt
    two = threading.Event()

    def hear(line: dict[str, Any]) -> None:
        heard.append(line["step"])
        if len(heard) == 2:
            two.set()

    with following(path, hear), path.open("w") as file:
        file.write('{"step": 1}\n{"step": 2}\n{"st')
        file.flush()
        assert two.wait(20)
        file.write('ep": 3}\n')
    assert heard == [1, 2, 3]


def test_a_file_that_cannot_be_read_ends_no_following(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No descriptor is free, say; the thread that follows would end with a traceback."""
    path, heard = tmp_path / "progress.jsonl", []
    refused, opened = threading.Event(), Path.open

    def first_refused(self: Path, *how: Any, **more: Any) -> Any:
        if self == path and not refused.is_set():
            refused.set()
            raise OSError(errno.EMFILE, "Too many open files", str(self))
        return opened(self, *how, **more)

    with following(path, heard.append):
        monkeypatch.setattr(Path, "open", first_refused)
        assert refused.wait(20)
        with opened(path, "w") as file:
            file.write('{"step": 1}\n')
    assert heard == [{"step": 1}]


def test_a_training_that_never_begins_is_followed_in_silence(tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []
    with pytest.raises(ValueError, match="no"), following(tmp_path / "progress.jsonl", heard.append):
        raise ValueError("no")
    assert heard == []


def test_a_real_training_tells_of_itself(runs_dir: Path, tmp_path: Path) -> None:
    space, heard = Workspace.create(runs_dir, "run"), []
    plan = TrainingPlan(method="full", learning_rate=1e-2, max_steps=5, per_device_train_batch_size=8)
    model = make_tiny_model(tmp_path / "base")
    done = train(
        TrainingJob(plan, "e01", model, data_card(space), space, shared_worker()),
        audience=Audience(heard.append),
    )
    assert lines(space.experiment_dir("e01") / PROGRESS_FILE) == heard
    assert [heard[0]["step"], heard[-1]["step"]] == [1, 5]
    last = heard[-1]
    assert (last["steps"], last["tokens"]) == (5, done.tokens)
    assert last["loss"] == pytest.approx(done.losses[-1][1])
    assert last["tokens_per_second"] > 0
    assert last["mfu"] is None
    assert last["peak_gib"] == pytest.approx(done.peak_gib, rel=0.5)


@pytest.mark.parametrize(
    ("name", "tera"),
    [
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA L40S", 362),
        ("NVIDIA L4", 121),
        ("NVIDIA GeForce RTX 4090", 165),
        ("AMD Instinct MI300X", 1307),
        ("AMD Instinct MI250X/MI250", 191),
        ("NVIDIA H200", 989),
        ("NVIDIA A10G", 70),
        ("NVIDIA GeForce RTX 3090 Ti", 80),
        ("NVIDIA GeForce RTX 3090", 71),
        ("NVIDIA GeForce RTX 5070 Ti", 88),
        ("NVIDIA RTX 6000 Ada Generation", 364),
        ("NVIDIA RTX A6000", 155),
    ],
)
def test_the_peak_of_common_gpus_is_found_by_their_name(name: str, tera: int) -> None:
    assert peak_flops(name) == tera * 1e12


@pytest.mark.parametrize(
    "name",
    [
        "NVIDIA L400",
        "NVIDIA GeForce RTX 4090 Laptop GPU",
        "NVIDIA GeForce RTX 4090 D",
        "NVIDIA GeForce RTX 3080 Ti",
        "NVIDIA GeForce RTX 4080 SUPER",
        "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
        "Tesla V100-SXM2-16GB",
    ],
)
def test_an_unknown_gpu_and_a_part_of_one_have_no_peak(name: str) -> None:
    assert peak_flops(name) is None


@pytest.mark.parametrize(
    ("processes", "name", "known"), [(1, "NVIDIA H100", True), (4, "NVIDIA H100", True), (1, "Card", False)]
)
def test_mfu_is_that_of_all_devices_that_train(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, processes: int, name: str, known: bool
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: name)
    monkeypatch.setattr("tools.training.ranks.world_size", lambda: processes)
    monkeypatch.setattr("tools.training.progress.model_flops_per_token", lambda model, length: 1e9)
    trainer = SimpleNamespace(lengths=[10], args=SimpleNamespace(bf16=True), model=None)
    found = progress_of(trainer, tmp_path / "p.jsonl").peak_flops
    assert found == (processes * 989e12 if known else None)


def test_a_token_costs_six_flops_a_parameter_and_four_where_the_weights_are_frozen() -> None:
    full = flops_per_token(1_000_000_000, 1_000_000_000, 24, 2048, 0.0)
    lora = flops_per_token(1_000_000_000, 0, 24, 2048, 0.0)
    assert (full, lora) == (6e9, 4e9)
    with_attention = flops_per_token(1_000_000_000, 1_000_000_000, 24, 2048, 1000.0)
    assert with_attention - full == 12 * 24 * 2048 * 1000
