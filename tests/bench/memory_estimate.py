"""Memory by formula against memory measured, by ``python -m tests.bench.memory_estimate``.

Each configuration is trained for two steps at its longest batch in a child process of its own, on the CPU;
its peak of resident memory, less what the libraries hold before, stands beside the formula of
``tools.training.memory``. Freed tensors leave no holes in the heap, as where memory is short; with room,
holes add up to as much again (``tools.process.allocator``). Models have random weights in the shapes
of published families; with ``--model`` a real one is measured as well. ``--docs`` prints the table of
docs/hardware.md that is made by formula alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from memory.recipe import DataCard
from memory.records import TrainingPlan
from tests.support.run_records import card
from tests.support.tiny_model import write_tokenizer
from tools.models.base_model import BaseModel, resolve_base_model
from tools.process.machine import Machine, machine
from tools.process.worker import Worker
from tools.training.estimate import LIBRARIES_GIB, formula_gib
from tools.training.memory import LongestBatch, longest_batch, memory_need

SECONDS = 400.0


class Shape(NamedTuple):
    """What of a Llama-like model decides its memory."""

    name: str
    hidden: int
    layers: int
    inner: int
    kv: int
    vocab: int
    tied: bool = True
    parameters: float = 0.0
    """Of the published model; counted where it is 0."""


SMALL = {
    "wide": Shape("0.27 B, 4 wide layers", 2048, 4, 5632, 512, 32_000),
    "deep": Shape("0.33 B, 24 layers", 1024, 24, 2816, 256, 32_000),
    "words": Shape("64 M, many words", 512, 8, 2048, 512, 80_000),
    "narrow": Shape("11 M, float32", 256, 12, 1024, 256, 2_000),
    "billion": Shape("1.0 B, 16 layers", 2048, 16, 8192, 512, 32_000),
}
PUBLISHED = (
    Shape("SmolLM2 135 M", 576, 30, 1536, 192, 49_152, True, 134.5e6),
    Shape("Qwen2.5 0.5 B", 896, 24, 4864, 128, 151_936, True, 494e6),
    Shape("Qwen2.5 1.5 B", 1536, 28, 8960, 256, 151_936, True, 1.544e9),
    Shape("Qwen2.5 3 B", 2048, 36, 11008, 256, 151_936, True, 3.086e9),
    Shape("Qwen2.5 7 B", 3584, 28, 18944, 512, 152_064, False, 7.616e9),
    Shape("Qwen2.5 14 B", 5120, 48, 13824, 1024, 152_064, False, 14.77e9),
)


class Configuration(NamedTuple):
    """One training: of which model, how, with which batch."""

    model: str
    """A key of ``SMALL``, or ``given``."""
    method: str
    rows: int
    tokens: int
    checkpointed: bool = False
    accumulated: int = 1

    def plan(self) -> TrainingPlan:
        """Two steps of it."""
        return TrainingPlan.model_validate(
            {
                "method": self.method,
                "per_device_train_batch_size": self.rows,
                "gradient_accumulation_steps": self.accumulated,
                "gradient_checkpointing": self.checkpointed,
                "learning_rate": 1e-4,
                "max_length": 4096,
            }
        )


MEASURED = (
    Configuration("narrow", "full", 32, 256),
    Configuration("narrow", "lora", 16, 256),
    Configuration("words", "full", 8, 128),
    Configuration("words", "full", 2, 128, accumulated=4),
    Configuration("wide", "full", 4, 128),
    Configuration("wide", "lora", 8, 256),
    Configuration("deep", "full", 2, 128),
    Configuration("deep", "full", 2, 256, checkpointed=True),
    Configuration("deep", "lora", 2, 256),
    Configuration("deep", "lora", 4, 256, checkpointed=True),
    Configuration("billion", "lora", 1, 256),
    Configuration("billion", "lora", 2, 256, checkpointed=True),
    Configuration("given", "full", 16, 96),
    Configuration("given", "full", 4, 96, accumulated=4),
    Configuration("given", "full", 2, 512, checkpointed=True),
    Configuration("given", "lora", 16, 96),
    Configuration("given", "lora", 2, 512),
    Configuration("given", "lora", 2, 512, checkpointed=True),
)


def make_model(folder: Path, shape: Shape) -> Path:
    """A model directory with random weights, bfloat16 as published ones are; in a child, by torch."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder)
    payload = {"folder": str(folder), "shape": list(shape)}
    Worker(threads=1).run("tests.bench.memory_estimate:write_weights", payload, SECONDS, folder / "log")
    return folder


