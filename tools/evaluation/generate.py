"""Greedy answers to lists of prompts, in a child process: rendering, limits, stop strings."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.answers.stops import cut_at_stop, first_stop
from tools.evaluation.greedy import generate_greedy
from tools.models.architecture import max_positions
from tools.models.chat_template import encode, render_prompts
from tools.models.held import held_model
from tools.models.load import load_tokenizer
from tools.models.special_tokens import REASONING

PROMPT_TOO_LONG, CUT_AT_BUDGET = "prompt_too_long", "cut_at_budget"
PROMPT_REFUSED = "prompt_refused"
"""How an answer met a limit."""


@dataclass(frozen=True)
class Asked:
    """A list of prompts as a model reads them."""

    ids: Mapping[int, list[int]]
    """Position -> token ids, of the prompts that can be answered."""
    limits: Mapping[int, str]
    """Position -> ``prompt_refused`` or ``prompt_too_long``, of the others."""


def answer_sets(payload: dict[str, Any]) -> dict[str, Any]:
    """Answers several named lists of prompts with one model, loaded once.

    Args:
        payload: ``model_dir``, ``sets`` (name -> prompts, each a text or a list of turns),
            ``max_new_tokens``, ``threads`` and, where there are any, ``stops``, at which answers end.

    Returns:
        ``answers`` (name -> texts, in order), ``limits`` (name -> for each answer ``prompt_too_long`` where
        the prompt leaves no room for an answer or ``prompt_refused`` where the chat template refuses it,
        which is then empty, ``cut_at_budget`` where it has no end, or an empty text),
        ``generated_tokens`` and ``generate_seconds`` by name.

    Raises:
        InputError: the chat template refuses every prompt of a list.
    """
    import torch

    torch.set_num_threads(int(payload.get("threads") or torch.get_num_threads()))
    model_dir = Path(payload["model_dir"])
    tokenizer = load_tokenizer(model_dir)
    model = held_model(model_dir)
    new_tokens = int(payload["max_new_tokens"])
    stops = usable_stops(tokenizer, payload.get("stops") or ())
    positions = max_positions(model.config.to_dict())
    reply: dict[str, dict[str, Any]] = {
        name: {} for name in ("answers", "limits", "generated_tokens", "generate_seconds")
    }
    for name, prompts in payload["sets"].items():
        started = time.monotonic()
        asked = ask(tokenizer, prompts, positions, new_tokens)
        found = generate_greedy(model, tokenizer, list(asked.ids.values()), new_tokens, stops=stops)
        texts = [tokenizer.decode(ids, skip_special_tokens=True) for ids in found]
        whole = [
            len(ids) < new_tokens or first_stop(text, stops) is not None
            for ids, text in zip(found, texts, strict=True)
        ]
        reply["answers"][name], reply["limits"][name] = in_order(asked, texts, whole, stops)
        reply["generated_tokens"][name] = sum(map(len, found))
        reply["generate_seconds"][name] = time.monotonic() - started
    return reply


def ask(tokenizer: Any, prompts: Sequence[Any], positions: int | None, new_tokens: int) -> Asked:
    """The prompts rendered by the model's own template; one that leaves no room for an answer is not cut.

    Raises:
        InputError: the template refuses every prompt.
    """
    texts = render_prompts(tokenizer, prompts)
    encoded = dict(zip(texts, encode(tokenizer, list(texts.values())), strict=True))
    ids = {n: row for n, row in encoded.items() if not positions or len(row) + new_tokens <= positions}
    limits = {
        n: PROMPT_TOO_LONG if n in encoded else PROMPT_REFUSED for n in range(len(prompts)) if n not in ids
    }
    return Asked(ids, limits)


def in_order(
    asked: Asked, texts: Sequence[str], whole: Sequence[bool], stops: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Answers and limits in the order of the prompts.

    Args:
        asked: what was answered.
        texts: the answers to ``asked.ids``, in its order.
        whole: whether each came to its end.
        stops: where answers are cut.
    """
    count = len(asked.ids) + len(asked.limits)
    answers, limits = [""] * count, [asked.limits.get(n, "") for n in range(count)]
    for n, text, ended in zip(asked.ids, texts, whole, strict=True):
        answers[n] = cut_at_stop(text, stops)
        limits[n] = "" if ended else CUT_AT_BUDGET
    return answers, limits


def usable_stops(tokenizer: Any, stops: Sequence[str]) -> tuple[str, ...]:
    """The stop strings, for a model that does not think aloud.

    One that does may close its thoughts after a stop string, and the scorer reads what follows them.
    """
    thinks = any(end in (tokenizer.chat_template or "") for end in REASONING.values())
    return () if thinks else tuple(stops)
