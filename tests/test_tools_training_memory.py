"""Memory by formula: what grows with what, the counted activations, and the tables in the docs."""

from __future__ import annotations

from pathlib import Path

import pytest

from memory.records import TrainingPlan
from tests.bench.memory_estimate import PUBLISHED, described, formula_table
from tests.support.run_records import card
from tests.support.tiny_model import make_tiny_model, shared_worker
from tools.models.base_model import resolve_base_model
from tools.process.machine import Machine
from tools.training.memory import LongestBatch, MemoryNeed, longest_batch, memory_need, trained_parameters

GPU = Machine(cores=8, memory_gib=64.0, gpus=("GPU",), gpu_memory_gib=24.0)
CORES = Machine(cores=2, memory_gib=0.001)
SEVEN = described(next(shape for shape in PUBLISHED if shape.name.endswith("7 B")))
BATCH = LongestBatch(8, 512, 256)


def peak(batch: LongestBatch = BATCH, **fields: object) -> float:
    plan = TrainingPlan.model_validate({"per_device_train_batch_size": batch.rows, **fields})
    return memory_need(plan, SEVEN, batch, GPU).peak_gib


def test_copies_are_counted_as_many_as_there_are_at_once() -> None:
    def copies(**fields: object) -> float:
        plan = TrainingPlan.model_validate({"method": "lora", **fields})
        return memory_need(plan, SEVEN, BATCH, GPU).copies / (4 * trained_parameters(plan, SEVEN))

    looks = {"early_stopping": True, "average_weights": True}
    assert [copies(), copies(range_test=True), copies(**looks), copies(**looks, range_test=True)] == [
        0,
        1,
        2,
        2,
    ]


def test_each_saving_needs_less_than_the_one_before() -> None:
    lora = {"method": "lora", "gradient_checkpointing": False}
    checkpointed = {"method": "lora", "gradient_checkpointing": True}
    peaks = [
        peak(method="full"),
        peak(**lora),
        peak(**checkpointed),
        peak(**checkpointed, load_in_4bit=True),
        peak(LongestBatch(1, 512, 256), **checkpointed, load_in_4bit=True),
    ]
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[0] > 7.6e9 * 14 / 2**30  # weights, moments and gradients
    assert peaks[-1] < 8.0


def test_a_seven_billion_model_fits_where_practitioners_train_it() -> None:
    checkpointed = {"method": "lora", "gradient_checkpointing": True}
    assert peak(LongestBatch(4, 1024, 512), **checkpointed) < 0.9 * 24
    assert peak(LongestBatch(1, 1024, 512), **checkpointed, load_in_4bit=True) < 0.9 * 12


def test_eight_bit_moments_need_a_quarter_but_for_the_embedding() -> None:
    plans = [TrainingPlan(method=method) for method in ("full", "lora")]
    exact = [memory_need(plan, SEVEN, BATCH, GPU).optimizer for plan in plans]
    small = [plan.model_copy(update={"optim": "paged_adamw_8bit"}) for plan in plans]
    table = 6 * SEVEN.vocab * SEVEN.hidden_size
    needs = [memory_need(plan, SEVEN, BATCH, GPU).optimizer for plan in small]
    assert needs == [exact[0] / 4 + table, exact[1] / 4]


FOUR = Machine(cores=8, memory_gib=64.0, gpus=("GPU",) * 4, gpu_memory_gib=80.0)


def shared(devices: int, **fields: object) -> MemoryNeed:
    plan = TrainingPlan.model_validate({"per_device_train_batch_size": 8, "fsdp": True, **fields})
    where = Machine(cores=8, memory_gib=64.0, gpus=("GPU",) * devices, gpu_memory_gib=80.0)
    return memory_need(plan, SEVEN, BATCH, where)


