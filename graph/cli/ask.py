"""A run's question on the terminal: what will be done, what it costs, and three answers."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from graph.cli.live import LiveView
from graph.cli.printable import shown
from tasks.errors import InputError

Question = Mapping[str, Any]
Read = Callable[[str], str]
"""Shows a prompt and reads a line, as ``input`` does."""


def asks_at(view: LiveView) -> Callable[[dict[str, Any]], dict[str, Any] | None] | None:
    """How to ask the person at the terminal; None where nobody sits at one."""
    console = view.console
    if not (sys.stdin.isatty() and console.is_terminal):
        return None

    def answer(question: dict[str, Any]) -> dict[str, Any] | None:
        with view.standing_still():
            show(console, question)
            return ask(question, lambda prompt: console.input(prompt, markup=False))

    return answer


def show(console: Console, question: Question) -> None:
    """The proposal and its cost."""
    console.print(f"\n[bold]{shown(str(question['question']))}[/]")
    if question.get("problem"):
        console.print(f"[red]not possible:[/] {shown(str(question['problem']))}")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for key, value in (*question["does"].items(), *question["costs"].items()):
        table.add_row(f"[bold]{shown(_spaced(key))}[/]", shown(_text(value)))
    console.print(table)


def ask(question: Question, read: Read) -> dict[str, Any] | None:
    """The person's answer; None when the input ends.

    An edit is read as ``field=value`` lines; a value is JSON, or text where it is none.
    """
    try:
        while True:
            match read("[a]pprove, [e]dit or [r]eject? ").strip().lower():
                case "a" | "approve":
                    return {"verdict": "approve"}
                case "e" | "edit":
                    if changes := _changes(question, read):
                        return {"verdict": "edit", "changes": changes}
                case "r" | "reject":
                    return {"verdict": "reject", "note": read("why? ").strip()}
    except EOFError:
        return None


def _changes(question: Question, read: Read) -> dict[str, Any]:
    """Fields and their new values, until an empty line."""
    fields = ", ".join(question["proposal"])
    changes: dict[str, Any] = {}
    prompt = f"field=value, an empty line ends ({fields}): "
    while line := read(prompt).strip():
        field, equals, value = line.partition("=")
        if equals:
            changes[field.strip()] = _value(value.strip())
        prompt = "field=value: "
    return changes


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def answer_of(approve: bool, edit: str, reject: str | None) -> dict[str, Any]:
    """The answer that flags give.

    Raises:
        InputError: none of them, several, or an edit that is no JSON object.
    """
    if sum((approve, bool(edit), reject is not None)) != 1:
        raise InputError("ftdojo approve", "takes one answer", "say --approve, --edit JSON or --reject NOTE")
    if approve:
        return {"verdict": "approve"}
    if reject is not None:
        return {"verdict": "reject", "note": reject}
    changes = _value(edit)
    if not isinstance(changes, dict):
        raise InputError(f"--edit {edit}", "is no JSON object", """write it as '{"learning_rate": 0.0005}'""")
    return {"verdict": "edit", "changes": changes}


def how_to_answer(waiting: Mapping[str, Any]) -> list[str]:
    """What to type where nobody could be asked.

    Args:
        waiting: the summary of a run that stopped at a question; see ``graph.run.run``.
    """
    question, run = waiting["question"], str(waiting["run_dir"])
    field, value = next(iter(_editable(question["proposal"])))
    edit = json.dumps({field: value}, ensure_ascii=False)
    command = f"ftdojo approve {shlex.quote(run)}"
    return [
        f"{waiting['run']} waits: {question['question']}",
        *(f"  {_spaced(key)}: {_text(value)}" for key, value in question["does"].items()),
        *(f"  {_spaced(key)}: {_text(value)}" for key, value in question["costs"].items()),
        "answer with one of",
        f"  {command} --approve",
        f"  {command} --edit {shlex.quote(edit)}",
        f"  {command} --reject 'why not'",
    ]


def _editable(proposal: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """An example of a field to edit: the ones that people change most go first."""
    first = ("max_seconds", "learning_rate", "operations")
    return [(name, proposal[name]) for name in first if name in proposal] or list(proposal.items())


def _spaced(key: str) -> str:
    return key.replace("_", " ")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    if isinstance(value, list):
        return "; ".join(str(item) for item in value)
    return str(value)
