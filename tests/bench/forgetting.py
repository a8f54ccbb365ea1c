"""Forgetting with and without a budget: ``python -m tests.bench.forgetting OUT``.

The same task folder, seed and time, once with ``--forgetting-budget off`` and once with each budget: what the
final model scores on the sealed test, how far it lies from its base along the base's general answers, and how
many questions of general knowledge it still answers. The model is SmolLM2-135M where it was fetched (``ftdojo
fetch smollm2-135m``), else a tiny one that was taught a few general answers, which shows that the bench works
and says nothing about real models. Results are appended to ``forgetting.jsonl`` at once; a folder of the
held-out half is entered into the suite's ``openings.jsonl``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from graph.settings import make_settings
from memory.journal.log import BASE, Journal
from memory.records import Experiment
from tasks.errors import InputError, did_you_mean
from tests.bench.generality.held_out import record_opening
from tests.bench.generality.suite import FOLDERS
from tests.bench.played import by_agent
from tests.support.general_model import make_general_model
from tools.evaluation.evaluate import Asking, answer_sets
from tools.forgetting.general import FACT_TOKENS
from tools.forgetting.prompts import answers_right, general_prompts
from tools.forgetting.watched import DEFAULT_BUDGET
from tools.models import fetch
from tools.models.base_model import resolve_base_model
from tools.models.named import NAMED
from tools.process.worker import Worker
from tools.report.facts import read_rows

RESULTS = "forgetting.jsonl"
REAL = "smollm2-135m"
SHOWN = 4
"""Answers that are printed beside the base's."""


