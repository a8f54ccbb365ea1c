"""Items for a spot check: right ones first, so that a model that says nothing right cannot pass."""

from __future__ import annotations

import pytest

from tasks.base import Sample
from tasks.errors import InputError
from tools.evaluation.spot_check import choose


def split(right: int, wrong: int) -> tuple[list[Sample], list[dict[str, object]]]:
    verdicts = [True] * right + [False] * wrong
    samples = [Sample(id=str(n), prompt="?", gold="1", subset="") for n in range(len(verdicts))]
    return samples, [{"id": str(n), "prediction": "", "right": verdict} for n, verdict in enumerate(verdicts)]


@pytest.mark.parametrize(
    ("right", "wrong", "chosen_right", "chosen"),
    [(50, 50, 7, 10), (100, 0, 10, 10), (0, 100, 0, 10), (3, 50, 3, 10), (98, 2, 8, 10), (2, 1, 2, 3)],
)
def test_seven_of_ten_items_were_right_where_there_are_so_many(
    right: int, wrong: int, chosen_right: int, chosen: int
) -> None:
    found = choose(*split(right, wrong), 10)
    assert sum(bool(item["right"]) for _, item in found) == chosen_right
    assert len({sample.id for sample, _ in found}) == len(found) == chosen


def test_items_are_spread_over_the_split() -> None:
    numbers = [int(sample.id) for sample, _ in choose(*split(70, 30), 10)]
    assert numbers == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]


def test_predictions_of_another_task_are_refused() -> None:
    samples, _ = split(3, 3)
    with pytest.raises(InputError, match="not of this task"):
        choose(samples, [{"id": "other", "right": True}], 10)
