"""The planner's node: what a run's end is called, and whose words say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from graph import nodes
from graph.settings import make_settings
from roles.stopping import Stop
from tests.support.run_in_progress import StillDojo, make_dojo


class Desk:
    """The parts of a step that the node uses; its policy says ``plan``."""

    def __init__(self, dojo: StillDojo, plan: Any, **settings: Any) -> None:
        self.dojo, self.journal, self.policy, self.acts = dojo, dojo.journal, self, self
        self.session = type("Session", (), {"settings": make_settings(**settings)})
        self.said = plan

    def plan(self, dojo: StillDojo, experiment: str) -> Any:
        return self.said

    def no_room(self) -> str:
        return ""

    def to_present(self) -> None: ...

    def announce(self, *told: Any) -> None: ...

    def thinking(self) -> Any:
        return nullcontext()


@pytest.fixture
def dojo(tmp_path: Path) -> Iterator[StillDojo]:
    """A run of three finished experiments."""
    made = make_dojo(tmp_path / "run", 3)
    yield made
    made.journal.close()


def ended(desk: Desk) -> dict[str, Any]:
    return dict(nodes.planner(desk))  # type: ignore[arg-type]


def test_a_model_that_ends_the_run_is_quoted(dojo: StillDojo) -> None:
    assert ended(Desk(dojo, Stop("three discards in a row,\n nothing new to try"))) == {
        "ending": "stuck",
        "reason": "the Planner ends the run: three discards in a row, nothing new to try",
    }


def test_a_playbook_without_an_idea_says_so_in_its_own_words(dojo: StillDojo) -> None:
    assert ended(Desk(dojo, None))["reason"] == "nothing untried is left that is expected to help"


def test_the_number_of_experiments_asked_for_is_an_end_of_its_own(dojo: StillDojo) -> None:
    assert ended(Desk(dojo, None, max_experiments=3))["ending"] == "max_experiments"
