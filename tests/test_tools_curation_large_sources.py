"""Of a source with many rows a seeded sample enters a recipe, and the card says so."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from memory.recipe import DataRecipe, Decontaminate, Map, Select
from tests.test_tools_curation_run import GUARD, POOL, SPEC
from tools.curation import run as curating
from tools.curation.operations import select
from tools.curation.run import run_recipe
from tools.workspace import Workspace


def test_of_a_large_source_a_seeded_sample_keeps_its_places() -> None:
    op = Select(sources=("large", "small"))
    taken = select(op, POOL, most=50, seed=3)
    assert Counter(raw.source for raw in taken) == {"large": 50, "small": 30}
    assert [raw.row for raw in taken[:50]] == sorted({raw.row for raw in taken[:50]})
    assert all(POOL[raw.source].rows[raw.row] == raw.columns for raw in taken)
    assert taken == select(op, POOL, most=50, seed=3)
    assert taken != select(op, POOL, most=50, seed=4)


def test_the_card_says_that_a_sample_was_selected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curating, "FEWEST_SELECTED", 100)
    operations = (
        Select(sources=("large", "small")),
        Map(columns={name: {"prompt": "q", "answer": "a"} for name in ("large", "small")}),
        Decontaminate(),
    )
    (tmp_path / "data").mkdir()
    recipe = DataRecipe(operations=operations, seed=0)
    card = run_recipe(recipe, POOL, SPEC, GUARD, Workspace(tmp_path), len, max_rows=10)
    assert (card.steps[0].rows_in, card.steps[0].rows_out) == (330, 130)
    assert card.steps[0].note == "a seeded sample, at most 100 rows of a source"
    assert card.rows == 10
