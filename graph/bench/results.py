"""Results of the bench: one JSON line for each run, in a file that only grows and that anyone can add to.

A line says what was asked (the cell), what came out, and on what machine. What stands in the file is not run
again. A line that a kill cut off is left out when the file is read; ``graph.bench.verify`` names it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from memory.recipe import Record
from tasks.base import Score

SCHEMA = 1
RESULTS_FILE = "results.jsonl"
MEMORY, TREE, WITHOUT = "+memory", "+tree", " without "
MOST_CHARACTERS, DIGITS = 140, 8
"""Of a folder's name, and of the digest behind it."""
WORKERS = re.compile(r"\+workers([1-9]\d*)$")
OLD_PARTS = {
    "naive": "all-data",
    "all_data": "all-data",
    "reference": "oracle-source",
    "oracle": "oracle-source",
    "agent": "playbook",
}
"""Names in the results of earlier versions -> policies."""


class Cell(Record):
    """What makes a run of the bench: run once, it is not run again."""

    task: str
    """A task id, or a folder of the user's."""
    seed: int
    policy: str
    """As of ``--policy``, with ``+memory`` where lessons are kept from run to run of the bench, ``+tree`` for
    ``--search tree``, ``+workersN`` for ``--workers N``, and ``without PART`` for a part that is left out
    (``graph.bench.ablations``)."""
    base_model: str = "ftdojo-mini"
    budget_seconds: float = Field(gt=0)
    max_rows: int = 2000
    edition: str = "mini"

    @property
    def plays(self) -> str:
        """The policy's name alone."""
        return self._parts()[0]

    @property
    def remembers(self) -> bool:
        """Whether it keeps lessons."""
        return MEMORY in self._parts()[1]

    @property
    def search(self) -> Literal["greedy", "tree"]:
        """How the playbook chooses experiments; see ``graph.settings``."""
        return "tree" if TREE in self._parts()[1] else "greedy"

    @property
    def workers(self) -> int:
        """Looks at sources that are made side by side."""
        found = [WORKERS.fullmatch(each) for each in self._parts()[1]]
        return next((int(match[1]) for match in found if match), 1)

    def _parts(self) -> tuple[str, list[str]]:
        """The policy's name, and what is added to it."""
        name = self.policy.partition(WITHOUT)[0]
        added: list[str] = []
        while suffix := _suffix(name):
            name = name.removesuffix(suffix)
            added.append(suffix)
        return name, added

    @property
    def without(self) -> tuple[str, ...]:
        """Parts that are left out."""
        return tuple(filter(None, self.policy.partition(WITHOUT)[2].split("&")))

    @property
    def folder(self) -> str:
        """Where its run lies: a name that no other cell has and that any file system takes.

        Its words say less than the cell does (of a path its last part, of a command no signs), so that a
        digest of the cell stands behind them.
        """
        words = [Path(self.task).name, self.base_model.rpartition("/")[2], self.policy, f"s{self.seed}"]
        words += [f"{self.budget_seconds:g}s", f"{self.max_rows}rows"]
        said = json.dumps(self.model_dump(mode="json", exclude_defaults=True), sort_keys=True)
        return f"{'-'.join(map(_plain, words))[:MOST_CHARACTERS]}-{_digits(said)}"

    @property
    def memory(self) -> str:
        """The name of the lessons that it learns from and adds to: those of its policy and its base model.

        What is added to a policy and what is left out of it make another one, whose lessons are its own.
        """
        policy = self.policy.replace(MEMORY, "").replace(TREE, "")
        name = _plain(f"{policy}-{self.search}-{self.base_model.rpartition('/')[2]}", "-")
        whole = "/" not in self.base_model and len(name) <= MOST_CHARACTERS
        return name if whole else f"{name[:MOST_CHARACTERS]}-{_digits(f'{policy} {self.base_model}')}"

    def text(self) -> str:
        """For a line of progress."""
        return f"{self.task}, {self.policy}, seed {self.seed}, {self.base_model}"


def _plain(text: str, more: str = "") -> str:
    """A text as a part of a file's name."""
    return "".join(c if (c.isascii() and c.isalnum()) or c in f"+=.{more}" else "_" for c in text)


def _digits(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:DIGITS]


