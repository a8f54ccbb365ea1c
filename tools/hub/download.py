"""Downloads published files once, at their pinned revision, and proves that they are what the Hub holds.

A file is written to ``<folder>/.parts`` first, where a later call goes on with it, and moves into place
once its hash is the one that the Hub reports: SHA-256 of a large file, Git's blob id of a small one. The
manifest beside the files (``tasks.assets.MANIFEST``) grows by one file at a time, so that what is verified
is never fetched again. The token, if any, is found by ``huggingface_hub`` itself.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from tasks.assets import MANIFEST, Assets
from tasks.base import LoadOptions, TaskSpec
from tasks.errors import InputError
from tasks.official.files import folder_of, git_blob_of, read_manifest, sha256_of
from tasks.official.load import splits
from tools.hub.errors import hub_errors

FULL_HASH = 40
ATTEMPTS = 3
"""Tries of one file; each goes on where the last one was cut."""

Report = Callable[[str, int, int], None]
"""``report(file, bytes so far, bytes in all)``."""


@dataclass(frozen=True)
class Prepared:
    """What came of one repository."""

    assets: Assets
    commit: str
    """The full hash that the files are from."""
    files: int
    downloaded: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Files that were not what they had been verified to be, and were fetched again."""


@dataclass
class _Remote:
    """A file as the Hub reports it."""

    name: str
    size: int
    blob: str
    sha256: str | None

    @property
    def mark(self) -> str:
        return self.sha256 or self.blob

    def is_at(self, path: Path) -> bool:
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        return (sha256_of(path) if self.sha256 else git_blob_of(path)) == self.mark


@dataclass
class _Manifest:
    """The file beside the downloads; written whole after each of them."""

    path: Path
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, assets: Assets, folder: Path) -> _Manifest:
        found = read_manifest(folder)
        fitting = found is not None and str(found.get("commit", "")).startswith(assets.revision)
        fresh = {"repo_id": assets.repo_id, "revision": assets.revision, "commit": "", "patterns": []}
        return cls(folder / MANIFEST, found if found and fitting else {**fresh, "files": {}, "tasks": {}})

    def write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps(self.facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        draft.replace(self.path)

    def drop_changed(self, folder: Path) -> tuple[str, ...]:
        """Forget (and delete) the files that are no longer as verified; their names."""
        files: dict[str, dict[str, Any]] = self.facts["files"]
        changed = []
        for name, said in list(files.items()):
            path = folder / name
            if path.is_file() and path.stat().st_size == said["size"] and sha256_of(path) == said["sha256"]:
                continue
            changed += [name] if path.is_file() else []
            path.unlink(missing_ok=True)
            del files[name]
            self.facts["patterns"] = []
        return tuple(changed)


def assets_of(specs: Iterable[TaskSpec]) -> tuple[Assets, ...]:
    """Every repository behind the tasks, once, with all the files that any of them needs."""
    merged: dict[str, Assets] = {}
    for spec in specs:
        if spec.published is None:
            continue
        for assets in (spec.published.benchmark, *spec.published.pools):
            known = merged.get(assets.folder, replace(assets, files=()))
            merged[assets.folder] = replace(known, files=tuple(dict.fromkeys((*known.files, *assets.files))))
    return tuple(merged.values())


def prepare(assets: Assets, root: Path, report: Report) -> Prepared:
    """Have every file of ``assets`` below ``root``, verified. Without a network where that is so already.

    Raises:
        InputError: gated, missing, broken or unreachable repository, a cut download, a wrong hash, a
            full disk: one line each, and what is already there stays.
    """
    folder = folder_of(assets, root)
    with hub_errors(assets, folder), _alone(folder):
        manifest = _Manifest.of(assets, folder)
        changed = manifest.drop_changed(folder)
        if set(assets.files) <= set(manifest.facts["patterns"]):
            return Prepared(assets, manifest.facts["commit"], len(manifest.facts["files"]))
        _quiet()
        commit = manifest.facts["commit"] or _commit(assets)
        manifest.facts["commit"] = commit
        remotes = _remotes(assets, commit)
        missing = [remote for remote in remotes if remote.name not in manifest.facts["files"]]
        _refuse_full_disk(folder, missing)
        downloaded = []
        for remote in missing:
            if not remote.is_at(folder / remote.name):
                _fetch(assets, commit, remote, folder, report)
                downloaded.append(remote.name)
            path = folder / remote.name
            manifest.facts["files"][remote.name] = {"size": remote.size, "sha256": sha256_of(path)}
            manifest.write()
        manifest.facts["patterns"] = sorted({*manifest.facts["patterns"], *assets.files})
        manifest.write()
        shutil.rmtree(folder / ".parts", ignore_errors=True)
    return Prepared(assets, commit, len(manifest.facts["files"]), tuple(downloaded), changed)


def count_rows(spec: TaskSpec, root: Path) -> dict[str, list[int]]:
    """Read a prepared task's items, and keep ``{split: [validation, test]}`` in the manifest.

    Raises:
        InputError: the files cannot be read as the task's rows.
    """
    if spec.published is None:
        return {}
    counts = {}
    for split in ("own", "published"):
        validation, test = splits(spec, LoadOptions(root, split))
        counts[split] = [len(validation), len(test)]
    assets = spec.published.benchmark
    manifest = _Manifest.of(assets, folder_of(assets, root))
    manifest.facts["tasks"][spec.id] = counts
    manifest.write()
    return counts


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One download of a folder at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _quiet() -> None:
    """Progress and errors are shown by us."""
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)


