"""How a run's time is divided among experiments.

An experiment costs a fixed part (curating, loading, answering the validation items) and a part for
each token that is trained on. On a small model the first is seconds and eight experiments fit into
five minutes; on a real model one may take half of the budget. So the time that is left is
divided by the shortest experiment that means something, and where it does not hold a few passes over
the data, most of it goes into one long training: eight stubs teach less than one good training.
"""

from __future__ import annotations

from collections.abc import Sequence

from memory.records import Experiment, Plan, TrainingPlan
from roles.search_space import MAX_EPOCHS
from tools.dojo import Dojo
from tools.training.batch_size import usual_batch_size
from tools.training.learning_rate import Method

TYPICAL_EXPERIMENTS = 8
"""Experiments that a budget is divided into at most, later ones adapt to the time left: two screenings,
and about six improvements, of which some fail. Set on the synthetic editions with five minutes."""
LEAST_STEPS, LEAST_BATCH = 50, 8
"""Optimiser steps, and rows in each, under which a training says little about its data."""
OVERHEAD_SHARE = 0.4
"""Of an experiment, the most that its fixed part may take, evaluation included."""
FEW_EPOCHS = 3.0
"""Passes over the data that a textbook fine-tuning takes; where less time is left, it is not divided."""
FEW_STEPS = 2000
"""Optimiser steps that a fraction of may already say what it does (a judgement): a budget that holds so many
is divided, whatever part of the data they read."""
LONG_SHARE = 0.75
"""Of the time left, what one long training takes then: the rest may still better it, where it holds the
shortest meaningful experiment twice. A restart of the schedule costs more than a little time brings."""
SEARCHABLE_EXPERIMENTS = 10
"""A budget that holds fewer does not search hyperparameters: a search needs trials."""

LOOKS_SHARE = 0.3
"""Of the time left, the most that a round of looks at all sources may take; the look of the winner is not
lost. A judgement: 0.4 was measured on three task folders, 0.3 on one and on one synthetic edition."""
ONE_KIND_SHARE = 0.5
"""The same where all sources are of one kind, so that a comparison of kinds would tell nothing."""
LEAST_LOOK_STEPS, MOST_LOOK_STEPS = 25, 60
"""Optimiser steps of a first look. On the bundled model 60 steps on a clean source
score 10 to 100 where those on a faulty one score 0 to 25."""
SCREENINGS = 2
"""Experiments that the looks count for in the division of the budget, however many sources there are."""


def look_steps(dojo: Dojo, method: Method, sources: Sequence[str], share: float = LOOKS_SHARE) -> int:
    """Steps of one look at each of these sources in a share of the time left; 0 where it holds none."""
    fixed = sum(look_seconds(dojo, method, name, 0) for name in sources)
    one = sum(look_seconds(dojo, method, name, 1) for name in sources) - fixed
    steps = int((share * dojo.remaining_budget_seconds() - fixed) / one)
    return min(steps, MOST_LOOK_STEPS) if steps >= LEAST_LOOK_STEPS else 0


def looks_fit(dojo: Dojo, method: Method, sources: Sequence[str], steps: int) -> bool:
    """Whether the time left holds looks of so many steps at these sources."""
    needed = sum(look_seconds(dojo, method, name, steps) for name in sources)
    return needed <= LOOKS_SHARE * dojo.remaining_budget_seconds()


def look_seconds(dojo: Dojo, method: Method, source: str, steps: int) -> float:
    """Wall-clock of a look, its evaluation included."""
    speed, profile = dojo.training_speed(TrainingPlan(method=method)), dojo.profiles()[source]
    tokens = profile.mean_prompt_tokens + profile.mean_answer_tokens + dojo.template_tokens
    trained = steps * usual_batch_size(mean_row_tokens(dojo)) * tokens / speed.tokens_per_second
    return dojo.overhead_seconds() + speed.fixed_seconds + trained


def meaningful_seconds(dojo: Dojo, method: Method) -> float:
    """The shortest experiment that means something, in wall-clock seconds."""
    overhead = dojo.overhead_seconds()
    speed = dojo.training_speed(TrainingPlan(method=method))
    row = mean_row_tokens(dojo)
    tokens = LEAST_STEPS * min(LEAST_BATCH, usual_batch_size(row)) * row
    fixed = overhead + speed.fixed_seconds
    return max(fixed + tokens / speed.tokens_per_second, fixed / OVERHEAD_SHARE)


def mean_row_tokens(dojo: Dojo) -> float:
    """Of the sources that can be trained on, weighted by their rows."""
    profiles = [each for each in dojo.profiles().values() if each.suggested_columns]
    rows = sum(each.rows for each in profiles)
    tokens = sum(each.rows * (each.mean_prompt_tokens + each.mean_answer_tokens) for each in profiles)
    return tokens / max(rows, 1) + dojo.template_tokens


def rows_in_time(dojo: Dojo, plan: Plan, method: Method) -> float:
    """Rows that a training in this plan's time will read, a repeated row counted again."""
    speed = dojo.training_speed(TrainingPlan(method=method))
    seconds = max(plan.max_seconds - dojo.overhead_seconds() - speed.fixed_seconds, 0.0)
    affordable = seconds * speed.tokens_per_second / max(mean_row_tokens(dojo), 1.0)
    return min(affordable, MAX_EPOCHS * plan.rows)


def experiments_left(dojo: Dojo, history: Sequence[Experiment], method: Method) -> int:
    """How many experiments the time left is divided into; at least one."""
    affordable = int(dojo.remaining_budget_seconds() / meaningful_seconds(dojo, method))
    looks = sum(e.plan.steps > 0 for e in history)
    done = len(history) - looks + min(looks, SCREENINGS)
    return max(1, min(TYPICAL_EXPERIMENTS - done, affordable))


def searches(dojo: Dojo, method: Method) -> bool:
    """Whether the budget as a whole holds enough experiments for a search of hyperparameters."""
    return dojo.ledger.budget.seconds >= SEARCHABLE_EXPERIMENTS * meaningful_seconds(dojo, method)


def experiment_seconds(dojo: Dojo, history: Sequence[Experiment], method: Method, share: float) -> float:
    """One experiment's wall-clock: an equal part of what is left, times ``share``, or the least that means
    something."""
    left = dojo.remaining_budget_seconds()
    least = max(dojo.minimum_experiment_seconds(), meaningful_seconds(dojo, method))
    fair = left / experiments_left(dojo, history, method)
    return min(left, max(fair * share, min(least, left)))


def long_seconds(dojo: Dojo, history: Sequence[Experiment], method: Method, rows: int) -> float | None:
    """The wall-clock of one long training on so many rows; None where the time left holds some passes, or
    many steps."""
    left = dojo.remaining_budget_seconds()
    speed = dojo.training_speed(TrainingPlan(method=method))
    seconds = left - dojo.overhead_seconds() - speed.fixed_seconds
    row = mean_row_tokens(dojo)
    readable = seconds * speed.tokens_per_second / max(row, 1.0)
    if readable >= FEW_EPOCHS * rows or readable >= FEW_STEPS * usual_batch_size(row):
        return None
    rest = (1 - LONG_SHARE) * left
    return left if rest < 2 * meaningful_seconds(dojo, method) else LONG_SHARE * left
