"""The live view: what it shows at 80 and 120 columns, in a pipe, and with odd events."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from graph.cli.board import Board
from graph.cli.live import LiveView, line
from graph.cli.panels import duration, p_text, render, sparkline

STARTED = {
    "kind": "run_started",
    "data": {
        "run": "r1",
        "task": "tablebench_numerical_reasoning",
        "edition": "mini",
        "base_model": "ftdojo-mini",
        "policy": "playbook",
        "seed": 0,
        "budget_seconds": 300.0,
    },
    "remaining_seconds": 300.0,
}


def scored(value: float) -> dict[str, Any]:
    return {"split": "validation", "score": {"value": value, "low": value - 5, "high": value + 5, "n": 300}}


EVENTS: list[dict[str, Any]] = [
    STARTED,
    {"kind": "evaluation", "experiment": "base", "data": scored(14.3)},
    {"kind": "stage", "experiment": "e01", "data": {"role": "planner", "text": "choosing"}},
    {
        "kind": "plan",
        "experiment": "e01",
        "data": {"change": "first", "hypothesis": "worked [bold] solutions"},
    },
    {
        "kind": "card",
        "experiment": "e01",
        "data": {"rows": 1830, "steps": [{"op": "select", "rows_out": 3200}]},
    },
    {"kind": "stage", "experiment": "e01", "data": {"role": "training_engineer", "text": "full, 2 epochs"}},
    *(
        {"kind": "progress", "experiment": "e01", "data": {"step": n, "steps": 60, "loss": 3.0 / n}}
        for n in range(1, 31)
    ),
]
DONE: list[dict[str, Any]] = [
    {
        "kind": "training",
        "experiment": "e01",
        "data": {
            "method": "full",
            "wall_seconds": 21.0,
            "tokens_per_second": 9000.0,
            "losses": [[1, 2.5], [60, 0.4]],
        },
    },
    {"kind": "evaluation", "experiment": "e01", "data": scored(41.0)},
    {
        "kind": "finished",
        "experiment": "e01",
        "data": {"outcome": "kept", "comparison": {"delta": 26.7, "p_value": 3e-9}},
        "clocks": {"think": 0.5, "data": 2.0, "train": 21.0, "evaluate": 9.0, "elapsed": 33.0},
        "remaining_seconds": 240.0,
    },
]


def board(*events: dict[str, Any], now: float = 0.0) -> Board:
    heard = Board()
    for event in events:
        heard.hear(event, now)
    return heard


def picture(heard: Board, width: int, now: float = 0.0, height: int = 40) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    with console.capture() as capture:
        console.print(render(heard, now, width, height))
    return capture.get()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_picture_fits_its_width_and_says_where_the_run_is(width: int) -> None:
    text = picture(board(*EVENTS), width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "tablebench_numerical_reasoning" in text
    assert "● training engineer" in text
    assert "14.3 [9.3, 19.3]" in text
    assert "running" in text


def test_a_wide_picture_shows_every_column() -> None:
    text = picture(board(*EVENTS, *DONE), 120)
    row = next(line for line in text.splitlines() if "e01" in line)
    for cell in (
        "first",
        "worked [bold] solutions",
        "1830",
        "full",
        "41.0 [36.0, 46.0]",
        "+26.7",
        "3e-9",
        "kept",
    ):
        assert cell in row
    assert "■ train 0:21" in text


def test_the_loss_curve_is_as_long_as_training_is_far() -> None:
    line = next(line for line in picture(board(*EVENTS), 100).splitlines() if "loss" in line)
    curve, dots = sum(char in "▁▂▃▄▅▆▇█" for char in line), line.count("·")
    assert abs(curve - dots) <= 1
    assert "3.00 → 0.10  step 30/60" in line


SPEED = {
    "step": 31,
    "steps": 60,
    "loss": 0.09,
    "learning_rate": 1e-3,
    "tokens_per_second": 123456.7,
    "peak_gib": 61.25,
    "seconds_left": 125.0,
    "idle_share": 0.12,
    "mfu": 0.354,
}


def test_the_speed_of_a_training_is_shown_at_80_columns_while_it_goes_on() -> None:
    heard = board(*EVENTS, {"kind": "progress", "experiment": "e01", "data": SPEED}, now=10.0)
    text = picture(heard, 80, now=15.0)
    said = "speed     2:00 to train · 123,457 tokens/s · 61.2 GiB · idle 12% · MFU 35%"
    assert said in text
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "4:55 left" in text
    heard.hear(DONE[0], 20.0)
    assert "speed" not in picture(heard, 80)


@pytest.mark.parametrize("ending", ["failure", "plan"])
def test_the_speed_of_a_training_that_is_over_is_not_shown(ending: str) -> None:
    heard = board(STARTED, {"kind": "progress", "experiment": "e01", "data": SPEED})
    heard.hear({"kind": ending, "experiment": "e01", "data": {}}, 0.0)
    assert "speed" not in picture(heard, 80)


def test_a_plain_line_of_a_training_says_its_speed_where_it_is_known() -> None:
    event = {"kind": "progress", "experiment": "e01", "data": SPEED | {"mfu": None}}
    assert line(event, board(STARTED, event)).endswith(
        "step 31/60 loss 0.090, 2:05 to train, 123,457 tokens/s, 61.2 GiB, idle 12%"
    )


def test_time_left_counts_down_between_events_and_stops_at_the_end() -> None:
    heard = board(STARTED, now=100.0)
    assert heard.time_left(130.0) == 270.0
    assert "4:30 left" in picture(heard, 80, now=130.0)
    heard.hear({"kind": "run_ended", "data": {"outcome": "out_of_budget"}, "remaining_seconds": 3.0}, 400.0)
    assert heard.time_left(900.0) == 3.0
    assert "out of budget" in picture(heard, 80)


def test_base_and_champion_stay_when_the_table_does_not_fit() -> None:
    heard = board(*EVENTS, *DONE)
    for n in range(2, 30):
        heard.hear({"kind": "finished", "experiment": f"e{n:02}", "data": {"outcome": "discarded"}}, 0.0)
    text = picture(heard, 100, height=20)
    assert len(text.splitlines()) <= 20
    assert all(id in text for id in ("base", "e01", "e29"))
    assert "e15" not in text


def test_a_finished_experiment_alone_restores_its_row_after_a_resume() -> None:
    whole = {
        "outcome": "kept",
        "plan": {"change": "sources", "hypothesis": "another source"},
        "card": {"rows": 700},
        "training_plan": {"method": "lora"},
        "evaluation": scored(30.0),
        "comparison": {"delta": 9.0, "p_value": 0.01},
    }
    text = picture(board(STARTED, {"kind": "finished", "experiment": "e01", "data": whole}), 120)
    row = next(line for line in text.splitlines() if "e01" in line)
    for cell in ("sources", "another source", "700", "lora", "30.0", "+9.0", "0.010"):
        assert cell in row


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_score_on_a_share_of_the_items_says_of_how_many(width: int) -> None:
    stopped = scored(12.0) | {"stopped": {"answered": 38, "items": 150, "against": "base"}}
    heard = board(*EVENTS, {"kind": "evaluation", "experiment": "e01", "data": stopped})
    text = picture(heard, width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "12.0 [7.0, 17.0] 38/150" in text
    stream = io.StringIO()
    with LiveView(Console(file=stream, width=200)) as view:
        view.on_event({"kind": "evaluation", "experiment": "e01", "data": stopped})
    assert "validation 12.0 [7.0, 17.0] on 38/150 items, stopped early" in stream.getvalue()


@pytest.mark.parametrize("stopped", [None, "early", {}, {"answered": "many", "items": 3}])
def test_an_odd_early_stop_is_left_out(stopped: object) -> None:
    heard = board({"kind": "evaluation", "experiment": "e01", "data": scored(12.0) | {"stopped": stopped}})
    assert heard.entries["e01"].answered == ""


def test_the_sealed_test_does_not_enter_the_table() -> None:
    heard = board(
        STARTED, {"kind": "evaluation", "experiment": "e01", "data": scored(70.0) | {"split": "test"}}
    )
    assert "70.0" not in picture(heard, 120)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"kind": "unheard_of", "data": {}},
        {"kind": "evaluation", "experiment": "e01", "data": None},
        {"kind": "evaluation", "experiment": "e01", "data": {"score": {"value": "high"}}},
        {"kind": "progress", "experiment": None, "data": {"step": "x", "steps": 0, "loss": float("nan")}},
        {"kind": "training", "experiment": "e01", "data": {"losses": [3, [1], [1, "inf"]]}},
        {"kind": "training", "experiment": "e01", "data": {"losses": 7}},
        {"kind": "finished", "experiment": "e01", "data": {"outcome": None, "comparison": 3, "failure": "x"}},
        {"kind": "stage", "data": {"role": "planner", "text": "a\n\x1b[31mb\x07"}, "clocks": "none"},
        {"kind": "card", "experiment": "e01", "data": {"rows": [], "steps": [1]}},
        {"kind": "note", "data": {"text": {"not": "text"}}, "remaining_seconds": "soon"},
    ],
)
def test_odd_events_are_shown_or_left_out_and_never_raise(event: dict[str, Any]) -> None:
    stream = io.StringIO()
    with LiveView(Console(file=stream)) as view:
        view.on_event(STARTED)
        view.on_event(event)
        assert "\x1b" not in picture(view.board, 80)
    assert "\x1b" not in stream.getvalue()


def test_a_pipe_gets_one_plain_line_an_event_and_four_a_training() -> None:
    stream = io.StringIO()
    with LiveView(Console(file=stream)) as view:
        for event in [*EVENTS, *DONE, {"kind": "run_ended", "data": {"outcome": "stuck"}}]:
            view.on_event(event)
    lines = stream.getvalue().splitlines()
    assert (
        lines[0]
        == "[  5:00] -    run r1: tablebench_numerical_reasoning (mini) from ftdojo-mini, budget 5:00"
    )
    assert "[  5:00] e01  data: 1830 rows of 3200 raw" in lines
    assert "[  4:00] e01  kept: +26.7 points, p=3e-09" in lines
    assert lines[-1] == "[  4:00] -    run ended: stuck"
    assert [line for line in lines if " step " in line] == [
        "[  5:00] e01  step 15/60 loss 0.200",
        "[  5:00] e01  step 30/60 loss 0.100",
    ]


class Pipe(io.StringIO):
    """A pipe whose reader went away."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_a_closed_pipe_silences_the_view_and_leaves_the_run_alone() -> None:
    with LiveView(Console(file=Pipe())) as view:
        for event in EVENTS:
            view.on_event(event)
    assert view.board.step == 30


