"""The benches of forgetting and of ablations: what they run, and the tables that they print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graph.bench.ablations import PARTS, check_parts
from graph.settings import RunSettings
from memory.journal.log import Journal
from tasks.errors import InputError
from tests.bench import forgetting
from tests.bench.generality import held_out
from tests.support.general_model import shared_general_model
from tests.support.run_records import run_info
from tests.support.tiny_model import shared_worker
from tools.report.facts import read_rows

pytestmark = pytest.mark.timeout(1200)


@pytest.mark.slow
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
    rows = read_rows(tmp_path / forgetting.RESULTS)
    assert [row["limit"] for row in rows] == ["off", "0.001"]
    assert all(row["base_right"] >= 4 for row in rows)
    assert rows[1]["champion"] == "base"
    assert all(cost["outcome"] == "discarded" for cost in rows[1]["measured"].values())
    assert "general questions" in capsys.readouterr().out
    forgetting.main(tmp_path, **given)
    assert len(read_rows(tmp_path / forgetting.RESULTS)) == 2, "what is there is not run again"


def test_a_folder_of_the_held_out_half_is_entered_before_it_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(settings: RunSettings) -> dict[str, Any]:
        raise InputError("here", "the run ends", "no more is needed")

    file = tmp_path / "openings.jsonl"
    monkeypatch.setattr(held_out, "OPENINGS", file)
    monkeypatch.setattr(forgetting, "by_agent", refuse)
    for folder in ("phones", "dates"):
        with pytest.raises(InputError, match="the run ends"):
            forgetting.main(tmp_path, base_model="ftdojo-mini", folder=folder, limits="off")
    assert [line["tasks"] for line in held_out.openings(file)] == [["phones"]]
    with pytest.raises(InputError, match="no such folder"):
        forgetting.main(tmp_path, folder="phone")


def test_a_run_without_a_champion_keeps_what_its_base_knows_also_where_that_is_a_name(tmp_path: Path) -> None:
    with Journal.create(tmp_path / "journal.jsonl", run_info()):
        pass
    kept = forgetting.what_was_kept(tmp_path, "ftdojo-mini", shared_worker())
    assert kept["champion"] == "base"
    assert kept["champion_right"] == kept["base_right"]
    assert all(each["base"] == each["champion"] for each in kept["shown"])


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