def _commit(assets: Assets) -> str:
    """The full hash of the pinned revision: the Hub takes no shortened one."""
    if len(assets.revision) == FULL_HASH:
        return assets.revision
    from huggingface_hub import HfApi

    for commit in HfApi().list_repo_commits(assets.repo_id, repo_type="dataset"):  # newest first
        if assets.revision == "main" or commit.commit_id.startswith(assets.revision):
            return str(commit.commit_id)
    raise InputError(
        assets.repo_id,
        f"it has no revision {assets.revision}",
        "its history was rewritten: use local copies with --data-root DIR",
    )


def _remotes(assets: Assets, commit: str) -> list[_Remote]:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile
    from huggingface_hub.utils._paths import filter_repo_objects

    tree = HfApi().list_repo_tree(assets.repo_id, recursive=True, revision=commit, repo_type="dataset")
    known = {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
    wanted: dict[str, None] = {}
    for pattern in assets.files:
        fitting = sorted(filter_repo_objects(known, allow_patterns=[pattern]))
        if not fitting:
            raise InputError(
                assets.repo_id,
                f"revision {commit[:7]} has no file {pattern}",
                "use local copies with --data-root DIR",
            )
        wanted |= dict.fromkeys(fitting)
    return [
        _Remote(name, known[name].size, known[name].blob_id, _sha256_in(known[name].lfs)) for name in wanted
    ]


def _sha256_in(lfs: Any) -> str | None:
    return str(lfs.sha256) if lfs is not None else None


def _refuse_full_disk(folder: Path, missing: Iterable[_Remote]) -> None:
    needed, free = sum(remote.size for remote in missing), shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            str(folder),
            f"the disk is full: {needed / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB are free",
            "make room, or name a folder on another disk with --data-root",
        )


class _Bar:
    """The part of a tqdm bar that the download uses; hands the bytes on."""

    def __init__(self, *, tell: Callable[[int], None], initial: int = 0, **_: object) -> None:
        self._tell, self._done = tell, initial

    def update(self, n: float | None = 1) -> None:
        """``n`` more bytes; negative where the server made us start again."""
        self._done += int(n or 0)
        self._tell(self._done)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def _fetch(assets: Assets, commit: str, remote: _Remote, folder: Path, report: Report) -> None:
    """One file into its place, verified; a part that an earlier call left behind is gone on with."""
    part = folder / ".parts" / remote.mark
    part.parent.mkdir(parents=True, exist_ok=True)
    shown = f"{assets.folder}/{remote.name}"
    for attempt in range(1, ATTEMPTS + 1):
        with hub_errors(assets, folder, shown):
            _download(assets, commit, remote, part, partial(report, shown), last=attempt == ATTEMPTS)
        if remote.is_at(part):
            target = folder / remote.name
            target.parent.mkdir(parents=True, exist_ok=True)
            part.replace(target)
            return
        if part.stat().st_size >= remote.size:
            part.unlink()
    raise InputError(
        shown,
        f"its hash is not the one that the Hub reports ({remote.mark[:12]})",
        "run it again; if that does not help, the repository is damaged",
    )


def _download(
    assets: Assets, commit: str, remote: _Remote, part: Path, report: Callable[[int, int], None], last: bool
) -> None:
    """Append to ``part`` until it has the size of the file; a cut is raised by the last attempt alone."""
    from httpx2 import TransportError
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._headers import build_hf_headers

    done = part.stat().st_size if part.is_file() else 0
    url = hf_hub_url(assets.repo_id, remote.name, repo_type="dataset", revision=commit)
    bar = partial(_Bar, tell=lambda so_far: report(so_far, remote.size))
    try:
        with part.open("ab") as file:
            http_get(
                url,
                file,
                resume_size=done,
                headers=build_hf_headers(),
                expected_size=remote.size,
                tqdm_class=bar,  # type: ignore[arg-type]
            )
    except (TransportError, OSError) as error:
        from huggingface_hub.errors import HfHubHTTPError

        lasting = isinstance(error, HfHubHTTPError) or getattr(error, "errno", None) in _LASTING
        if last or lasting:
            raise


_LASTING = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EFBIG}
"""What does not go away by trying again."""
