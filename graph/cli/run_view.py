"""View of a run: live while it goes on, and what is printed when it has stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graph.cli.printable import json_text, say, terminal

OnEvent = Callable[[dict[str, Any]], None]
Answer = Callable[[dict[str, Any]], dict[str, Any] | None]


def show_run(start: Callable[[OnEvent, Answer | None], dict[str, Any]], as_json: bool) -> None:
    """Run with the live view on, then print the summary block (or JSON alone on standard output).

    A run that stops at a question prints how to answer it.
    """
    from graph.cli.ask import asks_at, how_to_answer
    from graph.cli.live import LiveView
    from graph.cli.summary import summary_json, summary_lines

    with LiveView(terminal(stderr=as_json)) as view:
        summary = start(view.on_event, asks_at(view))
    if "question" in summary:
        for line in [json_text(summary)] if as_json else how_to_answer(summary):
            say(line)
        return
    if as_json:
        say(summary_json(summary))
        return
    for line in summary_lines(summary):
        say(line)
