"""Data sets of a run: the rows of each checked again for validation and test items, and made again.

A recipe, the sources and the seed in the recipe give the same rows to the letter, so that a row that was
changed, doubled or moved is found although the journal names its file. What a teacher wrote, and what the
base model answered to general prompts, cannot be made again without asking them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from memory.journal.history import History
from memory.recipe import DataCard, DataRecipe
from tasks.base import Source, TaskSpec
from tasks.errors import ExperimentFailed
from tools.contamination.check import Decontaminator
from tools.curation.operations import DEFAULT_MAXIMUM_TOKENS
from tools.curation.order import asking
from tools.curation.replay import replayed
from tools.curation.run import run_recipe
from tools.verification.finding import Finding, short
from tools.verification.working_files import OF_THE_MOMENT
from tools.workspace import Workspace

MOST_ROWS = 3
"""Contaminated rows of one set that are named; the others are counted."""
NAMED_BY_TASK = frozenset({"path"})
"""Fields of a data card that hold a digest of the task as it was loaded then, a place included."""


@dataclass(frozen=True)
class Curator:
    """What a run curates with; see ``tools.curation.run.run_recipe``."""

    spec: TaskSpec
    pool: Mapping[str, Source]
    decontaminator: Decontaminator
    domain_prompts: Sequence[str]
    count_tokens: Callable[[str], int]
    max_rows: int
    max_length: int | None
    template_tokens: int

    def made(self, recipe: DataRecipe, folder: Path) -> DataCard:
        """The card of the rows that a recipe gives.

        Raises:
            ExperimentFailed: it gives none.
        """
        return run_recipe(
            recipe,
            self.pool,
            self.spec,
            self.decontaminator,
            Workspace.create(folder, "again"),
            self.count_tokens,
            self.max_rows,
            self.domain_prompts,
            max_length=self.max_length or DEFAULT_MAXIMUM_TOKENS,
            template_tokens=self.template_tokens,
        )


def check_data(history: History, workspace: Workspace, curator: Curator) -> Finding:
    """Every set of rows that an experiment was given, whether it was trained or not."""
    found: list[str] = []
    unchecked: list[str] = []
    checked = rows = 0
    seen: set[str] = set()
    for event in history.events:
        if event.kind != "card":
            continue
        card, recipe = DataCard.model_validate(event.data), history.recipe(str(event.experiment))
        if card.path in seen:
            continue
        seen.add(card.path)
        lines = _set(workspace, card, curator.decontaminator)
        if recipe is not None:
            if why := _not_made_again(recipe, curator):
                unchecked.append(f"{card.path}: is not made again, {why}")
            else:
                lines += _made_again(recipe, card, curator)
        found += [f"{card.path}: {line}" for line in lines]
        checked, rows = checked + 1, rows + card.rows
    told = f"{rows} rows of {checked} data sets made again, held against validation and test"
    return Finding("data", told, tuple(found), tuple(unchecked))


def _not_made_again(recipe: DataRecipe, curator: Curator) -> str:
    if taught := asking(recipe):
        return f"for a teacher wrote of it ({', '.join(dict.fromkeys(taught))})"
    if missing := [name for name in replayed(recipe) if name not in curator.pool]:
        return f"for it holds {', '.join(missing)}"
    return ""


def _made_again(recipe: DataRecipe, card: DataCard, curator: Curator) -> list[str]:
    with TemporaryDirectory(prefix="ftdojo-verify-") as folder:
        try:
            made = curator.made(recipe, Path(folder))
        except ExperimentFailed as failed:
            return [f"its recipe gives no rows ({short(failed.message)})"]
    if made.data_sha256 != card.data_sha256:
        return [f"its recipe gives {made.rows} other rows ({made.data_sha256[:12]}, {card.data_sha256[:12]})"]
    found = []
    recorded, again = (
        _figures(card.model_dump(mode="json")),
        _figures(made.model_dump(mode="json")),
    )
    for name, was in recorded.items():
        if name not in OF_THE_MOMENT | NAMED_BY_TASK and (now := again[name]) != was:
            found.append(f"its {name} comes to {short(now)}, recorded {short(was)}")
    return found


def _figures(card: dict[str, Any]) -> dict[str, Any]:
    """A card without the remarks on its steps, whose order of words a recipe that is read back may change."""
    return card | {"steps": [{**step, "note": ""} for step in card["steps"]]}


def _set(workspace: Workspace, card: DataCard, decontaminator: Decontaminator) -> list[str]:
    try:
        content = workspace.inside(card.path).read_bytes()
        rows: list[dict[str, Any]] = [json.loads(line) for line in content.splitlines() if line.strip()]
        if not all(isinstance(row, dict) for row in rows):
            raise ValueError("a line is no row")
    except (OSError, ValueError, RecursionError) as error:
        return [f"cannot be read ({error})"]
    found = []
    if sha256(content).hexdigest() != card.data_sha256:
        found.append("its rows are not those of its card")
    if len(rows) != card.rows:
        found.append(f"{len(rows)} rows, its card says {card.rows}")
    leaks = [
        (number, match)
        for number, row in enumerate(rows, start=1)
        if (match := decontaminator.check(str(row.get("prompt", "")), str(row.get("answer", ""))))
    ]
    for number, match in leaks[:MOST_ROWS]:
        found.append(f"row {number} is a {match.item.partition(':')[0]} item ({match.rule})")
    if len(leaks) > MOST_ROWS:
        found.append(f"{len(leaks) - MOST_ROWS} more rows are validation or test items")
    return found