def test_devices_that_share_out_a_model_hold_their_part_of_what_is_trained() -> None:
    one, four = shared(1), shared(4)
    for name in ("weights", "gradients", "optimizer", "logits"):
        assert getattr(four, name) == getattr(one, name) / 4, name
    assert four.cast < SEVEN.parameters, "two layers and the tables, in two bytes"
    assert (
        shared(1, gradient_checkpointing=True).peak_gib > 80 > shared(4, gradient_checkpointing=True).peak_gib
    )
    # Five devices cannot share out eight rows evenly: four of them do.
    assert shared(5).weights == four.weights


def test_adapters_stay_whole_on_each_device() -> None:
    one, four = shared(1, method="lora"), shared(4, method="lora")
    assert (four.gradients, four.optimizer) == (one.gradients, one.optimizer)
    adapters = 4 * trained_parameters(TrainingPlan(method="lora"), SEVEN)
    assert four.weights - adapters == pytest.approx((one.weights - adapters) / 4)


def test_a_copy_on_each_device_needs_on_each_what_one_needs() -> None:
    plan = TrainingPlan(per_device_train_batch_size=8)
    assert memory_need(plan, SEVEN, BATCH, FOUR).weights == 4 * SEVEN.parameters


def test_the_output_layer_counts_for_the_positions_that_carry_loss() -> None:
    plan = TrainingPlan(method="lora")
    whole, half = (memory_need(plan, SEVEN, LongestBatch(8, 512, n), GPU).logits for n in (512, 256))
    assert whole == 2 * half


def test_the_longest_batch_is_that_of_the_longest_row() -> None:
    rows = card(100, mean_tokens=50.0, longest_tokens=400, longest_trained_tokens=90)
    plan = TrainingPlan(per_device_train_batch_size=16, max_length=512)
    assert longest_batch(plan, rows) == (16, 400, 90)
    assert longest_batch(plan.model_copy(update={"max_length": 80}), rows) == (16, 80, 80)
    old = rows.model_copy(update={"longest_tokens": 0, "longest_trained_tokens": 0})
    assert longest_batch(plan, old) == (16, 100, 50)


@pytest.mark.parametrize(
    ("method", "checkpointed", "fields"),
    [
        ("full", False, {}),
        ("lora", False, {}),
        ("full", True, {}),
        ("lora", False, {"use_dora": True}),
        ("lora", False, {"use_rslora": True, "lora_dropout": 0.1}),
        ("lora", False, {"use_dora": True, "lora_dropout": 0.1}),
    ],
)
def test_activations_are_what_autograd_saves(
    tmp_path: Path, method: str, checkpointed: bool, fields: dict[str, object]
) -> None:
    model = resolve_base_model(str(make_tiny_model(tmp_path / "base", hidden=128, layers=4)))
    plan = TrainingPlan.model_validate(
        {"method": method, "gradient_checkpointing": checkpointed, "per_device_train_batch_size": 4, **fields}
    )
    payload = {"model_dir": str(model.path), "plan": plan.model_dump(mode="json"), "rows": 4, "tokens": 120}
    found = shared_worker().run(
        "tests.support.worker_jobs:saved_activations", payload, 60.0, tmp_path / "log"
    )
    need = memory_need(plan, model, LongestBatch(4, 120, 0), CORES)
    one_layer = need.late - 4 * model.vocab * model.hidden_size if method == "full" else 0.0
    # The recomputed layer is held in the backward pass, of which the forward pass saves nothing.
    norms = 12 * model.hidden_size * model.intermediate_size if plan.use_dora else 0  # held for a moment
    expected = need.activations - (one_layer if checkpointed else 0.0) - norms
    assert found["bytes"] == pytest.approx(expected, rel=0.1)
    assert found["trained"] == trained_parameters(plan, model)


def test_the_tables_of_the_docs_are_those_of_the_formula() -> None:
    docs = (Path(__file__).parents[1] / "docs" / "hardware.md").read_text(encoding="utf-8")
    assert formula_table() in docs
