"""A run on a card that is too small for its first batch goes on in a smaller form and ends with a model."""

from __future__ import annotations

import sys

import pytest

import ftdojo
from graph import session
from memory.journal.log import Journal
from tests.support.small_card import SmallCard
from tests.support.small_run import make_task_and_model, run_arguments
from tests.support.tiny_model import make_tiny_model

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limit is set by the Linux kernel")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Journal, ftdojo.Run, int]:
    folder = tmp_path_factory.mktemp("small")
    task, _ = make_task_and_model(folder)
    model = make_tiny_model(folder / "larger", hidden=256, layers=6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "Worker", SmallCard)
        run = ftdojo.run(**run_arguments((task, model), folder / "runs", max_experiments=2))
    return ftdojo.journal(run.run_dir), run, 16


def test_the_run_recovers_by_itself_and_trains_in_a_smaller_form(finished) -> None:
    journal, run, asked = finished
    assert journal.did_not_fit
    first = journal.did_not_fit[0]["plan"]
    assert first["per_device_train_batch_size"] == asked
    done = [e for e in journal.experiments() if e.training is not None]
    assert len(done) == 2
    assert run["failed"] == 0
    for experiment in done:
        plan = experiment.training_plan
        assert plan.per_device_train_batch_size < asked
        assert (run.run_dir / experiment.training.model_dir / "model.safetensors").exists()


def test_what_did_not_fit_is_tried_once_and_every_step_is_said(finished) -> None:
    journal, _, _ = finished
    plans = [str(each) for each in journal.did_not_fit]
    assert len(set(plans)) == len(plans)
    told = [text for text in journal.notes if "out of memory" in text or "instead" in text]
    assert len(told) == 2 * len(plans)
