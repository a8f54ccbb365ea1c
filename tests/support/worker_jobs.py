"""Functions that the tests send to child processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def double(payload: dict[str, Any]) -> dict[str, Any]:
    sys.stdout.write("working\n")
    return {"doubled": 2 * payload["number"], "pid": os.getpid()}


def echo(payload: dict[str, Any]) -> dict[str, Any]:
    return payload


def environment(_: dict[str, Any]) -> dict[str, Any]:
    """The variables of this process, and the bytes that it and its server were started with."""
    started = Path("/proc/self/environ")
    with contextlib.suppress(PermissionError):
        return {"now": dict(os.environ), "started": started.read_text() if started.exists() else ""}
    return {"now": dict(os.environ), "started": ""}


def fail(payload: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"never": 1 / int(payload["zero"])}
    except ZeroDivisionError as error:
        raise RuntimeError("the outer story") from error


def diverge(_: dict[str, Any]) -> dict[str, Any]:
    from tasks.errors import ExperimentFailed

    raise ExperimentFailed("train", "diverged", "the loss is nan at step 3")


def hang(payload: dict[str, Any]) -> dict[str, Any]:
    """Starts a grandchild, writes both process ids, and sleeps."""
    grandchild = subprocess.Popen(["sleep", "600"])
    Path(payload["pids"]).write_text(json.dumps([os.getpid(), os.getppid(), grandchild.pid]))
    time.sleep(600)
    return {}


def leave(payload: dict[str, Any]) -> dict[str, Any]:
    """Ends without a result: by a signal, or by an exit code."""
    if "signal" in payload:
        os.kill(os.getpid(), signal.Signals[payload["signal"]])
        time.sleep(60)
    os._exit(int(payload["exit"]))


def exhaust(_: dict[str, Any]) -> dict[str, Any]:
    raise MemoryError("no 10 GiB left")


def exhaust_torch(_: dict[str, Any]) -> dict[str, Any]:
    """More than any machine has, asked of torch's allocator for the CPU."""
    import torch

    return {"bytes": torch.empty(1 << 50, dtype=torch.uint8).numel()}


def work(payload: dict[str, Any]) -> dict[str, Any]:
    """Uses a processor for so long."""
    while time.process_time() < payload["cpu_seconds"]:
        sum(range(1000))
    return {"cpu_seconds": time.process_time()}


def stop(payload: dict[str, Any]) -> dict[str, Any]:
    """Stands still, as a process that hangs: neither ends nor uses a processor."""
    os.kill(os.getpid(), signal.SIGSTOP)
    return payload


def side_by_side(payload: dict[str, Any]) -> dict[str, Any]:
    """Our greedy loop and transformers' generate on the same prompts."""
    import torch

    from tools.evaluation.generate import end_tokens, generate_greedy
    from tools.models.chat_template import encode, render_prompt
    from tools.models.load import load_model, load_tokenizer

    tokenizer, model = (
        load_tokenizer(Path(payload["model_dir"])),
        load_model(Path(payload["model_dir"])).eval(),
    )
    prompts = encode(tokenizer, [render_prompt(tokenizer, prompt) for prompt in payload["prompts"]])
    limit = payload["max_new_tokens"]
    theirs = []
    with torch.inference_mode():
        for ids in prompts:
            out = model.generate(torch.tensor([ids]), max_new_tokens=limit, do_sample=False)[
                0, len(ids) :
            ].tolist()
            end = next((n for n, token in enumerate(out) if token in end_tokens(model, tokenizer)), len(out))
            theirs.append(out[:end])
    ours = {
        str(rows): generate_greedy(model, tokenizer, prompts, limit, rows) for rows in payload["batch_rows"]
    }
    return {"ours": ours, "theirs": theirs}


def answer_loss(payload: dict[str, Any]) -> dict[str, Any]:
    """The trainer's loss and gradient norm of one batch, and those of the model's own loss."""
    import torch

    from memory.records import TrainingPlan
    from tools.recipes.sft import build_trainer

    plan = TrainingPlan(method="full", per_device_train_batch_size=8)
    trainer, _ = build_trainer(plan, Path(payload["model_dir"]), Path(payload["data"]), Path(payload["out"]))
    batch = next(iter(trainer.get_train_dataloader()))

    def norm(loss: torch.Tensor) -> list[float]:
        trainer.model.zero_grad()
        loss.backward()
        total = torch.stack([p.grad.norm() for p in trainer.model.parameters()]).norm()
        return [float(loss), float(total)]

    ours = norm(trainer.compute_loss(trainer.model, dict(batch)))
    theirs = norm(trainer.model(**batch).loss)
    return {"ours": ours, "theirs": theirs, "scored": int((batch["labels"] != -100).sum())}


LEAKED: list[bytearray] = []


def leak(payload: dict[str, Any]) -> dict[str, Any]:
    """Keeps memory that is never given back."""
    LEAKED.append(bytearray(b"x" * (int(payload["mib"]) << 20)))
    return {}


def wait_for(payload: dict[str, Any]) -> dict[str, Any]:
    """Says that it has started, and ends when a file appears."""
    Path(payload["started"]).touch()
    while not Path(payload["file"]).exists():
        time.sleep(0.01)
    return {}
