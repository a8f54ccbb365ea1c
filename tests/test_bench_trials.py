"""Trials: each row of the first fifty is there, a verdict rests on facts, and a named test exists."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.bench.trials.__main__ import PARTS, chosen_rows
from tests.bench.trials.by_test import TESTS
from tests.bench.trials.world import ROOT, ROWS, Ended, Trial

FIRST_TRIALS = 50


@pytest.fixture(scope="module", autouse=True)
def _registered() -> None:
    for part in PARTS:
        importlib.import_module(f"tests.bench.trials.{part}")


def test_every_first_trial_has_a_row_and_no_name_stands_twice() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    numbers = {int(found[0]) for name in names if (found := re.match(r"\d+", name))}
    assert numbers == set(range(1, FIRST_TRIALS + 1))


def test_a_number_stands_for_all_rows_of_its_kind() -> None:
    assert [row.name for row in chosen_rows(["9", "17b"])] == ["9", "9b", "9c", "9d", "17b"]
    assert chosen_rows([]) == ROWS


@pytest.mark.parametrize(
    ("ended", "wrong"),
    [
        (Ended(2, "error: the journal: cannot be read; undo that", 1.0), []),
        (Ended(0, "error: the journal: cannot be read; undo that", 1.0), ["exit code 0"]),
        (Ended(2, "Traceback (most recent call last):\nerror: cannot be read", 1.0), ["a traceback"]),
        (Ended(2, "error: something", 1.0), ["nothing says 'cannot be read'"]),
    ],
)
def test_code_words_and_tracebacks_are_judged(ended: Ended, wrong: list[str], tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.told(ended, 2, "cannot be read")
    assert trial.wrong == wrong


def test_each_named_test_exists() -> None:
    for _, node in TESTS.values():
        name, _, function = node.split()[0].partition("::")
        text = (ROOT / "tests" / name).read_text(encoding="utf-8")
        assert f"def {function or 'test_'}" in text, node
