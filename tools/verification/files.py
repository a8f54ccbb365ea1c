"""Files of a run, held against the digests that its journal names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from memory.journal.evidence import files_on_record
from memory.journal.history import History
from tasks.official.files import sha256_of
from tools.evidence import files_under
from tools.verification.finding import Finding
from tools.verification.working_files import NOT_KEPT, parts_not_kept, working_differences
from tools.workspace import Workspace


def check_files(history: History, workspace: Workspace) -> Finding:
    """Every file that the run's figures come from, as the journal names it."""
    pruned = pruned_models(history, workspace)
    gone, relied = tuple(f"{folder}/" for folder in pruned), set(relied_on(history))
    names = [name for name in relied if not name.startswith(gone)]
    return Finding(
        "files",
        f"{len(names)} files of the run read again",
        (*changed_files(history, workspace), *working_differences(history, workspace, relied)),
        (*(f"{folder}: {NOT_KEPT}" for folder in pruned), *parts_not_kept(history, workspace, relied)),
    )


def changed_files(history: History, workspace: Workspace) -> list[str]:
    """What differs of the files that records of the journal rely on, a line each."""
    recorded = files_on_record(history)
    found = []
    pruned = tuple(f"{folder}/" for folder in pruned_models(history, workspace))
    for name in dict.fromkeys(relied_on(history)):
        path = workspace.inside(name)
        if name.startswith(pruned):
            continue
        if not path.is_file():
            found.append(f"{name}: is gone")
        elif name not in recorded:
            found.append(f"{name}: no digest of it stands in the journal")
        elif (now := sha256_of(path)) != (was := recorded[name]):
            found.append(f"{name}: is not the file that the run wrote ({now[:12]}, was {was[:12]})")
    return [*found, *_strangers(history, workspace, recorded)]


def pruned_models(history: History, workspace: Workspace) -> list[str]:
    """Folders of weights that are gone as a whole, and of which nothing that the run may claim was made."""
    needed = {*history.lineage(history.leading_id()), *history.lineage(history.incumbent_id())}
    folders = {
        str(event.data["model_dir"])
        for event in history.events
        if event.kind == "training" and event.experiment not in needed
    }
    return sorted(folder for folder in folders if not workspace.inside(folder).exists())


def relied_on(history: History) -> Iterator[str]:
    """Paths, within the run's folder, of the files that finished steps rest on."""
    recorded = files_on_record(history)
    for event in history.events:
        if event.kind in ("evaluation", "test_evaluation"):
            yield str(event.data["predictions"])
        elif event.kind == "card":
            yield str(event.data["path"])
        elif event.kind == "training":
            folder = f"{event.data['model_dir']}/"
            yield from (name for name in recorded if name.startswith(folder))
        elif event.kind == "confirmation":
            yield from confirmation_files(recorded)
        elif event.kind == "run_ended":
            yield from (name for name in recorded if name.startswith("champion/"))


def confirmation_files(recorded: dict[str, str]) -> Iterator[str]:
    """The predictions on the items kept apart."""
    for name in recorded:
        if Path(name).name.startswith("confirmation-") and name.endswith(".jsonl"):
            yield name


def _strangers(history: History, workspace: Workspace, recorded: dict[str, str]) -> list[str]:
    """Files in a model's folder that the journal does not name: what is loaded is more than was recorded."""
    found = []
    for event in history.events:
        if event.kind != "training":
            continue
        folder = workspace.inside(str(event.data["model_dir"]))
        if not any(name.startswith(f"{event.data['model_dir']}/") for name in recorded):
            found.append(f"{event.data['model_dir']}: no digest of these weights stands in the journal")
            continue
        there = [workspace.relative(file) for file in files_under(folder)] if folder.is_dir() else []
        more = [name for name in there if name not in recorded]
        found += [f"{name}: is none of the files that the training wrote" for name in more]
    return found
