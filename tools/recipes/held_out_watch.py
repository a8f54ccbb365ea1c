"""Watch over the held-out rows of a training: early stop, the mean of the last weights, and which are kept.

Transformers' ``EarlyStoppingCallback`` compares one number with the best by a fixed threshold, and keeps the
best by checkpoints with their optimiser. Here two looks are compared row by row, so that noise is measured
and not guessed, and the best weights are a copy (``tools.training.weight_copy``).

Candidates at the end are the weights as they are, those of the best look where the end is worse beyond
noise, and the mean over the last quarter of the training: of checkpoints at a high rate it is better than
the last of them (LAWA, Kaddour 2022, arXiv:2209.14981, and Sanyal et al. 2023, arXiv:2306.03241; between
trainings: model soups, Wortsman et al. 2022, arXiv:2203.05482), of a schedule that has come to rest it may
be no better. The held-out loss decides, so no item of any validation is spent.

All ranks of a training see the same rows and decide alike.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from memory.held_out import HeldOut
from tools.recipes.answer_logits import answer_logits
from tools.recipes.answer_trainer import AnswerTrainer
from tools.training import ranks
from tools.training.held_out import COST_SHARE, PATIENCE, Look, difference, due, worse
from tools.training.tokenise import TokenRow
from tools.training.weight_copy import WeightCopy, trained_parameters

AVERAGED_PART = 0.25
"""Of the training, the last part that is averaged."""
MOMENTS = 8
"""Of that part that the mean is taken over, at most: neighbouring steps say nearly the same."""
COPY_SHARE = 0.02
"""Of the training's time, what copies may take."""


