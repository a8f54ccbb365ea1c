"""The training gate: a few real steps where they are needed, what follows when they do not fit, the duration.

It is the same for whoever drafted the training; the graph runs the steps.
"""

from __future__ import annotations

from memory.recipe import DataCard
from memory.records import Plan, TrainingPlan
from memory.training import rate_used
from roles.time_split import LEAST_BATCH, LEAST_STEPS
from tools.dojo import Dojo
from tools.training.ladder import of_batch
from tools.training.memory import longest_batch
from tools.training.train import ProbeResult

LEAST_SHARE = 0.3
"""Of an experiment's budget, the least that goes into training: an experiment that only pays its
overhead teaches nothing."""
LEAST_EPOCHS = 0.05
"""However slow the machine: some steps are taken, and the timeout ends them."""
MOST_WARMUP = 20
"""Steps; a tenth of a short training."""
BATCH_FACTOR, RATE_FACTOR = 2, 3
"""So much more than a training that succeeded another may ask for without a probe: memory is estimated
beside it, and a rate within a factor of three of a stable one is seldom unstable."""
TIME_MARGIN, START_SECONDS = 1.3, 5.0
"""The hard end lies so far behind the planned one: speed varies, and a process takes time to start."""
LOOK_MARGIN = 3.0
"""The same for a training of so many steps: cut short it would be compared with others that were not."""


def needs_probe(dojo: Dojo, draft: TrainingPlan, card: DataCard) -> bool:
    """Whether to try a few steps first: not where a training about as demanding has succeeded in this run."""
    if "gates" in dojo.journal.without:
        return False
    for experiment in dojo.journal.experiments():
        earlier, rows = experiment.training_plan, experiment.card
        if experiment.training is None or earlier is None or rows is None:
            continue
        if covers(earlier, rows, rate_used(earlier, experiment.training), draft, card):
            return False
    return True


def covers(
    earlier: TrainingPlan, rows: DataCard, rate_then: float, draft: TrainingPlan, card: DataCard
) -> bool:
    """Whether a draft asks for little more than an earlier training of these rows, so that its success is a
    probe of the draft as well."""
    before, tokens = longest_batch(earlier, rows), longest_batch(draft, card)
    return (
        _structure(earlier) == _structure(draft)
        and before.rows * before.tokens * BATCH_FACTOR >= tokens.rows * tokens.tokens
        and rate_then * RATE_FACTOR >= draft.learning_rate
    )


def _structure(plan: TrainingPlan) -> tuple[object, ...]:
    """What decides memory beside the batch."""
    return plan.method, plan.gradient_checkpointing, plan.load_in_4bit, plan.optim, plan.fsdp


def timed(
    dojo: Dojo,
    plan: Plan,
    card: DataCard,
    draft: TrainingPlan,
    probe: ProbeResult | None,
) -> TrainingPlan:
    """The draft with its duration: as many of its epochs as the budget holds at the measured speed.

    The timeout is the hard end. A probe's seconds are taken off the budget.
    """
    spent = probe.wall_seconds if probe else 0.0
    seconds = max(plan.max_seconds - dojo.overhead_seconds() - spent, LEAST_SHARE * plan.max_seconds)
    if not plan.steps:  # the length of a look is that of the others
        seconds /= 2 ** _timeouts(dojo)
    one_epoch = draft.model_copy(update={"num_train_epochs": 1.0, "max_steps": -1})
    estimate = dojo.estimate(one_epoch, card)
    fixed, speed = estimate.fixed_seconds, estimate.tokens_per_second
    if estimate.basis != "measured" and probe and probe.tokens_per_second > 0:
        # Before the first training a few steps are the best clock there is; later, whole trainings are.
        fixed, speed = 0.0, probe.tokens_per_second
    per_epoch = card.rows * card.mean_tokens / max(speed, 1e-3)
    epochs = min(draft.num_train_epochs, max((seconds - fixed) / max(per_epoch, 1e-3), LEAST_EPOCHS))
    if plan.steps:
        epochs = min(draft.num_train_epochs, plan.steps * draft.effective_batch_size / card.rows)
    elif not draft.override_reason:
        draft = of_batch(draft, _batch_of(draft.effective_batch_size, round(epochs * card.rows)))
    steps = max(1, round(epochs * card.rows / draft.effective_batch_size))
    margin = LOOK_MARGIN if plan.steps else TIME_MARGIN
    return draft.model_copy(
        update={
            "num_train_epochs": round(epochs, 3),
            "max_steps": steps,
            "warmup_steps": min(MOST_WARMUP, max(1, steps // 10)),
            "timeout_seconds": round(seconds * margin + START_SECONDS, 1),
        }
    )


def _timeouts(dojo: Dojo) -> int:
    """Trainings in a row that did not end in time: each halves the next, as its diagnosis asks.

    One that ended since has measured the machine's speed anew.
    """
    count = 0
    for experiment in reversed(dojo.journal.experiments()):
        if experiment.training is not None:
            break
        failure = experiment.failure
        count += failure is not None and failure.code == "timeout" and failure.stage == "train"
    return count


def _batch_of(asked: int, rows: int) -> int:
    """The batch, halved, not below ``LEAST_BATCH``, where a short training would have too few steps."""
    size = asked
    while size >= 2 * LEAST_BATCH and rows / size < LEAST_STEPS:
        size //= 2
    return size
