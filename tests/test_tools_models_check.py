"""A base model is looked at first: one line for what cannot work, a note for what was handled."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tasks import unpacking
from tasks.errors import InputError
from tests.support.chat_templates import DISTILLED, GEMMA, NEEDS_SYSTEM, QWEN, model_with
from tests.support.tiny_model import CHAT_TEMPLATE, make_tiny_model, shared_worker
from tools.models.base_model import NO_LIMIT, resolve_base_model
from tools.models.check import facts, look, look_in_child, look_job
from tools.models.config_values import _said
from tools.models.load import load_model
from tools.models.weight_files import check_numbers, check_pickles, layers_held

torch = pytest.importorskip("torch")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "mine")


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        look(resolve_base_model(str(folder)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def change(file: Path, **values: Any) -> None:
    changed = json.loads(file.read_text()) | values
    file.write_text(json.dumps({key: value for key, value in changed.items() if value is not None}))


def notes(folder: Path) -> str:
    return "\n".join(look(resolve_base_model(str(folder))).notes)


def test_an_ordinary_model_has_facts_and_no_notes(model: Path) -> None:
    found = look(resolve_base_model("ftdojo-mini"))
    assert (found.dtype, found.positions, found.turn_end, found.notes) == ("F32", 512, "<|end|>", ())
    assert (found.template, found.system_turn, found.architecture) == ("own", "rendered", "llama")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model_type": None}, "names no model_type"),
        ({"model_type": "llamma"}, "unknown architecture 'llamma'"),
        ({"model_type": "own", "auto_map": {"AutoModelForCausalLM": "m.M"}}, "needs its own Python code"),
        ({"model_type": "t5", "is_encoder_decoder": True}, "an encoder-decoder model"),
        ({"model_type": "t5"}, "t5 is no causal language model"),
        ({"model_type": "mamba", "architectures": ["MambaForCausalLM"]}, "keeps no key-value cache"),
        ({"model_type": "rwkv", "architectures": ["RwkvForCausalLM"]}, "keeps no key-value cache"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "no model that continues text"),
        ({"quantization_config": {"quant_method": "gptq"}}, r"quantised (gptq)"),
    ],
)
def test_a_configuration_that_cannot_work_is_one_line(
    model: Path, values: dict[str, Any], words: str
) -> None:
    change(model / "config.json", **values)
    assert words in refusal(model)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("num_hidden_layers", None, "num_hidden_layers is null, and should be a whole number;"),
        ("hidden_size", "32", 'hidden_size is "32", and should be a whole number;'),
        ("rms_norm_eps", "small", 'rms_norm_eps is "small", and should be a number of 0 or more;'),
        ("tie_word_embeddings", "yes" * 50, "and should be true or false;"),
        ("eos_token_id", "x", 'eos_token_id is "x", and should be a whole number or list[int] or null;'),
        ("vocab_size", -5, "vocab_size is -5, and should be a whole number of 1 or more;"),
        ("num_attention_heads", 0, "num_attention_heads is 0, and should be a whole number of 1 or more;"),
        ("num_attention_heads", 6, "num_attention_heads is 6, which transformers does not take (The hidden"),
        ("num_key_value_heads", 3, "num_key_value_heads is 3, and should divide the number of attention"),
        ("layer_types", ["odd"], "`layer_types` entries must be in"),
        ("dtype", "float9", 'dtype is "float9", which transformers does not take (AttributeError: module'),
        ("hidden_act", "nothing", 'hidden_act is "nothing", which transformers does not take (KeyError'),
        ("rope_theta", "x", 'rope_theta is "x", and should be a number over 0;'),
        ("rope_theta", float("nan"), "rope_theta is NaN, and should be a number over 0;"),
        ("rope_scaling", "x", 'rope_scaling is "x", which transformers does not take (rope_parameters'),
        ("rope_scaling", {"rope_type": "default", "rope_theta": 0}, "rope_scaling.rope_theta is 0, and sho"),
        ("rms_norm_eps", -1, "rms_norm_eps is -1, and should be a number of 0 or more;"),
        ("attention_dropout", 7, "attention_dropout is 7, and should be a number of 0 or more and under 1;"),
        ("attention_dropout", None, "attention_dropout is null, and should be a number"),
        ("sliding_window", 0.5, "sliding_window is 0.5, and should be a whole number or null;"),
        ("return_dict", False, "return_dict is false, and should be true;"),
        ("output_hidden_states", "x", 'output_hidden_states is "x", and should be true or false;'),
        ("attn_implementation", "x", 'attn_implementation is "x", which transformers does not take'),
        ("text_config", {}, "text_config is {}, and should be an object;"),
        ("id2label", [1], "id2label is [1], which transformers does not take"),
        (
            "intermediate_size",
            7,
            "intermediate_size is 7: by it model.layers.0.mlp.down_proj.weight is ",
        ),
        (
            "num_key_value_heads",
            1,
            "num_key_value_heads is 1: by it model.layers.0.self_attn.k_proj.weight",
        ),
        ("vocab_size", 7, "vocab_size is 7: by it "),
    ],
)
def test_a_value_of_the_configuration_that_cannot_be_is_one_short_line(
    model: Path, key: str, value: object, words: str
) -> None:
    file = model / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    told = refusal(model)
    assert told.startswith(f"{file}: ") and words in told
    assert len(told) - len(str(file)) < 300


def test_a_value_of_the_language_model_within_another_is_named(model: Path) -> None:
    said = "Validation error for field 'n':\n    TypeError: Field 'n' expected float, got str (value: 'x')"
    assert _said(said, {"n": 1, "text_config": {"n": "x"}}) == 'n is "x", and should be a number'


@pytest.mark.parametrize("layers", [0, 3])
def test_a_layer_without_weights_is_one_line(model: Path, layers: int) -> None:
    change(model / "config.json", num_hidden_layers=layers)
    assert f"num_hidden_layers is {layers}, and the weights hold 2" in refusal(model)


def test_layers_are_counted_in_the_language_model_alone(tmp_path: Path) -> None:
    names = [f"model.language_model.layers.{n}.mlp.experts.{m}.up.weight" for n in range(3) for m in range(9)]
    names += [f"model.vision_tower.blocks.{n}.{part}.weight" for n in range(30) for part in "qkvo"]
    names += ["mtp.layers.0.norm.weight", "lm_head.weight"]
    file = tmp_path / "model.safetensors"
    save_file({name: np.zeros(1, "f4") for name in names}, file)
    assert layers_held([file]) == 3


def test_custom_code_beside_a_known_architecture_is_not_run(model: Path) -> None:
    change(model / "config.json", auto_map={"AutoModelForCausalLM": "modeling.Mine"})
    (model / "modeling.py").write_text("raise SystemExit('run')")
    assert "own Python code is not run" in notes(model)


def shard(model: Path) -> list[str]:
    weights = load_file(model / "model.safetensors")
    (model / "model.safetensors").unlink()
    names = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    half = len(weights) // 2
    parts = [dict(list(weights.items())[:half]), dict(list(weights.items())[half:])]
    for name, part in zip(names, parts, strict=True):
        save_file(part, model / name, metadata={"format": "pt"})
    index = {"weight_map": {key: name for name, part in zip(names, parts, strict=True) for key in part}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    return names


def test_shards_are_counted_once_and_must_all_be_there(model: Path) -> None:
    whole = resolve_base_model(str(model)).parameters
    copy = (model / "model.safetensors").read_bytes()
    names = shard(model)
    (model / "consolidated.safetensors").write_bytes(copy)
    (model / "pytorch_model.bin").write_bytes(b"pickle")
    found = resolve_base_model(str(model))
    assert found.parameters == whole
    assert "consolidated.safetensors, pytorch_model.bin" in found.notes[0]
    (model / names[1]).unlink()
    assert f"1 of 2 weight files are missing, e.g. {names[1]}" in refusal(model)
    (model / "model.safetensors.index.json").unlink()
    assert "no model.safetensors.index.json" in refusal(model)


def test_damaged_weights_are_one_line(model: Path) -> None:
    file = model / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    assert f"cut short: {len(whole) - 100:,} of {len(whole):,} bytes" in refusal(model)
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
    assert "git-LFS pointer" in refusal(model)


def test_pickles_need_a_word_of_the_user(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    assert "--allow-pickle" in refusal(model)
    assert resolve_base_model(str(model), allow_pickle=True).parameters > 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_in_the_weights_is_named(model: Path, value: float) -> None:
    weights = load_file(model / "model.safetensors")
    weights["model.norm.weight"][5] = value
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    assert "model.norm.weight holds NaN or infinity (1 numbers)" in refusal(model)


def test_nan_is_found_in_16_bits_and_a_large_model_is_sampled(tmp_path: Path) -> None:
    from safetensors.torch import save_file as save

    for dtype in (torch.bfloat16, torch.float16):
        numbers = torch.full((1000,), 3.0, dtype=dtype)
        save({"a": numbers}, tmp_path / "x.safetensors")
        assert check_numbers([tmp_path / "x.safetensors"], 10**6) == 1.0
        numbers[900] = float("nan")
        save({"a": numbers}, tmp_path / "x.safetensors")
        assert check_numbers([tmp_path / "x.safetensors"], 1000) == 0.5
        with pytest.raises(InputError, match="a holds NaN"):
            check_numbers([tmp_path / "x.safetensors"], 10**6)


def test_no_end_token_is_one_line_that_names_the_likely_one(tmp_path: Path) -> None:
    folder = model_with(tmp_path / "m", CHAT_TEMPLATE, eos_token=None, pad_token=None)
    assert 'add "eos_token": "<|end|>" to tokenizer_config.json' in refusal(folder)


def test_a_missing_padding_token_is_the_end_token(tmp_path: Path) -> None:
    folder = model_with(tmp_path / "m", CHAT_TEMPLATE, pad_token=None)
    assert "padding and end are the same token (<|end|>)" in notes(folder)


def test_tokens_beyond_the_embedding_are_one_line(model: Path) -> None:
    file = model / "tokenizer.json"
    content = json.loads(file.read_text())
    rows = resolve_base_model(str(model)).vocab
    extra = {**content["added_tokens"][0], "id": rows, "content": "<|new|>"}
    content["added_tokens"].append(extra)
    file.write_text(json.dumps(content))
    assert f"token {rows} ('<|new|>'), its embedding {rows:,} rows" in refusal(model)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (None, "no chat template"),
        (GEMMA, "takes no system turn"),
        (NEEDS_SYSTEM, "demands a system turn"),
        (QWEN, "drops the reasoning of earlier answers"),
        (DISTILLED, "generation prompt opens <think>"),
        (CHAT_TEMPLATE.replace("<|end|>", "[stop]"), "no token of its own: <|end|> is added"),
    ],
)
def test_what_a_template_does_is_said(tmp_path: Path, template: str | None, words: str) -> None:
    assert words in notes(model_with(tmp_path / "m", template))


def test_a_template_that_renders_nothing_is_one_line(tmp_path: Path) -> None:
    for template in ("{{ raise_exception('never') }}", "{% for %}"):
        assert "the chat template refuses it" in refusal(
            model_with(tmp_path / template[3:6].strip(), template)
        )


def test_positions_are_found_under_their_other_names(model: Path) -> None:
    change(model / "config.json", max_position_embeddings=None, n_positions=128)
    assert resolve_base_model(str(model)).positions == 128
    change(model / "config.json", n_positions=None)
    found = resolve_base_model(str(model))
    assert (found.positions, found.max_positions) == (None, NO_LIMIT)
    assert "no limit of positions" in notes(model)


def test_a_refusal_travels_from_a_child_as_data(model: Path) -> None:
    def job(name: str) -> dict[str, Any]:
        return {"base_model": resolve_base_model(name).model_dump(mode="json")}

    assert facts(look_job(job("ftdojo-mini"))).parameters == 1_246_336
    change(model / "config.json", model_type="llamma")
    with pytest.raises(InputError, match="unknown architecture"):
        facts(json.loads(json.dumps(look_job(job(str(model))))))


def test_what_a_library_makes_of_damaged_files_is_one_line(model: Path) -> None:
    found = resolve_base_model(str(model))
    (model / "tokenizer.json").write_text('{"version": "1.0", "model": {"type": "Unheard"}}')
    with pytest.raises(InputError) as caught:
        look_in_child(found, False, shared_worker())
    assert "\n" not in str(caught.value)
    assert str(model) in str(caught.value)


def pickled(model: Path, content: Any) -> Path:
    (model / "model.safetensors").unlink()
    torch.save(content, model / "pytorch_model.bin")
    return model


def test_pickles_are_read_as_tensors_alone(model: Path) -> None:
    weights = {
        name: torch.from_numpy(values) for name, values in load_file(model / "model.safetensors").items()
    }
    found = look(resolve_base_model(str(pickled(model, weights)), allow_pickle=True), allow_pickle=True)
    assert found.notes == ()
    loaded = load_model(model).state_dict()
    assert all(torch.equal(loaded[name], values) for name, values in weights.items())
    weights["model.norm.weight"][0] = float("nan")
    torch.save(weights, model / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"norm\.weight holds NaN"):
        look(resolve_base_model(str(model), allow_pickle=True), allow_pickle=True)


class Trap:
    """Runs code where a pickle is read the careless way."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_a_pickle_with_code_in_it_is_refused_and_not_run(model: Path, tmp_path: Path) -> None:
    folder = pickled(model, {"model.norm.weight": Trap(tmp_path / "ran")})
    with pytest.raises(InputError, match="not a pickle of tensors alone"):
        look(resolve_base_model(str(folder), allow_pickle=True), allow_pickle=True)
    assert not (tmp_path / "ran").exists()


def test_a_pickle_that_unpacks_to_too_much_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = pickled(model, {"model.norm.weight": torch.zeros(1_000_000)})
    file = folder / "pytorch_model.bin"
    plain = zipfile.ZipFile(io.BytesIO(file.read_bytes()))
    with plain, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    assert torch.load(file, weights_only=True)["model.norm.weight"].shape == (1_000_000,)
    check_pickles([file])
    monkeypatch.setattr(unpacking, "ALWAYS", 1_000_000)
    with pytest.raises(InputError, match="more than 100 times its own size"):
        check_pickles([file])


def test_a_pickle_under_another_name_says_the_name_it_needs(model: Path) -> None:
    (model / "model.safetensors").rename(model / "mine.pt")
    with pytest.raises(InputError, match=r"rename mine.pt to pytorch_model.bin"):
        resolve_base_model(str(model), allow_pickle=True)
