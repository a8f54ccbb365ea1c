"""Supervised fine-tuning, one experiment from top to bottom: TRL's ``SFTTrainer`` and PEFT's LoRA.

    python -m tools.recipes.sft plan.json

``plan.json`` is what the agent wrote beside the experiment, and what you may edit:

    {"plan": {"method": "lora", "learning_rate": 0.001, ...},   a TrainingPlan
     "model_dir": "...", "data_path": "rows.jsonl", "out_dir": "...", "threads": 2}

Rows become tokens and labels in ``tools.training.tokenise``. ``"loss_on"`` ("all" or "last") says which
answers of a conversation carry loss; without it the model's chat template decides.
The result is a loadable model directory with ``training.json`` in it, written
beside its final name and renamed at the end, so that a directory that exists is
complete. The result of the same plan, data and start is returned as it is.

torch and TRL are imported at the top: the module is a script, and the agent loads
it only in a child process.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

from memory.records import TrainingPlan
from tasks.errors import ExperimentFailed
from tools.models.adapter import save_adapter, tokenizer_dir
from tools.models.chat_template import LossOn
from tools.models.held import copy_of_held, hold, taken_model
from tools.models.load import load_tokenizer, name_turn_end, parameter_count, save_template
from tools.models.precision import device, fast_dtype, width_of
from tools.process.fork_server import see_one_device
from tools.process.machine import peak_gib_since
from tools.training import ranks
from tools.training.length_groups import LengthGroups
from tools.training.loss_curve import divergence, rate, thin
from tools.training.progress import PROGRESS_FILE, Progress, progress_of
from tools.training.tokenise import TokenRows, tokenise
from tools.training.tracking import tracked, trainer_arguments

CHECKPOINTED_PARAMETERS = 300_000_000
"""From this size on, activations are computed again in the backward pass."""
MERGE_PARAMETERS = 1_000_000_000
"""Up to this size a LoRA result is merged into a whole model; above it only the adapter is kept."""
TOKENIZER_FILES = (
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
    "vocab*",
    "merges.txt",
    "*.model",
)


def train(payload: dict[str, Any]) -> dict[str, Any]:
    """Trains one plan; returns the fields of a ``Training`` record."""
    started = time.monotonic()
    plan = TrainingPlan.model_validate(payload["plan"])
    out_dir = Path(payload["out_dir"])
    if (done := finished(out_dir, payload)) is not None:
        return done
    torch.set_num_threads(int(payload.get("threads") or torch.get_num_threads()))
    staging = out_dir.with_name(out_dir.name + ".tmp")
    shutil.rmtree(staging, ignore_errors=True)
    model_dir = Path(payload["model_dir"])
    asked = payload.get("loss_on", "auto"), payload.get("tracking")
    trainer, data = build_trainer(plan, model_dir, Path(payload["data_path"]), staging, None, *asked)
    # The last part of the time is for saving; the caller kills the process at the limit itself.
    trainer.deadline = started + 0.95 * plan.timeout_seconds - 0.5
    trainer.progress = progress_of(trainer, out_dir.with_name(PROGRESS_FILE))
    with tracked(trainer) as remarks:
        trainer.train()
    if trainer.diverged:
        raise ExperimentFailed("train", "diverged", trainer.diverged)
    if not ranks.is_first():
        return {}  # the first of several processes writes what all have made
    whole = save(trainer, plan, model_dir, staging)
    result = report(trainer, plan, started) | what_was_read(data) | {"payload": payload}
    result["remarks"] += remarks
    (staging / "training.json").write_text(json.dumps(result, indent=1))
    shutil.rmtree(out_dir, ignore_errors=True)  # an earlier result of another plan
    staging.rename(out_dir)
    if whole is not None:
        hold(out_dir, cleaned(whole))
    else:
        hold(model_dir, cleaned(trainer.model.unload()))
    return result


def cleaned(model: Any) -> Any:
    """A model that a resident process may go on with: as it was loaded, but for its weights."""
    model.zero_grad(set_to_none=True)
    for module in model.modules():
        # Trainers put wrappers in their place, and a bound method too many: a copy would call the original.
        for name in ("forward", "_original_forward"):
            module.__dict__.pop(name, None)
    if hasattr(model, "peft_config"):
        del model.peft_config  # PEFT may leave it behind, and warns of it the next time
    if model.is_activation_checkpointing:
        model.gradient_checkpointing_disable()
        model.disable_input_require_grads()
    return model


def finished(out_dir: Path, payload: dict[str, Any]) -> dict[str, Any] | None:
    """The result of an earlier training of exactly this payload."""
    try:
        result: dict[str, Any] = json.loads((out_dir / "training.json").read_text())
    except FileNotFoundError:
        return None
    return result if result.get("payload") == payload else None


def probe(payload: dict[str, Any]) -> dict[str, Any]:
    """A few steps of the plan, nothing saved: do they fit, is the loss finite, how long do they take?"""
    started = time.monotonic()
    plan = TrainingPlan.model_validate(payload["plan"])
    torch.set_num_threads(int(payload.get("threads") or torch.get_num_threads()))
    steps = int(payload["steps"])
    short = plan.model_copy(update={"max_steps": steps, "warmup_steps": 0, "lr_scheduler_type": "linear"})
    rows_needed = (steps + 1) * plan.per_device_train_batch_size
    trainer, _ = build_trainer(
        short,
        Path(payload["model_dir"]),
        Path(payload["data_path"]),
        Path(payload["out_dir"]),
        rows_needed,
        payload.get("loss_on", "auto"),
    )
    trainer.train()
    if trainer.diverged:
        raise ExperimentFailed("probe", "diverged", trainer.diverged)
    if plan.method == "lora":
        hold(Path(payload["model_dir"]), cleaned(trainer.model.unload()))
    # The first step also pays for the allocator and the kernels' set-up.
    seconds = [late - early for early, late in zip(trainer.ends, trainer.ends[1:], strict=False)]
    return report(trainer, plan, started) | {"seconds_per_step": sum(seconds) / max(1, len(seconds))}


def build_trainer(
    plan: TrainingPlan,
    model_dir: Path,
    data_path: Path,
    out_dir: Path,
    most_rows: int | None = None,
    loss_on: LossOn = "auto",
    tracking: dict[str, Any] | None = None,
) -> tuple[AnswerTrainer, TokenRows]:
    """The trainer, ready to go, and what became of the rows."""
    cpu_seconds_before = time.process_time()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    tokenizer = load_tokenizer(model_dir)
    data = tokenise(tokenizer, read_rows(data_path, most_rows), plan.max_length, loss_on)
    rows = data.rows
    if not rows:
        refused = "".join(f"; {each.count} refused: {each.reason}" for each in data.refused)
        raise ExperimentFailed(
            "train",
            "empty_data",
            f"no row fits into {plan.max_length} tokens ({len(data.too_long)} dropped{refused})",
        )
    where = device()
    if plan.method == "lora":
        torch.manual_seed(plan.seed)
        # Frozen, in the faster type; the adapter itself stays in float32.
        model = get_peft_model(taken_model(model_dir), lora_config(plan))
    else:
        model = copy_of_held(model_dir, "float32")
    dtype = fast_dtype(width_of(model))
    steps = plan.max_steps
    if steps <= 0:
        steps = math.ceil(plan.num_train_epochs * len(rows) / plan.per_device_train_batch_size)
    config = SFTConfig(
        output_dir=str(out_dir),
        max_steps=steps,
        per_device_train_batch_size=plan.per_device_train_batch_size // ranks.world_size(),
        ddp_find_unused_parameters=False,
        learning_rate=plan.learning_rate,
        weight_decay=plan.weight_decay,
        seed=plan.seed,
        bf16=dtype == "bfloat16",  # autocast: products in bfloat16, trained weights in float32
        use_cpu=where == "cpu",
        # A third of the speed, for memory that small models do not need.
        activation_checkpointing=parameter_count(model) > CHECKPOINTED_PARAMETERS,
        optim="adamw_torch_fused",
        dataset_kwargs={"skip_prepare_dataset": True},
        dataloader_pin_memory=where == "cuda",
        save_strategy="no",
        disable_tqdm=True,
        **trainer_arguments(tracking, steps),
    )
    dataset = Dataset.from_dict(
        {"input_ids": [row.input_ids for row in rows], "labels": [row.labels for row in rows]}
    )
    trainer = AnswerTrainer(model=model, args=config, train_dataset=dataset, processing_class=tokenizer)
    trainer.prepare(plan, [len(row.input_ids) for row in rows])
    trainer.cpu_seconds_before = cpu_seconds_before
    return trainer, data


def lora_config(plan: TrainingPlan) -> Any:
    """LoRA on every linear layer but the output (Hu et al. 2021; all layers as in Dettmers et al. 2023)."""
    return LoraConfig(
        r=plan.lora_r,
        lora_alpha=plan.lora_alpha,
        lora_dropout=plan.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def read_rows(data_path: Path, most_rows: int | None = None) -> list[dict[str, Any]]:
    """The rows of a JSONL file, or its first ones."""
    with data_path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line, _ in zip(lines, range(most_rows or sys.maxsize), strict=False)]


class AnswerTrainer(SFTTrainer):  # type: ignore[misc]
    """``SFTTrainer`` with the loss on answer positions only, a clock and a watch on the loss."""

    loss_is_scaled_for_ga = True

    def prepare(self, plan: TrainingPlan, lengths: Sequence[int]) -> None:
        """Sets what ``TrainingArguments`` cannot say."""
        self.plan, self.lengths = plan, lengths
        self.horizon = int(self.args.max_steps)
        """The step at which training ends and the rate reaches zero; comes closer when time is short."""
        self.deadline = math.inf
        self.losses: list[float] = []
        self.ends: list[float] = []
        """Monotonic time at the end of each step."""
        self.tokens = 0
        self.cpu_seconds_before = 0.0
        self.diverged = ""
        self.stopped_early = ""
        self.progress: Progress | None = None
        self.add_callback(Watch(self))

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean cross-entropy over the answer tokens of the batch.

        On a CPU, TRL scores every position of the batch in chunks that the backward pass
        computes again, and adds entropy and accuracy for its log. Projecting only the
        positions that some answer occupies gives the same loss and gradient. Measured on
        the bundled model, batch 32, forward and backward, CPU seconds a step: 0.21 here,
        0.27 with the full logits of ``Trainer``, 0.48 with TRL's own.
        """
        labels = inputs["labels"][:, 1:]
        wanted = labels != -100
        keep = wanted.any(dim=0).nonzero().flatten()
        logits = model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            logits_to_keep=keep,
            use_cache=False,
        ).logits
        wanted = wanted[:, keep]
        total = torch.nn.functional.cross_entropy(
            logits[wanted].float(), labels[:, keep][wanted], reduction="sum"
        )
        count = ranks.summed(wanted.sum())[0] if num_items_in_batch is None else num_items_in_batch
        loss = total / count
        seen = ranks.summed(float(loss.detach()), float(inputs["attention_mask"].sum()))
        self.losses.append(seen[0])
        self.tokens += int(seen[1])
        return loss * ranks.world_size()  # of which DDP takes the mean

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The plan's schedule over ``horizon``, which may still move."""
        self.lr_scheduler: Any = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, self._rate)
        return self.lr_scheduler

    def _rate(self, step: int) -> float:
        return rate(step, self.horizon, self.plan.warmup_steps, self.plan.lr_scheduler_type)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return LengthGroups(self.lengths, self.plan.per_device_train_batch_size, self.plan.seed)


