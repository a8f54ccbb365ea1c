"""The held-out slice: which rows of a training, how many, and when their loss counts as worse."""

from __future__ import annotations

import random

import pytest

from memory.training_plan import TrainingPlan
from tools.training.held_out import (
    COST_SHARE,
    FORWARD_SHARE,
    LEAST_ROWS,
    LOOKS,
    MOST_ROWS,
    NEAR_ROWS,
    SHARE,
    Look,
    due,
    slice_of,
    wanted_rows,
    worse,
)

PLAN = TrainingPlan(early_stopping=True, per_device_train_batch_size=16, num_train_epochs=4.0)


def rows(count: int) -> list[dict[str, str]]:
    words = [f"{first}{second}{third}" for first in "bdfgk" for second in "aeiou" for third in "lmnrst"]
    return [
        {"prompt": f"What does {words[n % 150]} {n} {words[n // 150 % 150]} cost?", "answer": str(n)}
        for n in range(count)
    ]


def held(plan: TrainingPlan, records: list[dict[str, str]]) -> set[str]:
    return {records[place]["prompt"] for place in slice_of(plan, records).places}


def look(losses: list[float], right: list[int] | None = None, step: int = 1) -> Look:
    return Look(step, tuple(losses), tuple(right or [5] * len(losses)), (10,) * len(losses))


def test_nothing_is_held_out_where_nothing_asks_for_it() -> None:
    off = PLAN.model_copy(update={"early_stopping": False})
    assert slice_of(off, rows(2000)) == slice_of(TrainingPlan(), rows(2000))
    assert slice_of(off, rows(2000)).places == ()
    assert len(slice_of(off.model_copy(update={"average_weights": True}), rows(2000)).places) >= LEAST_ROWS


def test_few_rows_and_short_trainings_keep_all_rows_and_say_so() -> None:
    few = slice_of(PLAN, rows(int(LEAST_ROWS / SHARE) - 1))
    assert (few.places, "too few" in few.why_none) == ((), True)
    short = slice_of(PLAN.model_copy(update={"max_steps": 20}), rows(2000))
    assert (short.places, "too short" in short.why_none) == ((), True)


@pytest.mark.parametrize("count", [700, 2000, 20_000])
@pytest.mark.parametrize("epochs", [0.5, 1.0, 3.0, 8.0])
def test_the_rows_are_a_small_share_and_all_looks_cost_a_small_part(count: int, epochs: float) -> None:
    wanted = wanted_rows(PLAN.model_copy(update={"num_train_epochs": epochs}), count)
    assert wanted <= min(MOST_ROWS, SHARE * count)
    assert (LOOKS + 2) * wanted * FORWARD_SHARE <= COST_SHARE * epochs * count


def test_the_slice_hangs_on_the_content_of_the_rows_alone() -> None:
    records = rows(1000)
    shuffled = random.Random(3).sample(records, len(records))
    assert held(PLAN, records) == held(PLAN, shuffled)
    # With rows added that are held out themselves, or not, those before them mostly stay where they were.
    more = held(PLAN, records + rows(1100)[1000:])
    assert len(more & held(PLAN, records)) >= 0.8 * len(held(PLAN, records))


@pytest.mark.parametrize("count", [1000, NEAR_ROWS])
def test_copies_and_near_copies_stay_on_one_side(count: int) -> None:
    records = rows(count)
    edits = [
        {**row, "prompt": row["prompt"].replace("What does", "What, please, does").upper()} for row in records
    ]
    copies = [dict(row) for row in records]
    both = slice_of(PLAN, records + (edits if 2 * count <= NEAR_ROWS else copies)).places
    assert len(both) >= LEAST_ROWS
    assert {place % count for place in both} == {place % count for place in both if place < count}
    assert len(both) == 2 * len({place % count for place in both})


def test_rows_that_are_copies_of_a_few_are_not_held_out() -> None:
    copies = rows(10) * 200
    found = slice_of(PLAN, copies)
    assert (found.places, "copies" in found.why_none) == ((), True)


def test_a_conversation_is_told_by_all_that_its_last_answer_follows_on() -> None:
    chats = [
        {
            "messages": [
                {"role": "user", "content": row["prompt"]},
                {"role": "assistant", "content": f"It is {n} to {n + 1}."},
                {"role": "user", "content": "Which?"},
                {"role": "assistant", "content": str(n)},
            ]
        }
        for n, row in enumerate(rows(1000))
    ]
    places = slice_of(PLAN, chats).places
    assert LEAST_ROWS <= len(places) <= SHARE * 1000


def test_a_rise_within_the_noise_of_the_rows_is_no_rise() -> None:
    noise = random.Random(0)
    before = [5.0 + noise.random() for _ in range(64)]
    same = [loss + noise.gauss(0.0, 1.0) for loss in before]
    same[0] += 64 * 0.01 - sum(same) + sum(before)  # a mean rise of 0.01
    assert not worse(look(same), look(before))
    assert worse(look([loss + 0.1 + 0.1 * noise.random() for loss in before]), look(before))
    assert not worse(look([loss - 0.5 for loss in before]), look(before))


def test_a_loss_that_rises_while_more_tokens_are_right_is_no_worse() -> None:
    before, after = look([5.0] * 40, [5] * 40), [6.0] * 40
    assert worse(look(after, [5] * 40), before)
    assert not worse(look(after, [5] * 39 + [6]), before)


def test_looks_are_spread_evenly_and_leave_out_the_end() -> None:
    last, at = 0, []
    for step in range(1, 701):
        if due(step, 700, last):
            at.append(step)
            last = step
    assert at == [100, 200, 300, 400, 500, 600]


def test_a_look_tells_means_over_all_tokens() -> None:
    found = Look(3, (1.0, 9.0), (4, 0), (5, 15))
    assert (found.loss, found.right_share) == (0.5, 0.2)
