"""Working files of a run: what its steps leave beside the files that its figures come from.

They repeat what the journal says (a data set's card, a training's plan and measurements), or are parts of
what was joined. A file that answers, trains or is trained on and that no journal names was put there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from memory.journal.evidence import files_on_record
from memory.journal.history import BASE, History
from memory.recipe import DataCard
from tasks.official.files import sha256_of
from tools.verification.finding import short
from tools.workspace import Workspace

ANSWERS = ("validation", "confirmation", "test")
"""How the names of files of answers begin."""
OF_THE_MOMENT = frozenset({"cached", "wall_seconds"})
"""Fields of a data card that say when it was read."""
NOT_KEPT = "is not kept, and nothing that is claimed rests on it"
DOCUMENTS = ("report.html", "summary.json")
"""Written again when they are asked for, and held against the journal elsewhere."""


def working_differences(history: History, workspace: Workspace, relied_on: set[str]) -> list[str]:
    """What differs of the working files, a line each.

    Args:
        history: of the run.
        workspace: its folder.
        relied_on: files that are looked at elsewhere.
    """
    recorded = files_on_record(history)
    found = [*_links(workspace, recorded), *_cards(history, workspace), *_trainings(history, workspace)]
    for name, was in recorded.items():
        path = workspace.run_dir / name
        if name in relied_on or name in DOCUMENTS or not path.is_file() or path.is_symlink():
            continue
        if (now := sha256_of(path)) != was:
            found.append(f"{name}: is not the file that the run wrote ({now[:12]}, was {was[:12]})")
    return [*found, *(_strangers(history, workspace, recorded) if recorded else ())]


def parts_not_kept(history: History, workspace: Workspace, relied_on: set[str]) -> list[str]:
    """Recorded files on which nothing rests any more and that are gone."""
    return [
        f"{name}: {NOT_KEPT}"
        for name in files_on_record(history)
        if name not in relied_on and Path(name).suffix == ".jsonl" and not (workspace.run_dir / name).exists()
    ]


def _links(workspace: Workspace, recorded: Mapping[str, str]) -> Iterator[str]:
    """What lies elsewhere can change without a trace here."""
    names = {name for name in recorded if (workspace.run_dir / name).is_symlink()}
    for folder in ("experiments", "champion", "data"):
        names |= {
            path.relative_to(workspace.run_dir).as_posix()
            for path in (workspace.run_dir / folder).rglob("*")
            if path.is_symlink()
        }
    yield from (f"{name}: is a link, and a run writes none" for name in sorted(names))


def _cards(history: History, workspace: Workspace) -> Iterator[str]:
    for event in history.events:
        if event.kind != "card":
            continue
        recorded = DataCard.model_validate(event.data)
        path = workspace.run_dir / recorded.path.replace(".jsonl", ".card.json")
        held = _json(path)
        if held is None:
            continue  # nothing rests on the copy
        for name, was in recorded.model_dump(mode="json").items():
            if name not in OF_THE_MOMENT and held.get(name) != was:
                told = f"{name} is {short(held.get(name))}, and the journal gives {short(was)}"
                yield f"{path.relative_to(workspace.run_dir)}: {told}"


def _trainings(history: History, workspace: Workspace) -> Iterator[str]:
    """The trainer's own files against the journal: what it was told, and what it measured."""
    for experiment in history.experiments():
        folder = workspace.run_dir / "experiments" / experiment.id
        for record, name, part in (
            (experiment.training_plan, "plan.json", "plan"),
            (experiment.training, "model/training.json", ""),
        ):
            held = _json(folder / name)
            if record is None or experiment.training is None or held is None:
                continue
            held = _object(held.get(part)) if part else held
            for field, was in record.model_dump(mode="json").items():
                if field in held and field not in OF_THE_MOMENT and held[field] != was:
                    told = f"{field} is {short(held[field])}, and the journal gives {short(was)}"
                    yield f"experiments/{experiment.id}/{name}: {told}"


def _strangers(history: History, workspace: Workspace, recorded: Mapping[str, str]) -> Iterator[str]:
    planned = {BASE, *(str(event.experiment) for event in history.events if event.kind == "plan")}
    for folder in sorted((workspace.run_dir / "experiments").glob("*")):
        if folder.name not in planned:
            yield f"experiments/{folder.name}: no such experiment was planned"
            continue
        for path in sorted(folder.glob("*.jsonl")):
            name = path.relative_to(workspace.run_dir).as_posix()
            if path.stem.partition("-")[0] in ANSWERS and name not in recorded:
                yield f"{name}: are answers that no line of the journal names"
    for path in sorted((workspace.run_dir / "data").glob("*.jsonl")):
        name = path.relative_to(workspace.run_dir).as_posix()
        card = path.with_suffix(".card.json")
        if name not in recorded and not path.name.endswith(".removed.jsonl") and not card.is_file():
            yield f"{name}: is a data set that no line of the journal names"


def _json(path: Path) -> dict[str, Any] | None:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return held if isinstance(held, dict) else None


def _object(held: object) -> dict[str, Any]:
    return held if isinstance(held, dict) else {}
