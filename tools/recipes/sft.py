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
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from trl import SFTConfig

from memory.records import TrainingPlan
from tasks.errors import ExperimentFailed
from tools.models.adapter import merged, save_adapter
from tools.models.base_model import resolve_base_model
from tools.models.chat_template import LossOn
from tools.models.held import copy_of_held, hold, taken_model
from tools.models.load import copy_tokenizer, load_tokenizer, parameter_count
from tools.models.precision import device, fast_dtype, width_of
from tools.models.quantised import model_in_4bit, refuse_without_bitsandbytes
from tools.process.allocator import HOLES, freed_at_once
from tools.process.fork_server import see_one_device
from tools.process.machine import available_gib, machine
from tools.recipes.answer_trainer import AnswerTrainer
from tools.training import ranks
from tools.training.loss_curve import thin
from tools.training.memory import CHECKPOINTED_PARAMETERS, LongestBatch, memory_need
from tools.training.pace import step_seconds, typical_step
from tools.training.progress import PROGRESS_FILE, peak_memory_gib, progress_of
from tools.training.tokenise import TokenRows, tokenise
from tools.training.tracking import tracked, trainer_arguments

LONGEST_STEPS = 2
"""Of a probe, the first steps, which have the longest rows: Adam's moments are there from the second on."""
SPARE_ROWS = 4
"""So many times a batch of the longest rows is looked at for the longest that may be trained on."""
MERGE_PARAMETERS = 1_000_000_000
"""Up to this size a LoRA result is merged into a whole model; above it only the adapter is kept."""


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
    with tracked(trainer) as remarks, freed_at_once(memory_is_short(trainer, plan, model_dir)):
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
    elif not plan.load_in_4bit:
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
    trainer, _ = build_trainer(
        short,
        Path(payload["model_dir"]),
        Path(payload["data_path"]),
        Path(payload["out_dir"]),
        (steps + 1) * plan.effective_batch_size,
        payload.get("loss_on", "auto"),
    )
    trainer.longest_first = LONGEST_STEPS
    with freed_at_once(memory_is_short(trainer, plan, Path(payload["model_dir"]))):
        trainer.train()
    if trainer.diverged:
        raise ExperimentFailed("probe", "diverged", trainer.diverged)
    if plan.method == "lora" and not plan.load_in_4bit:
        hold(Path(payload["model_dir"]), cleaned(trainer.model.unload()))
    return report(trainer, plan, started) | typical_step(trainer.ends, trainer.step_tokens, LONGEST_STEPS)


def memory_is_short(trainer: AnswerTrainer, plan: TrainingPlan, model_dir: Path) -> bool:
    """Whether the heap's holes could be too much for this machine; a GPU's allocator has none such."""
    if device() != "cpu":
        return False
    tokens = max(trainer.lengths)
    batch = LongestBatch(plan.per_device_train_batch_size, tokens, tokens)
    need = memory_need(plan, resolve_base_model(str(model_dir), allow_pickle=True), batch, machine())
    return HOLES * need.peak_gib > available_gib()


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
    if plan.load_in_4bit or "8bit" in plan.optim:
        refuse_without_bitsandbytes("4-bit weights" if plan.load_in_4bit else plan.optim)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    tokenizer = load_tokenizer(model_dir)
    records = read_rows(data_path, most_rows, longest=plan.per_device_train_batch_size)
    data = tokenise(tokenizer, records, plan.max_length, loss_on)
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
        start = model_in_4bit(model_dir) if plan.load_in_4bit else taken_model(model_dir)
        model = get_peft_model(start, lora_config(plan))
    else:
        model = copy_of_held(model_dir, "float32")
    dtype = fast_dtype(width_of(model))
    steps = plan.max_steps
    if steps <= 0:
        steps = math.ceil(plan.num_train_epochs * len(rows) / plan.effective_batch_size)
    checkpointed = plan.gradient_checkpointing
    if checkpointed is None:
        checkpointed = parameter_count(model) > CHECKPOINTED_PARAMETERS
    config = SFTConfig(
        output_dir=str(out_dir),
        max_steps=steps,
        per_device_train_batch_size=plan.per_device_train_batch_size // ranks.world_size(),
        gradient_accumulation_steps=plan.gradient_accumulation_steps,
        ddp_find_unused_parameters=False,
        learning_rate=plan.learning_rate,
        weight_decay=plan.weight_decay,
        seed=plan.seed,
        bf16=dtype == "bfloat16",  # autocast: products in bfloat16, trained weights in float32
        use_cpu=where == "cpu",
        activation_checkpointing=checkpointed,  # a third of the speed
        neftune_noise_alpha=plan.neftune_noise_alpha,
        optim=plan.optim,
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
        use_rslora=plan.use_rslora,
        use_dora=plan.use_dora,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def read_rows(data_path: Path, most_rows: int | None = None, longest: int = 0) -> list[dict[str, Any]]:
    """The rows of a JSONL file; or its first ones, with so many of the longest of all."""
    with data_path.open(encoding="utf-8") as file:
        lines = list(file)
    if most_rows is not None and most_rows < len(lines):
        # Some more, by characters: the longest may have more tokens than are allowed, and is dropped.
        by_length = sorted(lines[most_rows:], key=len, reverse=True)
        lines = lines[:most_rows] + by_length[: SPARE_ROWS * longest]
    return [json.loads(line) for line in lines]


def save(trainer: AnswerTrainer, plan: TrainingPlan, model_dir: Path, folder: Path) -> Any | None:
    """Writes a loadable directory; with LoRA also the adapter, as ``adapter/``.

    Returns:
        The whole model that was written; None where it was an adapter alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model, whole = trainer.model, None
    if plan.load_in_4bit or (plan.method == "lora" and parameter_count(model) > MERGE_PARAMETERS):
        save_adapter(model, model_dir, folder)
    else:
        if plan.method == "lora":
            save_adapter(model, model_dir, folder / "adapter")
            model = merged(model)
        model.save_pretrained(str(folder))
        whole = model
    copy_tokenizer(trainer.processing_class, model_dir, folder)
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
        "peak_gib": peak_memory_gib(),
        "stopped_early": trainer.stopped_early,
        "planned_steps": int(trainer.args.max_steps),
        "end_rate_share": trainer.end_rate_share,
        "reproduced": known.model_dump() if (known := trainer.rows_reproduced()) else None,
    }


def main() -> None:
    """Runs one plan file and writes the result to standard output as JSON."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tools.recipes.sft plan.json")
    see_one_device()
    sys.stdout.write(json.dumps(train(json.loads(Path(sys.argv[1]).read_text())), indent=1) + "\n")


if __name__ == "__main__":
    main()
