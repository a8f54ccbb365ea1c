"""Replay: general rows mixed among a task's own, so that training keeps what the base can do beside it.

A small share of earlier data brings forgetting down (rehearsal; 1% kept instruction-tuned models, Scialom et
al. 2022, arXiv 2205.12393; 5 to 50% by how far the new data lie, Ibrahim et al. 2024, arXiv 2403.08763), and
where the earlier data are not to be had, the model's own answers do (Huang et al. 2024, arXiv 2403.01244).
"""

from __future__ import annotations

from collections.abc import Sequence

from memory.recipe import DataRecipe, Replay
from tasks.base import Source
from tools.curation.operations import Context, Example, Kept, Raw, bad_recipe, to_example

BASE_ANSWERS = "general (base's answers)"
"""The source of rows that are the base model's own answers to general prompts."""
MOST_REPEATS = 4
"""Times that one general row may come: up to four repeats are about as good as new rows (Muennighoff et al.
2023, arXiv 2305.16264)."""
MEASURED_ROWS = 400
"""Rows of the task's own whose mean length stands for all."""


def source_name(op: Replay) -> str:
    """The source that an operation takes its rows from."""
    return op.source or BASE_ANSWERS


def replayed(recipe: DataRecipe) -> tuple[str, ...]:
    """The sources of general rows that a recipe mixes in."""
    return tuple(source_name(op) for op in recipe.operations if isinstance(op, Replay))


def replay_rows(rows: Sequence[Example], op: Replay, context: Context) -> Kept:
    """The task's rows, a seeded sample of them where the limit asks for it, and general ones among them.

    They make the share of rows or, where they are longer than the task's, of tokens: so the literature
    counts a share, and so training costs.

    Raises:
        ExperimentFailed: there is no such source, or none of its rows can be used.
    """
    name = source_name(op)
    if name not in context.pool:
        raise bad_recipe(f"replay: no general rows called {name!r} are at hand")
    own = min(len(rows), int((1.0 - op.share) * context.target_rows))
    wanted = round(op.share / (1.0 - op.share) * own)
    most_tokens = wanted * _mean_tokens(rows, context)
    general, unusable, sealed = _drawn(context.pool[name], wanted, most_tokens, context)
    if wanted and not general:
        raise bad_recipe(f"replay: none of the rows of {name} can be used")
    taken = _filled((general * MOST_REPEATS)[:wanted], most_tokens, context)
    kept = [rows[place] for place in sorted(context.rng.sample(range(len(rows)), own))] + taken
    note = f"{len(taken):,} general rows of {name}, {len(general):,} of them different"
    if len(taken) == MOST_REPEATS * len(general) < wanted:
        note += f", {wanted:,} wanted"
    elif len(taken) < wanted:
        note += f", the share in tokens ({wanted:,} would be it in rows)"
    note += f"; {unusable:,} without a prompt or an answer, or too long, left out" if unusable else ""
    note += f"; {sealed:,} that match a validation or test item left out" if sealed else ""
    return Kept(context.rng.sample(kept, len(kept)), note)


def _drawn(
    source: Source, wanted: int, most_tokens: float, context: Context
) -> tuple[list[Example], int, int]:
    """So many usable rows of a source of general rows, or tokens of them, at random, and how many rows that
    were met on the way cannot be used, and how many match a sealed item. A source may be large: no more of it
    is read."""
    found: list[Example] = []
    unusable = sealed = 0
    tokens = 0.0
    # Without a worked solution's column: what is put together from it is in the task's format.
    roles = {role: column for role, column in source.columns.items() if role != "reasoning"}
    for place in context.rng.sample(range(len(source.rows)), len(source.rows)):
        if len(found) >= wanted or tokens >= most_tokens:
            break
        row = to_example(Raw(source.name, place, source.rows[place]), roles, context.spec)
        if row is None or not _fits(row, context):
            unusable += 1
        elif context.decontaminator.check(row.prompt, row.answer) is not None:
            sealed += 1
        else:
            found.append(row._replace(general=True))
            tokens += _tokens(row, context)
    return found, unusable, sealed


def _filled(rows: Sequence[Example], most_tokens: float, context: Context) -> list[Example]:
    """The first of these rows, until they hold so many tokens."""
    taken: list[Example] = []
    tokens = 0.0
    for row in rows:
        if tokens >= most_tokens:
            break
        taken.append(row)
        tokens += _tokens(row, context)
    return taken


def _mean_tokens(rows: Sequence[Example], context: Context) -> float:
    some = rows[:: max(1, len(rows) // MEASURED_ROWS)]
    return sum(_tokens(row, context) for row in some) / max(1, len(some))


def _tokens(row: Example, context: Context) -> int:
    return context.count_tokens(row.prompt) + context.count_tokens(row.answer) + context.template_tokens


def _fits(row: Example, context: Context) -> bool:
    return bool(row.answer.strip()) and _tokens(row, context) <= context.max_length
