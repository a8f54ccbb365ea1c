"""Trainer of answers: TRL's ``SFTTrainer`` with the loss on answers only, a clock and a watch on the loss.

torch and TRL are imported at the top: it is a part of the recipe, which runs in a child process.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import torch
from transformers import TrainerCallback
from trl import SFTTrainer

from memory.records import RowsReproduced, TrainingPlan
from tools.recipes.answer_logits import TreeForward, answer_logits
from tools.training import ranks
from tools.training.compilation import Trial
from tools.training.length_groups import LengthGroups, LongestFirst
from tools.training.loss_curve import divergence, rate
from tools.training.pace import steps_in
from tools.training.progress import Progress
from tools.training.tokenise import TokenRow

WRAPPERS = ("forward", "_original_forward")
"""What trainers put in place of a module's own: TRL a fused output layer, Accelerate autocast."""

MEASURED_ROWS = 64
"""So many of the last rows tell how well the training rows are known: 6 points of standard error at most."""


class AnswerTrainer(SFTTrainer):  # type: ignore[misc]
    """``SFTTrainer`` with the loss on answer positions only, a clock and a watch on the loss."""

    loss_is_scaled_for_ga = True

    def prepare(self, plan: TrainingPlan, lengths: Sequence[int]) -> None:
        """Sets what ``TrainingArguments`` cannot say."""
        self.plan, self.lengths = plan, lengths
        self.horizon = int(self.args.max_steps)
        """The step at which training ends and the rate reaches zero; moves as the time is short."""
        self.deadline = math.inf
        self.longest_first = 0
        """So many steps begin with the longest batch of all."""
        self.losses: list[float] = []
        """One a step."""
        self.step_tokens: list[int] = []
        self.loss_so_far, self.tokens_so_far = 0.0, 0
        """Of the step in hand, whose gradients may come from several batches."""
        self.reproduced: deque[list[int]] = deque()
        """Of the last batches: rows, of them whole ones, answer tokens, of them right ones."""
        self.ends: list[float] = []
        """Monotonic time at the end of each step."""
        self.tokens = 0
        self.cpu_seconds_before = 0.0
        self.diverged = ""
        self.stopped_early = ""
        self.end_rate_share = 0.0
        """The rate of the last step, of the plan's."""
        self.progress: Progress | None = None
        self.trial: Trial | None = None
        """Of compiling the model."""
        if (ddp := self.accelerator.ddp_handler) is not None:
            ddp.gradient_as_bucket_view = True  # else DDP holds every gradient twice
        self.trees: TreeForward | None = None
        """Computes batches as prefix trees, where that pays."""
        self.held_out: list[TokenRow] = []
        """Rows that are not trained on, and that the training is judged by."""
        self.remarks: list[str] = []
        self.add_callback(Watch(self))

    def _defer_fsdp_gradient_reduction(self) -> contextlib.AbstractContextManager[None]:
        # transformers would keep whole gradients until the step's last batch; sharding is for want of memory.
        return contextlib.nullcontext()

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean cross-entropy over the answer tokens of the step, be it one batch or several.

        On a CPU, TRL scores every position of the batch in chunks that the backward pass
        computes again, and adds entropy and accuracy for its log. Projecting only the
        positions that some answer occupies gives the same loss and gradient. Measured on
        the bundled model, batch 32, forward and backward, CPU seconds a step: 0.21 here,
        0.27 with the full logits of ``Trainer``, 0.48 with TRL's own.
        """
        logits, labels, wanted = answer_logits(model, inputs, self.trees)
        total = torch.nn.functional.cross_entropy(logits.float(), labels, reduction="sum")
        # Without padding a batch is one long row, in which nothing tells one from the next.
        last = self.steps_left() * self.plan.effective_batch_size <= MEASURED_ROWS
        if last and not self.args.padding_free:
            self._note_reproduced(logits.detach().argmax(dim=-1) == labels, wanted)
        count = ranks.summed(wanted.sum())[0] if num_items_in_batch is None else num_items_in_batch
        loss = total / count
        tokens = inputs["attention_mask"].sum() if "attention_mask" in inputs else inputs["input_ids"].numel()
        seen = ranks.summed(float(loss.detach()), float(tokens))
        self.loss_so_far += seen[0]
        self.tokens_so_far += int(seen[1])
        return loss * ranks.world_size()  # of which DDP takes the mean

    def steps_left(self) -> int:
        """Of the schedule, the step in hand included."""
        return self.horizon - int(self.state.global_step)

    def _note_reproduced(self, right: Any, wanted: Any) -> None:
        """Takes in which answer tokens (shape: answer tokens of the batch) were the likeliest ones.

        A row whose answer tokens all are would be written word for word by greedy decoding. The scores are
        there anyway; the argmax of the last steps costs no pass of its own.
        """
        row_of_token = wanted.nonzero()[:, 0]
        rows = int(wanted.any(dim=1).sum())
        broken = len(torch.unique(row_of_token[~right]))
        here = (rows, rows - broken, len(right), int(right.sum()))
        self.reproduced.append([int(part) for part in ranks.summed(*here)])
        while len(self.reproduced) > 1 and self._rows_noted() - self.reproduced[0][0] >= MEASURED_ROWS:
            self.reproduced.popleft()  # the schedule's end came closer, and went further away again

    def _rows_noted(self) -> int:
        return sum(rows for rows, *_ in self.reproduced)

    def rows_reproduced(self) -> RowsReproduced | None:
        """How well the last rows were known before their step; None where the training never came so far."""
        if not self.reproduced:
            return None
        rows, whole, tokens, right = (sum(part) for part in zip(*self.reproduced, strict=True))
        return RowsReproduced(rows=rows, whole=whole / max(rows, 1), tokens=right / max(tokens, 1))

    def end_step(self) -> None:
        """Takes in the loss and the tokens of an optimiser step."""
        self.ends.append(time.monotonic())
        self.losses.append(self.loss_so_far)
        self.step_tokens.append(self.tokens_so_far)
        self.tokens += self.tokens_so_far
        self.loss_so_far, self.tokens_so_far = 0.0, 0

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The plan's schedule over ``horizon``, which may still move."""
        self.lr_scheduler: Any = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, self._rate)
        return self.lr_scheduler

    def _rate(self, step: int) -> float:
        return rate(step, self.horizon, self.plan.warmup_steps, self.plan.lr_scheduler_type)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        # By whole steps: the same rows meet in a step however it is cut into batches.
        size = self.plan.per_device_train_batch_size
        groups = LengthGroups(self.lengths, size * self.args.gradient_accumulation_steps, self.plan.seed)
        return LongestFirst(groups, size, self.longest_first)


