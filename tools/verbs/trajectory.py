"""Trajectory of a run as a conversation: who played it, what was asked of the verbs, what came of it.

One row of a data set, ready for TRL's conversational trainers:

    {"messages": [...], "tools": "[...]", "reward": 12.5, "outcome": "submitted", "gain": 11.0, ...}

Of an agent's run the calls are its own, refusals as well. Of a run of the graph they are made from its
records: what each role decided is the call that an agent would have made, with the reason as its words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from memory.journal.log import Journal
from memory.records import Experiment
from tools.verbs.calls import read_calls
from tools.verbs.card import CARD_FILE, RULES
from tools.verbs.referee import offered

Message = dict[str, Any]


def trajectory_of(run_dir: Path) -> dict[str, Any]:
    """The run in a folder, however far it has come.

    Returns:
        ``messages`` (``system``, ``user``, then ``assistant`` with ``tool_calls`` and ``tool`` in turn; the
        arguments of a call are a mapping, for half of the chat templates that know tools go through it and
        fail at JSON text), ``tools`` (JSON text of the verbs' schemas),
        ``reward`` (``reward_of``), ``outcome``, ``gain`` (points on the sealed test, None before that),
        ``run``, ``task``, ``seed``, ``policy``, ``budget_seconds``, ``experiments``.

    Raises:
        InputError: the folder holds no readable journal.
    """
    journal = Journal.open(run_dir / "journal.jsonl", write=False)
    made = list(_of_calls(run_dir)) or list(_of_records(journal))
    comparison = journal.stage(journal.champion_id(), "test_comparison")
    info = journal.info
    return {
        "messages": [
            {"role": "system", "content": RULES},
            {"role": "user", "content": _asked(run_dir, journal)},
            *made,
        ],
        "tools": json.dumps(tool_schemas()),
        "reward": reward_of(journal),
        "outcome": str(journal.ended["outcome"]) if journal.ended else None,
        "gain": comparison["delta"] if comparison else None,
        "run": info.run,
        "task": info.task,
        "seed": info.seed,
        "policy": info.policy,
        "budget_seconds": info.budget_seconds,
        "experiments": len(journal.experiments()),
    }


def tool_schemas() -> list[dict[str, Any]]:
    """The verbs as functions that a language model may call."""
    return [
        {
            "type": "function",
            "function": {
                "name": verb.name,
                "description": verb.description,
                "parameters": verb.parameters(),
            },
        }
        for verb in offered()
    ]


def reward_of(journal: Journal) -> float:
    """Points that the champion gained over the base on items kept apart; 0.0 where that was not confirmed.

    The sealed test is no reward: who learns from it over many runs learns the test.
    """
    found = journal.confirmation
    if found is None or not found.confirmed or not found.looks:
        return 0.0
    return float(found.looks[-1].comparison.delta)


def _asked(run_dir: Path, journal: Journal) -> str:
    path, info = run_dir / CARD_FILE, journal.info
    if path.is_file():
        return path.read_text(encoding="utf-8")
    model = f"base model {info.base_model}; {info.budget_seconds:.0f} s"
    return f"Task {info.task}, edition {info.edition}; {model}."


def _of_calls(run_dir: Path) -> Iterator[Message]:
    for number, call in enumerate(read_calls(run_dir)):
        yield from _call(number, call["verb"], call["arguments"], call["text"])


def _call(
    number: int, verb: str, arguments: Mapping[str, Any], told: str, words: str = ""
) -> Iterator[Message]:
    id = f"call_{number:04d}"
    function = {"name": verb, "arguments": dict(arguments)}
    yield {
        "role": "assistant",
        "content": words,
        "tool_calls": [{"id": id, "type": "function", "function": function}],
    }
    yield {"role": "tool", "tool_call_id": id, "name": verb, "content": told}


def _of_records(journal: Journal) -> Iterator[Message]:
    steps = [step for experiment in journal.experiments() for step in _steps(experiment)]
    if journal.ended is not None:
        champion, found = journal.champion_id(), journal.confirmation
        told = f"champion: {champion}" + (f"; {found.text()}" if found else "")
        steps.append(("submit", {"reason": str(journal.ended.get("reason", ""))[:300]}, told, ""))
    for number, step in enumerate(steps):
        yield from _call(number, *step)


Step = tuple[str, dict[str, Any], str, str]
"""Verb, arguments, what was told, and the caller's words."""


def _steps(done: Experiment) -> Iterator[Step]:
    plan, id = done.plan, {"experiment": done.id}
    asked = plan.model_dump(
        mode="json",
        include={
            "hypothesis",
            "sources",
            "change",
            "parent",
            "init_from",
            "expected_gain",
            "max_seconds",
            "rows",
        },
        exclude_none=True,
    )
    asked |= {"reason": plan.reason[:600], "hypothesis": plan.hypothesis[:600]}
    asked |= {"weights": dict(plan.weights)} if plan.weights else {}
    yield "plan_experiment", asked, f"{done.id} is planned", plan.reason
    if done.recipe is not None:
        operations = [op.model_dump(mode="json", exclude_defaults=False) for op in done.recipe.operations]
        told = f"{done.card.rows:,} rows" if done.card else _failed(done)
        yield "run_data_recipe", id | {"operations": operations, "seed": done.recipe.seed}, told, ""
    if done.training_plan is not None:
        exclude = {"decided_by", "override_reason", "hyperparameters_from"}
        training = done.training_plan.model_dump(mode="json", exclude=exclude, exclude_defaults=True)
        told = (
            f"{done.training.steps} steps, {done.training.wall_seconds:.1f} s"
            if done.training
            else _failed(done)
        )
        yield "train_model", id | {"plan": training}, told, ""
    if done.evaluation is not None:
        against = done.comparison
        told = f"validation {done.evaluation.text()}"
        told += f"; {against.delta:+.1f} over {against.champion}, p={against.p_value:.2g}" if against else ""
        yield "evaluate_model", dict(id), told, ""
    words = f"{done.diagnosis.cause}: {done.diagnosis.note}".strip(": ") if done.diagnosis else ""
    yield "finish_experiment", dict(id), f"{done.id} is {done.outcome}", words


def _failed(done: Experiment) -> str:
    failure = done.failure
    return f"failed: {failure.stage}: {failure.code}: {failure.message}"[:700] if failure else "not done"