def _suffix(policy: str) -> str:
    """What is added last to a policy's name; empty where nothing is."""
    if workers := WORKERS.search(policy):
        return workers[0]
    return next((each for each in (MEMORY, TREE) if policy.endswith(each)), "")


class Result(Record):
    """One line of a results file."""

    schema_version: int = SCHEMA
    cell: Cell
    score: Score
    """Of what the run claims, on the sealed test: its confirmed champion, or else the base."""
    base: Score
    """Of the untouched model on the same items; with examples in the prompt for ``few-shot``."""
    champion: str
    """The experiment's id, or ``base``."""
    knows: bool = False
    """Whether the policy was told which sources are good."""
    experiments: dict[str, int] = Field(default_factory=dict)
    """``kept``, ``discarded``, ``failed``."""
    trained: float | None = None
    """Best validation score of a trained model, claimed or not; None where none was scored."""
    seconds: float = Field(ge=0.0)
    """Of the budget, by the run's own clocks."""
    wall_seconds: float = Field(0.0, ge=0.0)
    """From the start of the cell to its result, loading included; of the last attempt of a resumed one."""
    tokens: int = 0
    """Of language models, in and out."""
    usd: float = 0.0
    outcome: str = ""
    reason: str = ""
    curve: tuple[tuple[float, float, float, float], ...] = ()
    """(seconds, score, low, high) on validation whenever the incumbent changed, the base first."""
    lessons: int | None = None
    """Lessons that the memory held when the run began; None where it is off."""
    test_digest: str = ""
    data_digest: str = ""
    journal_digest: str = ""
    """SHA-256 of the journal's file when the run had ended."""
    journal: str = ""
    """Its path, from the folder of the results file."""
    machine: str = ""
    """System, cores and accelerator: times of different machines are not held against each other."""
    lanes: int = 1
    """Runs at a time."""
    interference: float | None = None
    """How many times longer a fixed loop took with all lanes busy than alone; None for one lane."""
    versions: dict[str, str] = Field(default_factory=dict)
    when: str = ""
    """UTC."""


class BrokenLine(Record):
    """A line that is no result, and why."""

    number: int
    """From 1."""
    problem: str


def read(path: Path) -> list[Result]:
    """The results of a file, those of earlier versions by today's names; none where there is no file."""
    return read_lines(path)[0]


def read_lines(path: Path) -> tuple[list[Result], list[BrokenLine]]:
    """The results of a file, and the lines that are none."""
    found: list[Result] = []
    broken: list[BrokenLine] = []
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append(_result(json.loads(line)))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "line"
            broken.append(BrokenLine(number=number, problem=f"{where}: {first['msg'].lower()}"))
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
            broken.append(BrokenLine(number=number, problem=f"no result ({type(error).__name__}: {error})"))
    return found, broken


def append(path: Path, result: Result) -> None:
    """One more line, on the disk when this returns; on a line of its own also after one that was cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cut_off = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as out:
        out.write(("\n" if cut_off else "") + result.model_dump_json() + "\n")
        out.flush()
        os.fsync(out.fileno())


def missing(cells: Iterable[Cell], results: Iterable[Result]) -> list[Cell]:
    """The cells that have no result yet, each once, in order."""
    done = {result.cell for result in results}
    return [cell for cell in dict.fromkeys(cells) if cell not in done]


def _result(row: dict[str, Any]) -> Result:
    return _of_old(row) if "part" in row else Result.model_validate(row)


def _of_old(row: dict[str, Any]) -> Result:
    """A line of the benchmark before it had policies: all data and oracle had an hour each."""
    policy = OLD_PARTS[row["part"]]
    seconds = float(row.get("seconds", 0.0))
    score = {key: row.get(key, row["value"]) for key in ("value", "low", "high")}
    base = dict.fromkeys(("value", "low", "high"), row["base_value"])
    of: dict[str, Any] = {"metric": "", "n": 0}
    return Result(
        schema_version=0,
        cell=Cell(
            task=row["task"],
            seed=row["seed"],
            policy=policy,
            budget_seconds=300.0 if policy == "playbook" else 3600.0,
        ),
        score=Score(**score, **of),
        base=Score(**base, **of),
        champion=str(row.get("champion", "e01")),
        knows=policy == "oracle-source",
        experiments=row.get("counts", {}),
        seconds=seconds,
        outcome=str(row.get("outcome", "")),
    )
