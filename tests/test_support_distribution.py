"""Distribution of test files: which process each goes to, and which files begin."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.support.distribution import SHARED, scheduler, shared_by, sharers_first


@pytest.mark.parametrize("word", SHARED)
def test_what_is_costly_is_shared_by_several_files_which_go_to_one_process(root: Path, word: str) -> None:
    files = [f"tests/{path.name}" for path in (root / "tests").glob("test_*.py") if shared_by(path) == word]
    assert len(files) >= 2
    kind = cast(Any, scheduler(root))
    split = kind.__new__(kind)._split_scope
    assert {split(f"{file}::test_it[1]") for file in files} == {word}
    assert split("tests/test_support_distribution.py::test_it") == "tests/test_support_distribution.py"


def test_files_that_share_come_first_and_the_others_stay_in_order(root: Path) -> None:
    names = ("test_architecture", "test_graph_forgetting", "test_tasks_specs", "test_threats")
    items: Any = [SimpleNamespace(path=root / "tests" / f"{name}.py") for name in names]
    sharers_first(items)
    assert [item.path.stem for item in items] == [
        "test_tasks_specs",
        "test_graph_forgetting",
        "test_architecture",
        "test_threats",
    ]
