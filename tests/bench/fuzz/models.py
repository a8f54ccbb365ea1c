"""Targets that read the folders of models: configurations, headers of weights, tokenizers, chat templates."""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from graph.models_file import load_models
from graph.settings import make_settings
from tasks.errors import InputError
from tests.bench.fuzz.target import Target
from tests.bench.fuzz.text import text_of
from tests.support import chat_templates
from tests.support import foreign_texts as foreign
from tests.support.tiny_model import write_tokenizer
from tools.models import recorded_base
from tools.models.adapter import is_adapter, read_adapter
from tools.models.architecture import check_config, max_positions, read_config
from tools.models.base_model import resolve_base_model
from tools.models.chat_template import conversation_pieces, render_asked, render_prompt, trained_turns
from tools.models.export import ollama
from tools.models.gguf_header import check_header
from tools.models.load import name_turn_end
from tools.models.special_tokens import protect
from tools.models.template_support import template_support
from tools.models.weight_files import count_parameters, dtypes, find_weights

TURNS: list[dict[str, Any]] = [
    {"role": "system", "content": "s"},
    {"role": "user", "content": "Hi <|end|>"},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "More"},
    {"role": "assistant", "content": "<think>so</think>Yes"},
]


def _weights(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    weights, _ = find_weights(folder)
    count_parameters(weights, {})
    dtypes(weights)


def _index(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors.index.json").write_bytes(content)
    find_weights(folder)


def _header(held: object) -> bytes:
    text = foreign.written(held)
    return struct.pack("<Q", len(text)) + text + bytes(8)


def _config(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    (folder / "model.safetensors").write_bytes(
        _header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})
    )
    (folder / "tokenizer.json").write_text("{}")
    config = read_config(folder)
    max_positions(config)
    check_config(folder, config)
    resolve_base_model(str(folder))


def _adapter(folder: Path, content: bytes) -> None:
    (folder / "adapter_config.json").write_bytes(content)
    is_adapter(folder)
    config = read_adapter(folder)
    recorded_base.find(folder, config)


def _recorded(folder: Path, content: bytes) -> None:
    (folder / recorded_base.FILE).write_bytes(content)
    config = {"base_model_name_or_path": str(folder / "nowhere"), "peft_type": "LORA"}
    recorded_base.find(folder, config)


def _gguf(folder: Path, content: bytes) -> None:
    (folder / "model.gguf").write_bytes(content)
    check_header(folder / "model.gguf")


def _models_file(folder: Path, content: bytes) -> None:
    (folder / "models.toml").write_bytes(content)
    given = make_settings(policy="llm", models_file=str(folder / "models.toml"), teacher="openai:t")
    load_models(given, {"A_KEY": "k" * 20})


@cache
def _tokenizer() -> Any:
    from transformers import AutoTokenizer

    folder = Path(tempfile.mkdtemp(prefix="fuzz-tokenizer-"))
    write_tokenizer(folder)
    return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)


def _template(folder: Path, content: bytes) -> None:
    tokenizer = _tokenizer()
    tokenizer.chat_template = text_of(content)
    support = template_support(tokenizer)
    render_prompt(tokenizer, "Hi")
    conversation_pieces(tokenizer, TURNS[1:], every=True)
    trained_turns(tokenizer)
    with suppress(InputError):
        ollama.pieces(tokenizer)
    assert isinstance(support.turn_end, str)


def _turns(folder: Path, content: bytes) -> None:
    """A conversation of a row under an ordinary template."""
    tokenizer = _tokenizer()
    tokenizer.chat_template = chat_templates.CHATML
    try:
        turns = json.loads(text_of(content))
    except (ValueError, RecursionError):
        return
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        return
    protect(tokenizer, turns)
    with suppress(InputError):
        render_asked(tokenizer, turns)
    conversation_pieces(tokenizer, turns, every=True)


def _generation(folder: Path, content: bytes) -> None:
    (folder / "generation_config.json").write_bytes(content)
    tokenizer = _tokenizer()
    tokenizer.chat_template = chat_templates.CHATML
    name_turn_end(tokenizer, folder)


def _modelfile(folder: Path, content: bytes) -> None:
    ollama.parse(text_of(content))


