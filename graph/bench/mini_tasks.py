"""Benchmark of the mini tasks (``python -m graph.bench``): base, all data, oracle and agent in one table.

* base: the untouched bundled model.
* all data: every source whose columns can be read, concatenated, no cleaning but the removal of
  validation and test rows (without it the score would mean nothing), the project's default
  hyperparameters, three epochs.
* oracle: a recipe written by hand by someone who knows which sources are good, with generous time.
* agent: ``ftdojo run`` with its budget, which has to find that out.

All four are scored on the same sealed test rows of a task and seed. All data and oracle use the same
Dojo verbs, records and exports as the agent; only the decisions differ.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from graph import session as sessions
from graph.run import run as run_agent
from graph.session import Session
from graph.settings import BUNDLED_MODEL, RunSettings, make_settings
from memory.journal.log import Journal
from memory.recipe import Cap, DataRecipe, Decontaminate, Filter, Map, Select
from memory.records import Plan, TrainingPlan
from roles.data_curator import write_recipe
from roles.hyperparameters import default_hyperparameters
from roles.method import method_for
from tasks import registry
from tasks.base import Score
from tasks.mini.pool import pool_key

PARTS = ("all_data", "oracle", "agent")
OLD_PARTS = {"naive": "all_data", "reference": "oracle"}
"""Names in results of earlier versions; ``--parts`` still takes them."""
GOOD = ("chain_of_thought",)
"""The defect-free kind of source that a person who knows the pool would train on."""
ORACLE_SECONDS = 170.0
Decide = Callable[[Session], tuple[Plan, DataRecipe, TrainingPlan]]


def all_data(session: Session) -> tuple[Plan, DataRecipe, TrainingPlan]:
    """Concatenate everything that can be read, and train with defaults."""
    dojo = session.dojo
    readable = tuple(name for name, profile in dojo.profiles().items() if profile.suggested_columns)
    plan = _plan("everything concatenated, defaults", readable)
    recipe = DataRecipe(
        operations=(
            Select(sources=readable),
            Map(columns={name: dict(dojo.profiles()[name].suggested_columns) for name in readable}),
            Filter(rule="nonempty"),
            Decontaminate(),
            Cap(rows=dojo.max_rows),
        ),
        seed=dojo.seed,
    )
    return plan, recipe, _for_epochs(_training(session, TrainingPlan()), 3.0, dojo.max_rows)


def oracle(session: Session) -> tuple[Plan, DataRecipe, TrainingPlan]:
    """The good sources by name, cleaned, and as long as it takes."""
    key = pool_key(registry.synthetic(session.dojo.spec.id), session.dojo.seed)
    return long_training(session, tuple(name for name in session.dojo.pool if key[name] in GOOD))


def long_training(
    session: Session, good: tuple[str, ...], seconds: float = ORACLE_SECONDS
) -> tuple[Plan, DataRecipe, TrainingPlan]:
    """The playbook's cleaning of sources that are known to be good, and training with generous time."""
    dojo = session.dojo
    plan = _plan("the clean sources, cleaned, with generous time", good)
    recipe = write_recipe(dojo, plan)
    training = _training(session, TrainingPlan(learning_rate=3e-3, timeout_seconds=seconds))
    return plan, recipe, _for_epochs(training, 20.0, dojo.max_rows)


def _training(session: Session, bundled: TrainingPlan) -> TrainingPlan:
    """The plan by hand, which was tuned on the bundled model; for another, its method and rate by size."""
    dojo = session.dojo
    plan = bundled.model_copy(update={"seed": dojo.seed})
    if session.settings.base_model == BUNDLED_MODEL:
        return plan
    method = method_for(dojo)
    rate = default_hyperparameters(method, dojo.base_model.hidden_size).learning_rate
    return plan.model_copy(update={"method": method, "learning_rate": rate})


def _plan(hypothesis: str, sources: tuple[str, ...]) -> Plan:
    return Plan(
        experiment="e01",
        parent=None,
        hypothesis=hypothesis,
        reason="written by hand",
        change="first",
        expected_gain=0.0,
        sources=sources,
        max_seconds=ORACLE_SECONDS,
    )


