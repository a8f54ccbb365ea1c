"""Answer cache: a base model's answers to one list of prompts, kept across runs.

Every run on a task asks its untouched base the same validation items first. Greedy answers are the same
again as long as all that they hang on is, and all of that is in the key: the content of the model's files,
the prompts' token ids, the answer budget and stop strings, the number type and device, the code that
generates, and the versions of torch and transformers. An entry holds answers and no prompt, and its own
digest: one that was cut or altered counts as absent. Sealed tests are never asked through it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.official.files import sha256_of
from tools.models.adapter import base_dir, is_adapter

MOST_ENTRIES = 200
"""Of the folder; the ones that were written first go first."""
MODEL_FILES = (".safetensors", ".json", ".bin", ".gguf", ".jinja", ".model", ".txt")
CODE = ("generate.py", "greedy.py", "prefill.py", "continuous.py")
"""The modules beside this one that decide about tokens."""


class AnswerCache:
    """Answers by key, a JSON file each.

    Args:
        folder: made with the first entry.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: str) -> dict[str, Any] | None:
        """The entry; None where there is none, or none that is whole."""
        try:
            held = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
            entry = held["entry"]
            return dict(entry) if held["digest"] == _digest(entry) else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def write(self, key: str, entry: dict[str, Any]) -> None:
        """Keep an entry. A folder that cannot be written keeps nothing: the next run asks again."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = self.folder / f"{key}.{os.getpid()}.new"
            new.write_text(json.dumps({"digest": _digest(entry), "entry": entry}), encoding="utf-8")
            new.replace(self.folder / f"{key}.json")
            held = sorted(self.folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
            for file in held[:-MOST_ENTRIES]:
                file.unlink(missing_ok=True)


def answer_key(
    model_digest: str,
    prompts: Iterable[Sequence[int] | None],
    new_tokens: int,
    stops: Sequence[str],
    how: str,
) -> str:
    """What the answers hang on, as 64 hexadecimal digits.

    Args:
        model_digest: see ``model_digest``.
        prompts: token ids in their order; None for one that the template refuses.
        new_tokens: the answer budget.
        stops: texts at which answers end.
        how: the number type and the device.
    """
    parts = [
        model_digest,
        [ids and list(ids) for ids in prompts],
        new_tokens,
        list(stops),
        how,
        code_digest(),
    ]
    return _digest(parts)


def model_digest(folder: Path) -> str:
    """SHA-256 over the content of a model's files, and of its base's where it is an adapter."""
    found = sha256()
    for file in sorted(folder.iterdir()):
        if file.suffix in MODEL_FILES and file.is_file():
            found.update(f"{file.name} {sha256_of(file)}\n".encode())
    if is_adapter(folder):
        found.update(model_digest(base_dir(folder)).encode())
    return found.hexdigest()


def code_digest() -> str:
    """SHA-256 over the code that generates, and the versions of the libraries under it."""
    from importlib.metadata import version

    found = sha256(f"torch {version('torch')}, transformers {version('transformers')}".encode())
    for name in CODE:
        found.update((Path(__file__).parent / name).read_bytes())
    return found.hexdigest()


def _digest(plain: Any) -> str:
    return sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
