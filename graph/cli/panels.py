"""Panels of the live view: a ``Board`` painted with Rich.

Colours are the terminal's own sixteen, so the picture follows the user's theme.
Widths from 60 columns up are handled; below 100 the table leaves out what can be
read in ``ftdojo status`` afterwards.
"""

from __future__ import annotations

from itertools import pairwise

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from graph.cli.board import Board, Entry

ROLES = ("planner", "data_curator", "training_engineer", "evaluator", "diagnostician")
OUTCOME_STYLES = {"kept": "bold green", "discarded": "yellow", "failed": "red"}
CLOCK_STYLES = {"think": "magenta", "data": "cyan", "train": "green", "evaluate": "blue", "other": "yellow"}
BLOCKS = "▁▂▃▄▅▆▇█"
WIDE = 100
"""Columns from which the table shows everything."""
FURNITURE = 14
"""Lines of the picture that are not experiments."""


def render(board: Board, now: float, width: int, height: int) -> RenderableType:
    """The whole picture.

    Args:
        board: what to paint.
        now: monotonic seconds, as for ``Board.hear``.
        width: columns of the terminal.
        height: lines of the terminal; older experiments give way when they do not fit.
    """
    inner = max(20, width - 4)
    left = board.time_left(now)
    parts: list[RenderableType] = [
        _where(board),
        _roles(board),
        Text(board.doing, "italic", no_wrap=True, overflow="ellipsis"),
    ]
    if board.entries:
        parts += [Text(""), _table(board, width, max(3, height - FURNITURE))]
    parts += [Text(""), *_loss(board, inner), *_speed(board, now), *_clocks(board, inner)]
    parts += [Text(f"· {note}", "dim", no_wrap=True, overflow="ellipsis") for note in board.notes]
    closing = board.ending.replace("_", " ") if board.ending else ""
    subtitle = closing or ("" if left is None else f"{duration(left)} left")
    return Panel(
        Group(*parts),
        title=Text(f" ft-dojo {board.run.get('run', '')}".rstrip() + " ", "bold"),
        title_align="left",
        subtitle=Text(f" {subtitle} ", "bold") if subtitle else None,
        subtitle_align="right",
        border_style="dim",
        box=box.ROUNDED,
    )


