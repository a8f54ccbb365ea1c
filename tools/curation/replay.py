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


def source_name(op: Replay) -> str:
    """The source that an operation takes its rows from."""
    return op.source or BASE_ANSWERS


def replayed(recipe: DataRecipe) -> tuple[str, ...]:
    """The sources of general rows that a recipe mixes in."""
    return tuple(source_name(op) for op in recipe.operations if isinstance(op, Replay))


def replay_rows(rows: Sequence[Example], op: Replay, context: Context) -> Kept:
    """The task's rows, a seeded sample of them where the limit asks for it, and general ones among them.

    Raises:
        ExperimentFailed: there is no such source, or none of its rows can be used.
    """
    name = source_name(op)
    if name not in context.pool:
        raise bad_recipe(f"replay: no general rows called {name!r} are at hand")
    own = min(len(rows), int((1.0 - op.share) * context.target_rows))
    wanted = round(op.share / (1.0 - op.share) * own)
    general, unusable, sealed = _drawn(context.pool[name], wanted, context)
    if wanted and not general:
        raise bad_recipe(f"replay: none of the rows of {name} can be used")
    taken = (general * MOST_REPEATS)[:wanted]
    kept = [rows[place] for place in sorted(context.rng.sample(range(len(rows)), own))] + taken
    note = f"{len(taken):,} general rows of {name}, {len(general):,} of them different"
    note += f", {wanted:,} wanted" if len(taken) < wanted else ""
    note += f"; {unusable:,} without a prompt or an answer, or too long, left out" if unusable else ""
    note += f"; {sealed:,} that match a validation or test item left out" if sealed else ""
    return Kept(context.rng.sample(kept, len(kept)), note)


def _drawn(source: Source, wanted: int, context: Context) -> tuple[list[Example], int, int]:
    """So many usable rows of a source of general rows, at random, and how many rows that were met on the way
    cannot be used, and how many match a sealed item. A source may be large: no more of it is read."""
    found: list[Example] = []
    unusable = sealed = 0
    # Without a worked solution's column: what is put together from it is in the task's format.
    roles = {role: column for role, column in source.columns.items() if role != "reasoning"}
    for place in context.rng.sample(range(len(source.rows)), len(source.rows)):
        if len(found) >= wanted:
            break
        row = to_example(Raw(source.name, place, source.rows[place]), roles, context.spec)
        if row is None or not _fits(row, context):
            unusable += 1
        elif context.decontaminator.check(row.prompt, row.answer) is not None:
            sealed += 1
        else:
            found.append(row._replace(general=True))
    return found, unusable, sealed


def _fits(row: Example, context: Context) -> bool:
    tokens = context.count_tokens(row.prompt) + context.count_tokens(row.answer)
    return bool(row.answer.strip()) and tokens + context.template_tokens <= context.max_length
