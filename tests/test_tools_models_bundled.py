"""The bundled base model: its files, its tokenizer, what it can do, and the recipe that makes it."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TEXTS = (
    "14+23=37. \\boxed{37}",
    '{"columns":["name","wins"],"data":[["Ann",12],["Bob",7]]}',
    "CC(=O)Oc1ccccc1[N+](=O)[O-] and ClCCBr",
    "答案：B。下列哪项属于资产？鑫龘",
    "Zürich 😀\ttab  two spaces\r\n\\frac{1}{2} $x^2$",
)


@pytest.fixture(scope="module")
def folder(root_folder: Path) -> Path:
    return root_folder / "tools" / "models" / "bundled" / "ftdojo-mini"


@pytest.fixture(scope="module")
def root_folder() -> Path:
    return Path(__file__).parent.parent


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    return transformers.AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(folder).eval()


@pytest.mark.parametrize("text", TEXTS)
def test_text_round_trips(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == text


def test_digits_atoms_and_characters_stand_alone(tokenizer: Any) -> None:
    def pieces(text: str) -> list[str]:
        return [tokenizer.decode([k]) for k in tokenizer(text, add_special_tokens=False)["input_ids"]]

    assert pieces("1234") == ["1", "2", "3", "4"]
    assert pieces("CCc1ccccc1Cl") == [*"CCc1ccccc1", "Cl"]
    assert pieces("资产负债") == list("资产负债")
    assert pieces(" gear, a bolt") == [" gear", ",", " a", " bolt"]


def test_chat_template_masks_the_assistant(tokenizer: Any) -> None:
    talk = [{"role": "user", "content": "17+25"}, {"role": "assistant", "content": "42"}]
    text = tokenizer.apply_chat_template(talk, tokenize=False)
    assert text == "<|bos|><|user|>17+25<|assistant|>42<|end|>"
    out = tokenizer.apply_chat_template(talk, return_dict=True, return_assistant_tokens_mask=True)
    learned = [k for k, m in zip(out["input_ids"], out["assistant_masks"], strict=True) if m]
    assert tokenizer.decode(learned) == "42<|end|>"
    opened = tokenizer.apply_chat_template(talk[:1], tokenize=False, add_generation_prompt=True)
    assert text.startswith(opened)


def test_model_is_small_and_knows_its_ends(folder: Path, model: Any, tokenizer: Any) -> None:
    assert sum(p.numel() for p in model.parameters()) < 2_000_000
    assert (folder / "model.safetensors").stat().st_size < 16_000_000
    assert model.dtype == torch.float32
    assert model.generation_config.eos_token_id == tokenizer.convert_tokens_to_ids("<|end|>")
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id
    assert model.config.vocab_size == len(tokenizer)


@pytest.mark.parametrize(("skill", "least"), [("smiles_copy", 0.5), ("smiles_append", 0.3)])
def test_model_has_its_skills(model: Any, tokenizer: Any, skill: str, least: float) -> None:
    from tools.pretraining.pretrain import probe

    assert probe(model, tokenizer, skill, 20) >= least


def test_orthogonal_makes_singular_values_near_one() -> None:
    from tools.pretraining.muon import orthogonal

    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(2, 24, 40)))
    assert values.min() > 0.4
    assert values.max() < 1.4


def test_batches_keep_every_document_whole(folder: Path) -> None:
    from tokenizers import Tokenizer

    from tools.pretraining.data import MICRO_TOKENS, batches, encode
    from tools.pretraining.skills.mixture import documents

    made = list(documents(0, 0.5, 120))
    encoded = encode(Tokenizer.from_file(str(folder / "tokenizer.json")), made)
    lengths = sorted(len(ids) for ids, _ in encoded)
    seen = []
    for ids, weight in batches(encoded, Random(0)):
        assert ids.shape == weight.shape
        assert ids.size <= MICRO_TOKENS or len(ids) == 1
        assert not weight[ids == 0].any()
        seen += [int((row > 0).sum()) for row in ids]
    assert sorted(seen) == lengths


def test_training_lowers_the_loss_and_resumes(folder: Path, tmp_path: Path) -> None:
    from tools.pretraining.pretrain import Trainer, parse

    out = tmp_path / "model"
    out.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(folder / name, out / name)
    base = ["--out", str(out), "--work", str(tmp_path / "work"), "--threads", "1", "--probe-prompts", "1"]
    first = Trainer(parse([*base, "--minutes", "0.1"]))
    first.run()
    steps = first.progress.step
    assert first.progress.tokens > 1000 * steps > 0
    assert "tokens seen" in (out / "README.md").read_text(encoding="utf-8")
    again = Trainer(parse([*base, "--minutes", "0.1", "--resume"]))
    assert again.progress.step == steps
    for mine, theirs in zip(again.model.parameters(), first.model.parameters(), strict=True):
        assert torch.equal(mine, theirs)
