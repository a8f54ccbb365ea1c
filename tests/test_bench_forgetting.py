"""The benches of forgetting and of ablations: what they run, and the tables that they print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graph.bench.ablations import PARTS, check_parts
from tasks.errors import InputError
from tests.bench import forgetting
from tests.support.general_model import shared_general_model

pytestmark = pytest.mark.timeout(1200)


def test_the_forgetting_bench_runs_a_tiny_model_with_and_without_a_budget(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given: dict[str, Any] = {
        "base_model": str(shared_general_model()),
        "folder": "tickets",
        "limits": "off,0.001",
        "budget": "10m",
        "held_out": 40,
        "experiments": 1,
        "max_rows": 120,
    }
    forgetting.main(tmp_path, **given)
    rows = forgetting.rows_of(tmp_path)
    assert [row["limit"] for row in rows] == ["off", "0.001"]
    assert all(row["base_right"] >= 4 for row in rows)
    assert rows[1]["champion"] == "base"
    assert all(cost["outcome"] == "discarded" for cost in rows[1]["measured"].values())
    assert "general questions" in capsys.readouterr().out
    forgetting.main(tmp_path, **given)
    assert len(forgetting.rows_of(tmp_path)) == 2, "what is there is not run again"


def test_a_part_is_named_once_and_what_is_no_part_is_refused() -> None:
    assert check_parts(["tpe", "tpe", "gates"]) == ("tpe", "gates")
    with pytest.raises(InputError, match="no part"):
        check_parts(["confirmation"])


def test_every_part_changes_a_rule(tmp_path: Path) -> None:
    """A name that no code asks for would be an ablation of nothing."""
    root = Path(__file__).parent.parent
    code = "".join(
        file.read_text(encoding="utf-8")
        for folder in ("roles", "tools")
        for file in (root / folder).rglob("*.py")
    )
    assert all(f'"{part}" in' in code or f'"{part}" not in' in code for part in PARTS)