def write_weights(payload: dict[str, Any]) -> dict[str, Any]:
    """Writes configuration and weights of a shape."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = Shape(*payload["shape"])
    config = LlamaConfig(
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        intermediate_size=shape.inner,
        num_attention_heads=shape.hidden // 64,
        num_key_value_heads=shape.kv // 64,
        vocab_size=shape.vocab,
        tie_word_embeddings=shape.tied,
        max_position_embeddings=4096,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    torch.set_default_dtype(torch.bfloat16)
    LlamaForCausalLM(config).save_pretrained(payload["folder"])
    return {}


def write_rows(path: Path, count: int, tokens: int, model: BaseModel) -> DataCard:
    """Rows of one length, half of it the answer, and their card."""
    from tools.models.base_model import count_tokens

    counts = count_tokens(model)
    half = " ".join(["question"] * 4)
    while counts(half) < tokens // 2 - 4:
        half += " word"
    rows = [
        {"prompt": half if n % 4 else half.removesuffix(" word word"), "answer": half} for n in range(count)
    ]  # some shorter: batches are padded
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    each = counts(half)
    return card(
        count, path=path.name, mean_tokens=2 * each, longest_tokens=2 * each, longest_trained_tokens=each
    )


def two_steps(payload: dict[str, Any]) -> dict[str, Any]:
    """In a child: a probe's peak above what the libraries hold once they have trained something tiny."""
    from tests.support.tiny_model import make_tiny_model
    from tools.process.machine import held_gib, peak_gib_since, reset_peak
    from tools.recipes import sft

    sft.memory_is_short = lambda *_: True  # as on a machine where it is
    tiny = make_tiny_model(Path(payload["out_dir"]) / "tiny")
    warm = TrainingPlan(per_device_train_batch_size=1, method=payload["plan"]["method"])
    short = {"plan": warm.model_dump(mode="json"), "model_dir": str(tiny)}
    sft.probe(payload | short)
    before = held_gib()
    reset_peak()
    found = sft.probe(payload)
    return {"gib": peak_gib_since() - before, "steps": found["steps"]}


def measure(configuration: Configuration, model: BaseModel, folder: Path) -> tuple[float, float]:
    """(formula, measured) GiB above the libraries."""
    from tools.models.precision import fast_dtype

    plan = configuration.plan()
    here = replace(machine(), bfloat16=fast_dtype(model.hidden_size) == "bfloat16")
    card = write_rows(folder / "rows.jsonl", 4 * plan.effective_batch_size, configuration.tokens, model)
    payload = {
        "plan": plan.model_dump(mode="json"),
        "model_dir": str(model.path),
        "data_path": str(folder / "rows.jsonl"),
        "out_dir": str(folder / "out"),
        "steps": 2,
        "threads": here.cores,
    }
    worker = Worker()
    try:
        done = worker.run("tests.bench.memory_estimate:two_steps", payload, SECONDS, folder / "log", "probe")
    finally:
        worker.close()
    return formula_gib(plan, model, longest_batch(plan, card), here) - LIBRARIES_GIB, float(done["gib"])


