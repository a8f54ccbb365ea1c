"""Who explains whom: a model trained on one source reads the answers of the others, beside the base."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.session import start
from tests.support.run_records import plan
from tests.support.small_run import make_task_and_model, run_settings
from tests.support.source_world import TRAINING
from tests.support.tiny_model import make_tiny_model
from tools.checks.explained import ROWS, measure_explained

pytestmark = pytest.mark.timeout(600)


def test_each_source_is_read_once_by_a_looks_model_and_by_the_base(tmp_path: Path) -> None:
    session = start(run_settings(make_task_and_model(tmp_path), tmp_path / "runs"))
    dojo = session.dojo
    try:
        make_tiny_model(dojo.workspace.experiment_dir("e01") / "model", seed=3, spread=0.4)
        dojo.journal.append("plan", plan("e01"), "e01")
        dojo.journal.append(
            "training", TRAINING.model_copy(update={"model_dir": "experiments/e01/model"}), "e01"
        )
        sources = tuple(sorted(dojo.pool))
        found = measure_explained(dojo, "e01", sources)
        assert [each.source for each in found] == list(sources)
        assert all(0 < each.rows <= ROWS for each in found)
        assert all(each.gain == pytest.approx(each.base_loss - each.loss) != 0.0 for each in found)
        assert dojo.journal.explained["e01"] == {each.source: each for each in found}
        events = len(dojo.journal.events)
        assert measure_explained(dojo, "e01", sources) == found
        assert len(dojo.journal.events) == events
        base = measure_explained(dojo, "base", sources)
        assert all(each.gain == pytest.approx(0.0, abs=1e-5) for each in base)
    finally:
        session.close()