class Watch(TrainerCallback):  # type: ignore[misc]
    """Stops a training that diverges, and brings one that runs late to a good end."""

    def __init__(self, trainer: AnswerTrainer) -> None:
        self.trainer = trainer

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Looks at the loss and at the clock."""
        trainer = self.trainer
        trainer.end_step()
        if trainer.trial is not None:
            trainer.trial.step(trainer.ends, trainer.step_tokens, trainer.horizon)
        trainer.diverged = divergence(trainer.losses, trainer.plan.warmup_steps)
        trainer.end_rate_share = trainer._rate(state.global_step - 1)
        self._fit_to_time(state.global_step)
        if trainer.progress is not None:
            step, used = state.global_step, trainer.plan.learning_rate * trainer.end_rate_share
            trainer.progress.step(step, trainer.horizon, trainer.losses[-1], used, trainer.tokens)
        if trainer.diverged or state.global_step >= trainer.horizon:
            control.should_training_stop = True

    def _fit_to_time(self, step: int) -> None:
        trainer, ends = self.trainer, self.trainer.ends
        left = trainer.deadline - ends[-1]
        settled = ends[trainer.trial.settled :] if trainer.trial is not None else ends
        if left <= 0:
            trainer.horizon = step
        elif len(settled) > 5 and math.isfinite(left):
            # It may also move away again: what made some steps slow need not last.
            trainer.horizon = max(step, min(trainer.args.max_steps, step + steps_in(left, settled)))
        trainer.horizon = ranks.least(trainer.horizon)
        trainer.stopped_early = "time" if trainer.horizon < trainer.args.max_steps else ""
