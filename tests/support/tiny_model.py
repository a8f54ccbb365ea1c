"""A random Llama of about 50 k parameters with its own tokenizer, written without importing torch."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from tools.process.worker import Worker

CHAT_TEMPLATE = (
    "{{ '<|bos|>' }}{% for m in messages %}{% if m['role'] == 'user' %}<|user|>{{ m['content'] }}"
    "{% else %}<|assistant|>{{ m['content'] }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ("<|pad|>", "<|bos|>", "<|end|>", "<|user|>", "<|assistant|>")


@functools.cache
def shared_worker() -> Worker:
    """One worker for the whole test session: its imports are the slow part."""
    return Worker(threads=1)


def make_tiny_model(
    folder: Path, hidden: int = 32, layers: int = 2, seed: int = 0, window: int = 0, spread: float = 0.08
) -> Path:
    """Writes a Hub-format model directory and returns it.

    Args:
        folder: where.
        hidden: its width.
        layers: how many.
        seed: of its weights.
        window: a Mistral that sees so many tokens; 0 for a Llama that sees all.
        spread: of the weights; with 0.08 it repeats one token, with 0.4 an answer hangs on all before it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    vocab = write_tokenizer(folder)
    inner = 2 * hidden
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocab,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": hidden // 4,
        "max_position_embeddings": 256,
        "tie_word_embeddings": True,
        "rms_norm_eps": 1e-5,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "dtype": "float32",
    }
    if window:
        config |= {"architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": window}
    (folder / "config.json").write_text(json.dumps(config))
    generation = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    (folder / "generation_config.json").write_text(json.dumps(generation))
    random = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return random.normal(0.0, spread, (rows, columns)).astype(np.float32)

    weights = {"model.embed_tokens.weight": matrix(vocab, hidden), "model.norm.weight": np.ones(hidden, "f4")}
    for layer in range(layers):
        name = f"model.layers.{layer}."
        weights |= {
            name + "input_layernorm.weight": np.ones(hidden, "f4"),
            name + "post_attention_layernorm.weight": np.ones(hidden, "f4"),
            name + "self_attn.q_proj.weight": matrix(hidden, hidden),
            name + "self_attn.k_proj.weight": matrix(hidden // 2, hidden),
            name + "self_attn.v_proj.weight": matrix(hidden // 2, hidden),
            name + "self_attn.o_proj.weight": matrix(hidden, hidden),
            name + "mlp.gate_proj.weight": matrix(inner, hidden),
            name + "mlp.up_proj.weight": matrix(inner, hidden),
            name + "mlp.down_proj.weight": matrix(hidden, inner),
        }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def write_tokenizer(folder: Path) -> int:
    """Writes a byte-level tokenizer of 320 tokens with the chat template above; returns how many."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(
        ["what is the answer to the question", "copy the word and stop"] * 4, trainer
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|bos|>",
        "eos_token": "<|end|>",
        "pad_token": "<|pad|>",
        "model_max_length": 256,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    return int(tokenizer.get_vocab_size())


def write_rows(path: Path, count: int = 24) -> Path:
    """A JSONL of small copying questions, prompt and answer."""
    rows = [
        {"prompt": f"copy the word {n % 7}", "answer": f"word {n % 7}", "source": "made"}
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
