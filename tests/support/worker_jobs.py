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


def last_moment(_: dict[str, Any]) -> dict[str, Any]:
    """Seconds until this job had better turn to its end."""
    from tools.process import time_limit

    return {"seconds": time_limit.last_moment() - time.monotonic()}


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

    from tools.evaluation.greedy import end_tokens, generate_greedy
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


def prefill_tokens(payload: dict[str, Any]) -> dict[str, Any]:
    """Tokens that the model reads for some prompts, sharing their beginnings and each by itself."""
    import torch

    from tools.evaluation.prefill import read_prompts
    from tools.models.chat_template import encode, render_prompt
    from tools.models.load import load_model, load_tokenizer

    folder = Path(payload["model_dir"])
    tokenizer, model = load_tokenizer(folder), load_model(folder).eval()
    prompts = encode(tokenizer, [render_prompt(tokenizer, prompt) for prompt in payload["prompts"]])
    read = [0]

    def count(_: Any, __: Any, given: dict[str, Any]) -> None:
        read[0] += given["input_ids"].numel()

    model.register_forward_pre_hook(count, with_kwargs=True)
    with torch.inference_mode():
        together, read[0] = (read_prompts(model, prompts, 0).token.tolist(), read[0]), 0
        alone = [read_prompts(model, [ids], 0).token.tolist()[0] for ids in prompts]
    return {"together": together[1], "alone": read[0], "same": together[0] == alone}


def continuous_beside_ours(payload: dict[str, Any]) -> dict[str, Any]:
    """Answers by continuous batching and by our loop, and what becomes of a model that cannot do it."""
    from tools.evaluation.continuous import answer_prompts, continuous_batches
    from tools.evaluation.greedy import generate_greedy
    from tools.models.chat_template import encode, render_prompt
    from tools.models.load import load_model, load_tokenizer

    folder, limit = Path(payload["model_dir"]), payload["max_new_tokens"]
    tokenizer, model = load_tokenizer(folder), load_model(folder).eval()
    prompts = encode(tokenizer, [render_prompt(tokenizer, prompt) for prompt in payload["prompts"]])
    before = model.config._attn_implementation
    theirs = continuous_batches(model, tokenizer, prompts, limit, warm_up=False)
    attention = [before, model.config._attn_implementation]

    def refuse(*_: Any, **__: Any) -> None:
        raise ValueError("no paged attention for this architecture")

    model.generate_batch = refuse
    return {
        "ours": generate_greedy(model, tokenizer, prompts, limit),
        "theirs": theirs,
        "attention": attention,
        "refused": continuous_batches(model, tokenizer, prompts, limit),
        "on_cpu": answer_prompts(model, tokenizer, prompts, limit),
    }


def with_stops(payload: dict[str, Any]) -> dict[str, Any]:
    """Answers to their end, and up to a text that the longest of them holds in its middle."""
    from tools.evaluation.generate import answer_sets

    asked = {name: payload[name] for name in ("model_dir", "max_new_tokens")} | {
        "sets": {"all": payload["prompts"]}
    }
    whole = answer_sets(asked)
    longest = max(whole["answers"]["all"], key=len)
    stop = longest[len(longest) // 3 :][:2]
    stopped = answer_sets(asked | {"stops": [stop]})
    return {
        "stop": stop,
        "whole": whole["answers"]["all"],
        "stopped": stopped["answers"]["all"],
        "limits": stopped["limits"]["all"],
        "whole_tokens": whole["generated_tokens"]["all"],
        "stopped_tokens": stopped["generated_tokens"]["all"],
    }


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


def leave_holes(payload: dict[str, Any]) -> dict[str, Any]:
    """Frees nearly all of what it took; what it keeps lies between, so that the heap cannot shrink."""
    blocks = [bytearray(b"x" * (64 << 10)) for _ in range(int(payload["mib"]) * 16)]
    LEAKED.extend(blocks[::200])
    return {}


def wait_for(payload: dict[str, Any]) -> dict[str, Any]:
    """Says that it has started, and ends when a file appears."""
    Path(payload["started"]).touch()
    while not Path(payload["file"]).exists():
        time.sleep(0.01)
    return {}


def with_little_memory(payload: dict[str, Any]) -> dict[str, Any]:
    """Another job, with so many MiB beside what this process holds now: a small card, made by the kernel."""
    import resource

    from tools.process.fork_server import find_function

    lines = Path("/proc/self/status").read_text().splitlines()
    held = int(next(line for line in lines if line.startswith("VmData")).split()[1]) << 10
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (held + (int(payload["mib"]) << 20), before[1]))
    try:
        result: dict[str, Any] = find_function(payload["function"])(payload["payload"])
        return result
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def allocate(payload: dict[str, Any]) -> dict[str, Any]:
    """A tensor of so many GiB."""
    import torch

    return {"bytes": torch.empty(int(payload["gib"]) << 30, dtype=torch.uint8).numel()}


