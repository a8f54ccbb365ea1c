"""Live view of a run.

``LiveView`` is fed the run's events, one dictionary at a time, and shows them in
one of two ways: a picture that repaints in place on a terminal, and one plain line
an event anywhere else (a pipe, a log, a dumb terminal). An output that goes away
(a closed pipe) silences the view and leaves the run alone.

An event is ``{"kind", "experiment", "data", "clocks", "remaining_seconds"}``; all but
``kind`` may be missing. Kinds: run_started, stage, plan, card, progress, training,
evaluation, failure, finished, note, test_opened, run_ended. ``data`` is the journal's record of
that kind; for stage ``{"role", "text"}``, for progress the lines of ``tools.training.progress``, at
most one a second; for note ``{"text"}``, for run_ended ``{"outcome"}``. The base model's own evaluation
carries the experiment ``base``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live

from graph.cli.board import Board, answered, number, score_of, words
from graph.cli.panels import duration, render, speed_words
from graph.cli.printable import printable

REPAINTS_PER_SECOND = 2.0
"""A repaint takes some milliseconds of a core that training would like to have."""


class LiveView:
    """The run on a screen, as a context manager.

    Args:
        console: where to show it; with ``--json`` the caller hands one on standard error.
        clock: monotonic seconds, so that time left counts down between events.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.console, self.clock, self.board = console, clock, Board()
        self._silent = False
        # Block characters and sparklines need an encoding that has them.
        paints = console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf")
        self._live = (
            Live(
                console=console,
                get_renderable=lambda: render(self.board, self.clock(), console.width, console.height),
                refresh_per_second=REPAINTS_PER_SECOND,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            if paints
            else None
        )

    def __enter__(self) -> LiveView:
        """Start painting, where there is something to paint on."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the last picture standing."""
        if self._live is not None:
            self._live.stop()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stop painting for the block: someone is asked something on the same screen."""
        if self._live is None:
            yield
            return
        self._live.stop()
        try:
            yield
        finally:
            self._live.start()

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Show one event."""
        self.board.hear(event, self.clock())
        if self._live is None and (text := line(event, self.board)):
            self._write(text)

    def _write(self, text: str) -> None:
        """One whole line, flushed; past any wrapping, so that a log can be cut by ``grep``."""
        if self._silent:
            return
        stream = self.console.file
        encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            stream.write(printable(text).encode(encoding, "replace").decode(encoding) + "\n")
            stream.flush()
        except (OSError, ValueError):
            # A pipe that was closed, or a stream that is: nobody is watching, the run goes on.
            self._silent = True


def line(event: Mapping[str, Any], board: Board) -> str:
    """One event as one line, ``[time left] experiment  what happened``; empty when it is not worth one."""
    data = event.get("data")
    said = _SAYINGS.get(str(event.get("kind")), _nothing)(data if isinstance(data, Mapping) else {}, board)
    if not said:
        return ""
    left = "-" if board.remaining_seconds is None else duration(board.remaining_seconds)
    return f"[{left:>6}] {words(event, 'experiment') or '-':<4} {said}"


def _nothing(data: Mapping[str, Any], board: Board) -> str:
    return ""


def _run_started(data: Mapping[str, Any], board: Board) -> str:
    budget = "" if board.budget_seconds is None else f", budget {duration(board.budget_seconds)}"
    run, task, edition = words(data, "run"), words(data, "task"), words(data, "edition")
    return f"run {run}: {task} ({edition}) from {words(data, 'base_model')}{budget}"


def _stage(data: Mapping[str, Any], board: Board) -> str:
    return f"{words(data, 'role')}: {words(data, 'text')}".strip(": ")


def _plan(data: Mapping[str, Any], board: Board) -> str:
    return f"plan ({words(data, 'change')}): {words(data, 'hypothesis')}"


def _decision(data: Mapping[str, Any], board: Board) -> str:
    """Who decided: a line where a model had to be corrected, or was given up."""
    role, model = words(data, "role"), words(data, "model")
    problems = data.get("problems")
    last = " ".join(str(problems[-1]).split()) if isinstance(problems, list | tuple) and problems else ""
    if words(data, "decided_by") == "playbook":
        return f"{role}: the playbook decided in place of {model}: {last}"
    repairs = number(data, "repairs")
    return f"{role}: {model} decided after {repairs:.0f} corrections" if repairs else ""


def _card(data: Mapping[str, Any], board: Board) -> str:
    steps = data.get("steps")
    first = steps[0] if isinstance(steps, list | tuple) and steps else {}
    raw = number(first, "rows_out") if isinstance(first, Mapping) else None
    kept = number(data, "rows")
    if kept is None:
        return ""
    text = f"data: {kept:.0f} rows" + ("" if raw is None else f" of {raw:.0f} raw")
    away = _set_aside(steps if isinstance(steps, list | tuple) else ())
    return text + (f"; set aside: {', '.join(away)}" if away else "")


def _set_aside(steps: Sequence[Any]) -> list[str]:
    """Rows that did not get through, by the operation that says why."""
    away = []
    for step in steps:
        if isinstance(step, Mapping):
            lost = (number(step, "rows_in") or 0.0) - (number(step, "rows_out") or 0.0)
            why = words(step, "note") if words(step, "op") == "filter length" else ""
            away += [why or f"{lost:,.0f} by {words(step, 'op')}"] if lost > 0 else []
    return away


def _progress(data: Mapping[str, Any], board: Board) -> str:
    """Four lines a training, not one a step."""
    step, steps, loss = number(data, "step"), number(data, "steps"), number(data, "loss")
    if step is None or not steps or loss is None:
        return ""
    last = board.said_step if board.said_step <= step else 0
    if int(4 * step / steps) == int(4 * last / steps):
        return ""
    board.said_step = int(step)
    said = [
        f"step {step:.0f}/{steps:.0f} loss {loss:.3f}",
        *speed_words(board, board.speed.get("seconds_left")),
    ]
    return ", ".join(said)


def _training(data: Mapping[str, Any], board: Board) -> str:
    seconds, speed = number(data, "wall_seconds"), number(data, "tokens_per_second")
    parts = [f"trained ({words(data, 'method')})"]
    parts += [] if seconds is None else [f"in {duration(seconds)}"]
    parts += [] if speed is None else [f"at {speed:.0f} tokens/s"]
    if dropped := number(data, "dropped_rows"):
        parts.append(f"without {dropped:,.0f} rows that are longer than the limit")
    if refused := number(data, "refused_rows"):
        parts.append(f"without {refused:,.0f} rows that the chat template refuses")
    return " ".join(parts) + (f", stopped early: {early}" if (early := words(data, "stopped_early")) else "")


def _evaluation(data: Mapping[str, Any], board: Board) -> str:
    score, counts = score_of(data), answered(data)
    if score is None:
        return ""
    of = f" on {counts} items, stopped early" if counts else ""
    return f"{words(data, 'split')} {score[0]:.1f} [{score[1]:.1f}, {score[2]:.1f}]{of}"


def _forgetting(data: Mapping[str, Any], board: Board) -> str:
    return f"beside the task: {words(data, 'text')}"


def _finished(data: Mapping[str, Any], board: Board) -> str:
    comparison, failure = data.get("comparison"), data.get("failure")
    text = words(data, "outcome")
    if isinstance(comparison, Mapping) and (delta := number(comparison, "delta")) is not None:
        p_value = number(comparison, "p_value")
        text += f": {delta:+.1f} points" + ("" if p_value is None else f", p={p_value:.2g}")
    if isinstance(failure, Mapping):
        text += f": {words(failure, 'code')} at {words(failure, 'stage')}: {words(failure, 'message')}"
    return text


def _note(data: Mapping[str, Any], board: Board) -> str:
    return f"note: {words(data, 'text')}"


def _confirmation(data: Mapping[str, Any], board: Board) -> str:
    return f"confirmation: {words(data, 'text')}"


def _test_opened(data: Mapping[str, Any], board: Board) -> str:
    return "the sealed test is opened, once, for the base and the champion"


def _run_ended(data: Mapping[str, Any], board: Board) -> str:
    return f"run ended: {board.ending}"


_SAYINGS: dict[str, Callable[[Mapping[str, Any], Board], str]] = {
    "run_started": _run_started,
    "stage": _stage,
    "plan": _plan,
    "decision": _decision,
    "card": _card,
    "progress": _progress,
    "training": _training,
    "evaluation": _evaluation,
    "forgetting": _forgetting,
    "finished": _finished,
    "note": _note,
    "confirmation": _confirmation,
    "test_opened": _test_opened,
    "run_ended": _run_ended,
}
