"""Answering: CPU seconds of our greedy loop beside ``generate``, one call per prompt and in one batch.

    nice -n 10 python -m tests.bench.answering --model DIR --items 32 --rounds 3 [--shots 2]

The same model in the same process answers the same mini-edition prompts in turn by each way, round after
round, so that what else the machine does falls on all alike; the ratios are of one round each. With
``--shots`` every prompt begins with so many worked examples, as few-shot evaluations do. Tokens are compared
as well: in float32 those that differ come from ties, in bfloat16 batches of another shape round otherwise.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from tasks.base import TaskSpec
from tasks.load import load
from tasks.registry import get
from tools.evaluation.greedy import end_tokens, generate_greedy, until
from tools.models.base_model import resolve_base_model
from tools.models.chat_template import encode, render_prompts
from tools.models.held import held_model
from tools.models.load import load_tokenizer

Way = Callable[[], list[list[int]]]


def main(
    model: Annotated[str, typer.Option(help="Name, directory or Hub id.")] = "ftdojo-mini",
    task: Annotated[str, typer.Option(help="Task id.")] = "aime25",
    items: Annotated[int, typer.Option()] = 32,
    shots: Annotated[int, typer.Option(help="Worked examples before each prompt.")] = 0,
    new_tokens: Annotated[int, typer.Option(help="Of an answer; 0 for the task's.")] = 0,
    rounds: Annotated[int, typer.Option()] = 3,
    threads: Annotated[int, typer.Option(help="Several spin on a busy machine, and count.")] = 1,
    one_by_one: Annotated[bool, typer.Option(help="Also one call of generate per prompt.")] = True,
) -> None:
    """Answer by each way in turn; print CPU seconds, and ratios to ours, as JSON."""
    import torch

    torch.set_num_threads(threads)
    spec = get(task)
    folder: Path = resolve_base_model(model).path
    tokenizer, held = load_tokenizer(folder), held_model(folder)
    prompts = encode(tokenizer, list(render_prompts(tokenizer, _asked(spec, items, shots)).values()))
    limit = new_tokens or spec.max_new_tokens
    ways: dict[str, Way] = {
        "ours": lambda: generate_greedy(held, tokenizer, prompts, limit),
        "ours, nothing shared": lambda: generate_greedy(held, tokenizer, prompts, limit, share=False),
        "generate, one batch": lambda: _generate(held, tokenizer, prompts, limit, len(prompts)),
    }
    if one_by_one:
        ways["generate, one call per prompt"] = lambda: _generate(held, tokenizer, prompts, limit, 1)
    for warm_up in ways.values():  # imports and first allocations are nobody's
        prompts, whole = prompts[:2], prompts
        warm_up()
        prompts = whole
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    answers: dict[str, list[list[int]]] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.process_time()
            answers[name] = way()
            seconds[name].append(time.process_time() - began)
    ours = answers["ours"]
    told: dict[str, Any] = {
        "model": folder.name,
        "dtype": str(held.dtype),
        "task": task,
        "items": len(prompts),
        "prompt_tokens": sum(map(len, prompts)),
        "answer_tokens": sum(map(len, ours)),
    }
    for name, spent in seconds.items():
        ratios = [theirs / own for theirs, own in zip(spent, seconds["ours"], strict=True)]
        told[name] = {
            "cpu_seconds": round(statistics.median(spent), 2),
            "times_ours": [round(ratio, 2) for ratio in ratios],
            "same_answers": sum(a == b for a, b in zip(answers[name], ours, strict=True)),
        }
    typer.echo(json.dumps(told, indent=1))


def _asked(spec: TaskSpec, items: int, shots: int) -> list[str]:
    data = load(spec, "mini", 0)
    examples = data.validation[len(data.validation) - shots :]
    shown = "".join(f"{each.prompt}\n{spec.render(str(each.gold), '')}\n\n" for each in examples)
    return [shown + sample.prompt for sample in data.validation[:items]]


def _generate(
    model: Any, tokenizer: Any, prompts: Sequence[list[int]], limit: int, rows: int
) -> list[list[int]]:
    """``generate`` on left-padded batches of so many rows, longest prompts first."""
    import torch

    ends = end_tokens(model, tokenizer)
    replies: list[list[int]] = [[] for _ in prompts]
    order = sorted(range(len(prompts)), key=lambda n: len(prompts[n]), reverse=True)
    for start in range(0, len(order), rows):
        batch = order[start : start + rows]
        width = max(len(prompts[n]) for n in batch)
        gaps = [width - len(prompts[n]) for n in batch]
        with torch.inference_mode():
            out = model.generate(
                torch.tensor(
                    [
                        [tokenizer.pad_token_id or 0] * gap + prompts[n]
                        for n, gap in zip(batch, gaps, strict=True)
                    ]
                ),
                attention_mask=torch.tensor([[0] * gap + [1] * (width - gap) for gap in gaps]),
                max_new_tokens=limit,
                do_sample=False,
                eos_token_id=ends,
                pad_token_id=tokenizer.pad_token_id or 0,
            )
        for n, row in zip(batch, out[:, width:].tolist(), strict=True):
            replies[n] = until(row, ends)
    return replies


if __name__ == "__main__":
    typer.run(main)