def measured_table(given: Path | None, only: str = "") -> str:
    """A row for each configuration, and the largest error."""
    lines = ["| model | training | batch x tokens | formula, GiB | measured, GiB | error |", "|" + "---|" * 6]
    worst = 0.0
    with tempfile.TemporaryDirectory() as name:
        models: dict[str, BaseModel] = {}
        for each in MEASURED:
            if (each.model == "given" and given is None) or only not in ("", each.model):
                continue
            if each.model not in models:
                shape = SMALL.get(each.model)
                path = make_model(Path(name) / each.model, shape) if shape else given
                models[each.model] = resolve_base_model(str(path))
            formula, found = measure(each, models[each.model], Path(name))
            error = formula / found - 1
            worst = max(worst, abs(error))
            name_of = SMALL[each.model].name if each.model in SMALL else models[each.model].name
            cells = (
                name_of,
                in_short(each),
                f"{each.rows} x {each.tokens}",
                f"{formula:.2f}",
                f"{found:.2f}",
            )
            lines.append(f"| {' | '.join(cells)} | {error:+.0%} |")
            sys.stderr.write(lines[-1] + "\n")
    return "\n".join([*lines, "", f"Largest error {worst:.0%} of {len(lines) - 2} configurations."])


def in_short(each: Configuration) -> str:
    """Method and what saves memory."""
    parts = ["full" if each.method == "full" else "LoRA r 16"]
    if each.accumulated > 1:
        parts.append(f"{each.accumulated} accumulated")
    if each.checkpointed:
        parts.append("checkpointed")
    return ", ".join(parts)


def described(shape: Shape) -> BaseModel:
    """A published model by its figures alone."""
    return BaseModel(
        path=Path("/none"),
        name=shape.name,
        parameters=int(shape.parameters),
        n_layers=shape.layers,
        hidden_size=shape.hidden,
        vocab=shape.vocab,
        max_positions=32_768,
        size_gib=2 * shape.parameters / 2**30,
        intermediate_size=shape.inner,
        kv_size=shape.kv,
        tied_embeddings=shape.tied,
        sha="0" * 16,
    )


FORMS: dict[str, dict[str, Any]] = {
    "full": {"method": "full", "gradient_checkpointing": False},
    "full, checkpointed": {"method": "full", "gradient_checkpointing": True},
    "LoRA r 16": {"method": "lora", "gradient_checkpointing": False},
    "LoRA, checkpointed": {"method": "lora", "gradient_checkpointing": True},
    "4-bit LoRA, checkpointed": {"method": "lora", "gradient_checkpointing": True, "load_in_4bit": True},
}
SIZES = ((8, 512), (1, 512), (1, 4096))


def formula_table() -> str:
    """What published models need on a GPU, in GiB, by form and batch."""
    gpu = Machine(cores=8, memory_gib=64.0, gpus=("GPU",), gpu_memory_gib=0.0)
    sizes = " / ".join(f"{rows} x {tokens:,}" for rows, tokens in SIZES)
    lines = [f"| GiB at {sizes} | " + " | ".join(FORMS) + " |", "|" + "---|" * (len(FORMS) + 1)]
    for shape in PUBLISHED:
        cells = []
        for form in FORMS.values():
            figures = []
            for rows, tokens in SIZES:
                plan = TrainingPlan.model_validate({**form, "per_device_train_batch_size": rows})
                need = memory_need(plan, described(shape), LongestBatch(rows, tokens, tokens / 2), gpu)
                figures.append(f"{LIBRARIES_GIB + need.peak_gib:.0f}")
            cells.append(" / ".join(figures))
        lines.append(f"| {shape.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """The table that was asked for, on standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", type=Path, help="a real model's directory, measured as well")
    parser.add_argument("--only", default="", help="a key of SMALL, or given")
    parser.add_argument("--docs", action="store_true", help="by formula alone, nothing is measured")
    given = parser.parse_args()
    sys.stdout.write((formula_table() if given.docs else measured_table(given.model, given.only)) + "\n")


if __name__ == "__main__":
    main()
