"""Greedy decoding in batches: the tokens of ``transformers``' ``generate``, for fewer CPU seconds.

Each shared beginning of the prompts is read once (``tools.evaluation.prefill``), rows leave the batch as
soon as they end, and a step writes its keys and values into room that is there instead of copying all
earlier ones. A test holds the tokens beside those of ``generate``; ``python -m tests.bench.answering``
measures both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tasks.answers.stops import first_stop
from tools.evaluation.prefill import read_prompts
from tools.models.precision import free_bytes
from tools.models.template_support import template_support

BATCH_ROWS = 128
COMPACT_SHARE = 0.75
"""Finished rows are dropped from the batch once fewer than this share is still running."""
MEMORY_SHARE = 0.25
"""Of the free memory, for the keys and values of one batch."""
STOP_STEPS = 8
"""Steps between two looks for stop strings; what was written beyond one is cut."""


def generate_greedy(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[list[int]],
    max_new_tokens: int,
    batch_rows: int = 0,
    stops: Sequence[str] = (),
    share: bool = True,
) -> list[list[int]]:
    """Token ids of the answers, the end token not included, in the order of the prompts.

    Args:
        model: in evaluation mode, on its device.
        tokenizer: the model's.
        prompts: token ids.
        max_new_tokens: of each answer.
        batch_rows: rows of a batch; by default as many as memory holds, at most ``BATCH_ROWS``.
        stops: texts after which nothing of an answer counts; an answer may go a few tokens beyond one.
        share: whether beginnings that prompts have in common are read once.
    """
    import torch

    replies: list[list[int]] = [[] for _ in prompts]
    most = batch_rows or BATCH_ROWS
    tokens = affordable_tokens(model) if not batch_rows else 0
    with torch.inference_mode():
        for batch in batches([len(ids) + max_new_tokens for ids in prompts], most, tokens):
            asked = [prompts[row] for row in batch]
            found = _decode(model, tokenizer, asked, max_new_tokens, stops, share)
            for row, reply in zip(batch, found, strict=True):
                replies[row] = reply
    return replies


def batches(lengths: Sequence[int], most_rows: int, most_tokens: int = 0) -> Iterator[list[int]]:
    """Rows that are answered together, longest first.

    Args:
        lengths: tokens of each prompt and the longest answer to it.
        most_rows: of a batch.
        most_tokens: of a batch, each row counted with the length of its longest; 0 for no limit.
    """
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row], reverse=True):
        full = most_tokens and batch and (len(batch) + 1) * lengths[batch[0]] > most_tokens
        if full or len(batch) == most_rows:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def affordable_tokens(model: Any) -> int:
    """Tokens whose keys and values fit into a share of the free memory."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    size = next(model.parameters()).element_size()
    token_bytes = 2 * config.num_hidden_layers * heads * width * size
    return int(max(1, MEMORY_SHARE * free_bytes(model.device) / max(1, token_bytes)))


def end_tokens(model: Any, tokenizer: Any) -> list[int]:
    """Every token that ends an answer: the tokenizer's, the template's, the generation config's."""
    return every_end(model.generation_config.eos_token_id, tokenizer)


def every_end(configured: int | list[int] | None, tokenizer: Any) -> list[int]:
    """The same, given what the generation config says."""
    found = configured if isinstance(configured, list) else [configured]
    turn_end = template_support(tokenizer).turn_end
    own = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(turn_end) if turn_end else None]
    return sorted({token for token in [*found, *own] if token is not None})


def until(tokens: list[int], ends: Sequence[int]) -> list[int]:
    """The tokens before the first end token."""
    known = set(ends)
    return tokens[: next((n for n, token in enumerate(tokens) if token in known), len(tokens))]


def _decode(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[list[int]],
    max_new_tokens: int,
    stops: Sequence[str],
    share: bool,
) -> list[list[int]]:
    """One batch."""
    import torch

    where = model.device
    batch = read_prompts(model, prompts, tokenizer.pad_token_id or 0, share)
    end_ids = end_tokens(model, tokenizer)
    ends = torch.tensor(end_ids, device=where)
    replies = torch.full((len(prompts), max_new_tokens), end_ids[0], device=where)
    rows = torch.arange(len(prompts), device=where)  # which prompt each row of the batch is
    running = torch.ones(len(prompts), dtype=torch.bool, device=where)
    for step in range(max_new_tokens):
        replies[rows[running], step] = batch.token[running]
        running &= ~torch.isin(batch.token, ends)
        if stops and (step + 1) % STOP_STEPS == 0:
            running &= ~_stopped(tokenizer, replies[rows, : step + 1], running, stops)
        left = int(running.sum())
        if left == 0 or step + 1 == max_new_tokens:
            break
        if left < COMPACT_SHARE * len(rows):
            kept = running.nonzero().flatten()
            batch.keep(kept)
            rows, running = rows[kept], running[kept]
        batch.step(model)
    return [until(reply, end_ids) for reply in replies.tolist()]


def _stopped(tokenizer: Any, written: Any, running: Any, stops: Sequence[str]) -> Any:
    """Which rows have written a stop string; rows that have ended are not looked at."""
    import torch

    found = [
        bool(goes_on) and first_stop(tokenizer.decode(reply, skip_special_tokens=True), stops) is not None
        for reply, goes_on in zip(written.tolist(), running.tolist(), strict=True)
    ]
    return torch.tensor(found, device=running.device)
