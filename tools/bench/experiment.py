"""What one experiment costs, against the same work done by hand: CPU seconds, paired in one run.

    python -m tools.bench.experiment [--rounds 3] [--threads 1] [--with-llamafactory CLI]

The work: fine-tune the bundled model on 2,000 generated rows (LoRA r=16 on all
linear layers, one epoch, batch 32), then answer 300 questions greedily, at most 32
new tokens. The stacks take turns within each round, so that a busy machine meets all
of them alike. CPU seconds are user plus system time of the whole process tree.

    ours   this project, an experiment after the first: a child of the warm fork server
    bare   a PyTorch loop with PEFT, batched generate, fresh process: what an expert would write
    plain  a TRL script as first written: the library's defaults, one generate call per question
    llama-factory   its train and predict, where its command line is installed
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tools.models.base_model import resolve_base_model
from tools.process.environment import child_environment
from tools.process.machine import peak_gib
from tools.process.worker import ENVIRONMENT, Worker

MODEL = "ftdojo-mini"
ROWS, QUESTIONS, BATCH, EPOCHS, NEW_TOKENS = 2000, 300, 32, 1, 32
LEARNING_RATE, RANK = 1e-3, 16
NAMES = ("Ann", "Bob", "Eve", "Ida", "Max", "Leo", "Una", "Kim")
BASELINE = "bare"
WIDTHS = (8, 15, 8, 8, 10, 7)


class Cost(NamedTuple):
    """One stack's cost in one round."""

    cpu_seconds: float
    wall_seconds: float
    peak_gib: float
    right: int
    """Answers that end as the reference does: a check that the work was done, not a score."""


def make_rows(count: int, seed: int) -> list[dict[str, str]]:
    """Table questions of two to four rows with chain-of-thought answers, about 75 tokens each."""
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        names = rng.sample(NAMES, rng.randint(2, 4))
        wins = [rng.randint(1, 30) for _ in names]
        data = [list(pair) for pair in zip(names, wins, strict=True)]
        table = json.dumps({"columns": ["name", "wins"], "data": data})
        if rng.random() < 0.5:
            question, answer = "How many wins in all?", f"{'+'.join(map(str, wins))}={sum(wins)}"
        else:
            question, answer = "What is the highest number of wins?", f"{max(wins)}"
        final = sum(wins) if "all" in question else max(wins)
        rows.append(
            {
                "prompt": f"Answer from the table.\n{table}\n{question}",
                "answer": f"{answer}\nFinal Answer: {final}",
            }
        )
    return rows


def write_rows(path: Path, rows: list[dict[str, str]]) -> Path:
    """JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def count_right(answers: list[str], rows: list[dict[str, str]]) -> int:
    """Answers with the reference's last line."""
    last = [row["answer"].split("\n")[-1] for row in rows]
    return sum(answer.strip().endswith(end) for answer, end in zip(answers, last, strict=True))


# -- ours ----------------------------------------------------------------------------------


def ours(worker: Worker, model: Path, folder: Path, number: int) -> Cost:
    """One experiment in two children of the worker; the caller's own time counts as well."""
    questions = json.loads((folder / "questions.json").read_text())
    out = folder / f"ours-{number}"
    plan = {
        "method": "lora",
        "learning_rate": LEARNING_RATE,
        "num_train_epochs": EPOCHS,
        "per_device_train_batch_size": BATCH,
        "lora_r": RANK,
    }
    payload = {
        "plan": plan,
        "model_dir": str(model),
        "data_path": str(folder / "rows.jsonl"),
        "out_dir": str(out),
        "threads": worker.threads,
    }
    before = _cpu(resource.RUSAGE_SELF)
    _, training = worker.measure("tools.recipes.sft:train", payload, 600.0, folder / "ours-train.log")
    asked = {
        "model_dir": str(out),
        "sets": {"questions": [row["prompt"] for row in questions]},
        "max_new_tokens": NEW_TOKENS,
        "threads": worker.threads,
    }
    reply, answering = worker.measure(
        "tools.evaluation.generate:answer_sets", asked, 600.0, folder / "ours-answer.log"
    )
    return Cost(
        training.cpu_seconds + answering.cpu_seconds + _cpu(resource.RUSAGE_SELF) - before,
        training.wall_seconds + answering.wall_seconds,
        max(training.peak_gib, answering.peak_gib),
        count_right(reply["answers"]["questions"], questions),
    )


# -- the same work by hand; each runs in a process of its own ----------------------------------