SHARDS = st.dictionaries(st.text(max_size=4), foreign.SCALARS, max_size=3).map(
    lambda held: foreign.written({"weight_map": held})
)
ADAPTER_FIELDS = st.sampled_from(["peft_type", "base_model_name_or_path", "revision", "target_modules"])
ADAPTER = {"peft_type": "LORA", "base_model_name_or_path": "org/name", "r": 8, "target_modules": ["q_proj"]}
MODELS = (
    b'[default]\nmodel = "openai:a"\nbase_url = "http://h/v1"\napi_key_env = "A_KEY"\n',
    b'[roles.planner]\nmodel = "anthropic:b"\nfallbacks = ["openai:c"]\n'
    b'[prices."openai:a"]\ninput_usd = 1\noutput_usd = 2\n',
    b'[teacher]\nmodel = "openai:t"\n[limits]\nseconds = 30\n[judge]\nmodel = "openai:j"\n',
)
TEMPLATES = (
    *chat_templates.ORDINARY.values(),
    chat_templates.TOOLS,
    chat_templates.STRIPS,
    chat_templates.NEEDS_SYSTEM,
    chat_templates.DISTILLED,
    "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}",
    "{{ messages.__class__.__mro__ }}",
    "{{ cycler.__init__.__globals__.os.popen('false').read() }}",
    "{% for i in range(99) %}{% endfor %}{{ strftime_now('%Y') }}",
)


def _targets() -> Iterator[Target]:
    one = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
    two = {
        "__metadata__": {"format": "pt"},
        "a.b": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]},
    }
    yield Target(
        "model.safetensors",
        ("tools/models/weight_files.py:count_parameters",),
        _weights,
        (_header(one), _header(two)),
        foreign.headers,
    )
    index = json.dumps({"metadata": {"total_size": 8}, "weight_map": {"a": "model-1.safetensors"}}).encode()
    yield Target("index of shards", ("tools/models/weight_files.py:find_weights",), _index, (index,), SHARDS)
    plain = json.dumps(foreign.CONFIG).encode()
    mixed = json.dumps(foreign.CONFIG | {"rope_scaling": {"type": "linear", "factor": 2}, "auto_map": {}})
    yield Target(
        "config.json",
        ("tools/models/architecture.py:read_config", "tools/models/base_model.py:resolve_base_model"),
        _config,
        (plain, mixed.encode()),
        foreign.configs | foreign.DEEP,
    )
    adapter = json.dumps(ADAPTER).encode()
    yield Target(
        "adapter_config.json",
        ("tools/models/adapter.py:read_adapter",),
        _adapter,
        (adapter, adapter.replace(b"org/name", b"../base")),
        foreign.json_of(ADAPTER_FIELDS).map(foreign.written) | foreign.DEEP,
    )
    facts = json.dumps(
        {"sha256": "0" * 64, "path": "/x", "relative": "../base", "named": "smollm2-135m"}
    ).encode()
    yield Target("recorded base", ("tools/models/recorded_base.py:find",), _recorded, (facts, b"[]"))
    yield Target(
        "model.gguf", ("tools/models/gguf_header.py:check_header",), _gguf, (foreign.GGUF,), foreign.ggufs
    )
    yield Target(
        "models.toml",
        ("graph/models_file.py:load_models",),
        _models_file,
        MODELS,
        foreign.MODEL_LINES,
        dear=True,
    )
    yield Target(
        "chat template",
        ("tools/models/template_support.py:template_support", "tools/models/export/ollama.py:pieces"),
        _template,
        tuple(template.encode() for template in TEMPLATES),
        dear=True,
        allows=("exec",),  # a template becomes code of Jinja's, which runs in Jinja's sandbox
    )
    chats = (
        TURNS,
        TURNS[1:3],
        [*TURNS[:2], {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}],
    )
    yield Target(
        "turns of a row",
        ("tools/models/chat_template.py:conversation_pieces",),
        _turns,
        tuple(json.dumps(chat).encode() for chat in chats),
        allows=("exec",),
    )
    yield Target(
        "generation_config.json",
        ("tools/models/load.py:name_turn_end",),
        _generation,
        (b'{"eos_token_id": 2}', b'{"eos_token_id": [2, 3]}', b"{}"),
        allows=("exec",),
    )
    text = b'FROM /x\nTEMPLATE """{{ .Prompt }}"""\nPARAMETER stop "<|end|>"\nSYSTEM """s"""\n'
    yield Target("Modelfile", ("tools/models/export/ollama.py:parse",), _modelfile, (text,))


TARGETS = tuple(_targets())
