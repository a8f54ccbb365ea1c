"""Adapters count as models, and training on from one keeps it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from memory.records import TrainingPlan
from tasks.errors import InputError
from tests.support.chat_templates import model_with
from tests.support.tiny_model import CHAT_TEMPLATE, make_tiny_model, write_rows
from tools.models.adapter import is_adapter, read_adapter, whole_base
from tools.models.base_model import BUNDLED, resolve_base_model
from tools.models.check import look
from tools.models.load import load_model
from tools.models.template_support import PLAIN_TEMPLATE

torch = pytest.importorskip("torch")
sft = pytest.importorskip("tools.recipes.sft")
# PEFT 0.21 asks transformers 5.23 by the old name.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two threads that wait for each other stand still on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def loss(model: Any, batch: Any) -> float:
    with torch.inference_mode():
        inputs = {key: batch[key] for key in ("input_ids", "attention_mask", "labels")}
        return float(model.eval()(**inputs).loss)


def train(
    start: Path, out: Path, rows: Path, method: Literal["lora", "full"] = "lora", **plan: Any
) -> tuple[float, Any]:
    """Trains from ``start``, saves, and returns the loss at the end with the batch it was taken on."""
    made = TrainingPlan(
        method=method, max_steps=6, learning_rate=5e-3, per_device_train_batch_size=8, warmup_steps=0, **plan
    )
    trainer, _ = sft.build_trainer(made, start, rows, out)
    trainer.train()
    batch = next(iter(trainer.get_train_dataloader()))
    end = loss(trainer.model, batch)
    sft.save(trainer, made, start, out)
    return end, batch


def adapter_of(base: Path, out: Path, **settings: Any) -> Path:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", **settings)
    torch.manual_seed(3)
    model = get_peft_model(load_model(base), config)
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=0.05)
    model.peft_config["default"].base_model_name_or_path = str(base)
    model.save_pretrained(str(out))
    return out


def test_a_chain_of_adapters_is_loaded_as_it_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sft, "MERGE_PARAMETERS", 0)
    rows, start = write_rows(tmp_path / "rows.jsonl"), BUNDLED / "ftdojo-mini"
    losses = [loss(load_model(start), train(start, tmp_path / "spare", rows)[1])]
    for n, rank in enumerate((8, 16, 4), start=1):
        out = tmp_path / f"e{n}"
        end, batch = train(start, out, rows, lora_r=rank)
        assert loss(load_model(out), batch) == pytest.approx(end, rel=1e-3)
        assert is_adapter(out)
        assert whole_base(out) == BUNDLED / "ftdojo-mini"
        losses.append(end)
        start = out
    assert losses[0] > 1.5 * losses[1] > 1.5 * losses[3]
    assert read_adapter(start)["r"] == 8 + 16 + 4


@pytest.mark.parametrize(
    "settings", [{"use_rslora": True}, {"use_dora": True}, {"modules_to_save": ["norm"]}]
)
def test_adapters_of_users_are_kept_in_what_is_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    monkeypatch.setattr(sft, "MERGE_PARAMETERS", 0)
    base = make_tiny_model(tmp_path / "base")
    start = adapter_of(base, tmp_path / "theirs", **settings)
    end, batch = train(start, tmp_path / "ours", write_rows(tmp_path / "rows.jsonl"))
    assert loss(load_model(tmp_path / "ours"), batch) == pytest.approx(end, rel=1e-4)


def test_full_fine_tuning_goes_on_from_an_adapter(tmp_path: Path) -> None:
    start = adapter_of(make_tiny_model(tmp_path / "base"), tmp_path / "theirs")
    rows = write_rows(tmp_path / "rows.jsonl")
    end, batch = train(start, tmp_path / "ours", rows, method="full")
    assert loss(load_model(tmp_path / "ours"), batch) == pytest.approx(end, rel=1e-4)
    assert end < 0.9 * loss(load_model(start), batch)


def test_an_adapter_directory_is_a_base_model(tmp_path: Path) -> None:
    base = make_tiny_model(tmp_path / "base")
    folder = adapter_of(base, tmp_path / "theirs")
    found = resolve_base_model(str(folder))
    whole = resolve_base_model(str(base))
    assert (found.path, found.parameters) == (folder, whole.parameters)
    assert found.sha != whole.sha
    facts = look(found)
    assert facts.adapter
    assert "an adapter of" in facts.notes[0]


def test_an_adapter_of_a_bundled_model_finds_it_wherever_it_was_made(tmp_path: Path) -> None:
    folder = adapter_of(make_tiny_model(tmp_path / "base"), tmp_path / "theirs")
    config = json.loads((folder / "adapter_config.json").read_text())
    for name in ("ftdojo-mini", "/elsewhere/tools/models/bundled/ftdojo-mini"):
        (folder / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": name}))
        assert whole_base(folder) == BUNDLED / "ftdojo-mini"


def test_an_adapter_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    base = make_tiny_model(tmp_path / "base")
    folder = adapter_of(base, tmp_path / "theirs")
    file = folder / "adapter_config.json"
    config = json.loads(file.read_text())
    for change, words in (
        ({"base_model_name_or_path": str(tmp_path / "gone")}, "which is not here"),
        ({"base_model_name_or_path": str(folder)}, "name each other"),
        ({"base_model_name_or_path": None}, "names no base"),
        ({"peft_type": "PREFIX_TUNING"}, "cannot be merged"),
    ):
        file.write_text(json.dumps(config | change))
        with pytest.raises(InputError, match=words) as caught:
            resolve_base_model(str(folder))
        assert "\n" not in str(caught.value)
    file.write_text(json.dumps(config))
    shutil.move(folder / "adapter_model.safetensors", folder / "adapter_model.bin")
    with pytest.raises(InputError, match="a pickle"):
        resolve_base_model(str(folder))


def test_the_end_stays_in_the_loss_where_padding_is_the_same_token(tmp_path: Path) -> None:
    folder = model_with(tmp_path / "m", CHAT_TEMPLATE, pad_token="<|end|>")
    plan = TrainingPlan(method="full", per_device_train_batch_size=8)
    trainer, _ = sft.build_trainer(plan, folder, write_rows(tmp_path / "rows.jsonl"), tmp_path / "out")
    batch = next(iter(trainer.get_train_dataloader()))
    assert ((batch["labels"] == 2).sum(dim=1) == 1).all()
    assert (batch["labels"][batch["attention_mask"] == 0] == -100).all()


def test_a_model_without_positions_and_template_is_trained_asked_and_saved(tmp_path: Path) -> None:
    from transformers import BloomConfig, BloomForCausalLM

    from tools.evaluation.generate import answer_sets

    folder = model_with(tmp_path / "m", None)
    (folder / "model.safetensors").unlink()
    vocabulary = resolve_vocabulary(folder)
    config = BloomConfig(
        vocab_size=vocabulary, hidden_size=32, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=2
    )
    torch.manual_seed(0)
    BloomForCausalLM(config).save_pretrained(folder)
    facts = look(resolve_base_model(str(folder)))
    assert (facts.positions, facts.template) == (None, "plain")
    out = tmp_path / "out"
    plan = TrainingPlan(method="full", max_steps=40, learning_rate=1e-2, per_device_train_batch_size=8)
    trainer, _ = sft.build_trainer(plan, folder, write_rows(tmp_path / "rows.jsonl"), out)
    trainer.train()
    sft.save(trainer, plan, folder, out)
    assert (out / "chat_template.jinja").read_text() == PLAIN_TEMPLATE
    asked = {"text": ["copy the word 3"], "turns": [[{"role": "user", "content": "copy the word 3"}]]}
    payload = {"model_dir": str(out), "sets": asked, "max_new_tokens": 8, "threads": 1}
    answers = answer_sets(payload)["answers"]
    assert answers["text"] == answers["turns"]
    assert answers["text"][0].startswith("word")


def resolve_vocabulary(folder: Path) -> int:
    return int(json.loads((folder / "config.json").read_text())["vocab_size"])
