"""Checks of a results file: may its lines stand in one table, and do the runs behind them agree."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from graph.bench.play import result_of
from graph.bench.results import SCHEMA, Result, read_lines
from graph.policy_names import knows
from memory.journal.log import Journal
from tasks.errors import FtDojoError, InputError

OVER_BUDGET = 1.1
"""Times its budget, the most that a run may have taken: its last step ends after the time is up."""
MEASURED = (
    "score",
    "base",
    "champion",
    "experiments",
    "seconds",
    "tokens",
    "usd",
    "test_digest",
    "data_digest",
)
"""What a line says and its journal says again."""


@dataclass(frozen=True)
class Checked:
    """What a file comes to."""

    lines: int
    journals: int
    """Journals that were at hand and were read again."""
    problems: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


def verify(path: Path) -> Checked:
    """Check a results file: schema, duplicates, budgets, machines, sealed tests, and journals at hand.

    Raises:
        InputError: there is no such file.
    """
    if not path.is_file():
        raise InputError(str(path), "there is no such file", "name a results.jsonl of `ftdojo bench`")
    results, broken = read_lines(path)
    problems = [f"line {line.number}: {line.problem}" for line in broken]
    problems += _schemas(results)
    problems += _duplicates(results)
    problems += _claims(results)
    problems += _one_table(results)
    journals, differing = _journals(results, path.parent)
    return Checked(len(results) + len(broken), journals, (*problems, *differing))


def _schemas(results: Sequence[Result]) -> list[str]:
    strange = Counter(run.schema_version for run in results if run.schema_version != SCHEMA)
    return [f"{count} lines have schema {number}, not {SCHEMA}" for number, count in strange.items()]


def _duplicates(results: Sequence[Result]) -> list[str]:
    counts = Counter(run.cell for run in results)
    found = [f"{cell.text()}: {count} lines; the last counts" for cell, count in counts.items() if count > 1]
    journals = Counter(run.journal_digest for run in results if run.journal_digest)
    found += [
        f"one journal stands behind {count} lines ({digest[:12]})"
        for digest, count in journals.items()
        if count > 1
    ]
    return found


def _claims(results: Sequence[Result]) -> list[str]:
    found = []
    for run in results:
        where = run.cell.text()
        if run.seconds > OVER_BUDGET * run.cell.budget_seconds:
            found.append(f"{where}: took {run.seconds:.0f} s of a budget of {run.cell.budget_seconds:.0f} s")
        if not run.score.low <= run.score.value <= run.score.high:
            found.append(f"{where}: its score {run.score.value:g} lies outside of its interval")
        if run.knows != knows(run.cell.plays):
            found.append(f"{where}: whether it knows the good sources is said wrongly")
        if run.champion == "base" and run.score.value != run.base.value:
            found.append(f"{where}: claims the base, with another score than the base's")
        if (run.lessons is not None) != run.cell.remembers and run.schema_version == SCHEMA:
            found.append(
                f"{where}: its memory was {'on' if run.lessons is not None else 'off'}, against its name"
            )
    return found


def _one_table(results: Sequence[Result]) -> list[str]:
    """What runs must share to be held against each other."""
    budgets: dict[tuple[str, str, int], dict[str, set[float]]] = defaultdict(lambda: defaultdict(set))
    machines: dict[tuple[str, str], set[str]] = defaultdict(set)
    sets: dict[tuple[str, str, int], set[str]] = defaultdict(set)
    for run in results:
        cell = run.cell
        budgets[cell.task, cell.base_model, cell.max_rows][cell.policy].add(cell.budget_seconds)
        machines[cell.task, cell.base_model].add(run.machine)
        for what, digest in (("test", run.test_digest), ("data", run.data_digest)):
            if digest:
                sets[what, f"{cell.edition} {cell.task}", cell.seed].add(digest)
    found = []
    for (task, base_model, _), by_policy in budgets.items():
        # Several budgets are a study, as long as every policy had each of them.
        if len({frozenset(each) for each in by_policy.values()}) > 1:
            given = sorted(set().union(*by_policy.values()))
            listed = ", ".join(f"{seconds:g} s" for seconds in given)
            found.append(f"{task} with {base_model}: budgets differ between policies ({listed})")
    for (task, base_model), names in machines.items():
        if len(names) > 1:
            found.append(f"{task} with {base_model}: machines differ ({', '.join(sorted(names))})")
    for (what, task, seed), digests in sets.items():
        if len(digests) > 1:
            found.append(f"{task} seed {seed}: {len(digests)} different {what} sets (their digests differ)")
    return found


def _journals(results: Iterable[Result], folder: Path) -> tuple[int, list[str]]:
    """Read the journals that lie beside the file: the digest first, then what the line took from it."""
    count, found = 0, []
    for run in results:
        path = folder / run.journal
        if not run.journal or not path.is_file():
            continue
        if not path.resolve().is_relative_to(folder.resolve()):
            found.append(f"{run.cell.text()}: its journal lies outside of the results' folder")
            continue
        count += 1
        if hashlib.sha256(path.read_bytes()).hexdigest() != run.journal_digest:
            found.append(f"{run.cell.text()}: {run.journal} has changed since the line was written")
            continue
        try:
            again = result_of(run.cell, Journal.open(path, write=False), folder)
        except FtDojoError as error:
            found.append(f"{run.cell.text()}: {error}")
            continue
        wrong = [name for name in MEASURED if getattr(again, name) != getattr(run, name)]
        if wrong:
            found.append(f"{run.cell.text()}: {', '.join(wrong)} not as its journal says")
    return count, found
