"""Lengths of a run: how long a training row and an answer may be, chosen from the data or refused.

The synthetic and the published editions keep their limits. For a user's rows

* the row limit is the longest row, as far as the model's positions and the memory reach,
  and never under ``LEAST_ROW_TOKENS``: a teacher may write longer rows than the pool has;
* the answer budget holds 99 of 100 training answers and every reference, as far as the
  longest evaluation prompt leaves room for it. A budget that somebody wrote down is law.

Nothing is cut: a longer row is set aside and counted, an evaluation prompt that leaves no
room for its answer counts as wrong and is said to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from memory.records import Lengths, TrainingPlan
from tasks.errors import InputError
from tools.checks.measured_lengths import measured_lengths, rows_of_sources
from tools.checks.source_kinds import by_kind
from tools.dojo import Dojo
from tools.training.estimate import longest_row_tokens
from tools.training.token_lengths import TokenLengths

EDITION_ROW_TOKENS = {"mini": 512, "user": 512, "official": 8192}
"""Longest training row by edition, prompt and answer, where the model has the positions for it; for a
user's rows the least that the limit may be."""
ANSWER_SHARE = 0.99
"""Of the training answers, what the answer budget holds."""
ANSWER_STEP = 32
"""The budget is rounded up to a multiple: a model's answers are not exactly as long as its rows'."""
TOLERATED_SHARE = 0.01
"""Of the references, what may be longer than the budget: an odd one is said, not refused."""


class Asked(NamedTuple):
    """What the settings and the task ask for; None where they leave it to the data."""

    max_length: int | None = None
    """``--max-length``."""
    max_new_tokens: int | None = None
    """``--max-new-tokens``."""
    declared_new_tokens: int | None = None
    """The task's own answer budget, where somebody wrote it down."""


class Room(NamedTuple):
    """What the model and the machine hold."""

    positions: int | None
    """None where the model has no limit."""
    memory_tokens: int | None
    """Longest row that fits into memory at batch size one; None where that is not known."""


def settle_lengths(dojo: Dojo, asked: Asked, plan: TrainingPlan) -> Lengths:
    """Choose the limits of a run, write them into its journal, and let them hold.

    Args:
        dojo: the run.
        asked: limits that somebody wrote down.
        plan: its method says what training needs besides the row.

    Raises:
        InputError: as ``choose_lengths``.
        ExperimentFailed: the tokenizer fails on these rows.
    """
    kinds = by_kind(dojo.profiles())
    rows = rows_of_sources(dojo, (*kinds["chain_of_thought"], *kinds["direct"]))
    model = dojo.base_model
    alone = plan.model_copy(update={"per_device_train_batch_size": 1})
    room = Room(model.max_positions or None, longest_row_tokens(alone, model))
    found = measured_lengths(dojo, rows)
    lengths = choose_lengths(found, dojo.edition, dojo.spec.max_new_tokens, asked, room, model.name)
    dojo.journal.note(in_words(lengths, len(rows)), lengths=lengths.model_dump(mode="json"))
    dojo.apply_lengths(lengths)
    return lengths


def choose_lengths(
    found: TokenLengths, edition: str, default_new_tokens: int, asked: Asked, room: Room, model: str
) -> Lengths:
    """The limits of a run.

    Args:
        found: tokens of the rows that can be trained on, and of the validation items.
        edition: ``mini``, ``user`` or ``official``.
        default_new_tokens: the task's answer budget.
        asked: limits that somebody wrote down.
        room: positions and memory.
        model: the base model's name, for messages.

    Raises:
        InputError: a limit exceeds the positions, the budget is under the references' own length,
            or no prompt or no training row fits.
    """
    budget = _answer_budget(found, edition, default_new_tokens, asked, room.positions)
    _check_references(found, edition, asked, budget)
    unanswerable = _check_prompts(found, asked, room.positions, budget, model)
    limit, limited_by = _row_limit(found, edition, asked, room)
    long_rows = sum(tokens > limit for tokens in found.rows)
    if found.rows and long_rows == len(found.rows):
        raise _no_row_fits(min(found.rows), limit, limited_by, model)
    return Lengths(
        max_length=limit,
        max_new_tokens=budget,
        template_tokens=found.template,
        limited_by=limited_by if long_rows else "rows",
        rows=len(found.rows),
        long_rows=long_rows,
        longest_row=max(found.rows, default=0),
        items=len(found.prompts),
        unanswerable=unanswerable,
        long_references=sum(_words(tokens) > budget for tokens in found.references),
    )