def bare(model_dir: str, folder: Path) -> list[str]:
    """A plain loop: pad to the batch, loss on the answers, AdamW, merge, batched generate."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, get_cosine_schedule_with_warmup

    tokenizer = AutoTokenizer.from_pretrained(model_dir, trust_remote_code=False)
    model: Any = AutoModelForCausalLM.from_pretrained(model_dir, dtype="float32", trust_remote_code=False)
    config = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(model, config)
    rows = [json.loads(line) for line in (folder / "rows.jsonl").open()]
    ask = [_prompt(tokenizer, row["prompt"]) for row in rows]
    prompts = tokenizer(ask, add_special_tokens=False)["input_ids"]
    ends = [row["answer"] + tokenizer.eos_token for row in rows]
    answers = tokenizer(ends, add_special_tokens=False)["input_ids"]
    steps = EPOCHS * -(-len(rows) // BATCH)
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=LEARNING_RATE)
    schedule = get_cosine_schedule_with_warmup(optimizer, 10, steps)
    model.train()
    for _ in range(EPOCHS):
        order = torch.randperm(len(rows)).tolist()
        for start in range(0, len(rows), BATCH):
            batch = order[start : start + BATCH]
            width = max(len(prompts[n]) + len(answers[n]) for n in batch)
            ids = torch.full((len(batch), width), tokenizer.pad_token_id)
            labels = torch.full((len(batch), width), -100)
            for row, n in enumerate(batch):
                end = len(prompts[n]) + len(answers[n])
                ids[row, :end] = torch.tensor(prompts[n] + answers[n])
                labels[row, len(prompts[n]) : end] = torch.tensor(answers[n])
            mask = (torch.arange(width) < (ids != tokenizer.pad_token_id).sum(dim=1, keepdim=True)).long()
            loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    model = model.merge_and_unload().eval()
    model.save_pretrained(folder / "bare")
    tokenizer.padding_side = "left"
    questions = json.loads((folder / "questions.json").read_text())
    texts: list[str] = []
    for start in range(0, len(questions), 100):
        ask = [_prompt(tokenizer, row["prompt"]) for row in questions[start : start + 100]]
        batch = tokenizer(ask, add_special_tokens=False, padding=True, return_tensors="pt")
        with torch.inference_mode():
            out = model.generate(**batch, max_new_tokens=NEW_TOKENS, do_sample=False)
        texts += tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return texts


def plain(model_dir: str, folder: Path) -> list[str]:
    """TRL as its quick start has it, with what a CPU forces (``bf16=False``, ``use_cpu=True``)."""
    from datasets import load_dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    tokenizer = AutoTokenizer.from_pretrained(model_dir, trust_remote_code=False)
    file, cache = str(folder / "rows.jsonl"), str(folder / "cache")
    data = load_dataset("json", data_files=file, split="train", cache_dir=cache)
    data = data.map(
        lambda row: {
            "prompt": [{"role": "user", "content": row["prompt"]}],
            "completion": [{"role": "assistant", "content": row["answer"]}],
        },
        remove_columns=["answer"],
    )
    config = SFTConfig(
        output_dir=str(folder / "plain"),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=BATCH,
        learning_rate=LEARNING_RATE,
        bf16=False,
        use_cpu=True,
        report_to="none",
    )
    peft_config = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM")
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype="float32", trust_remote_code=False)
    trainer = SFTTrainer(
        model=model, args=config, train_dataset=data, processing_class=tokenizer, peft_config=peft_config
    )
    trainer.train()
    trainer.save_model()
    model = trainer.model.eval()
    texts = []
    for row in json.loads((folder / "questions.json").read_text()):
        inputs = tokenizer(_prompt(tokenizer, row["prompt"]), add_special_tokens=False, return_tensors="pt")
        out = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False)
        texts.append(tokenizer.decode(out[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
    return texts


def _prompt(tokenizer: Any, text: str) -> str:
    message = [{"role": "user", "content": text}]
    return str(tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True))


STACKS: dict[str, Callable[[str, Path], list[str]]] = {"bare": bare, "plain": plain}


def fresh(stack: str, model: Path, folder: Path, threads: int) -> Cost:
    """Runs a stack in a new interpreter and reads the kernel's count of what it used."""
    command = [sys.executable, "-m", "tools.bench.experiment", "--stack", stack]
    command += ["--model", str(model), "--folder", str(folder), "--threads", str(threads)]
    cost = _timed([command], folder / f"{stack}.log", threads)
    answers = json.loads((folder / f"{stack}.answers.json").read_text())
    return cost._replace(right=count_right(answers, json.loads((folder / "questions.json").read_text())))


