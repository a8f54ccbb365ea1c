"""What one experiment costs, against the same work done by hand: CPU seconds, paired in one run.

    python -m tools.bench.experiment [--rounds 3] [--threads 1] [--with-llamafactory CLI]
    python -m tools.bench.experiment --model smollm2-135m --rows 192 --questions 60 --rounds 1

The work: fine-tune the bundled model on 2,000 generated rows (LoRA r=16 on all
linear layers, one epoch, batch 32), then answer 300 questions greedily, at most 32
new tokens. The stacks take turns within each round, so that a busy machine meets all
of them alike. CPU seconds are user plus system time of the whole process tree; those
before the first question (imports, loading, training, saving) count as training.

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
from pathlib import Path
from typing import NamedTuple

from tools.bench.by_hand import BATCH, EPOCHS, LEARNING_RATE, NEW_TOKENS, RANK, Answers, cpu_seconds
from tools.models.base_model import resolve_base_model
from tools.process.environment import child_environment
from tools.process.machine import peak_gib
from tools.process.worker import ENVIRONMENT, Worker

MODEL = "ftdojo-mini"
NAMES = ("Ann", "Bob", "Eve", "Ida", "Max", "Leo", "Una", "Kim")
BASELINE = "bare"
COLUMNS = ("CPU s", "(range)", "training", "x bare", "answers", "x bare", "wall s", "peak GiB", "right")
WIDTHS = (8, 15, 9, 8, 9, 8, 8, 10, 7)


class Work(NamedTuple):
    """How much there is to do."""

    rows: int
    questions: int
    rounds: int


class Cost(NamedTuple):
    """One stack's cost in one round."""

    training_cpu_seconds: float
    answering_cpu_seconds: float
    wall_seconds: float
    peak_gib: float
    right: int
    """Answers that end as the reference does: a check that the work was done, not a score."""

    @property
    def cpu_seconds(self) -> float:
        """Both together."""
        return self.training_cpu_seconds + self.answering_cpu_seconds


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
    started = cpu_seconds(resource.RUSAGE_SELF)
    _, training = worker.measure("tools.recipes.sft:train", payload, 600.0, folder / "ours-train.log")
    trained = cpu_seconds(resource.RUSAGE_SELF)
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
        training.cpu_seconds + trained - started,
        answering.cpu_seconds + cpu_seconds(resource.RUSAGE_SELF) - trained,
        training.wall_seconds + answering.wall_seconds,
        max(training.peak_gib, answering.peak_gib),
        count_right(reply["answers"]["questions"], questions),
    )


def fresh(stack: str, model: Path, folder: Path, threads: int) -> Cost:
    """Runs a stack in a new interpreter and reads the kernel's count of what it used."""
    command = [sys.executable, "-m", "tools.bench.by_hand", stack, str(model), str(folder), str(threads)]
    cost = _timed([command], folder / f"{stack}.log", threads)
    answers = Answers(*json.loads((folder / f"{stack}.answers.json").read_text()))
    return cost._replace(
        training_cpu_seconds=cost.training_cpu_seconds - answers.cpu_seconds,
        answering_cpu_seconds=answers.cpu_seconds,
        right=count_right(answers.texts, json.loads((folder / "questions.json").read_text())),
    )


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
    trained, answered = (_timed([each], folder / "llama-factory.log", threads) for each in commands)
    lines = (folder / "factory-predict" / "generated_predictions.jsonl").read_text().splitlines()
    return Cost(
        trained.cpu_seconds,
        answered.cpu_seconds,
        trained.wall_seconds + answered.wall_seconds,
        max(trained.peak_gib, answered.peak_gib),
        count_right([json.loads(line)["predict"] for line in lines], questions),
    )


def _timed(commands: list[list[str]], log_path: Path, threads: int) -> Cost:
    """All of it as training: what of it was answering, the caller knows."""
    before, wall, memory = cpu_seconds(resource.RUSAGE_CHILDREN), 0.0, 0.0
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
    return Cost(cpu_seconds(resource.RUSAGE_CHILDREN) - before, 0.0, wall, memory, 0)


def table(costs: dict[str, list[Cost]]) -> str:
    """Medians of the rounds, the range of the whole, and the median ratio to the bare loop."""
    cells = [(stack, *_cells(rounds, costs[BASELINE])) for stack, rounds in costs.items()]
    return "\n".join(
        f"{stack:14}" + "".join(f"{cell:>{width}}" for cell, width in zip(rest, WIDTHS, strict=True))
        for stack, *rest in [("stack", *COLUMNS), *cells]
    )


def _cells(rounds: list[Cost], baseline: list[Cost]) -> list[str]:
    whole = [each.cpu_seconds for each in rounds]
    training = [each.training_cpu_seconds for each in rounds]
    answering = [each.answering_cpu_seconds for each in rounds]
    return [
        f"{statistics.median(whole):.1f}",
        f"({min(whole):.1f}-{max(whole):.1f})",
        *_compared(training, [each.training_cpu_seconds for each in baseline]),
        *_compared(answering, [each.answering_cpu_seconds for each in baseline]),
        f"{statistics.median(cost.wall_seconds for cost in rounds):.1f}",
        f"{max(cost.peak_gib for cost in rounds):.2f}",
        f"{rounds[-1].right}",
    ]


def _compared(seconds: list[float], baseline: list[float]) -> tuple[str, str]:
    ratios = [mine / other for mine, other in zip(seconds, baseline, strict=True)]
    return f"{statistics.median(seconds):.1f}", f"{statistics.median(ratios):.2f}"


def bench(model: Path, work: Work, threads: int, stacks: list[str], factory: str) -> dict[str, list[Cost]]:
    """Every stack in turn, ``work.rounds`` times."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(folder / "rows.jsonl", make_rows(work.rows, 0))
        (folder / "questions.json").write_text(json.dumps(make_rows(work.questions, 1)))
        worker = Worker(threads=threads)
        first = ours(worker, model, folder, 0)
        sys.stdout.write(f"ours, first experiment, imports not counted: {first.cpu_seconds:.1f} CPU s\n")
        names = ["ours", *stacks, *(["llama-factory"] if factory else [])]
        costs: dict[str, list[Cost]] = {name: [] for name in names}
        for number in range(1, work.rounds + 1):
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
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--stacks", default="bare,plain", help="what to compare with; bare is always there")
    parser.add_argument("--with-llamafactory", default="", metavar="CLI", help="path of llamafactory-cli")
    options = parser.parse_args()
    stacks = list(dict.fromkeys([BASELINE, *filter(None, options.stacks.split(","))]))
    model = resolve_base_model(options.model)
    sys.stdout.write(f"{model.name}, {model.parameters} parameters, {options.threads} thread(s)\n")
    work = Work(options.rows, options.questions, options.rounds)
    costs = bench(model.path, work, options.threads, stacks, options.with_llamafactory)
    sys.stdout.write(table(costs) + "\n")


if __name__ == "__main__":
    main()
