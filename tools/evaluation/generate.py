"""Greedy answers to lists of prompts, in a child process: rendering, limits, stop strings."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.answers.stops import cut_at_stop, first_stop
from tools.evaluation.answer_cache import AnswerCache, answer_key, model_digest
from tools.evaluation.continuous import answer_prompts
from tools.evaluation.greedy import every_end
from tools.models.adapter import whole_base
from tools.models.architecture import max_positions, read_config, read_generation
from tools.models.chat_template import encode, render_prompts
from tools.models.held import dtype_of, held_model
from tools.models.load import load_tokenizer
from tools.models.precision import device
from tools.models.special_tokens import REASONING

PROMPT_TOO_LONG, CUT_AT_BUDGET = "prompt_too_long", "cut_at_budget"
PROMPT_REFUSED = "prompt_refused"
"""How an answer met a limit."""
FIGURES = ("answers", "limits", "generated_tokens", "wall_seconds", "cpu_seconds", "loading_seconds")
"""What is told of each list of prompts."""


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
            ``max_new_tokens``, ``threads`` and, where there are any, ``stops``, at which answers end,
            ``cache``, the folder of answers that are known already, and ``batch_rows``, the most that are
            answered together.

    Returns:
        ``answers`` (name -> texts, in order), ``limits`` (name -> for each answer ``prompt_too_long`` where
        the prompt leaves no room for an answer or ``prompt_refused`` where the chat template refuses it,
        which is then empty, ``cut_at_budget`` where it has no end, or an empty text),
        ``generated_tokens``, ``wall_seconds``, ``cpu_seconds`` and ``loading_seconds`` (of the wall-clock,
        reading the model) by name (for known answers, what they cost when they were given) and ``known``,
        the names of the lists that nobody was asked.

    Raises:
        InputError: the chat template refuses every prompt of a list.
    """
    import torch

    torch.set_num_threads(int(payload.get("threads") or torch.get_num_threads()))
    model_dir = Path(payload["model_dir"])
    tokenizer = load_tokenizer(model_dir)
    stops = () if thinks(tokenizer) else tuple(payload.get("stops") or ())
    new_tokens = int(payload["max_new_tokens"])
    cache = AnswerCache(Path(payload["cache"])) if payload.get("cache") else None
    digest = model_digest(model_dir) if cache else ""
    reply: dict[str, dict[str, Any]] = {name: {} for name in FIGURES}
    known = []
    for name, prompts in payload["sets"].items():
        rows = token_rows(tokenizer, prompts)
        how = f"{dtype_of(model_dir)} {device()}"
        key = answer_key(digest, rows, new_tokens, stops, how) if cache else ""
        entry = cache.read(key) if cache else None
        if entry is None:
            entry = _answer(
                model_dir, tokenizer, rows, new_tokens, stops, int(payload.get("batch_rows") or 0)
            )
            if cache:
                cache.write(key, entry)
        else:
            known.append(name)
        for figure in FIGURES:
            reply[figure][name] = entry[figure]
    return reply | {"known": known}


def _answer(
    model_dir: Path,
    tokenizer: Any,
    rows: Sequence[list[int] | None],
    new_tokens: int,
    stops: Sequence[str],
    batch_rows: int,
) -> dict[str, Any]:
    """What comes of one list of prompts, by ``FIGURES``."""
    wall, cpu = time.monotonic(), time.process_time()
    model = held_model(model_dir)
    loading = time.monotonic() - wall
    asked = fitting(rows, max_positions(model.config.to_dict()), new_tokens)
    found = answer_prompts(model, tokenizer, list(asked.ids.values()), new_tokens, stops, batch_rows)
    texts = [tokenizer.decode(reply, skip_special_tokens=True) for reply in found]
    whole = [
        len(reply) < new_tokens or first_stop(text, stops) is not None
        for reply, text in zip(found, texts, strict=True)
    ]
    answers, limits = in_order(asked, texts, whole, stops)
    return {
        "answers": answers,
        "limits": limits,
        "generated_tokens": sum(map(len, found)),
        "wall_seconds": time.monotonic() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "loading_seconds": loading,
    }


def token_rows(tokenizer: Any, prompts: Sequence[Any]) -> list[list[int] | None]:
    """Token ids of each prompt in the model's own template; None for one that it refuses.

    Raises:
        InputError: it refuses every one.
    """
    texts = render_prompts(tokenizer, prompts)
    ids = dict(zip(texts, encode(tokenizer, list(texts.values())), strict=True)) if texts else {}
    return [ids.get(n) for n in range(len(prompts))]


def fitting(rows: Sequence[list[int] | None], positions: int | None, new_tokens: int) -> Asked:
    """The prompts that leave room for an answer; cut, they would be other questions.

    Args:
        rows: token ids; None for a prompt that the template refuses.
        positions: of prompt and answer together; none without a limit.
        new_tokens: of an answer.
    """
    ids = {
        n: row for n, row in enumerate(rows) if row and not (positions and len(row) + new_tokens > positions)
    }
    refused = {
        n: PROMPT_REFUSED if row is None else PROMPT_TOO_LONG for n, row in enumerate(rows) if n not in ids
    }
    return Asked(ids, refused)


def never_asked(model_dir: Path, positions: int | None, new_tokens: int, prompts: Sequence[Any]) -> list[str]:
    """Of each prompt why a model is not asked it, ``prompt_refused`` or ``prompt_too_long``; else empty."""
    found = fitting(token_rows(load_tokenizer(model_dir), prompts), positions, new_tokens)
    return [found.limits.get(n, "") for n in range(len(prompts))]


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


def thinks(tokenizer: Any) -> bool:
    """Whether a model thinks aloud, by its template: then no stop string is looked for.

    It may close its thoughts after one, and the scorer reads what follows them.
    """
    return any(end in (tokenizer.chat_template or "") for end in REASONING.values())


def render_sets(payload: dict[str, Any]) -> dict[str, Any]:
    """Prompts as a server of the model is asked them.

    Args:
        payload: ``model_dir`` and ``sets``, as ``answer_sets`` takes them.

    Returns:
        ``rows`` (name -> token ids of each prompt, None where the template refuses it), ``ends`` (token ids
        that end an answer), ``positions`` (the most tokens of both; None without a limit), ``thinks``.

    Raises:
        InputError: the chat template refuses every prompt of a list.
    """
    model_dir = Path(payload["model_dir"])
    tokenizer, whole = load_tokenizer(model_dir), whole_base(model_dir)
    config = read_config(whole)
    ends = read_generation(whole).get("eos_token_id")
    return {
        "rows": {name: token_rows(tokenizer, prompts) for name, prompts in payload["sets"].items()},
        "ends": every_end(config.get("eos_token_id") if ends is None else ends, tokenizer),
        "positions": max_positions(config),
        "thinks": thinks(tokenizer),
    }
