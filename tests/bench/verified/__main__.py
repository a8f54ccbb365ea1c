"""``python -m tests.bench.verified OUT``: short real runs of every kind, and what ``verify`` says of each.

What stands in OUT/results.jsonl is not run again, but with ``--anew``; ``--verify`` looks again at the runs
that are there. Prints a table, a line a run. The harness case needs the extra lm-eval.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from memory.journal.examine import examine
from tests.bench.verified.cases import Case, cases
from tests.bench.verified.player import Player

Row = dict[str, Any]
UNSIGNED = "signature: the run is not signed"


def main(
    out: Annotated[Path, typer.Argument(help="Folder for runs and results.jsonl.")],
    only: Annotated[str, typer.Option(help="Comma-separated names of cases, in their order.")] = "",
    anew: Annotated[bool, typer.Option(help="Run also what results.jsonl holds.")] = False,
    verify: Annotated[bool, typer.Option(help="Verify the runs that are there again, and run none.")] = False,
) -> None:
    """Run what is missing, then print the table."""
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    results = out / "results.jsonl"
    every = {case.name: case for case in cases()}
    for name in only.split(",") if only else every:
        known = _read(results)
        mine = [row for row in known if row["case"] == name]
        others = [row for row in known if row["case"] != name]
        player = Player(out / name, out / "home")
        if verify:
            mine = [_again(player, row) for row in mine]
        elif anew or not mine:
            mine = _played(every[name], player)
        _write(results, [*others, *mine])
    places = {name: number for number, name in enumerate(every)}
    rows = sorted(_read(results), key=lambda row: places.get(row["case"], len(places)))
    sys.stdout.write(table(rows) + "\n")


def _played(case: Case, player: Player) -> list[Row]:
    shutil.rmtree(player.folder, ignore_errors=True)
    player.folder.mkdir(parents=True)
    began = time.monotonic()
    facts: Row = {"case": case.name, "through": case.went_through}
    try:
        places = case.play(player)
    except RuntimeError as error:
        rows = [facts | {"place": "", "code": None, "failed": str(error)}]
    else:
        rows = [facts | player.verified(place) | {"facts": _facts(place)} for place in places]
    for row in rows:
        row["seconds"] = round(time.monotonic() - began)
        sys.stdout.write(line_of(row) + "\n")
        sys.stdout.flush()
    return rows


def _again(player: Player, row: Row) -> Row:
    place = Path(row["place"])
    if not row["place"] or not place.exists():
        return row
    kept = {name: row[name] for name in ("case", "through", "seconds", "facts") if name in row}
    found = kept | player.verified(place)
    sys.stdout.write(line_of(found) + "\n")
    return found


def _facts(place: Path) -> Row:
    """Metric, method and champion of a run, from its journal."""
    if place.is_file():
        return {}
    events = examine(place / "journal.jsonl").events
    scores = [event.data["score"]["metric"] for event in events if event.kind == "evaluation"]
    plans = [event.data["method"] for event in events if event.kind == "training_plan"]
    chosen = [event.data["champion"] for event in events if event.kind == "champion_chosen"]
    return {
        "metric": scores[0] if scores else "",
        "methods": ", ".join(dict.fromkeys(plans)) or "none",
        "champion": chosen[-1] if chosen else "",
    }


def table(rows: Sequence[Row]) -> str:
    """Markdown, a line a run, and a last line that counts."""
    lines = [
        "| case | metric | method | what it went through | champion | verify | differences | not checked |",
        "|---|---|---|---|---|---|---|---|",
        *map(line_of, rows),
    ]
    clean = sum(row["code"] == 0 for row in rows)
    return "\n".join([*lines, "", f"{clean} of {len(rows)} verify without a difference"])


def line_of(row: Row) -> str:
    """One row of the table."""
    facts = row.get("facts") or {}
    checks = row.get("checks") or []
    differs = [line for check in checks for line in check["differences"]]
    unchecked = [line for check in checks for line in check["unchecked"] if not line.startswith(UNSIGNED)]
    cells = [
        row["case"],
        facts.get("metric", ""),
        facts.get("methods", ""),
        row["through"],
        facts.get("champion", ""),
        row["code"],
        row.get("failed") or _told(differs),
        _told(unchecked),
    ]
    return "| " + " | ".join(" ".join(str(cell).replace("|", "/").split()) for cell in cells) + " |"


def _told(lines: Sequence[str], most: int = 3) -> str:
    more = f"; and {len(lines) - most} more" if len(lines) > most else ""
    return "; ".join(lines[:most]) + more if lines else "none"


def _read(path: Path) -> list[Row]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _write(path: Path, rows: Sequence[Row]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
