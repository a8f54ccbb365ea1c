"""The results of the suite: one line a cell, read again to go on, and the tables made of them.

The share of the gap that a run closes goes from what training on all data scores to what the oracle source
scores, of the same folder, seed and base model. Where the oracle is not at least ``LEAST_GAP`` points ahead,
there is no gap to close, and the run is only held against all data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.bench.generality.held_out import is_held_out

LEAST_GAP = 5.0
DRAWS = 4000
ALL_DATA, ORACLE, AGENT = "all_data", "oracle", "agent"
OLD_PARTS = {"clean": ORACLE}
"""Names in results of earlier versions."""
Row = Mapping[str, Any]
WIDTH = 1.96
"""Standard deviations in half of a 95% interval."""


@dataclass(frozen=True)
class Cell:
    """What makes a result: run once, it is not run again."""

    folder: str
    seed: int
    part: str
    base_model: str = "ftdojo-mini"
    budget: str = ""
    """Of the parts that search; empty for the others."""
    without: str = ""
    """What the agent went without, comma-separated."""

    @property
    def label(self) -> str:
        """The part, and what it went without."""
        return f"{self.part} without {self.without}" if self.without else self.part


def cell_of(row: Row) -> Cell:
    """The cell of a line; parts of earlier versions by their names of today."""
    known = {name: row[name] for name in Cell.__dataclass_fields__ if name in row}
    return Cell(**(known | {"part": OLD_PARTS.get(row["part"], row["part"])}))


def append(file: Path, cell: Cell, result: Row) -> None:
    """One more line, on a line of its own also after one that was cut off."""
    file.parent.mkdir(parents=True, exist_ok=True)
    cut_off = file.exists() and file.stat().st_size > 0 and not file.read_bytes().endswith(b"\n")
    with file.open("a", encoding="utf-8") as out:
        out.write(("\n" if cut_off else "") + json.dumps({**asdict(cell), **result}) + "\n")


@dataclass(frozen=True)
class Group:
    """The results of one folder, seed and base model; several budgets: the last of each part counts."""

    folder: str
    seed: int
    base_model: str
    parts: Mapping[str, Row]
    """By label."""

    @property
    def gap(self) -> float | None:
        """Points from all data to the oracle; None where one of them was not run."""
        if ALL_DATA not in self.parts or ORACLE not in self.parts:
            return None
        return float(self.parts[ORACLE]["value"] - self.parts[ALL_DATA]["value"])

    def share(self, label: str) -> float | None:
        """What a part closes of the gap; None where there is none, or it was not run."""
        if label not in self.parts or self.gap is None or self.gap < LEAST_GAP:
            return None
        return float(self.parts[label]["value"] - self.parts[ALL_DATA]["value"]) / self.gap

    def below_all_data(self, label: str) -> bool:
        """Whether a part lies below all data by more than both intervals together explain.

        They are taken for independent, though the items are the same: that names fewer runs than a paired
        test would.
        """
        if label not in self.parts or ALL_DATA not in self.parts:
            return False
        mine, all_data = self.parts[label], self.parts[ALL_DATA]
        noise = WIDTH * float(np.hypot(_deviation(mine), _deviation(all_data)))
        return bool(mine["value"] - all_data["value"] < -noise)


def _deviation(row: Row) -> float:
    return float(row.get("high", row["value"]) - row.get("low", row["value"])) / (2 * WIDTH)


def grouped(rows: Iterable[Row]) -> list[Group]:
    """Results by folder, seed and base model."""
    found: dict[tuple[str, int, str], dict[str, Row]] = {}
    for row in rows:
        cell = cell_of(row)
        found.setdefault((cell.folder, cell.seed, cell.base_model), {})[cell.label] = row
    return [Group(*key, parts) for key, parts in found.items()]


def mean_share(groups: Sequence[Group], label: str) -> tuple[float, float, float] | None:
    """Mean share of the gap that a part closes, with its 95% interval; None where no group has one.

    Each run counts for 1 at most, so that no run makes up for another. The interval is a bootstrap over
    folders, their seeds together, with each score drawn from its own interval.
    """
    mine = [group for group in groups if group.share(label) is not None]
    if not mine:
        return None
    mean = float(np.mean([min(1.0, group.share(label) or 0.0) for group in mine]))
    rng = np.random.default_rng(0)
    drawn = np.array([_drawn_shares(group, label, rng) for group in mine])
    folders = sorted({group.folder for group in mine})
    of_folder = np.array([folders.index(group.folder) for group in mine])
    weights = rng.multinomial(len(folders), np.full(len(folders), 1 / len(folders)), size=DRAWS)[:, of_folder]
    means = (weights.T * drawn).sum(axis=0) / np.maximum(weights.sum(axis=1), 1)
    low, high = np.quantile(means, (0.025, 0.975))
    return mean, float(low), float(high)


def _drawn_shares(group: Group, label: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """(draws,): the share with every score drawn from its interval; a gap stays at least ``LEAST_GAP``."""
    all_data, best, mine = (
        rng.normal(group.parts[part]["value"], _deviation(group.parts[part]), DRAWS)
        for part in (ALL_DATA, ORACLE, label)
    )
    shares: NDArray[np.float64] = (mine - all_data) / np.maximum(best - all_data, LEAST_GAP)
    return np.minimum(shares, 1.0)


def table(rows: Iterable[Row]) -> str:
    """A line for each folder, seed and base model, and what each part closes on average, by halves."""
    rows = list(rows)
    groups = grouped(rows)
    labels = list(dict.fromkeys(label for group in groups for label in group.parts))
    order = [ALL_DATA, ORACLE, AGENT]
    labels.sort(key=lambda label: order.index(label) if label in order else len(order))
    heads = ["folder", "half", "seed", "base model", "base", *labels, "gap closed"]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for group in groups:
        base = next(iter(group.parts.values()))["base_value"]
        scores = [_score_text(group.parts.get(label)) for label in labels]
        half = "held out" if is_held_out(group.folder) else "open"
        cells = (
            group.folder,
            half,
            str(group.seed),
            group.base_model,
            f"{base:.1f}",
            *scores,
            _closed(group),
        )
        lines.append(f"| {' | '.join(cells)} |")
    compared = [label for label in labels if label not in (ALL_DATA, ORACLE)]
    lines += ["", *(_summary(groups, label) for label in compared)]
    if replaced := len(rows) - sum(len(group.parts) for group in groups):
        lines.append(
            f"Not shown: {replaced}, for a later result of the same part, at any budget, stands here."
        )
    return "\n".join(lines)


def _score_text(row: Row | None) -> str:
    if row is None:
        return "-"
    interval = f" [{row['low']:.1f}, {row['high']:.1f}]" if "low" in row else ""
    return f"{row['value']:.1f}{interval}"


def _closed(group: Group) -> str:
    if group.gap is None or AGENT not in group.parts:
        return "-"
    share = group.share(AGENT)
    text = "no gap" if share is None else f"{share:.0%}"
    return text + (", below all data" if group.below_all_data(AGENT) else "")


def _summary(groups: Sequence[Group], label: str) -> str:
    """One sentence on a part, for each base model and half."""
    said = []
    for model in dict.fromkeys(group.base_model for group in groups if label in group.parts):
        every = [group for group in groups if group.base_model == model and label in group.parts]
        said.append(f"{model}, all: {_share_text(every, label)}")
        halves = [[group for group in every if is_held_out(group.folder) == half] for half in (False, True)]
        if all(halves):
            for name, mine in zip(("open", "held out"), halves, strict=True):
                said.append(f"{model}, {name}: {_share_text(mine, label)}")
    return f"{label}: {'; '.join(said)}."


def _share_text(groups: Sequence[Group], label: str) -> str:
    found, runs = mean_share(groups, label), sum(group.share(label) is not None for group in groups)
    below = [f"{group.folder} {group.seed}" for group in groups if group.below_all_data(label)]
    closed = (
        f"{found[0]:.0%} [{found[1]:.0%}, {found[2]:.0%}] of the gap in {runs} runs" if found else "no gap"
    )
    return f"{closed}, below all data in {len(below)} of {len(groups)}" + (
        f" ({', '.join(below)})" if below else ""
    )