class Watch(TrainerCallback):  # type: ignore[misc]
    """Stops a training that diverges, and brings one that runs late to a good end."""

    def __init__(self, trainer: AnswerTrainer) -> None:
        self.trainer = trainer

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Looks at the loss and at the clock."""
        trainer = self.trainer
        trainer.ends.append(time.monotonic())
        trainer.diverged = divergence(trainer.losses, trainer.plan.warmup_steps)
        self._fit_to_time(state.global_step)
        if trainer.progress is not None:
            step, used = state.global_step, trainer.plan.learning_rate * trainer._rate(state.global_step - 1)
            trainer.progress.step(step, trainer.horizon, trainer.losses[-1], used, trainer.tokens)
        if trainer.diverged or state.global_step >= trainer.horizon:
            control.should_training_stop = True

    def _fit_to_time(self, step: int) -> None:
        trainer, ends = self.trainer, self.trainer.ends
        left = trainer.deadline - ends[-1]
        if left <= 0:
            trainer.horizon = step
        elif len(ends) > 5 and math.isfinite(left):
            recent = ends[-20:]
            affordable = step + int(left / ((recent[-1] - recent[0]) / (len(recent) - 1)))
            trainer.horizon = max(step, min(trainer.horizon, affordable))
        trainer.horizon = ranks.least(trainer.horizon)
        if trainer.horizon < trainer.args.max_steps:
            trainer.stopped_early = "time"


def save(trainer: AnswerTrainer, plan: TrainingPlan, model_dir: Path, folder: Path) -> Any | None:
    """Writes a loadable directory; with LoRA also the adapter, as ``adapter/``.

    Returns:
        The whole model that was written; None where it was an adapter alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model, whole = trainer.model, None
    if plan.method == "lora" and parameter_count(model) > MERGE_PARAMETERS:
        save_adapter(model, model_dir, folder)
    else:
        if plan.method == "lora":
            model.save_pretrained(str(folder / "adapter"))
            (folder / "adapter" / "README.md").unlink(missing_ok=True)  # a form that PEFT leaves empty
            model = model.merge_and_unload()
        model.save_pretrained(str(folder))
        whole = model
    for pattern in TOKENIZER_FILES:
        for file in tokenizer_dir(model_dir).glob(pattern):
            shutil.copyfile(file, folder / file.name)
    save_template(trainer.processing_class, folder)
    name_turn_end(trainer.processing_class, folder)
    return whole