def _answer_budget(
    found: TokenLengths, edition: str, default: int, asked: Asked, positions: int | None
) -> int:
    if asked.max_new_tokens is not None:
        return asked.max_new_tokens
    half = default if positions is None else max(1, positions // 2)
    if edition == "official":
        return min(default, half)
    if edition != "user":
        return default
    if asked.declared_new_tokens is not None:
        return asked.declared_new_tokens
    needed = max(found.references, default=1)
    wanted = max(default, _rounded(max(_quantile(found.answers, ANSWER_SHARE), needed)))
    if positions is None:
        return wanted
    beside = positions - max(found.prompts, default=0)
    return min(wanted, beside) if beside >= needed else min(wanted, max(1, positions // 2))


def _check_references(found: TokenLengths, edition: str, asked: Asked, budget: int) -> None:
    """The published budgets are what their authors set, whatever a tokenizer makes of the references."""
    long = [tokens for tokens in found.references if _words(tokens) > budget]
    if edition != "user" and asked.max_new_tokens is None:
        return
    if len(long) > TOLERATED_SHARE * len(found.references):
        raise InputError(
            _budget_name(asked, budget),
            f"{len(long):,} of {len(found.references):,} reference answers are longer "
            f"(up to {max(long):,} tokens with this model)",
            f"set at least {max(long):,}",
        )


def _check_prompts(found: TokenLengths, asked: Asked, positions: int | None, budget: int, model: str) -> int:
    """How many validation prompts leave no room for an answer."""
    if positions is None or not found.prompts:
        return 0
    unanswerable = sum(tokens + budget > positions for tokens in found.prompts)
    if unanswerable < len(found.prompts):
        return unanswerable
    shortest, longest = min(found.prompts), max(found.prompts)
    least = max(found.references, default=1)
    would_do = next((positions - prompt for prompt in (longest, shortest) if positions - prompt >= least), 0)
    raise InputError(
        f"{_budget_name(asked, budget)} with {model}" if would_do else model,
        f"no prompt fits: the shortest has {shortest:,} tokens, which with {budget:,} for the answer "
        f"exceeds the model's {positions:,} positions",
        f"set --max-new-tokens to at most {would_do:,}" if would_do else "take a model with more positions",
    )


def _row_limit(found: TokenLengths, edition: str, asked: Asked, room: Room) -> tuple[int, str]:
    positions = room.positions
    if asked.max_length is not None:
        if positions is not None and asked.max_length > positions:
            wrong = f"the model has {positions:,} positions"
            raise InputError(f"--max-length {asked.max_length}", wrong, f"set at most {positions}")
        return asked.max_length, "setting"
    usual = EDITION_ROW_TOKENS[edition]
    limits = [(usual, "edition")]
    if edition == "user":
        limits = [(max(usual, *found.rows), "rows")] if found.rows else [(usual, "rows")]
        if room.memory_tokens is not None:
            limits.append((max(usual, room.memory_tokens), "memory"))
    if positions is not None:
        limits.append((positions, "positions"))
    return min(limits)


def _no_row_fits(shortest: int, limit: int, limited_by: str, model: str) -> InputError:
    wrong = f"no training row fits: the shortest has {shortest:,} tokens, the limit is {limit:,} tokens"
    fix = {
        "setting": f"set it to at least {shortest}, or leave it out",
        "positions": "take a model with more positions, or shorten the rows",
        "memory": "take a smaller model or a machine with more memory, or shorten the rows",
    }.get(limited_by, f"set --max-length to at least {shortest}")
    what = f"--max-length {limit}" if limited_by == "setting" else f"{model}, {REASONS[limited_by]}"
    return InputError(what, wrong, fix)


REASONS = {
    "edition": "the edition's limit",
    "rows": "the longest row",
    "positions": "the model's positions",
    "memory": "what the memory holds",
    "setting": "as --max-length says",
}
"""What a row limit comes from, in words."""


def in_words(lengths: Lengths, sampled_of: int = 0) -> str:
    """One line for the start of a run; ``sampled_of`` is the number of rows that were sampled from."""
    rows, long = lengths.rows, lengths.long_rows
    among = f"a sample of {rows:,}" if sampled_of > rows else f"{rows:,}"
    if long:
        share = f"{REASONS[lengths.limited_by]}: all but {long:,} of {among}"
    else:
        share = f"all of {among}, the longest has {lengths.longest_row:,}"
    text = f"rows up to {lengths.max_length:,} tokens ({share}), answers up to {lengths.max_new_tokens:,}"
    if lengths.unanswerable:
        text += (
            f"; {lengths.unanswerable:,} of {lengths.items:,} validation prompts leave no room for an answer "
            "and count as wrong"
        )
    if lengths.long_references:
        text += f"; {lengths.long_references:,} of {lengths.items:,} reference answers are longer"
    return text


def _budget_name(asked: Asked, budget: int) -> str:
    return f"--max-new-tokens {budget}" if asked.max_new_tokens is not None else f"max_new_tokens = {budget}"


def _words(tokens: int) -> int:
    """Tokens of an answer without the one that ends it, which a budget need not hold."""
    return tokens - 1


def _quantile(values: Sequence[int], share: float) -> int:
    if not values:
        return 1
    return sorted(values)[math.ceil(share * len(values)) - 1]


def _rounded(tokens: int) -> int:
    return ANSWER_STEP * math.ceil(tokens / ANSWER_STEP)