def _for_epochs(plan: TrainingPlan, epochs: float, rows: int) -> TrainingPlan:
    steps = max(1, round(epochs * rows / plan.effective_batch_size))
    return plan.model_copy(
        update={"num_train_epochs": epochs, "max_steps": -1, "warmup_steps": min(20, steps // 10)}
    )


def by_hand(settings: RunSettings, decide: Decide) -> dict[str, Any]:
    """One hand-written experiment through the Dojo's verbs, with one reading of the sealed test."""
    session = sessions.start(settings)
    dojo, journal = session.dojo, session.dojo.journal
    try:
        dojo.evaluate("base")
        plan, recipe, training_plan = decide(session)
        journal.append("plan", plan, "e01")
        card = dojo.curate("e01", recipe)
        dojo.train("e01", training_plan)
        dojo.evaluate("e01")
        comparison = dojo.compare("e01", "base")
        journal.append("comparison", comparison, "e01")
        journal.finish("e01", "kept" if comparison.delta > 0 else "discarded")
        journal.append("champion_chosen", {"champion": "e01"})
        base, final, _ = dojo.final_test("e01")
        journal.append("run_ended", {"outcome": "solved", "reason": "one experiment by hand"})
    finally:
        session.close()
    return {
        **scores(base.score, final.score),
        "rows": card.rows,
        "seconds": round(dojo.ledger.elapsed_seconds, 1),
        "run": str(session.run_dir),
    }


def scores(base: Score, final: Score) -> dict[str, Any]:
    """What a result says of the sealed test: of the base, and of what was trained, with its interval."""
    return {
        "base": base.text(),
        "base_value": base.value,
        "score": final.text(),
        "value": final.value,
        "low": final.low,
        "high": final.high,
    }


def by_agent(
    settings: RunSettings, without: Sequence[str] = (), opened: Callable[[Session], None] | None = None
) -> dict[str, Any]:
    """One run of the agent, perhaps without some of its parts, with what it cost in orchestration."""
    started = time.monotonic()
    summary = run_agent(settings, without=without, opened=opened)
    run_dir = Path(settings.runs_dir) / str(summary["run"])
    journal = Journal.open(run_dir / "journal.jsonl", write=False)
    champion = journal.champion_id()
    base, final = journal.test_evaluation("base"), journal.test_evaluation(champion)
    comparison = journal.stage(champion, "test_comparison")
    assert base is not None and final is not None and comparison is not None
    clocks = journal.clocks
    finished = len(journal.experiments())
    return {
        **scores(base.score, final.score),
        "champion": champion,
        "p_value": comparison["p_value"],
        "experiments": finished,
        "counts": journal.counts(),
        "outcome": summary["outcome"],
        "seconds": round(time.monotonic() - started, 1),
        "orchestration_seconds_per_experiment": round(
            (clocks.get("think", 0.0) + clocks.get("other", 0.0)) / max(finished, 1), 2
        ),
        "clocks": clocks,
        "run": str(run_dir),
    }


def main(
    tasks: Annotated[str, typer.Option(help="Comma-separated task ids; all thirteen when absent.")] = "",
    seeds: Annotated[str, typer.Option(help="Comma-separated seeds.")] = "0",
    budget: Annotated[str, typer.Option(help="The agent's budget.")] = "5m",
    out: Annotated[Path, typer.Option(help="Folder for runs and results.jsonl.")] = Path("runs/benchmark"),
    parts: Annotated[str, typer.Option(help="Of all_data, oracle, agent.")] = "all_data,oracle,agent",
    search: Annotated[str, typer.Option(help="Of the agent, as of ftdojo run.")] = "greedy",
    write: Annotated[Path | None, typer.Option(help="Also write the table into this Markdown file.")] = None,
) -> None:
    """Run the comparison; every result is appended to results.jsonl at once, then the table is printed.

    What results.jsonl holds already is not run again, so that a broken-off comparison goes on.
    """
    results = out / "results.jsonl"
    out.mkdir(parents=True, exist_ok=True)
    done = {(row["task"], row["seed"], row["part"]) for row in read_results(results)}
    for task in tasks.split(",") if tasks else registry.ids():
        for seed in (int(text) for text in seeds.split(",")):
            for part in (OLD_PARTS.get(name, name) for name in parts.split(",")):
                if (task, seed, part) in done:
                    continue
                seconds: str | float = budget if part == "agent" else 3600.0
                settings = make_settings(
                    task=task,
                    seed=seed,
                    budget_seconds=seconds,
                    search=search,
                    memory="off",
                    runs_dir=str(out / part),
                )
                if part == "agent":
                    row = by_agent(settings)
                else:
                    row = by_hand(settings, all_data if part == "all_data" else oracle)
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"task": task, "seed": seed, "part": part, **row}) + "\n")
                typer.echo(f"{task} seed {seed} {part}: {row['score']}")
    typer.echo(table(read_results(results)))
    if write is not None:
        write.write_text(document(read_results(results)), encoding="utf-8")