def duration(seconds: float) -> str:
    """``4:05`` for minutes and seconds, ``2:04:05`` from an hour up."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def sparkline(values: list[float], width: int) -> str:
    """``values`` as at most ``width`` block characters; neighbours are averaged when there are more."""
    if not values or width < 1:
        return ""
    count = min(width, len(values))
    edges = [round(index * len(values) / count) for index in range(count + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, span = min(means), max(means) - min(means)
    return "".join(BLOCKS[round((mean - low) / span * (len(BLOCKS) - 1)) if span else 0] for mean in means)


def _where(board: Board) -> Text:
    run = board.run
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(run.get("task") or "starting", "bold cyan")
    facts = [run.get("edition", ""), run.get("base_model", "")]
    if board.budget_seconds is not None:
        facts.append(f"budget {duration(board.budget_seconds)}")
    facts += [run.get("policy", ""), f"seed {run['seed']}" if run.get("seed") else ""]
    return text.append("  " + " · ".join(fact for fact in facts if fact), "dim")


def _roles(board: Board) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for index, role in enumerate(ROLES):
        text.append(" → " if index else "", "dim")
        name, active = role.replace("_", " "), role == board.role
        text.append(f"● {name}" if active else name, "bold green" if active else "dim")
    return text


def _table(board: Board, width: int, room: int) -> Table:
    wide = width >= WIDE
    table = Table(
        box=box.SIMPLE_HEAD,
        expand=True,
        padding=(0, 1, 0, 0),
        show_edge=False,
        header_style="dim",
        border_style="dim",
    )
    table.add_column("", no_wrap=True)
    if wide:
        table.add_column("change", no_wrap=True)
    table.add_column("hypothesis", ratio=1, no_wrap=True, overflow="ellipsis")
    if wide:
        table.add_column("rows", justify="right", no_wrap=True)
        table.add_column("method", no_wrap=True)
    for name in ("validation", "delta", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    for entry in _shown(list(board.entries.values()), room):
        table.add_row(*_cells(entry, wide), style="" if entry.outcome in ("kept", "") else "dim")
    return table


def _shown(entries: list[Entry], room: int) -> list[Entry]:
    """The newest that fit, and always the base (first) and the champion (last kept)."""
    if len(entries) <= room:
        return entries
    kept = [entry for entry in entries if entry.outcome == "kept"][-1:]
    must = {entry.id for entry in [entries[0], *kept]}
    newest = [entry.id for entry in reversed(entries) if entry.id not in must][: max(0, room - len(must))]
    return [entry for entry in entries if entry.id in must or entry.id in newest]


def _cells(entry: Entry, wide: bool) -> list[RenderableType]:
    score = entry.score
    validation = Text()
    if score is not None:
        validation.append(f"{score[0]:.1f}", "bold").append(f" [{score[1]:.1f}, {score[2]:.1f}]", "dim")
        validation.append(f" {entry.answered}" if entry.answered else "", "dim")
    change = entry.change.replace("hyperparameters", "hyperparams")
    outcome = Text(entry.outcome or ("" if entry.id == "base" else "running"))
    outcome.stylize(OUTCOME_STYLES.get(entry.outcome, "cyan"))
    cells: list[RenderableType] = [Text(entry.id, "bold")]
    cells += [Text(change)] if wide else []
    cells += [Text(entry.hypothesis)]
    cells += [Text("" if entry.rows is None else f"{entry.rows}"), Text(entry.method)] if wide else []
    cells += [validation, Text("" if entry.delta is None else f"{entry.delta:+.1f}")]
    return [*cells, Text(p_text(entry.p_value)), outcome]


def p_text(p_value: float | None) -> str:
    """A p-value in at most six characters; empty when there is none."""
    if p_value is None:
        return ""
    return f"{p_value:.3f}" if p_value >= 0.001 else f"{p_value:.0e}".replace("e-0", "e-")


def _loss(board: Board, width: int) -> list[Text]:
    """The loss so far, as long as the training is far: curve and progress bar in one."""
    if not board.losses:
        return []
    ends = f" {board.losses[0]:.2f} → {board.losses[-1]:.2f}  step {board.step}/{board.steps}"
    room = max(4, width - 10 - len(ends))
    share = min(1.0, board.step / board.steps) if board.steps else 1.0
    length = max(1, round(share * room))
    # Fewer readings than columns: stretch, so that the curve's end marks the progress.
    values = [board.losses[index * len(board.losses) // length] for index in range(length)]
    curve = sparkline(values if len(board.losses) < length else board.losses, length)
    text = Text().append("loss      ", "dim").append(curve, "green").append("·" * (room - len(curve)), "dim")
    return [text.append(ends, "default")]


def _speed(board: Board, now: float) -> list[Text]:
    """How fast the training goes, and how long it still takes."""
    said = speed_words(board, board.training_left(now))
    text = Text(no_wrap=True, overflow="ellipsis")
    return [text.append("speed     ", "dim").append(" · ".join(said))] if said else []


def speed_words(board: Board, left: float | None) -> list[str]:
    """What is known of the training under way: time left, tokens/s, memory, idle share, MFU."""
    speed = board.speed
    said = [] if left is None else [f"{duration(left)} to train"]
    said += [f"{speed['tokens_per_second']:,.0f} tokens/s"] if "tokens_per_second" in speed else []
    said += [f"{speed['peak_gib']:.1f} GiB"] if "peak_gib" in speed else []
    said += [f"idle {speed['idle_share']:.0%}"] if "idle_share" in speed else []
    return said + ([f"MFU {speed['mfu']:.0%}"] if "mfu" in speed else [])


def _clocks(board: Board, width: int) -> list[Text]:
    """Where the budget went: one bar, and its legend."""
    spent = {name: board.clocks.get(name, 0.0) for name in CLOCK_STYLES}
    total = max(board.budget_seconds or 0.0, sum(spent.values()))
    if total <= 0.0:
        return []
    room, drawn, passed = width - 10, 0, 0.0
    bar, legend = Text().append("time      ", "dim"), Text(" " * 10)
    for name, seconds in spent.items():
        passed += seconds
        cells = round(passed / total * room) - drawn
        bar.append("━" * cells, CLOCK_STYLES[name])
        drawn += cells
        if seconds >= 0.05:
            legend.append("■ ", CLOCK_STYLES[name]).append(f"{name} {duration(seconds)}  ", "dim")
    return [bar.append("─" * (room - drawn), "dim"), legend] if drawn else [bar.append("─" * room, "dim")]