def saved_activations(payload: dict[str, Any]) -> dict[str, Any]:
    """Bytes that autograd holds for a batch, weights not counted, and how many parameters are trained."""
    import weakref

    import torch
    from peft import get_peft_model

    from memory.records import TrainingPlan
    from tools.models.load import load_model
    from tools.recipes.sft import lora_config

    plan = TrainingPlan.model_validate(payload["plan"])
    model = load_model(Path(payload["model_dir"]))
    if plan.gradient_checkpointing:
        model.gradient_checkpointing_enable()
    if plan.method == "lora":
        model = get_peft_model(model, lora_config(plan))
    model.train()
    own = {weights.untyped_storage().data_ptr() for weights in model.parameters()}

    class Saved:
        """A tensor as the graph holds it: gone with its part of the graph."""

        def __init__(self, tensor: torch.Tensor) -> None:
            self.tensor = tensor

    saved: weakref.WeakSet[Saved] = weakref.WeakSet()

    def keep(tensor: torch.Tensor) -> Saved:
        kept = Saved(tensor)
        saved.add(kept)
        return kept

    ids = torch.zeros(payload["rows"], payload["tokens"], dtype=torch.long)
    mask = torch.ones_like(ids)
    mask[1:, -8:] = 0  # with padding, as batches have it
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept.tensor):
        answer = model(input_ids=ids, attention_mask=mask, logits_to_keep=1, use_cache=False)
    storages = {each.tensor.untyped_storage().data_ptr(): each.tensor.untyped_storage() for each in saved}
    held = sum(storage.nbytes() for pointer, storage in storages.items() if pointer not in own)
    del answer  # until here it held the graph
    trained = sum(weights.numel() for weights in model.parameters() if weights.requires_grad)
    return {"bytes": held, "trained": trained}


def holes(payload: dict[str, Any]) -> dict[str, Any]:
    """MiB held after every second of many blocks of 2 MiB was freed."""
    import torch

    from tools.process.allocator import freed_at_once
    from tools.process.machine import held_gib

    with freed_at_once(False):
        torch.ones(8 << 20)  # glibc moves its threshold when a mapped block is freed
    with freed_at_once(payload["short"]):
        before = held_gib()
        blocks = [torch.ones(1 << 19) for _ in range(100)]
        kept = blocks[::2]
        del blocks
        return {"mib": 1024 * (held_gib() - before), "kept": len(kept)}


def held_parts(payload: dict[str, Any]) -> dict[str, Any]:
    """Bytes that the first of several processes holds at the end of a training, and of the whole weights."""
    from tools.recipes.distributed import together

    return together(_held_parts, payload)


def _held_parts(payload: dict[str, Any]) -> dict[str, Any]:
    from transformers import TrainerCallback

    from memory.records import TrainingPlan
    from tools.recipes.sft import build_trainer

    plan = TrainingPlan.model_validate(payload["plan"])
    trainer, _ = build_trainer(plan, *(Path(payload[name]) for name in ("model_dir", "data_path", "out_dir")))

    def here(tensor: Any) -> int:
        local = tensor.to_local() if hasattr(tensor, "to_local") else tensor
        return int(local.numel() * local.element_size())

    held: dict[str, Any] = {}

    class Look(TrainerCallback):  # type: ignore[misc]
        def on_substep_end(self, *_: Any, **__: Any) -> None:  # between two batches of a step
            weights = list(trainer.model.parameters())
            held["gradients"] = sum(here(each.grad) for each in weights)
            held["weights"] = sum(here(each) for each in weights)
            held["whole"] = sum(each.numel() * each.element_size() for each in weights)

    trainer.add_callback(Look())
    trainer.train()
    moments = [state["exp_avg"] for state in trainer.optimizer.state.values()]
    return held | {"moments": sum(here(each) for each in moments)}


def meet(payload: dict[str, Any]) -> dict[str, Any]:
    """Says that it is there, and ends when all that it is to meet are: only jobs at one time meet."""
    place = Path(payload["place"])
    (place / payload["name"]).write_text(str(os.getpid()))
    end = time.monotonic() + float(payload["seconds"])
    while not all((place / name).exists() for name in payload["others"]):
        if time.monotonic() > end:
            raise RuntimeError(f"{payload['others']} did not come")
        time.sleep(0.01)
    return {"name": payload["name"], "pid": os.getpid()}


def once(payload: dict[str, Any]) -> dict[str, Any]:
    """Ends by a signal the first time, and well the second."""
    mark = Path(payload["mark"])
    if not mark.exists():
        mark.write_text(json.dumps([os.getpid(), os.getppid()]))
        os.kill(os.getppid() if payload.get("server") else os.getpid(), signal.SIGKILL)
        time.sleep(60)
    return {"done": True}


def meet_error(payload: dict[str, Any]) -> dict[str, Any]:
    """Ends as a library does that meets an error of the system: with it, or with its text in another."""
    error = OSError(payload["errno"], os.strerror(payload["errno"]), payload["path"])
    if payload["wrapped"]:
        raise RuntimeError(f"while writing: {error.strerror} (os error {error.errno})")
    raise error


def quote_error(payload: dict[str, Any]) -> dict[str, Any]:
    """Ends by an error of its own, which quotes what a script, a row or a model said, and prints that too."""
    print(payload["words"])  # noqa: T201
    raise ValueError(f"no label can be read in {payload['words']!r}")
