"""Data set of the Hub as tables of rows: found, pinned to a commit, downloaded once, read as files are.

Files lie in the Hub's own cache folder (``HF_HOME``), where other libraries find them too. What is there
needs no network. The token, if any, is found by ``huggingface_hub`` itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path
from typing import Any

from tasks.custom.files import read_splits, why_not_read
from tasks.custom.hub_id import HubId
from tasks.custom.tables import Data, PassedOver
from tasks.errors import InputError
from tools.hub.errors import AGAIN, Repository, hub_errors
from tools.hub.layout import CARD, MOST_NAMED, Layout, layout_of
from tools.hub.listing import Remote, known_files


def pinned(asked: HubId) -> HubId:
    """The same id at a commit: the newest one, or the one that its branch or tag names.

    Where the Hub cannot be reached, it is the commit that was last seen.

    Raises:
        InputError: there is no such data set or revision, or it is not known and the Hub cannot be reached.
    """
    from huggingface_hub import resolve_revision

    if asked.pinned:
        return asked
    with hub_errors(_repository(asked), _cache()):
        commit = resolve_revision(asked.repo_id, repo_type="dataset", revision=asked.revision or None)
    return replace(asked, revision=str(commit.resolved))


@dataclass(frozen=True)
class Fetched:
    """A data set's files on this machine."""

    at: HubId
    """Pinned."""
    layout: Layout
    files: Mapping[str, Remote]
    """All of the repository's, by name."""
    folder: Path | None
    """Where those of the layout that are read lie under their names; None where there is none."""
    card: Mapping[str, Any]
    """The fields of the card's header."""


def fetch(asked: HubId) -> Fetched:
    """Have the files of the config and the splits that are asked for, each as the Hub reports it.

    Raises:
        InputError: as ``pinned``, and where it is gated, holds nothing that is read, has several configs and
            none is chosen, has no such config or split, or arrives damaged.
    """
    at = pinned(asked)
    with hub_errors(_repository(asked), _cache()):
        files = known_files(at.repo_id, at.revision)
        card = _card(at, files)
    layout = layout_of(asked, files, card)
    wanted = [files[name] for names in layout.splits.values() for name in names if not why_not_read(name)]
    with hub_errors(_repository(asked), _cache()):
        folder = _downloaded(asked, at.revision, wanted) if wanted else None
    return Fetched(at, layout, files, folder, card)


def read(asked: HubId) -> Data:
    """The rows of a data set, a table a split, with where they are from in ``notes``.

    Raises:
        InputError: as ``fetch``, or no row can be read.
    """
    found = fetch(asked)
    passed = []
    named: dict[str, list[tuple[str, Path]]] = {}
    for split, names in found.layout.splits.items():
        for name in names:
            if reason := why_not_read(name):
                passed.append(PassedOver(name, reason))
            elif found.folder is not None:
                named.setdefault(split, []).append((name, found.folder / name))
    data = read_splits(named, asked.text, passed)
    licence = found.card.get("license")
    return replace(
        data,
        notes=_notes(found),
        licence=", ".join(map(str, licence)) if isinstance(licence, list) else str(licence or ""),
        origin=found.at.text,
    )


def _notes(found: Fetched) -> tuple[str, ...]:
    asked, layout, files = found.at, found.layout, found.files
    others = [name for name in layout.configs if name != layout.config]
    kept_out = f" (not used: {', '.join(others[:MOST_NAMED])})" if others else ""
    size = sum(files[name].size for names in layout.splits.values() for name in names)
    notes = [
        f"{asked.repo_id} of the Hub at commit {asked.revision}: config {layout.config}{kept_out}, "
        f"split {', '.join(layout.splits)}, {_size(size)}"
    ]
    if layout.unused:
        shown = ", ".join(layout.unused[:MOST_NAMED])
        notes.append(
            f"{asked.repo_id}: {len(layout.unused)} files belong to no split and are not used: {shown}"
        )
    script = asked.repo_id.rpartition("/")[2] + ".py"
    if script in files:
        notes.append(f"{asked.repo_id}: its script {script} is not run, the files are read as they are")
    return tuple(notes)


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def _repository(asked: HubId) -> Repository:
    return Repository(
        asked.repo_id,
        asked.revision,
        shown=asked.text,
        also="there is no such file or folder here, and ",
        no_revision="name a branch, a tag or a full commit",
        instead="download it once while online",
        other_folder="HF_HOME",
    )


def _cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _card(asked: HubId, files: Mapping[str, Remote]) -> dict[str, Any]:
    """The header of the card; empty where it has none, or one that is no YAML."""
    from huggingface_hub import hf_hub_download, metadata_load
    from yaml import YAMLError

    if CARD not in files:
        return {}
    path = hf_hub_download(asked.repo_id, CARD, repo_type="dataset", revision=asked.revision)
    try:
        return metadata_load(path) or {}
    except (YAMLError, ValueError) as error:
        raise InputError(asked.text, "the header of its card is not valid YAML", "tell its owner") from error


def _downloaded(asked: HubId, commit: str, wanted: Sequence[Remote]) -> Path:
    """The folder with the files, each as the Hub reports it."""
    from huggingface_hub import snapshot_download

    absent = [file for file in wanted if _kept(asked.repo_id, commit, file) is None]
    needed = sum(file.size for file in absent)
    free = shutil.disk_usage(_existing(_cache())).free
    if needed > free:
        wrong = f"{needed / 1e9:,.1f} GB are to be downloaded, and {free / 1e9:,.1f} GB of the disk are free"
        raise InputError(asked.text, wrong, "choose a smaller config or split, make room, or set HF_HOME")
    if absent:
        snapshot_download(
            asked.repo_id,
            repo_type="dataset",
            revision=commit,
            allow_patterns=[escape(file.name) for file in absent],
        )
    for file in absent:
        path = _kept(asked.repo_id, commit, file)
        if path is None:
            raise InputError(asked.text, f"{file.name} did not arrive", AGAIN)
        if not file.is_at(path):
            path.resolve().unlink()
            path.unlink(missing_ok=True)
            wrong = f"the hash of {file.name} is not the one that the Hub reports ({file.mark[:12]})"
            raise InputError(
                asked.text, wrong, "run it again; if that does not help, the data set is damaged"
            )
    first = _kept(asked.repo_id, commit, wanted[0])
    assert first is not None
    return first.parents[wanted[0].name.count("/")]


def _kept(repo_id: str, commit: str, file: Remote) -> Path | None:
    """The file in the cache; None where it is not there."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo_id, file.name, repo_type="dataset", revision=commit)
    return Path(found) if isinstance(found, str) and Path(found).is_file() else None


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
