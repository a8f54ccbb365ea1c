"""``ftdojo runs`` lists the newest run first, whatever its name."""

from __future__ import annotations

from pathlib import Path

from graph.run import list_runs
from graph.session import SETTINGS_FILE
from memory.journal.log import Journal
from tests.support.run_records import run_info


def test_runs_are_listed_by_their_start_and_not_by_their_name(tmp_path: Path):
    days = {"zebra": "2026-01-01", "apple": "2026-01-03", "maple": "2026-01-02"}
    for name, day in days.items():
        info = run_info(run=name, started=f"{day}T00:00:00+00:00")
        Journal.create(tmp_path / name / "journal.jsonl", info).close()
        (tmp_path / name / SETTINGS_FILE).write_text("{}")
    assert [path.name for path, _ in list_runs(tmp_path)] == ["apple", "maple", "zebra"]
