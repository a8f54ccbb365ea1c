"""A champion leaves as one model or as one adapter of the run's base, and either is what was trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.adapter_chain import batch_of, loaded_loss, train_on
from tests.support.tiny_model import make_tiny_model
from tools.models.adapter import read_adapter
from tools.models.export import merged, vllm
from tools.models.load import load_model
from tools.models.recorded_base import name_base

torch = pytest.importorskip("torch")
# PEFT 0.21 asks transformers 5.23 by the old name.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "base")


def trained(base: Path, folder: Path, methods: list[str]) -> Path:
    """As a run of small models leaves it: whole models, each with its adapter beside it."""
    start = base
    for n, method in enumerate(methods):
        link = train_on(start, folder / f"e{n}" / "adapter", method, batch_of(base)).folder
        model = link.parent
        if method == "full":
            model = shutil.move(link, folder / f"e{n}" / "model")
        else:
            load_model(link).save_pretrained(str(model))
        for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
            shutil.copyfile(base / name, Path(model) / name)
        start = Path(model)
    return start


def adapter_of(base: Path, champion: Path, folder: Path) -> dict[str, object]:
    payload = {"model_dir": str(champion), "base": str(base), "folder": str(folder)}
    return merged.adapter(payload)


def test_merged_in_16_bits_it_is_the_champion_but_for_one_rounding(base: Path, tmp_path: Path) -> None:
    champion = train_on(base, tmp_path / "e0", "lora", batch_of(base)).folder
    payload = {"model_dir": str(champion), "folder": str(tmp_path / "out"), "dtype": "bfloat16"}
    facts = merged.write(payload)
    assert facts["template"]
    whole = load_model(champion).state_dict()
    for name, weights in load_model(tmp_path / "out").state_dict().items():
        assert torch.equal(weights, whole[name].to(torch.bfloat16).float())


def test_a_chain_of_merged_models_becomes_one_adapter_of_the_base(base: Path, tmp_path: Path) -> None:
    champion = trained(base, tmp_path, ["lora", "rslora", "lora"])
    made = adapter_of(base, champion, tmp_path / "out")
    assert made["rank"] == 4 + 8 + 4
    loss = loaded_loss(champion, batch_of(base))
    assert loaded_loss(tmp_path / "out", batch_of(base)) == pytest.approx(loss, rel=1e-5)
    assert (tmp_path / "out" / "tokenizer.json").exists()
    name_base(tmp_path / "out", "org/base")
    assert read_adapter(tmp_path / "out")["base_model_name_or_path"] == "org/base"
    assert str(tmp_path) not in (tmp_path / "out" / "base.json").read_text()


@pytest.mark.parametrize(
    ("methods", "why"),
    [
        (["lora", "full"], "trained in full"),
        (["full", "lora"], "trained in full"),
        (["dora"], "does not add up"),
        ([], "it is the base"),
    ],
)
def test_what_is_no_single_adapter_of_the_base_is_said(
    base: Path, tmp_path: Path, methods: list[str], why: str
) -> None:
    made = adapter_of(base, trained(base, tmp_path, methods), tmp_path / "out")
    assert made["rank"] == 0
    assert why in str(made["why"])


def test_vllm_serves_an_adapter_over_its_base_and_gets_a_template_where_it_finds_none() -> None:
    over = vllm.serve(Path("/out"), "units", 512, True, base="org/base", rank=20)
    assert over == (
        "vllm serve org/base --enable-lora --lora-modules units=/out --max-lora-rank 32 --max-model-len 512"
    )
    whole = vllm.serve(Path("/out"), "units", None, False)
    assert whole.endswith("--dtype bfloat16 --chat-template /out/chat_template.jinja")
