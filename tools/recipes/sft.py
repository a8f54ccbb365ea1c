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
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
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
from tools.models.held import copy_of_held, dtype_of, hold, taken_model
from tools.models.load import copy_tokenizer, load_model, load_tokenizer, parameter_count
from tools.models.precision import Dtype, device, fast_dtype, width_of
from tools.models.quantised import model_in_4bit, refuse_without_bitsandbytes
from tools.process import time_limit
from tools.process.allocator import HOLES, freed_at_once
from tools.process.fork_server import see_one_device
from tools.process.machine import available_gib, machine
from tools.recipes.answer_logits import tree_forward
from tools.recipes.answer_trainer import WRAPPERS, AnswerTrainer
from tools.recipes.arguments import Place, trainer_fields
from tools.recipes.compiled import as_written, remember, trial_on
from tools.recipes.held_out_watch import judged
from tools.recipes.range_test import lowered_rate
from tools.recipes.sharded import gather_into, sharded_model
from tools.training import ranks
from tools.training.held_out import Slice, slice_of
from tools.training.kernels import Kernels, kernels_for, knows_flash, this_device
from tools.training.loss_curve import thin
from tools.training.memory import LongestBatch, memory_need
from tools.training.pace import step_seconds, typical_step
from tools.training.progress import PROGRESS_FILE, peak_memory_gib, progress_of
from tools.training.tokenise import TokenRow, TokenRows, tokenise
from tools.training.tracking import tracked
from tools.training.weight_copy import COPIES

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
    if ranks.is_first():
        shutil.rmtree(staging, ignore_errors=True)
    ranks.wait()
    model_dir = Path(payload["model_dir"])
    asked = Asked(payload.get("loss_on", "auto"), payload.get("tracking"))
    trainer, data = build_trainer(plan, model_dir, Path(payload["data_path"]), staging, asked)
    # The last part of the time is for saving; the caller kills the process at the limit itself, which may be
    # nearer than the plan's where the budget is.
    own, last = (
        started + 0.95 * plan.timeout_seconds - 0.5,
        time_limit.last_moment(written_gib(trainer.model)),
    )
    trainer.deadline = min(own, last)
    trainer.progress = progress_of(trainer, out_dir.with_name(PROGRESS_FILE))
    copies = out_dir.with_name(out_dir.name + COPIES)
    with (
        tracked(trainer) as remarks,
        freed_at_once(memory_is_short(trainer, plan, model_dir)),
        judged(trainer, copies) as verdict,
    ):
        verdict |= lowered_rate(trainer, copies)
        trainer.train()
        if trainer.trial is not None:
            remember(trainer.model, trainer.trial)
        if trainer.diverged:
            raise ExperimentFailed("train", "diverged", trainer.diverged)
    if shared_out(plan):
        trainer.model = gathered(trainer.model, plan, model_dir)
    if not ranks.is_first():
        return {}  # the first of several processes writes what all have made
    whole = save(trainer, plan, model_dir, staging)
    result = report(trainer, plan, started) | what_was_read(data) | verdict | {"payload": payload}
    result["remarks"] += [*trainer.remarks, *(trainer.trees.remark() if trainer.trees else []), *remarks]
    (staging / "training.json").write_text(json.dumps(result, indent=1))
    shutil.rmtree(out_dir, ignore_errors=True)  # an earlier result of another plan
    staging.rename(out_dir)
    if ranks.world_size() > 1:
        return result  # its process ends with it
    if whole is not None:
        hold(out_dir, cleaned(whole))
    elif not plan.load_in_4bit:
        hold(model_dir, cleaned(trainer.model.unload()))
    return result


def written_gib(model: Any) -> float:
    """GiB of the weights that training writes at its end: those that it may change."""
    trained = [each for each in model.parameters() if each.requires_grad]
    written: int = sum(each.numel() * each.element_size() for each in trained)
    return written / (1 << 30)


def cleaned(model: Any) -> Any:
    """A model that a resident process may go on with: as it was loaded, but for its weights."""
    model.zero_grad(set_to_none=True)
    as_written(model)
    for module in model.modules():
        # Trainers put wrappers in their place, and a bound method too many: a copy would call the original.
        for name in WRAPPERS:
            module.__dict__.pop(name, None)
    if hasattr(model, "peft_config"):
        del model.peft_config  # PEFT may leave it behind, and warns of it the next time
    if "flash" in str(model.config._attn_implementation):
        model.set_attn_implementation("sdpa")  # answers choose for themselves
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
    update = {"max_steps": steps, "warmup_steps": 0, "lr_scheduler_type": "linear"}
    short = plan.model_copy(update=update | {"early_stopping": False, "average_weights": False})
    trainer, _ = build_trainer(
        short,
        Path(payload["model_dir"]),
        Path(payload["data_path"]),
        Path(payload["out_dir"]),
        Asked(payload.get("loss_on", "auto"), most_rows=(steps + 1) * plan.effective_batch_size),
    )
    trainer.longest_first = LONGEST_STEPS
    with freed_at_once(memory_is_short(trainer, plan, Path(payload["model_dir"]))):
        trainer.train()
    if trainer.diverged:
        raise ExperimentFailed("probe", "diverged", trainer.diverged)
    if plan.method == "lora" and not plan.load_in_4bit and ranks.world_size() == 1:
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


