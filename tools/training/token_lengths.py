"""Token lengths of rows, prompts and references, through the model's chat template, end token included.

``measure`` runs in a child process, where the tokenizer's library is loaded already.
"""

from __future__ import annotations

import heapq
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tasks.errors import InputError
from tools.process.worker import Worker

Record = Mapping[str, Any]
"""A row of a training set: ``prompt`` and ``answer``, perhaps ``messages`` and ``tools``."""
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
    rows: Sequence[Record],
    prompts: Sequence[Any],
    references: Sequence[str],
    model_dir: Path,
    worker: Worker,
    log_path: Path,
) -> TokenLengths:
    """Measure training rows, and evaluation prompts (``Sample.asked``) with their references.

    Raises:
        ExperimentFailed: the tokenizer cannot be loaded, or its template refuses a row.
    """
    payload = {
        "model_dir": str(model_dir.resolve()),
        "rows": [dict(row) for row in rows],
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


def sample_with_longest(rows: Sequence[Record], seed: int) -> list[Record]:
    """At most ``SAMPLED_ROWS`` rows at random, and the longest ones by characters; all of a small set."""
    if len(rows) <= SAMPLED_ROWS:
        return list(rows)
    sizes = [len(row["prompt"]) + len(row["answer"]) for row in rows]
    longest = heapq.nlargest(LONGEST_ROWS, range(len(rows)), sizes.__getitem__)
    chosen = {*longest, *random.Random(seed).sample(range(len(rows)), SAMPLED_ROWS - LONGEST_ROWS)}
    return [rows[n] for n in sorted(chosen)]


def measure(payload: dict[str, Any]) -> dict[str, Any]:
    """The counting itself; the keys of ``TokenLengths``, JSON-plain. What the template refuses is left out.

    Raises:
        InputError: it refuses every row.
    """
    from tools.models.chat_template import encode, render_pair, render_prompts
    from tools.models.load import load_tokenizer
    from tools.training.tokenise import NO_LOSS, tokenise

    tokenizer = load_tokenizer(Path(payload["model_dir"]))

    def count(texts: Sequence[str]) -> list[int]:
        return [len(ids) for ids in encode(tokenizer, texts)]

    records = payload["rows"]
    data = tokenise(tokenizer, records, sys.maxsize, "last")
    if data.refused and not data.rows:
        raise InputError("training rows", data.refused[0].reason, "take another model, or mend the rows")
    kept = [records[row.place] for row in data.rows]
    plain = [count([row[side] for row in kept]) for side in ("prompt", "answer")]
    both = [len(row.input_ids) for row in data.rows]
    added = [total - prompt - answer for total, prompt, answer in zip(both, *plain, strict=True)]
    references = [render_pair(tokenizer, "", reference)[1] for reference in payload["references"]]
    return {
        "rows": both,
        "answers": [sum(label != NO_LOSS for label in row.labels) for row in data.rows],
        "prompts": count(list(render_prompts(tokenizer, payload["prompts"]).values())),
        "references": count(references),
        "template": max(added, default=0),
    }
