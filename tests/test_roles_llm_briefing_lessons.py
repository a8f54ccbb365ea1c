"""What a briefing says of earlier runs: single lessons fenced, figures over all tasks beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from memory.experience.trust import Trust
from roles.llm.briefing.context import ExperimentContext
from roles.llm.briefing.lessons import lessons, over_all_tasks
from tests.support.run_in_progress import StillDojo, make_dojo
from tests.test_memory_experience_ways import USUAL, rates, runs, ways


@pytest.fixture
def dojo(tmp_path: Path) -> StillDojo:
    return make_dojo(tmp_path, 2)


def told(dojo: StillDojo) -> str:
    return lessons(ExperimentContext(dojo, "e03"), 2000)


def test_a_lesson_of_another_task_names_none_of_its_sources(dojo: StillDojo) -> None:
    own = dojo.told[0].lesson.model_copy(update={"settings": {"sources": "forum", "kind": "direct"}})
    other = own.model_copy(
        update={"id": "x/e01", "task": "elsewhere", "settings": {"sources": "secret pool"}}
    )
    dojo.told = (replace(dojo.told[0], lesson=own), replace(dojo.told[0], lesson=other))
    assert "sources forum" in told(dojo)
    assert "secret pool" not in told(dojo)


def test_what_later_runs_made_of_a_lesson_is_told(dojo: StillDojo) -> None:
    assert "later runs" not in told(dojo)
    dojo.told = (replace(dojo.told[0], trust=Trust(0.5, 1, 3)),)
    assert "later runs: 1 confirm it, 3 contradict it" in told(dojo)


def test_figures_over_all_tasks_stand_outside_the_fence(
    dojo: StillDojo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert over_all_tasks(dojo) == ""
    favoured = [each for n in range(4) for each in rates(f"q{n}", {USUAL: 20.0, 0.3: 40.0})]
    monkeypatch.setattr(dojo, "ways", lambda kinds: ways(*runs([-9.0, -8.0, -10.0]), *favoured))
    lines = over_all_tasks(dojo).splitlines()
    assert any("direct data removed more of the error" in line for line in lines)
    assert any("a learning rate of" in line for line in lines)
    assert told(dojo).startswith("- ")
