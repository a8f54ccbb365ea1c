"""The referee's answers to calls that do not fit: refused or failed, told how to mend them, nothing done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.run_in_progress import StillDojo, make_dojo
from tools.sandbox import run
from tools.verbs.calls import FILE, read_calls
from tools.verbs.referee import Referee

SOURCE = "forum"
BROKEN = "def transform(row):\n    return row['x']"


@pytest.fixture(scope="module")
def dojo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StillDojo]:
    made = make_dojo(tmp_path_factory.mktemp("runs"), 3)
    yield made
    made.journal.close()


@pytest.fixture(scope="module")
def referee(dojo: StillDojo) -> Referee:
    return Referee(dojo)


def test_an_argument_is_read_under_its_old_name_and_its_new_one(referee: Referee, dojo: StillDojo) -> None:
    new = referee.call("profile_source", {"source": SOURCE})
    old = referee.call("profile_source", {"name": SOURCE})
    assert new.ok and old.ok and old.facts == new.facts
    assert list(referee.schemas["profile_source"].arguments.model_fields) == ["source"]
    both = referee.call("profile_source", {"source": SOURCE, "name": SOURCE})
    assert not both.ok and "name: there is no such argument" in both.text


def test_a_call_of_an_earlier_version_is_read_by_its_new_names(tmp_path: Path) -> None:
    line = {"arguments": {"name": "a"}, "verb": "profile_source", "text": "t"}
    other = {"arguments": {"name": "a"}, "verb": "sample_rows", "text": "t"}
    (tmp_path / FILE).write_text(f"{json.dumps(line)}\n{json.dumps(other)}\n", encoding="utf-8")
    assert [call["arguments"] for call in read_calls(tmp_path)] == [{"source": "a"}, {"name": "a"}]


def test_a_script_that_fails_is_no_success(referee: Referee) -> None:
    if run.active().name == "none":
        pytest.skip(run.active().detail)
    said = referee.call("try_script", {"code": BROKEN, "sources": [SOURCE]})
    assert not said.ok
    assert said.text.startswith("failed (1 of 5; 4 more failures are allowed):\n<untrusted ")
    assert "KeyError: 'x' at line 2" in said.text
    for _ in range(4):
        referee.call("try_script", {"code": BROKEN, "sources": [SOURCE]})
    last = referee.call("try_script", {"code": BROKEN, "sources": [SOURCE]})
    assert last.text == (
        "refused: scripts: 5 failed in this decision, and no further try is allowed; write a recipe without "
        "a script"
    )
