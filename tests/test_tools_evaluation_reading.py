"""Reading of the sealed test: whole where there is time, a fair part of it where there is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from memory.records import Evaluation
from tasks.base import Sample
from tasks.errors import ExperimentFailed
from tests.support.run_records import evaluation
from tools.evaluation.reading import ALLOWANCE, LEAST_ITEMS, Expected, order_of, read

TEST = tuple(Sample(f"t{n}", "all", f"How many pens are {n} pens?", str(n)) for n in range(200))


@dataclass
class Models:
    """Answers at a pace that may change while they are given; the clock moves with them."""

    left: float
    pace: float
    slower_from: int = 10**9
    """Items answered after which the pace is eight times as slow."""
    given: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    cut: int = 0
    slower: float = 0.0
    """As the reading was told last."""

    def seconds_left(self, slower: float) -> float:
        self.slower = slower
        return self.left

    def answer(self, model: str, asked: Sequence[Sample], name: str, seconds: float) -> Evaluation:
        done = sum(len(ids) for _, _, ids in self.given)
        needed = len(asked) * self.pace * (8 if done >= self.slower_from else 1)
        self.left -= min(needed, seconds)
        if needed > seconds:
            self.cut += 1
            raise ExperimentFailed("evaluate", "timeout", "killed")
        self.given.append((model, name, tuple(sample.id for sample in asked)))
        return evaluation(50.0).model_copy(update={"wall_seconds": needed, "split": "test"})


def reading(models: Models, expected: float, known: Sequence[tuple[str, Sequence[str]]] = ()):
    paces = {model: Expected(0.0, expected) for model in ("base", "e01")}
    return read(TEST, 0, paces, models.answer, models.seconds_left, known)


def test_with_time_to_spare_the_whole_test_is_read_at_once() -> None:
    models = Models(left=1000.0, pace=0.5)
    found = reading(models, 0.5)
    assert found.numbers == list(range(len(TEST)))
    assert [(model, name) for model, name, _ in models.given] == [("base", "test-1"), ("e01", "test-1")]
    assert len({ids for _, _, ids in models.given}) == 1


def test_with_no_more_time_than_was_reserved_it_is_read_in_two_parts() -> None:
    models = Models(left=240.0, pace=0.5)
    found = reading(models, 0.5)
    assert found.numbers == list(range(len(TEST)))
    assert len(found.blocks) == 2
    assert models.left >= 0


@pytest.mark.parametrize("slower", [2.0, 8.0, 10.0])
def test_on_a_slower_machine_both_answer_the_same_random_part_and_the_time_is_kept(slower: float) -> None:
    models = Models(left=240.0, pace=0.5 * slower)
    found = reading(models, 0.5)
    assert models.left >= 0
    assert 0 < len(found.numbers) < len(TEST)
    drawn = order_of(TEST, 0)[: len(found.numbers)]
    assert found.numbers == sorted(drawn)
    by_model = {model: [ids for who, _, ids in models.given if who == model] for model in ("base", "e01")}
    assert set(by_model["e01"]) <= set(by_model["base"])
    assert sum(map(len, by_model["e01"])) == len(found.numbers)


@pytest.mark.parametrize(("pace", "told"), [(0.25, 1.0), (0.5, 1.0), (2.0, 4.0)])
def test_the_end_is_told_how_much_slower_the_machine_has_become(pace: float, told: float) -> None:
    models = Models(left=240.0, pace=pace)
    reading(models, 0.5)
    assert models.slower == pytest.approx(told)


def test_a_machine_that_becomes_slow_in_the_middle_costs_items_and_not_time() -> None:
    models = Models(left=240.0, pace=0.5, slower_from=150)
    found = reading(models, 0.5)
    assert models.cut == 1
    assert models.left >= 0
    assert LEAST_ITEMS <= len(found.numbers) < len(TEST)


def test_where_not_even_a_small_part_fits_nothing_is_read() -> None:
    models = Models(left=3.0, pace=0.5)
    assert reading(models, 0.5).numbers == []
    assert models.left == 3.0


def test_the_order_is_the_seeds_and_not_the_answers() -> None:
    assert order_of(TEST, 0) == order_of(TEST, 0) != order_of(TEST, 1)
    assert sorted(order_of(TEST, 0)) == list(range(len(TEST)))


def test_parts_that_were_read_before_a_kill_are_kept_and_the_others_follow() -> None:
    block = sorted(order_of(TEST, 0)[:30])
    models = Models(left=1000.0, pace=0.5)
    found = reading(models, 0.5, [("test-1", [TEST[number].id for number in block])])
    assert found.numbers == list(range(len(TEST)))
    assert [(name, len(ids)) for _, name, ids in models.given] == [("test-1", 30)] * 2 + [("test-2", 170)] * 2


def test_parts_of_other_items_are_read_anew() -> None:
    models = Models(left=1000.0, pace=0.5)
    found = reading(models, 0.5, [("test-1", ["t0", "t1"])])
    assert found.numbers == list(range(len(TEST)))
    assert {name for _, name, _ in models.given} == {"test-2"}


def test_a_model_that_fails_otherwise_fails_the_reading() -> None:
    def crash(model: str, asked: Sequence[Sample], name: str, seconds: float) -> Evaluation:
        assert seconds >= ALLOWANCE
        raise ExperimentFailed("evaluate", "crashed", "the process ended by signal 11")

    with pytest.raises(ExperimentFailed, match="signal 11"):
        read(TEST, 0, {"base": Expected(0.0, 0.5)}, crash, lambda _slower: 1000.0)
