"""The run so far, for a briefing: what an experiment costs."""

from __future__ import annotations

from roles.llm.briefing.history import prices


def test_the_price_of_an_experiment_is_its_work_and_the_waits_for_models_stand_beside_it():
    clocks = [{"think": 477.0, "train": 40.0, "evaluate": 20.0}] * 3
    assert prices(clocks, 600.0, 10.0) == (
        "the last 3 took 60 s each: room for about 10 more; deciding took 477 s more each, and if it does "
        "again, for about 1"
    )


def test_a_playbook_that_decides_at_once_has_no_waits_to_tell():
    assert prices([{"think": 0.1, "train": 60.0}], 600.0, 10.0).endswith("room for about 10 more")
