"""Compiling in the middle of a training: tried where the steps left can win it back, kept where they do."""

from __future__ import annotations

from itertools import accumulate

import pytest

from tools.training.compilation import (
    COMPILED_STEPS,
    PLAIN_STEPS,
    WARMING_STEPS,
    Outcome,
    Trial,
    worth_trying,
)


class Model:
    """Counts what is done to it."""

    def __init__(self) -> None:
        self.compiled, self.undone = 0, 0

    def begin(self) -> None:
        self.compiled += 1

    def undo(self) -> None:
        self.undone += 1


def trained(
    seconds: float, compiler: float, compiled: float, steps: int, known: Outcome | None = None
) -> tuple[Model, Trial]:
    """A training whose steps take ``seconds``, and ``compiled`` once the compiler has taken its time."""
    model = Model()
    trial = Trial(model.begin, model.undo, known)
    taken: list[float] = []
    for step in range(steps):
        first = model.compiled and step == trial.began
        now = seconds if not model.compiled or model.undone else compiled + (compiler if first else 0.0)
        # Batches differ: a token's time is compared, not a step's.
        taken.append(now * (1 + step % 3))
        tokens = [100 * (1 + n % 3) for n in range(step + 1)]
        trial.step(list(accumulate(taken)), tokens, steps)
    return model, trial


def test_short_trainings_are_left_alone() -> None:
    model, trial = trained(seconds=0.5, compiler=60.0, compiled=0.3, steps=300)
    assert (model.compiled, trial.outcome, trial.settled) == (0, None, 0)
    assert not trial.times
    assert not worth_trying(0.5, 300, Outcome())
    assert worth_trying(0.5, 3000, Outcome())


def test_what_pays_is_kept_and_its_cost_known() -> None:
    model, trial = trained(seconds=1.0, compiler=60.0, compiled=0.7, steps=2000)
    assert (model.compiled, model.undone) == (1, 0)
    assert trial.outcome is not None
    assert trial.outcome.saving == pytest.approx(0.3)
    assert trial.began == 1 + PLAIN_STEPS
    assert trial.settled == trial.began + WARMING_STEPS
    assert not trial.times


@pytest.mark.parametrize("compiled", [1.4, 1.0, 0.98])
def test_what_does_not_pay_is_taken_back(compiled: float) -> None:
    model, trial = trained(seconds=1.0, compiler=60.0, compiled=compiled, steps=2000)
    assert (model.compiled, model.undone) == (1, 1)
    assert trial.outcome is not None
    assert trial.outcome.saving == pytest.approx(1 - compiled)


def test_a_known_outcome_decides_the_next_trial() -> None:
    bad, cheap = Outcome(20.0, -0.2), Outcome(10.0, 0.4)
    assert trained(1.0, 20.0, 0.7, 2000, bad)[0].compiled == 0
    assert trained(1.0, 10.0, 0.6, PLAIN_STEPS + 40, cheap)[0].compiled == 1


def test_a_trial_that_ends_with_the_training_leaves_no_outcome() -> None:
    steps = 1 + PLAIN_STEPS + WARMING_STEPS + COMPILED_STEPS - 1
    model, trial = trained(100.0, 10.0, 60.0, steps)
    assert model.compiled == 1
    assert trial.outcome is None
    assert trial.times