def read_results(results: Path) -> list[dict[str, Any]]:
    """The rows of a results file, parts by their names of today; none where there is no file."""
    if not results.exists():
        return []
    rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    return [row | {"part": OLD_PARTS.get(row["part"], row["part"])} for row in rows]


def document(rows: Sequence[dict[str, Any]]) -> str:
    """The benchmark page: what was compared, the command, the table, what the runs cost."""
    agents = [row for row in rows if row["part"] == "agent"]
    seeds = sorted({row["seed"] for row in rows})
    lines = [
        "# Benchmark: the mini edition",
        "",
        "Base, all-data baseline, oracle recipe and agent on the same sealed test rows; "
        "`graph/bench/mini_tasks.py` says what each of them does.",
        "",
        "```",
        "make bench-mini",
        "```",
        "",
        f"Seeds {', '.join(map(str, seeds))}. A cell is the score with its 95% interval and n; over several "
        "seeds, the median and the range.",
        "",
        table(rows),
        "",
        "The agent's runs:",
        "",
        "| task | seed | experiments (kept, discarded, failed) | p | orchestration, s per experiment | "
        "wall, s |",
        "|---|---|---|---|---|---|",
        *(_agent_line(row) for row in agents),
        "",
    ]
    return "\n".join(lines)


def _agent_line(row: dict[str, Any]) -> str:
    counts = ", ".join(str(row["counts"][key]) for key in ("kept", "discarded", "failed"))
    cost = row["orchestration_seconds_per_experiment"]
    cells = (row["task"], row["seed"], f"{row['experiments']} ({counts})", f"{row['p_value']:.1g}", cost)
    return "| " + " | ".join(str(cell) for cell in (*cells, f"{row['seconds']:.0f}")) + " |"


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The Markdown table: one task a line, and how much of the base-to-oracle gap the agent closes."""
    lines = ["| task | base | all data | oracle | agent | gap closed |", "|---|---|---|---|---|---|"]
    for task in dict.fromkeys(row["task"] for row in rows):
        mine = [row for row in rows if row["task"] == task]
        parts = {part: [row for row in mine if row["part"] == part] for part in PARTS}
        bases = list({row["seed"]: row for row in mine}.values())
        cells = [_cell(bases, "base"), *(_cell(parts[part], "score") for part in PARTS)]
        lines.append(f"| {task} | {' | '.join(cells)} | {_closed(bases, parts)} |")
    return "\n".join(lines)


def _cell(rows: Sequence[dict[str, Any]], key: str) -> str:
    """One run: its score with interval and n. Several seeds: the median and the range."""
    if not rows:
        return "not run"
    if len(rows) == 1:
        return str(rows[0][key])
    values = [row["base_value" if key == "base" else "value"] for row in rows]
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f}, {len(values)} seeds)"


def _closed(bases: Sequence[dict[str, Any]], parts: Mapping[str, Sequence[dict[str, Any]]]) -> str:
    """Share of the distance from base to oracle that the agent covers, by medians."""
    if not parts["agent"] or not parts["oracle"]:
        return "not run"
    base = statistics.median(row["base_value"] for row in bases)
    best, agent = (statistics.median(row["value"] for row in parts[part]) for part in ("oracle", "agent"))
    return f"{(agent - base) / (best - base):.0%}" if best > base else "no gap"
