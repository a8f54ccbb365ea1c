"""Planted leaks, whole: recall on verbatim and lightly edited copies, and false alarms on clean rows."""

from __future__ import annotations

import pytest

from tasks import registry
from tasks.pool import planted_leaks, pool_key
from tools.decontaminate import Decontaminator
from tools.seal import SealedTest


def prompt_of(spec, row):
    """The row's prompt, whatever its layout."""
    built = spec.build_prompt(row)
    return built or row.get("prompt") or row.get("instruction") or row["messages"][0]["content"]


@pytest.mark.parametrize("task", registry.ids())
def test_every_planted_copy_is_found_and_hardly_a_clean_row_is_accused(task):
    spec = registry.get(task)
    data = spec.load("mini", 3)
    guard = Decontaminator.build(data.validation, SealedTest.seal(data.load_test))
    defects, leaks = pool_key(task, 3), planted_leaks(task, 3)
    sources = {defects[source.name]: source for source in data.sources}
    found = [guard.check(prompt_of(spec, row)) is not None for row in sources["leak"].rows]
    missed = [place for place in leaks if not found[place]]
    assert len(leaks) > 200
    assert missed == []
    accused = [row for row in sources["worked"].rows if guard.check(prompt_of(spec, row)) is not None]
    assert len(accused) <= 0.003 * len(sources["worked"].rows)