def test_an_encoding_without_blocks_gets_plain_lines_it_can_hold() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    with LiveView(Console(file=stream, force_terminal=True)) as view:
        view.on_event({"kind": "note", "data": {"text": "答案 Δ"}})
    stream.flush()
    assert raw.getvalue().decode("ascii").rstrip() == "[     -] -    note: ?? ?"


def test_a_terminal_gets_a_picture_that_is_left_standing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = io.StringIO()
    with LiveView(Console(file=stream, force_terminal=True, width=100, height=40)) as view:
        for event in [*EVENTS, *DONE]:
            view.on_event(event)
    assert "kept" in stream.getvalue().rsplit("ft-dojo", 1)[-1]


def test_small_words() -> None:
    assert [duration(0.4), duration(65), duration(7445)] == ["0:00", "1:05", "2:04:05"]
    assert [p_text(None), p_text(0.25), p_text(0.00004), p_text(1e-12)] == ["", "0.250", "4e-5", "1e-12"]
    assert sparkline([1.0, 1.0], 5) == "▁▁"
    assert sparkline([0.0, 7.0], 5) == "▁█"
    assert sparkline([], 5) == ""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            {"decided_by": "playbook", "repairs": 3, "problems": ["late", "no source\n'x'"]},
            "planner: the playbook decided in place of openai:m: no source 'x'",
        ),
        ({"decided_by": "llm", "repairs": 2}, "planner: openai:m decided after 2 corrections"),
        ({"decided_by": "llm", "repairs": 0}, ""),
    ],
    ids=["taken over", "repaired", "as it came"],
)
def test_a_decision_is_told_where_a_model_had_to_be_corrected(data: dict[str, Any], said: str) -> None:
    event = {"kind": "decision", "data": {"role": "planner", "model": "openai:m", **data}}
    assert line(event, Board()).endswith(said)
    assert bool(line(event, Board())) == bool(said)
