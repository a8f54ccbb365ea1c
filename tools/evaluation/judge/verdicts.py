"""Verdicts on file: digests of what was asked, who judged, what was said and its cost; no text of an item."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tools.evaluation.judge.pairs import Choice, Outcome
from tools.workspace import Workspace

FILE = "judge/verdicts.jsonl"
"""Within the run's folder; the replies lie beside it, by what was asked."""
FOLDER = "judge"


class VerdictFile:
    """The verdicts of a run, each pair once; written whole or not at all."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lines = {_key(line): line for line in _read(workspace)}

    def keep(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Add verdicts; those that are there already stay as they are.

        Raises:
            HarnessFault: the disk is full, or the folder cannot be written.
        """
        new = {_key(line): dict(line) for line in lines if _key(line) not in self._lines}
        if new:
            self._lines |= new
            self._workspace.write_jsonl(FILE, self._lines.values())


def verdict_line(
    item: str,
    prompts: tuple[str, str],
    model: str,
    said: tuple[Choice | None, Choice | None],
    outcome: Outcome | None,
    tokens: tuple[int, int],
) -> dict[str, Any]:
    """One pair.

    Args:
        item: the item's id.
        prompts: digests of the two requests, that with the answer first before the other.
        model: ``provider:model`` that replied.
        said: what each reply chose; None for a reply that could not be read.
        outcome: both as one; None where one of them could not be read.
        tokens: input and output of both requests.
    """
    return {
        "item": item,
        "prompts": list(prompts),
        "model": model,
        "said": list(said),
        "outcome": outcome,
        "input_tokens": tokens[0],
        "output_tokens": tokens[1],
    }


def _key(line: Mapping[str, Any]) -> tuple[str, str, str]:
    first, second = line["prompts"]
    return str(line["model"]), str(first), str(second)


def _read(workspace: Workspace) -> list[dict[str, Any]]:
    """The lines that are there; a damaged one is left out, and its pair is written again."""
    path = workspace.inside(FILE)
    if not path.is_file():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
            _key(line)
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        lines.append(line)
    return lines
