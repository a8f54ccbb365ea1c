"""How many rows an experiment may be given where nothing is said."""

from __future__ import annotations

import dataclasses

import pytest

from graph.beginning import PAPER_ROWS, most_rows
from graph.settings import MOST_ROWS, make_settings
from graph.task_names import load_task


@pytest.mark.parametrize(
    ("budget", "rows"), [("2m", PAPER_ROWS), ("30m", 18_000), ("2h", 72_000), ("1000h", MOST_ROWS)]
)
def test_own_data_is_given_as_many_rows_as_the_budget_can_use(budget: str, rows: int) -> None:
    published = load_task("aime25", "mini")
    own = dataclasses.replace(published, domain="custom")
    settings = make_settings(task="aime25", budget_seconds=budget)
    assert most_rows(settings, own) == rows
    assert most_rows(settings, published) == PAPER_ROWS


def test_what_the_user_says_counts() -> None:
    published = load_task("aime25", "mini")
    settings = make_settings(task="aime25", budget_seconds="30m", max_rows=77)
    assert (
        most_rows(settings, published)
        == most_rows(settings, dataclasses.replace(published, domain="custom"))
        == 77
    )
