"""``python -m tests.bench.faulty_llm --replies 2000``: how decisions and whole runs survive a broken model.

Replies are drawn by seed from the faults of ``tests/support/faulty_llm.py``. First whole runs of a small
folder task (real curation, training, evaluation), then decisions of all five roles in runs that have come so
far, until the replies are used up. Prints replies by kind, runs and decisions that crashed (wanted: 0),
decisions as they were, repaired and taken over by the playbook.
"""

from __future__ import annotations

import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import openai._base_client
import typer

import ftdojo
from memory.records import Decision
from tests.support.faulty_llm import CLIENT_SECONDS, FAULTS, INJECTION, FaultyLLM
from tests.support.loopback_chat import ChatServer
from tests.support.role_decisions import STAGES, decided, decisions, desks, make_policy
from tests.support.small_run import make_task_and_model

MODELS = """
[default]
model = "openai:scripted"
base_url = "{base_url}"
timeout_seconds = {timeout}
max_retries = 1
"""
LENGTHS = (0, 3, 8)
"""Finished experiments in the runs that decisions are made in."""


@dataclass
class Account:
    """What happened."""

    decisions: list[Decision] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    runs: int = 0

    def show(self, llm: FaultyLLM, seconds: float) -> None:
        """Print it."""
        faults = llm.drawn.total() - llm.drawn["sensible"]
        typer.echo(f"{llm.drawn.total()} replies in {seconds:.0f} s, {faults} faulty of {len(FAULTS)} kinds:")
        for kind, count in sorted(llm.drawn.items(), key=lambda item: (-item[1], item[0])):
            typer.echo(f"  {count:5d}  {kind}")
        by = Counter(
            "taken over by the playbook"
            if one.decided_by == "playbook"
            else "repaired"
            if one.problems
            else "as they were"
            for one in self.decisions
        )
        typer.echo(f"{self.runs} whole runs, {len(self.decisions)} decisions: " + _listed(by))
        for role in STAGES:
            mine = [one for one in self.decisions if one.role == role]
            taken = sum(one.decided_by == "playbook" for one in mine)
            repairs = sum(one.repairs for one in mine)
            typer.echo(f"  {role}: {len(mine)} decisions, {repairs} repairs, {taken} taken over")
        typer.echo(f"crashed: {len(self.crashes)}")
        for crash in self.crashes:
            typer.echo(crash)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def whole_runs(count: int, server: ChatServer, folder: Path, account: Account) -> None:
    """Real runs under a broken model."""
    (task, model), models = make_task_and_model(folder), folder / "models.toml"
    models.write_text(MODELS.format(base_url=server.base_url, timeout=CLIENT_SECONDS), encoding="utf-8")
    for seed in range(count):
        account.runs += 1
        try:
            summary = ftdojo.run(
                str(task),
                base_model=str(model),
                budget="10m",
                max_rows=100,
                max_experiments=2,
                memory="off",
                runs_dir=str(folder / "runs"),
                policy="llm",
                models_file=str(models),
                seed=seed,
            )
        except Exception:
            account.crashes.append(traceback.format_exc())
            continue
        events = ftdojo.journal(folder / "runs" / str(summary["run"])).events
        account.decisions += [Decision.model_validate(e.data) for e in events if e.kind == "decision"]
        typer.echo(f"run {seed}: {summary['outcome']}, {summary['reason']}")


def single_decisions(
    replies: int, llm: FaultyLLM, server: ChatServer, folder: Path, account: Account
) -> None:
    """Decisions of all roles, until the replies are used up."""
    policy = make_policy(server.base_url, max_retries=1, timeout_seconds=CLIENT_SECONDS)
    for length in LENGTHS:
        until = replies * (LENGTHS.index(length) + 1) // len(LENGTHS)
        with desks(folder, length, INJECTION) as made:
            while llm.drawn.total() < until:
                for role in STAGES:
                    try:
                        decided(policy, role, made[role], length)
                    except Exception:
                        account.crashes.append(traceback.format_exc())
            account.decisions += [one for role in STAGES for one in decisions(made[role])]


def main(
    replies: Annotated[int, typer.Option(help="How many, at least.")] = 2000,
    runs: Annotated[int, typer.Option(help="Whole runs among them.")] = 3,
    seed: int = 0,
    share: Annotated[float, typer.Option(help="Share of the replies that are faulty.")] = 0.7,
) -> None:
    """Draw, run, count."""
    for name in ("INITIAL_RETRY_DELAY", "MAX_RETRY_DELAY"):
        setattr(openai._base_client, name, 0.0)
    llm, account, started = FaultyLLM(seed, share), Account(), time.monotonic()
    with tempfile.TemporaryDirectory() as temporary, ChatServer(llm) as server:
        folder = Path(temporary)
        whole_runs(runs, server, folder, account)
        single_decisions(replies, llm, server, folder, account)
    account.show(llm, time.monotonic() - started)
    if account.crashes:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
