"""Under a limit of the disk weights of the least value go, and none that the run may still need."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.run_in_progress import StillDojo, make_dojo
from tools import disk
from tools.checks import kept_weights
from tools.checks.champion import candidate_of

SIZE = 1_000_000


def with_weights(folder: Path) -> StillDojo:
    """A run of eight experiments with a megabyte of weights each."""
    dojo = make_dojo(folder, 8)
    for experiment in dojo.journal.experiments():
        model = dojo.workspace.experiment_dir(experiment.id) / "model"
        model.mkdir()
        (model / "model.safetensors").write_bytes(b"0" * SIZE)
    return dojo


def kept(dojo: StillDojo) -> set[str]:
    return {e.id for e in dojo.journal.experiments() if kept_weights.are_kept(dojo, e.id)}


@pytest.fixture(autouse=True)
def _small_experiments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "needed_bytes", lambda *given: 2 * SIZE)


def test_what_fits_is_left_alone(tmp_path: Path) -> None:
    dojo = with_weights(tmp_path)
    assert kept_weights.within(dojo, 1.0)
    assert len(kept(dojo)) == 8
    assert dojo.journal.pruned == ()


def test_the_least_valuable_go_first_and_only_as_many_as_must(tmp_path: Path) -> None:
    dojo = with_weights(tmp_path)
    limit = (disk.used_bytes(dojo.workspace.run_dir) + 2 * SIZE - 2.5 * SIZE) / 1e9
    assert kept_weights.within(dojo, limit)
    gone = {e.id for e in dojo.journal.experiments()} - kept(dojo)
    assert len(gone) == 3
    failed = {e.id for e in dojo.journal.experiments() if e.failure is not None}
    assert failed <= gone

    def score(id: str) -> float:
        found = dojo.journal.evaluation(id)
        return found.score.value if found else -1.0

    spared = kept(dojo) - kept_weights.needed(dojo.journal)
    assert max(map(score, gone)) <= min(map(score, spared))
    assert set(dojo.journal.pruned) == gone


def test_what_the_run_may_still_need_stays_whatever_the_limit(tmp_path: Path) -> None:
    dojo = with_weights(tmp_path)
    assert not kept_weights.within(dojo, 1e-6)
    candidate = candidate_of(dojo.journal.experiments())
    assert candidate is not None
    assert kept(dojo) == {candidate.id, dojo.journal.incumbent_id()} == kept_weights.needed(dojo.journal)


def test_records_and_predictions_stay(tmp_path: Path) -> None:
    dojo = with_weights(tmp_path)
    before = len(dojo.journal.experiments())
    kept_weights.within(dojo, 1e-6)
    assert len(dojo.journal.experiments()) == before
    assert all(
        dojo.workspace.inside(e.evaluation.predictions).is_file()
        for e in dojo.journal.experiments()
        if e.evaluation
    )


def test_what_a_kill_left_behind_goes_before_any_weights(tmp_path: Path) -> None:
    dojo = with_weights(tmp_path)
    left = dojo.workspace.experiment_dir("e02") / "model.tmp"
    left.mkdir()
    (left / "half").write_bytes(b"0" * SIZE)
    limit = (disk.used_bytes(dojo.workspace.run_dir) + 2 * SIZE - 0.5 * SIZE) / 1e9
    assert kept_weights.within(dojo, limit)
    assert not left.exists()
    assert len(kept(dojo)) == 8