def main(
    out: Path,
    base_model: Annotated[str, typer.Option(help="A name, a folder, or `tiny`; SmolLM2 where fetched.")] = "",
    folder: Annotated[str, typer.Option(help=f"One of {', '.join(FOLDERS)}.")] = "tickets",
    limits: Annotated[str, typer.Option(help="Budgets in nats a token, `off` among them.")] = "",
    budget: str = "20m",
    seed: int = 0,
    held_out: Annotated[int, typer.Option(help="Validation and test items; 0 for all.")] = 0,
    experiments: Annotated[int, typer.Option(help="Experiments at most; 0 for as many as fit.")] = 0,
    max_rows: int = 2000,
) -> None:
    """Run what is missing, then print the table and some answers."""
    if folder not in FOLDERS:
        raise InputError(f"--folder {folder}", "there is no such folder", did_you_mean(folder, FOLDERS))
    out.mkdir(parents=True, exist_ok=True)
    worker = Worker()
    try:
        model = base_of(base_model, out, worker)
        task = write_task(folder, seed, out, held_out)
        done = {(row["model"], row["folder"], row["seed"], row["limit"]) for row in read_rows(out / RESULTS)}
        wanted = limits.split(",") if limits else ("off", str(DEFAULT_BUDGET))
        missing = [limit for limit in wanted if (model, folder, seed, limit) not in done]
        if missing:
            record_opening([folder], [seed], [f"forgetting {limit}" for limit in missing])
        for limit in missing:
            settings = make_settings(
                task=str(task),
                base_model=model,
                seed=seed,
                budget_seconds=budget,
                forgetting_budget=limit,
                max_experiments=experiments or None,
                max_rows=max_rows,
                memory="off",
                runs_dir=str(out / "runs"),
            )
            row = {"model": model, "folder": folder, "seed": seed, "limit": limit, **by_agent(settings)}
            row |= what_was_kept(Path(row["run"]), model, worker)
            with (out / RESULTS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    finally:
        worker.close()
    typer.echo(report(read_rows(out / RESULTS)))


def base_of(asked: str, out: Path, worker: Worker) -> str:
    """The model as a run takes it: the asked one, SmolLM2 where it is here, else the tiny one."""
    if asked and asked != "tiny":
        return asked
    if not asked:
        if fetch.find(NAMED[REAL]) is not None:
            return REAL
        typer.echo(f"{REAL} was not fetched; a tiny model stands in")
    made = out / "tiny" / "model"
    return str(made if made.exists() else make_general_model(out / "tiny", worker))


def write_task(name: str, seed: int, out: Path, held_out: int) -> Path:
    """The folder on disk, its held-out parts cut where that is asked."""
    task = FOLDERS[name](seed).write(out / f"folders-{seed}")
    for part in ("validation.jsonl", "test.jsonl") if held_out else ():
        lines = (task / part).read_text(encoding="utf-8").splitlines()[:held_out]
        (task / part).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return task


def what_was_kept(run_dir: Path, model: str, worker: Worker) -> dict[str, Any]:
    """How a run's leading model lies to its base, and what both answer to questions of general knowledge."""
    journal = Journal.open(run_dir / "journal.jsonl", write=False)
    measured = [each for each in journal.experiments() if each.forgetting and each.forgetting.general]
    champion = journal.champion_id()
    answers = {BASE: _facts(resolve_base_model(model).path, worker, run_dir)}
    if (trained := journal.training(champion)) is not None:
        answers[champion] = _facts(run_dir / trained.model_dir, worker, run_dir)
    facts = [prompt for prompt in general_prompts() if prompt.expect]
    right = {
        name: sum(answers_right(prompt, answer) for prompt, answer in zip(facts, told, strict=True))
        for name, told in answers.items()
    }
    return {
        "champion": champion,
        "measured": {each.id: _cost(each) for each in measured},
        "replay": {each.id: each.plan.replay for each in journal.experiments() if each.plan.replay},
        "facts": len(facts),
        "base_right": right[BASE],
        "champion_right": right[champion],
        "shown": [
            {"prompt": prompt.prompt, "base": answers[BASE][n], "champion": answers[champion][n]}
            for n, prompt in list(enumerate(facts))[:SHOWN]
        ],
    }


def _cost(experiment: Experiment) -> dict[str, Any]:
    assert experiment.forgetting is not None and experiment.forgetting.general is not None
    general = experiment.forgetting.general
    return {
        "validation": experiment.evaluation.score.value if experiment.evaluation else None,
        "outcome": experiment.outcome,
        "mean": round(general.mean, 3),
        "low": round(general.low, 3),
        "high": round(general.high, 3),
        "same": round(general.same, 3),
        "rows": experiment.card.rows if experiment.card else 0,
        "replay_rows": experiment.card.replay_rows if experiment.card else 0,
    }


def _facts(folder: Path, worker: Worker, run_dir: Path) -> list[str]:
    prompts = [prompt.prompt for prompt in general_prompts() if prompt.expect]
    reply, _ = answer_sets(Asking({"facts": prompts}, folder, FACT_TOKENS), worker, run_dir / "facts.log")
    return [str(answer) for answer in reply["answers"]["facts"]]


def report(rows: Sequence[dict[str, Any]]) -> str:
    """The table, a line per budget; below it every experiment that was measured, and some answers."""
    lines = [
        "| folder | seed | budget | base | champion | sealed test | nats from the base | general questions |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cost = row["measured"].get(row["champion"])
        far = f"{cost['mean']:.2f} [{cost['low']:.2f}, {cost['high']:.2f}]" if cost else "-"
        asked = f"{row['champion_right']} of {row['facts']} (base {row['base_right']})"
        run = f"| {row['folder']} | {row['seed']} | {row['limit']} | {row['base_value']:.1f}"
        lines.append(f"{run} | {row['champion']} | {row['value']:.1f} | {far} | {asked} |")
    for row in rows:
        lines.append(f"\nbudget {row['limit']}, seed {row['seed']}:")
        lines += [
            f"- {id}: validation {cost['validation']}, {cost['mean']:.2f} nats, {cost['outcome']}, "
            f"{cost['replay_rows']} of {cost['rows']} rows general"
            for id, cost in row["measured"].items()
        ]
        lines += [
            f"- {each['prompt']} base: {each['base']!r}; champion: {each['champion']!r}"
            for each in row["shown"]
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        typer.run(main)
    except InputError as error:
        raise SystemExit(str(error)) from None
