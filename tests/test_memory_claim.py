"""The claim of a run: no gain over one answer to everything is called a gain, in any of its places."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from graph.cli.summary import summary_lines
from graph.result import result_of
from memory.claim import claim, levels_text
from memory.journal.log import Journal
from tests.support.copy_word_task import copy_spec
from tests.support.run_folder import VALIDATION, make_run
from tools.models.export.card import model_card
from tools.report.html import render_report

LOST = {"delta": -31.0, "low": -36.0, "high": -26.0, "p_value": 1e-8}
SAME = {"delta": 0.4, "low": -2.0, "high": 2.8, "p_value": 0.7}
BEATEN = {"delta": 20.0, "low": 12.0, "high": 28.0, "p_value": 1e-5}


def with_levels(folder: Path, score: float | None, **more: Any) -> Journal:
    """The example run, which gained 52.5 points on the test and scores 64.0."""
    journal = make_run(folder)
    levels: dict[str, Any] = {"majority": {"answer": "no", "score": score}, "chance": 40.0, **more}
    journal.note("levels", baselines=levels)
    return journal


@pytest.mark.parametrize(
    ("score", "more", "start", "said"),
    [
        (
            64.0,
            {"against_majority": SAME, "one_answer": {"answer": "No", "share": 0.97}},
            "The champion only repeats one answer: it says 'No' to 97% of the items; 'no' to every item",
            "+52.5 points",
        ),
        (
            64.0,
            {"against_majority": SAME, "one_answer": None, "commonest": {"answer": "no", "share": 0.71}},
            "No better than the commonest answer alone: the champion says 'no' to 71% of the items; 'no' to",
            "p = 0.7 against it",
        ),
        (95.0, {"against_majority": LOST, "one_answer": None}, "Worse than the commonest answer alone;", ""),
        (70.0, {"one_answer": None}, "No better than the commonest answer alone; 'no' to every item", "70.0"),
    ],
)
def test_a_champion_that_does_not_beat_one_answer_is_called_that_everywhere(
    tmp_path: Path, score: float, more: Mapping[str, Any], start: str, said: str
) -> None:
    with with_levels(tmp_path / "run", score, **more) as journal:
        tone, sentence = claim(journal)
        page = render_report(journal, tmp_path / "run", VALIDATION)
        card = model_card(journal, journal.champion_id(), copy_spec())
        lines = summary_lines(result_of(journal, None, None))
    assert tone == "open"
    assert sentence.replace("\N{NO-BREAK SPACE}", " ").startswith(start)
    assert said in sentence.replace("\N{NO-BREAK SPACE}", " ")
    assert "got better" not in page
    assert 'class="verdict open"' in page
    assert f"**{sentence}**" in card
    assert f"claim: {' '.join(sentence.split())}" in lines


@pytest.mark.parametrize(
    "more",
    [
        {"against_majority": BEATEN, "one_answer": None},
        {"one_answer": None},  # a run of an earlier version, which made no paired test
        {"against_majority": BEATEN, "one_answer": {"answer": "no", "share": 0.93}},
    ],
)
def test_a_champion_that_beats_it_got_better(tmp_path: Path, more: Mapping[str, Any]) -> None:
    with with_levels(tmp_path / "run", 44.0, **more) as journal:
        tone, sentence = claim(journal)
    assert (tone, sentence.startswith("The model got better: from 11.5 to 64.0")) == ("gained", True)
    assert ("It gives one answer, 'no', to 93% of the items" in sentence) == bool(more["one_answer"])


def test_a_level_that_is_not_defined_is_said_and_holds_nothing_back(tmp_path: Path) -> None:
    why = {"majority": "312 different answers", "chance": "312 different answers"}
    with with_levels(tmp_path / "run", None, chance=None, undefined=why, against_majority=None) as journal:
        assert claim(journal)[0] == "gained"
        (text,) = levels_text(journal)
        lines = summary_lines(result_of(journal, None, None))
    assert text == (
        "On the sealed test the commonest answer alone is not defined (312 different answers), "
        "and chance is not defined (312 different answers)."
    )
    assert "majority: not defined (312 different answers)" in lines
    assert "chance: not defined (312 different answers)" in lines
