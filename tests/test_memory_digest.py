"""The digest says where a run stands, on a page whose length is bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from memory.budget.clocks import Ledger
from memory.digest import approximate_tokens, digest
from memory.journal.log import Journal
from memory.records import Failure
from tests.support.run_records import evaluation, plan, run_info, write_experiment


def test_a_new_run_has_a_digest(tmp_path: Path) -> None:
    with Journal.create(tmp_path / "journal.jsonl", run_info()) as journal:
        page = digest(journal)
    assert "not measured yet" in page
    assert "No experiment is finished yet." in page
    assert "300 s left of 300 s" in page


def test_the_page_holds_base_champion_experiments_diagnosis_and_budget(tmp_path: Path) -> None:
    with Journal.create(tmp_path / "journal.jsonl", run_info()) as journal:
        now = [0.0]
        Ledger.attach(journal, now=lambda: now[0])
        journal.append("evaluation", evaluation(20.0), "base")
        write_experiment(journal, "e01", "kept", 30.0)
        journal.append("plan", plan("e02", "e01"), "e02")
        journal.append("failure", Failure(stage="train", code="diverged", message="loss is nan"), "e02")
        now[0] = 120.0
        journal.finish("e02", "failed")
        page = digest(journal)
    assert "base: 20.0 [15.0, 25.0] n=300" in page
    assert "champion: e01, 30.0 [25.0, 35.0] n=300, lineage base -> e01" in page
    assert "| e01 | sources | kept | 30.0 | +10.0 | 0.012 |" in page
    assert "| e02 | sources | failed (train: diverged) | - | - | - |" in page
    assert "last diagnosis (e01): data, next clean_data. wrong labels in e01" in page
    assert "180 s left of 300 s" in page


@pytest.mark.parametrize("max_tokens", [300, 1500])
def test_the_page_is_bounded_and_keeps_the_newest(tmp_path: Path, max_tokens: int) -> None:
    with Journal.create(tmp_path / "journal.jsonl", run_info()) as journal:
        journal.append("evaluation", evaluation(20.0), "base")
        for number in range(1, 121):
            write_experiment(journal, f"e{number:02d}", "kept" if number == 3 else "discarded", 30.0)
        page = digest(journal, max_tokens)
    assert approximate_tokens(page) <= max_tokens
    assert "champion: e03" in page
    assert "| e120 |" in page
    assert "Earlier, e01 to e" in page
    assert "1 kept" in page
    assert "| e01 |" not in page