class HeldOutWatch(TrainerCallback):  # type: ignore[misc]
    """Looks at the held-out rows while a trainer trains, and settles at the end which weights are kept.

    Args:
        trainer: with ``prepare`` done; its plan says what is wanted.
        rows: the held-out rows.
        folder: for copies of weights where memory is short; gone after ``close``.
    """

    def __init__(self, trainer: AnswerTrainer, rows: Sequence[TokenRow], folder: Path) -> None:
        self.trainer, self.rows, self.folder = trainer, rows, folder
        shutil.rmtree(folder, ignore_errors=True)  # of an attempt that was killed
        self.copies: list[WeightCopy] = []
        self.looks: list[Look] = []
        self.best_look: Look | None = None
        self.strikes = 0
        self.look_seconds, self.copy_seconds = 0.0, 0.0
        self.one_look = 0.0
        """Seconds of the dearest look so far."""
        self.began = time.monotonic()
        self.deadline: float | None = None
        self.added_at = 0
        trainer.add_callback(self)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Starts the clock, on which the cost of looks is held against the training's own time."""
        # Only now do the weights stand where they are trained: on the device, or shared out among several.
        parameters = trained_parameters(self.trainer.model)
        self.best = WeightCopy(parameters, self.folder / "best")
        self.mean = WeightCopy(parameters, self.folder / "mean")
        self.copies = [self.best, self.mean]
        self.began, self.deadline = time.monotonic(), self.trainer.deadline

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Looks where a look is due and affordable, and takes the mean in the last part."""
        step, horizon, plan = state.global_step, self.trainer.horizon, self.trainer.plan
        if self.trainer.diverged:
            return
        last = self.looks[-1].step if self.looks else 0
        timed = self.trainer.trial is not None and self.trainer.trial.times  # a look would count as a step's
        if (
            plan.early_stopping
            and not timed
            and due(step, horizon, last)
            and self._affords_look(horizon / step)
        ):
            self._take_in(self.look(step))
            if self.strikes >= PATIENCE:
                control.should_training_stop = True
        if plan.average_weights and self._is_moment(step, horizon) and self._affords(self.mean):
            with self._clocked("copy_seconds"):
                self.mean.add()
            self.added_at = step

    def look(self, step: int) -> Look:
        """What the model says of the held-out rows now."""
        with self._clocked("look_seconds"):
            began = time.monotonic()
            found = looked_at(self.trainer, self.rows, step)
            self.one_look = max(self.one_look, time.monotonic() - began)
        if self.deadline is not None:  # the end and the mean are still to be looked at
            self.trainer.deadline = self.deadline - 2 * self.one_look
        return found

    def settle(self) -> dict[str, Any]:
        """Puts the weights that are kept into the model; returns the fields of a ``HeldOut`` record."""
        step = len(self.trainer.losses)
        if not self.looks or self.looks[-1].step < step:
            self.looks.append(self.look(step))
        end = self.looks[-1]
        kept, chosen = "end", end
        rose = self.best_look is not None and worse(end, self.best_look)
        if self.best_look is not None and rose:
            self.best.restore()
            kept, chosen = "best", self.best_look
        average = None
        if self.mean.count > 1:
            with self._clocked("copy_seconds"):
                self.mean.exchange()
            average = self.look(step)
            if difference(average, chosen)[0] < 0.0:
                kept, chosen = "average", average
            else:
                self.mean.restore()
        if self.strikes >= PATIENCE:
            self.trainer.stopped_early = _why(self.best_look, end)
        return {
            "rows": len(self.rows),
            "losses": [(look.step, look.loss, look.right_share) for look in self.looks],
            "rose": rose,
            "kept": kept,
            "kept_step": chosen.step,
            "average": None if average is None else (average.loss, average.right_share),
            "averaged": self.mean.count if average is not None else 0,
            "wall_seconds": self.look_seconds + self.copy_seconds,
        }

    def close(self) -> None:
        """Gives back what the copies take."""
        for each in self.copies:
            each.drop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _take_in(self, look: Look) -> None:
        self.looks.append(look)
        if self.best_look is not None and worse(look, self.best_look):
            self.strikes += 1
            return
        self.strikes = 0
        if (self.best_look is None or difference(look, self.best_look)[0] < 0.0) and self._affords(self.best):
            with self._clocked("copy_seconds"):
                self.best.take()
            self.best_look = look

    def _is_moment(self, step: int, horizon: int) -> bool:
        part = AVERAGED_PART * horizon
        return step > horizon - part and (
            step >= horizon or step - self.added_at >= part / MOMENTS or not self.added_at
        )

    def _affords_look(self, times: float) -> bool:
        """Whether this look, the end's and the mean's keep to their share of the whole, so many times as long
        as what lies behind; of the first, the number of rows sees to it."""
        whole = times * (time.monotonic() - self.began)
        return self._all_agree(self.look_seconds + 3 * self.one_look <= COST_SHARE * whole)

    def _affords(self, copy: WeightCopy) -> bool:
        return self._all_agree(self.copy_seconds <= COPY_SHARE * (time.monotonic() - self.began))

    def _all_agree(self, here: bool) -> bool:
        return bool(ranks.least(int(here)))

    @contextmanager
    def _clocked(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        setattr(self, what, getattr(self, what) + time.monotonic() - began)


@contextmanager
def judged(trainer: AnswerTrainer, folder: Path) -> Iterator[dict[str, Any]]:
    """The block trains; afterwards the weights that are kept are in the model.

    Yields:
        What becomes the ``held_out`` field of a ``Training`` record; empty where no rows are held out.
    """
    said: dict[str, Any] = {}
    if not trainer.held_out:
        yield said
        return
    watch = HeldOutWatch(trainer, trainer.held_out, folder)
    try:
        yield said
        said["held_out"] = watch.settle()
        trainer.remarks.append(HeldOut.model_validate(said["held_out"]).in_words())
    finally:
        watch.close()


def looked_at(trainer: AnswerTrainer, rows: Sequence[TokenRow], step: int) -> Look:
    """The loss and the right tokens of rows, one by one; the model is left as it was found."""
    model = trainer.model_wrapped
    training = model.training
    model.eval()
    # Without padding a batch is one long row, in which nothing tells one from the next.
    size = 1 if trainer.args.padding_free else trainer.args.per_device_train_batch_size
    # Rows of like length stand in one batch; their own order is that of the slice.
    order = sorted(range(len(rows)), key=lambda place: len(rows[place].input_ids))
    losses, right, tokens = ([0.0] * len(rows) for _ in range(3))
    try:
        for start in range(0, len(order), size):
            places = order[start : start + size]
            batch = trainer.data_collator(
                [{"input_ids": rows[n].input_ids, "labels": rows[n].labels} for n in places]
            )
            for found, sums in zip((losses, right, tokens), _row_sums(trainer, model, batch), strict=True):
                for place, value in zip(places, sums, strict=True):
                    found[place] = value
    finally:
        model.train(training)
    world = ranks.world_size()
    shared = [[value / world for value in ranks.summed(*found)] for found in (losses, right)]
    return Look(step, tuple(shared[0]), tuple(round(n) for n in shared[1]), tuple(int(n) for n in tokens))


def _row_sums(trainer: AnswerTrainer, model: Any, batch: Any) -> list[list[float]]:
    """Loss, right tokens and tokens of each row of a batch."""
    # Layers that are compiled for training would be compiled once more, which takes longer than the look.
    eager = torch.compiler.set_stance("force_eager")
    with torch.no_grad(), eager, trainer.compute_loss_context_manager():
        logits, labels, wanted = answer_logits(model, trainer._prepare_inputs(batch), trainer.trees)
        each = torch.nn.functional.cross_entropy(logits.float(), labels, reduction="none")
        hits = (logits.argmax(dim=-1) == labels).float()
    row_of = wanted.nonzero()[:, 0]
    sums = torch.zeros(3, len(wanted), device=each.device)
    sums.index_add_(1, row_of, torch.stack([each, hits, torch.ones_like(each)]))
    return [[float(value) for value in row] for row in sums.tolist()]


def _why(best: Look | None, last: Look) -> str:
    assert best is not None
    return (
        f"the loss on held-out rows rose from {best.loss:.3f} at step {best.step} to {last.loss:.3f} "
        f"at step {last.step}"
    )
