"""Arguments of the Trainer for described places, held against the installed libraries' own signatures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memory.records import TrainingPlan
from tests.support.tiny_model import make_tiny_model, write_rows
from tools.recipes.arguments import Place, trainer_fields
from tools.training.kernels import Kernels, knows_flash, this_device

torch = pytest.importorskip("torch")
sft = pytest.importorskip("tools.recipes.sft")
# PEFT 0.21 asks transformers 5.23 by the old name.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")

GPU = Place("cuda", True, 7_000_000_000, kernels=Kernels("flash_attention_2", True, True))
PLAN = TrainingPlan(
    method="full",
    learning_rate=1e-2,
    max_steps=4,
    per_device_train_batch_size=8,
    gradient_accumulation_steps=2,
    warmup_steps=1,
)


@pytest.fixture
def a_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A CUDA device as far as ``TrainingArguments`` looks."""
    from accelerate.state import AcceleratorState

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **__: True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.mark.parametrize("optim", ["adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit"])
def test_a_gpus_arguments_are_those_of_the_installed_trainer(a_gpu: None, tmp_path: Path, optim: str) -> None:
    from trl import SFTConfig

    plan = PLAN.model_copy(update={"optim": optim, "neftune_noise_alpha": 5.0})
    made = SFTConfig(**trainer_fields(plan, 100, GPU, tmp_path))
    assert (made.device.type, made.n_gpu, made.bf16, made.use_cpu) == ("cuda", 1, True, False)
    assert (made.use_liger_kernel, made.padding_free, made.max_length) == (True, True, None)
    assert (made.optim, made.activation_checkpointing) == (optim, True)
    assert (made.per_device_train_batch_size, made.gradient_accumulation_steps) == (8, 2)
    assert made.dataloader_pin_memory


def test_several_processes_share_out_the_batch(tmp_path: Path) -> None:
    fields = trainer_fields(PLAN, 100, Place("cuda", True, 1000, processes=4), tmp_path)
    assert fields["per_device_train_batch_size"] == 2
    epochs = PLAN.model_copy(update={"max_steps": -1, "num_train_epochs": 3.0})
    assert trainer_fields(epochs, 100, GPU, tmp_path)["max_steps"] == 19, "300 rows in steps of 16"


def test_batches_without_padding_give_the_same_training(tmp_path: Path) -> None:
    rows, folder = write_rows(tmp_path / "rows.jsonl"), make_tiny_model(tmp_path / "base")
    trained = []
    for kernels in (Kernels(), Kernels(padding_free=True)):
        asked = sft.Asked(kernels=kernels)
        trainer, _ = sft.build_trainer(PLAN, folder, rows, tmp_path / "out", asked)
        trainer.train()
        trained.append(trainer)
    padded, free = trained
    assert "attention_mask" not in next(iter(free.get_train_dataloader()))
    assert free.losses == pytest.approx(padded.losses, rel=1e-5)
    assert free.tokens == padded.tokens
    for one, other in zip(padded.model.parameters(), free.model.parameters(), strict=True):
        assert float((one - other).detach().abs().max()) < 1e-5


@pytest.mark.filterwarnings("ignore")  # as in a training: torch warns while it traces
def test_a_model_whose_layers_are_compiled_on_the_way_trains_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.training.compilation.worth_trying", lambda *_: True)
    seen: list[int] = []

    def backend(graph: Any, inputs: Any) -> Any:
        seen.append(len(inputs))
        return graph.forward

    monkeypatch.setattr("tools.recipes.compiled.BACKEND", backend)
    rows, folder = write_rows(tmp_path / "rows.jsonl"), make_tiny_model(tmp_path / "base")
    plan = PLAN.model_copy(update={"max_steps": 24})
    losses = []
    for kernels in (Kernels(), Kernels(compiles=True)):
        trainer, _ = sft.build_trainer(plan, folder, rows, tmp_path / "out", sft.Asked(kernels=kernels))
        trainer.train()
        losses.append(trainer.losses)
    assert seen, "the layers were traced"
    assert trainer.trial.outcome is not None
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    compiled = sft.cleaned(trainer.model)
    assert all(module._compiled_call_impl is None for module in compiled.modules())


def test_attention_is_named_as_transformers_names_it() -> None:
    from typing import get_args

    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    from tools.training.kernels import Attention

    assert set(get_args(Attention)) <= set(ALL_ATTENTION_FUNCTIONS.valid_keys())


@pytest.mark.parametrize("method", ["full", "lora"])
def test_attention_is_set_under_an_adapter_as_well(tmp_path: Path, method: str) -> None:
    plan = PLAN.model_copy(update={"method": method})
    folder = make_tiny_model(tmp_path / "base")
    model = sft.start_model(plan, folder, tmp_path / "scratch")
    assert knows_flash(model)
    # The one attention beside SDPA that runs on every machine stands for those that do not.
    place = sft.place_of(plan, model, Kernels(attention="eager"))  # type: ignore[arg-type]
    layers = [module for module in model.modules() if hasattr(module, "q_proj")]
    assert {layer.config._attn_implementation for layer in layers} == {"eager"}
    assert place.parameters == sum(weights.numel() for weights in model.parameters())


def test_a_sharded_plan_in_one_process_trains_the_whole_model(tmp_path: Path) -> None:
    rows, folder = write_rows(tmp_path / "rows.jsonl"), make_tiny_model(tmp_path / "base")
    plan = PLAN.model_copy(update={"fsdp": True, "max_steps": 2})
    payload = {
        "plan": plan.model_dump(mode="json"),
        "model_dir": str(folder),
        "data_path": str(rows),
        "out_dir": str(tmp_path / "out"),
        "threads": 1,
    }
    assert sft.train(payload)["steps"] == 2
    assert (tmp_path / "out" / "model.safetensors").exists()


def test_this_device_is_described_without_packages_that_it_cannot_use() -> None:
    found = this_device()
    if not torch.cuda.is_available():
        assert found.kind in ("cpu", "mps")
        assert not {"flash_attn", "flash_attn_interface"} & found.packages
