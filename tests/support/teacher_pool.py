"""A small pool with a teacher behind a real server: what tests of the teacher's operations stand on."""

from __future__ import annotations

import json
from typing import Any

from memory.recipe import (
    DataCard,
    DataRecipe,
    Generate,
    Judge,
    Map,
    Operation,
    Rephrase,
    Select,
    Solve,
)
from tasks.base import Source
from tasks.registry import get
from tests.support.loopback_chat import ChatServer, Request, Script
from tests.support.scripted_teacher import a_teacher
from tools.contamination.check import Decontaminator
from tools.curation.run import run_recipe
from tools.synthesis.operations import teacher_steps
from tools.synthesis.teacher import Teacher
from tools.workspace import Workspace

SPEC = get("aime25")
SEALED = "A shop sells 14 pens on Monday and 23 on Tuesday. How many is that?"
GUARD = Decontaminator([("test:x", SEALED, "37")])
REMINDER = "Remember to put your final answer within \\boxed{}."
THINGS = ("pens", "cups", "keys", "maps", "eggs")


def question(n: int) -> str:
    return f"Tom has {n} {THINGS[n % 5]} and finds {n + 3} more. How many does he have?\n{REMINDER}"


POOL = {
    "plain": Source(
        "plain", "", tuple({"q": question(n), "a": f"\\boxed{{{2 * n + 3}}}"} for n in range(10, 40))
    )
}
LEAKY = {
    "plain": Source(
        "plain",
        "",
        (
            *POOL["plain"].rows[:9],
            {"q": "please, A SHOP sells 14 pens on Monday and 23 on Tuesday. How many is that", "a": "37"},
        ),
    )
}
ASKING: tuple[Operation, ...] = (Solve(samples=1), Rephrase(), Generate(rows=8), Judge())


def recipe(*operations: Operation, seed: int = 0) -> DataRecipe:
    columns = Map(columns={"plain": {"prompt": "q", "answer": "a"}})
    return DataRecipe(operations=(Select(sources=("plain",)), columns, *operations), seed=seed)


def curate(workspace: Workspace, made: DataRecipe, teacher: Teacher | None, **options: Any) -> DataCard:
    pool = options.pop("pool", POOL)
    decontaminator = options.pop("decontaminator", GUARD)
    return run_recipe(
        made,
        pool,
        SPEC,
        decontaminator,
        workspace,
        lambda text: len(text.split()),
        teacher=teacher_steps(teacher) if teacher else None,
        **options,
    )


def written(workspace: Workspace, card: DataCard) -> list[dict[str, Any]]:
    return [json.loads(line) for line in workspace.inside(card.path).read_text(encoding="utf-8").splitlines()]


def run(
    workspace: Workspace, script: Script, *operations: Operation, **options: Any
) -> tuple[DataCard, list[dict[str, Any]], list[Request]]:
    with ChatServer(script) as server:
        teacher = a_teacher(server, workspace.run_dir / "teacher", options.pop("spending", None))
        card = curate(workspace, recipe(*operations), teacher, **options)
        return card, written(workspace, card), server.requests


def asked_about(request: Request) -> str:
    """The row in the user's turn, without the marks of its fence."""
    lines = request.messages[-1]["content"].split("\n")
    return "\n".join(line.removeprefix("> ") for line in lines if line.startswith(">"))


def new_row(n: int, total: int, steps: bool = True, end: str = f"\n{REMINDER}") -> str:
    prompt = f"Tom has {n} {THINGS[n % 5]} and finds {n + 3} more. How many does he have?{end}"
    lead = f"{n}+{n + 3}={total}. " if steps else ""
    return f"=== prompt ===\n{prompt}\n=== answer ===\n{lead}\\boxed{{{total}}}"
