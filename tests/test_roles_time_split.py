"""When the time left goes into one long training, and when it is divided."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from roles.time_split import LONG_SHARE, long_seconds
from tools.training.estimate import Speed


def dojo(left: float, tokens_per_second: float) -> SimpleNamespace:
    profile = SimpleNamespace(
        suggested_columns={"prompt": "q"}, rows=1000, mean_prompt_tokens=40, mean_answer_tokens=10
    )
    return SimpleNamespace(
        remaining_budget_seconds=lambda: left,
        minimum_experiment_seconds=lambda: 10.0,
        overhead_seconds=lambda: 6.0,
        training_speed=lambda plan: Speed(1.0, tokens_per_second, "measured"),
        profiles=lambda: {"one": profile},
        template_tokens=10,
    )


@pytest.mark.parametrize(
    ("rows", "speed", "one_training"),
    [
        (1_000, 200.0, False),  # six passes over few rows: divided
        (5_000, 200.0, True),  # a pass and a bit, 370 steps: one training
        (500_000, 20_000.0, False),  # a tenth of a pass, but 37,000 steps: divided
    ],
)
def test_what_holds_neither_some_passes_nor_many_steps_goes_into_one_training(
    rows: int, speed: float, one_training: bool
) -> None:
    seconds = long_seconds(dojo(1800.0, speed), (), "full", rows)  # type: ignore[arg-type]
    assert seconds == (pytest.approx(LONG_SHARE * 1800.0) if one_training else None)