def llama_factory(cli: str, model: Path, folder: Path, threads: int) -> Cost:
    """LLaMA-Factory's train, then its predict: the two processes of its own documentation."""
    questions = json.loads((folder / "questions.json").read_text())
    columns = {"columns": {"prompt": "prompt", "response": "answer"}}
    files = {name: {"file_name": f"{name}.jsonl"} | columns for name in ("rows", "questions")}
    (folder / "dataset_info.json").write_text(json.dumps(files))
    write_rows(folder / "questions.jsonl", questions)
    common = {
        "model_name_or_path": str(model),
        "stage": "sft",
        "finetuning_type": "lora",
        "template": "empty",
        "dataset_dir": str(folder),
        "cutoff_len": 512,
        "report_to": "none",
        "overwrite_cache": True,
        "use_cpu": True,
    }
    train = common | {
        "do_train": True,
        "dataset": "rows",
        "output_dir": str(folder / "factory"),
        "lora_rank": RANK,
        "lora_alpha": 2 * RANK,
        "lora_target": "all",
        "per_device_train_batch_size": BATCH,
        "num_train_epochs": EPOCHS,
        "learning_rate": LEARNING_RATE,
        "lr_scheduler_type": "cosine",
    }
    predict = common | {
        "do_predict": True,
        "eval_dataset": "questions",
        "adapter_name_or_path": str(folder / "factory"),
        "output_dir": str(folder / "factory-predict"),
        "predict_with_generate": True,
        "per_device_eval_batch_size": 100,
        "max_new_tokens": NEW_TOKENS,
        "do_sample": False,
    }
    # JSON is YAML; its reader of .json files fails.
    for name, config in (("train", train), ("predict", predict)):
        (folder / f"factory-{name}.yaml").write_text(json.dumps(config))
    commands = [[cli, "train", str(folder / f"factory-{name}.yaml")] for name in ("train", "predict")]
    cost = _timed(commands, folder / "llama-factory.log", threads)
    lines = (folder / "factory-predict" / "generated_predictions.jsonl").read_text().splitlines()
    return cost._replace(right=count_right([json.loads(line)["predict"] for line in lines], questions))


def _timed(commands: list[list[str]], log_path: Path, threads: int) -> Cost:
    before, wall, memory = _cpu(resource.RUSAGE_CHILDREN), 0.0, 0.0
    environment = child_environment(os.environ, ENVIRONMENT | {"OMP_NUM_THREADS": str(threads)})
    with log_path.open("w") as log:
        for command in commands:
            started = os.times().elapsed
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            wall += os.times().elapsed - started
            memory = max(memory, peak_gib(usage.ru_maxrss))
            if process.returncode:
                sys.exit(f"{' '.join(command)} failed; see {log_path}:\n{log_path.read_text()[-2000:]}")
    return Cost(_cpu(resource.RUSAGE_CHILDREN) - before, wall, memory, 0)


def _cpu(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def table(costs: dict[str, list[Cost]]) -> str:
    """Medians, their range, and the ratio to the bare loop round by round."""
    columns = ("CPU s", "(range)", "x bare", "wall s", "peak GiB", "right")
    lines = [
        f"{'stack':14}" + "".join(f"{name:>{width}}" for name, width in zip(columns, WIDTHS, strict=True))
    ]
    for stack, rounds in costs.items():
        cpu = [cost.cpu_seconds for cost in rounds]
        pairs = zip(rounds, costs[BASELINE], strict=True)
        paired = [cost.cpu_seconds / other.cpu_seconds for cost, other in pairs]
        cells = (
            f"{statistics.median(cpu):.1f}",
            f"({min(cpu):.1f}-{max(cpu):.1f})",
            f"{statistics.median(paired):.2f}",
            f"{statistics.median(cost.wall_seconds for cost in rounds):.1f}",
            f"{max(cost.peak_gib for cost in rounds):.2f}",
            f"{rounds[-1].right}",
        )
        lines.append(
            f"{stack:14}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))
        )
    return "\n".join(lines)


def bench(model: Path, rounds: int, threads: int, stacks: list[str], factory: str) -> dict[str, list[Cost]]:
    """Every stack in turn, ``rounds`` times."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(folder / "rows.jsonl", make_rows(ROWS, 0))
        (folder / "questions.json").write_text(json.dumps(make_rows(QUESTIONS, 1)))
        worker = Worker(threads=threads)
        first = ours(worker, model, folder, 0)
        sys.stdout.write(f"ours, first experiment, imports not counted: {first.cpu_seconds:.1f} CPU s\n")
        names = ["ours", *stacks, *(["llama-factory"] if factory else [])]
        costs: dict[str, list[Cost]] = {name: [] for name in names}
        for number in range(1, rounds + 1):
            costs["ours"].append(ours(worker, model, folder, number))
            for stack in stacks:
                costs[stack].append(fresh(stack, model, folder, threads))
            if factory:
                costs["llama-factory"].append(llama_factory(factory, model, folder, threads))
        worker.close()
    return costs


def main() -> None:
    """Parses the command line, measures, prints the table."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", default=MODEL, help="bundled name, directory or Hub id")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--stacks", default="bare,plain", help="what to compare with; bare is always there")
    parser.add_argument("--with-llamafactory", default="", metavar="CLI", help="path of llamafactory-cli")
    parser.add_argument("--stack", choices=sorted(STACKS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stack:
        import torch

        torch.set_num_threads(options.threads)
        answers = STACKS[options.stack](options.model, options.folder)
        (options.folder / f"{options.stack}.answers.json").write_text(json.dumps(answers))
        return
    stacks = list(dict.fromkeys([BASELINE, *filter(None, options.stacks.split(","))]))
    model = resolve_base_model(options.model)
    sys.stdout.write(f"{model.name}, {model.parameters} parameters, {options.threads} thread(s)\n")
    costs = bench(model.path, options.rounds, options.threads, stacks, options.with_llamafactory)
    sys.stdout.write(table(costs) + "\n")


if __name__ == "__main__":
    main()
