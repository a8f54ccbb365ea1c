"""Cache of the teacher's replies on the disk, by what was asked: nothing is paid for twice.

One small file per reply, written beside its place and renamed: a kill leaves whole files
alone, and several writers do not meet. Prompts are not kept; they come from the rows.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from tools.workspace import Workspace


class Reply(NamedTuple):
    """A reply that was received, of use or not."""

    text: str
    model: str
    """``provider:model``."""
    problem: str = ""
    """Why it is of no use; empty when it is whole. Kept too: it was paid for, and would be the same."""
    cut_at: int = 0
    """The limit of output tokens at which it was cut; 0 when it was not. A higher limit asks again."""
    input_tokens: int = 0
    """What it cost when it was asked for; 0 in files of earlier versions."""
    output_tokens: int = 0


def reply_key(model: str, system: str, prompt: str, temperature: float, sample: int) -> str:
    """SHA-256 over everything that a reply depends on."""
    parts = json.dumps([model, system, prompt, float(temperature), sample])
    return sha256(parts.encode()).hexdigest()


class ReplyCache:
    """Replies by key, in a folder that is made when the first one comes."""

    def __init__(self, folder: Path) -> None:
        self._files = Workspace(folder)

    def get(self, key: str) -> Reply | None:
        """The reply under a key; None when there is none, or its file is damaged."""
        try:
            found = json.loads(self._files.inside(_place(key)).read_bytes())
            reply = Reply(found["text"], found["model"], found["problem"], found["cut_at"])
            tokens = [found.get(name, 0) for name in ("input_tokens", "output_tokens")]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        fitting = all(isinstance(value, str) for value in reply[:3]) and isinstance(reply.cut_at, int)
        if not fitting or not all(isinstance(count, int) for count in tokens):
            return None
        return reply._replace(input_tokens=tokens[0], output_tokens=tokens[1])

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply; it is on the disk when this returns.

        Raises:
            HarnessFault: the disk is full, or the folder cannot be written.
        """
        self._files.write_json(_place(key), reply._asdict())


def _place(key: str) -> str:
    return f"{key[:2]}/{key}.json"