@dataclass(frozen=True)
class Asked:
    """What a payload says beside plan, start and rows."""

    loss_on: LossOn = "auto"
    tracking: dict[str, Any] | None = None
    most_rows: int | None = None
    """Read no more than so many rows, and some of the longest of all."""
    kernels: Kernels | None = None
    """By default those that suit the device."""


def build_trainer(
    plan: TrainingPlan, model_dir: Path, data_path: Path, out_dir: Path, asked: Asked | None = None
) -> tuple[AnswerTrainer, TokenRows]:
    """The trainer, ready to go, and what became of the rows."""
    asked = asked or Asked()
    cpu_seconds_before = time.process_time()
    if plan.load_in_4bit or "8bit" in plan.optim:
        refuse_without_bitsandbytes("4-bit weights" if plan.load_in_4bit else plan.optim)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    tokenizer = load_tokenizer(model_dir)
    records = read_rows(data_path, asked.most_rows, longest=plan.per_device_train_batch_size)
    data = tokenise(tokenizer, records, plan.max_length, asked.loss_on)
    refuse_no_rows(data, plan.max_length)
    kept_back = held_back(plan, [records[row.place] for row in data.rows])
    held = {*kept_back.places}
    rows = [row for place, row in enumerate(data.rows) if place not in held]
    model = start_model(plan, model_dir, out_dir / "start")
    place = place_of(plan, model, asked.kernels)
    fields = trainer_fields(plan, len(rows), place, out_dir, asked.tracking)
    trainer = AnswerTrainer(
        model=model, args=SFTConfig(**fields), train_dataset=as_dataset(rows), processing_class=tokenizer
    )
    trainer.prepare(plan, [len(row.input_ids) for row in rows])
    trainer.cpu_seconds_before = cpu_seconds_before
    trainer.held_out = [data.rows[place] for place in kept_back.places]
    trainer.remarks += [kept_back.why_none] if kept_back.why_none else []
    trainer.trees = tree_forward(trainer.model, plan, place, trainer.remarks)
    if place.kernels.compiles:
        trainer.trial = trial_on(trainer.model)
    return trainer, data


def held_back(plan: TrainingPlan, records: Sequence[dict[str, Any]]) -> Slice:
    """The rows that judge the training; none of a model in parts, whose weights nobody copies."""
    if shared_out(plan) and plan.uses_held_out:
        return Slice(why_none="no rows held out: the model is shared out among devices")
    return slice_of(plan, records)


def place_of(plan: TrainingPlan, model: Any, kernels: Kernels | None = None) -> Place:
    """Where a model is trained; its attention is set to what suits the place."""
    processes, half = ranks.world_size(), fast_dtype(width_of(model)) == "bfloat16"
    if kernels is None:
        rows = plan.per_device_train_batch_size // processes
        kernels = kernels_for(plan, this_device(), half, knows_flash(model), rows, processes)
    if kernels.attention is not None:
        model.set_attn_implementation(kernels.attention)
    return Place(device(), half, parameter_count(model), processes, kernels)


def refuse_no_rows(data: TokenRows, max_length: int) -> None:
    """Check that there is something to train on.

    Raises:
        ExperimentFailed: ``empty_data``.
    """
    if data.rows:
        return
    refused = "".join(f"; {each.count} refused: {each.reason}" for each in data.refused)
    message = f"no row fits into {max_length} tokens ({len(data.too_long)} dropped{refused})"
    raise ExperimentFailed("train", "empty_data", message)


def as_dataset(rows: Sequence[TokenRow]) -> Dataset:
    """The rows as the trainer reads them."""
    columns = {
        "input_ids": [row.input_ids for row in rows],
        "labels": [row.labels for row in rows],
    }
    return Dataset.from_dict(columns)


def start_model(plan: TrainingPlan, model_dir: Path, scratch: Path) -> Any:
    """The model that training begins with: all of it in float32, or frozen with a fresh adapter over it."""
    torch.manual_seed(plan.seed)
    if shared_out(plan):
        fast = dtype_of(model_dir)
        dtype: Dtype = "float32" if plan.method == "full" else fast
        start = sharded_model(model_dir, dtype, fast == "bfloat16", scratch)
    elif plan.method == "full":
        start = copy_of_held(model_dir, "float32")
    else:
        # Frozen, in the faster type; the adapter itself stays in float32.
        start = model_in_4bit(model_dir) if plan.load_in_4bit else taken_model(model_dir)
    return start if plan.method == "full" else get_peft_model(start, lora_config(plan))


def shared_out(plan: TrainingPlan) -> bool:
    """Whether each process has a part of the model; one process alone has all of it."""
    return plan.fsdp and ranks.world_size() > 1


def gathered(sharded: Any, plan: TrainingPlan, model_dir: Path) -> Any:
    """The trained model in one piece, in the first process's memory; None in the others."""
    whole = None
    if ranks.is_first():
        whole = load_model(model_dir, "float32" if plan.method == "full" else dtype_of(model_dir))
        if plan.method == "lora":
            whole = get_peft_model(whole, lora_config(plan))
    gather_into(whole, sharded)
    return whole


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