def what_was_read(data: TokenRows) -> dict[str, Any]:
    """The fields of a ``Training`` record that are about its rows."""
    return {
        "dropped_rows": len(data.too_long),
        "refused_rows": data.refused_rows,
        "loss_on": data.loss_on,
        "remarks": list(data.in_words()),
    }


def report(trainer: AnswerTrainer, plan: TrainingPlan, started: float) -> dict[str, Any]:
    """The measured fields of a ``Training`` record."""
    memory = peak_gib_since()
    if torch.cuda.is_available():
        memory = torch.cuda.max_memory_allocated() / (1 << 30)
    wall = time.monotonic() - started
    steps = len(trainer.losses)
    return {
        "method": plan.method,
        "steps": steps,
        "rows": len(trainer.lengths),
        "tokens": trainer.tokens,
        "losses": thin(trainer.losses),
        "tokens_per_second": trainer.tokens / wall,
        "wall_seconds": wall,
        "step_seconds": step_seconds(trainer.ends),
        "cpu_seconds": time.process_time() - trainer.cpu_seconds_before,
        "peak_gib": memory,
        "stopped_early": trainer.stopped_early,
    }


def step_seconds(ends: Sequence[float]) -> float:
    """All steps at the pace of those after the first, which also pays for the kernels' set-up."""
    return (ends[-1] - ends[0]) * len(ends) / (len(ends) - 1) if len(ends) > 1 else 0.0


def main() -> None:
    """Runs one plan file and writes the result to standard output as JSON."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tools.recipes.sft plan.json")
    see_one_device()
    sys.stdout.write(json.dumps(train(json.loads(Path(sys.argv[1]).read_text())), indent=1) + "\n")


if __name__ == "__main__":
    main()
