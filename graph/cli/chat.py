"""``ftdojo chat``: questions from the keyboard or a pipe, the champion's answers, the base's beside them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TextIO

from rich.console import Console

from graph.cli.finished import FinishedRun
from graph.cli.printable import printable
from memory.journal.log import BASE
from tasks.errors import InputError, or_input_error
from tools.evaluation.conversation import Conversation

HELP = "one question a line; /new forgets the earlier turns, /quit or Ctrl-D ends"


def chat_with(
    console: Console, run_dir: Path, compare: bool, keep_turns: bool, max_new_tokens: int | None
) -> None:
    """Load the champion of a run and answer what is typed or piped in.

    Raises:
        InputError: the run has not ended, or a model does not load.
    """
    run = FinishedRun.open(run_dir)
    if run.champion == BASE:
        console.print("nothing beat the base model in this run: you talk to the base")
    places = {run.champion: run.model_dir}
    if compare:
        places[BASE] = run.base.path
    length = max_new_tokens or run.spec.max_new_tokens
    talks = {}
    with console.status("loading"):
        for name, place in places.items():
            with or_input_error(str(place), "it does not load", "export or train it again"):
                talks[name] = Conversation(place, length, keep_turns)
    if sys.stdin.isatty():
        console.print(HELP, style="dim")
    answer_lines(questions(sys.stdin, sys.stdin.isatty()), talks, sys.stdout)


def questions(source: TextIO, typed: bool) -> Iterator[str]:
    """Lines of a terminal or a pipe, up to its end or ``/quit``; empty ones are left out."""
    while True:
        if typed:
            sys.stderr.write("> ")
            sys.stderr.flush()
        line = source.readline()
        text = line.strip()
        if not line or text in ("/quit", "/exit"):
            return
        if text:
            yield text


def answer_lines(asked: Iterable[str], talks: dict[str, Conversation], out: TextIO) -> None:
    """Answer each question by every model; a name goes before an answer where there are several."""
    for question in asked:
        if question == "/new":
            for talk in talks.values():
                talk.forget()
            continue
        for name, talk in talks.items():
            if len(talks) > 1:
                out.write(f"{name}: ")
            try:
                talk.ask(question, partial(_write, out))
            except InputError as error:
                out.write(printable(f"error: {error}"))
            out.write("\n")
            out.flush()


def _write(out: TextIO, piece: str) -> None:
    out.write(printable(piece))
    out.flush()
