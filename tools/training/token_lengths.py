"""Token lengths of rows, prompts and references, through the model's chat template, end token included.

``measure`` runs in a child process, where the tokenizer's library is loaded already.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tools.process.worker import Worker

Pair = tuple[str, str]
SAMPLED_ROWS = 4000
"""Rows that are measured at most; templates are rendered row by row."""
LONGEST_ROWS = 64
"""Of those, the ones with the most characters: a sample misses the few that a limit is about."""
TIMEOUT_SECONDS = 600.0


class TokenLengths(NamedTuple):
    """Tokens of everything that was measured, in its order."""

    rows: tuple[int, ...]
    """Prompt and answer together."""
    answers: tuple[int, ...]
    """The answers of the same rows, end token included."""
    prompts: tuple[int, ...]
    """Evaluation prompts, up to where the answer starts."""
    references: tuple[int, ...]
    """Their reference answers, end token included."""
    template: int
    """The most that the template adds to a row, beside the tokens of prompt and answer alone."""


def token_lengths(
    rows: Sequence[Pair],
    prompts: Sequence[str],
    references: Sequence[str],
    model_dir: Path,
    worker: Worker,
    log_path: Path,
) -> TokenLengths:
    """Measure training rows (prompt, answer), and evaluation prompts with their references.

    Raises:
        ExperimentFailed: the tokenizer cannot be loaded, or its template refuses a row.
    """
    payload = {
        "model_dir": str(model_dir.resolve()),
        "rows": [list(row) for row in rows],
        "prompts": list(prompts),
        "references": list(references),
    }
    name = "tools.training.token_lengths:measure"
    found = worker.run(name, payload, TIMEOUT_SECONDS, log_path, "data")
    return TokenLengths(
        rows=tuple(found["rows"]),
        answers=tuple(found["answers"]),
        prompts=tuple(found["prompts"]),
        references=tuple(found["references"]),
        template=found["template"],
    )


def sample_with_longest(rows: Sequence[Pair], seed: int) -> list[Pair]:
    """At most ``SAMPLED_ROWS`` rows at random, and the longest ones by characters; all of a small set."""
    if len(rows) <= SAMPLED_ROWS:
        return list(rows)
    longest = heapq.nlargest(LONGEST_ROWS, range(len(rows)), lambda n: len(rows[n][0]) + len(rows[n][1]))
    chosen = {*longest, *random.Random(seed).sample(range(len(rows)), SAMPLED_ROWS - LONGEST_ROWS)}
    return [rows[n] for n in sorted(chosen)]


def measure(payload: dict[str, Any]) -> dict[str, Any]:
    """The counting itself; the keys of ``TokenLengths``, JSON-plain."""
    from tools.models.chat_template import encode, render_pair, render_prompt
    from tools.models.load import load_tokenizer

    tokenizer = load_tokenizer(Path(payload["model_dir"]))

    def count(texts: Sequence[str]) -> list[int]:
        return [len(ids) for ids in encode(tokenizer, texts)]

    rows = payload["rows"]
    pairs = [render_pair(tokenizer, prompt, answer) for prompt, answer in rows]
    starts, answers = count([start for start, _ in pairs]), count([completion for _, completion in pairs])
    both = [start + answer for start, answer in zip(starts, answers, strict=True)]
    plain = [count([row[side] for row in rows]) for side in (0, 1)]
    added = [total - prompt - answer for total, prompt, answer in zip(both, *plain, strict=True)]
    references = [render_pair(tokenizer, "", reference)[1] for reference in payload["references"]]
    return {
        "rows": both,
        "answers": answers,
        "prompts": count([render_prompt(tokenizer, prompt) for prompt in payload["prompts"]]),
        "references": count(references),
        "template": max(added, default=0),
    }
