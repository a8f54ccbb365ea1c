"""Downloads of the published files, once, at their pinned revision, verified against the Hub's own hashes.

``huggingface_hub.snapshot_download`` fetches: several files at a time, through Xet where the Hub has it; a
download that is cut goes on where it was cut as long as each try brings something. It keeps no part of a
file between two calls (2.4.0) and does not hash what it fetched, so that is done here: SHA-256 of a large
file, Git's blob id of a small one. A file that is not what the Hub reports is deleted. The manifest beside
the files (``tasks.assets.MANIFEST``) keeps what is verified, which is never fetched again. The token, if
any, is found by ``huggingface_hub`` itself.
"""

from __future__ import annotations

import fcntl
import json
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from glob import escape
from pathlib import Path
from typing import Any

from tasks.assets import MANIFEST, Assets
from tasks.base import LoadOptions, TaskSpec
from tasks.errors import InputError
from tasks.official.files import folder_of, read_manifest, sha256_of
from tasks.official.load import splits
from tools.hub.errors import AGAIN, Repository, hub_errors
from tools.hub.listing import Remote, list_files

FULL_HASH = 40

Report = Callable[[int, int], None]
"""``report(bytes so far, bytes in all)`` of one repository's missing files; called from several threads."""


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
class _Manifest:
    """The file beside the downloads; written whole after each of them."""

    path: Path
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, assets: Assets, folder: Path) -> _Manifest:
        found = read_manifest(folder)
        fitting = found is not None and (
            found.get("revision") == assets.revision  # "main" is no part of a hash
            or str(found.get("commit", "")).startswith(assets.revision)
        )
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
            full disk: one line each, and what is verified stays.
    """
    folder = folder_of(assets, root)
    with hub_errors(Repository(assets.repo_id, assets.revision), folder), _alone(folder):
        manifest = _Manifest.of(assets, folder)
        changed = manifest.drop_changed(folder)
        if set(assets.files) <= set(manifest.facts["patterns"]):
            return Prepared(assets, manifest.facts["commit"], len(manifest.facts["files"]))
        _quiet()
        commit = manifest.facts["commit"] or _commit(assets)
        manifest.facts["commit"] = commit
        remotes = _remotes(assets, commit)
        missing = [remote for remote in remotes if remote.name not in manifest.facts["files"]]
        absent = [remote for remote in missing if not remote.is_at(folder / remote.name)]
        _refuse_full_disk(folder, absent)
        try:
            _fetch(assets, commit, absent, folder, report)
        finally:
            for remote in missing:
                path = folder / remote.name
                if remote.is_at(path):
                    manifest.facts["files"][remote.name] = {"size": remote.size, "sha256": sha256_of(path)}
            manifest.write()
        _refuse_damaged(assets, absent, folder)
        manifest.facts["patterns"] = sorted({*manifest.facts["patterns"], *assets.files})
        manifest.write()
        shutil.rmtree(folder / ".cache", ignore_errors=True)
    names = tuple(remote.name for remote in absent)
    return Prepared(assets, commit, len(manifest.facts["files"]), names, changed)


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
    from huggingface_hub.utils.logging import set_verbosity

    set_verbosity(logging.ERROR)  # after the import, which sets it to WARNING


def _commit(assets: Assets) -> str:
    """The full hash of the pinned revision: the Hub takes no shortened one."""
    from huggingface_hub import HfApi

    # Asked first because it tries once: the other calls wait for a lost network, 23 seconds each.
    newest = HfApi().dataset_info(assets.repo_id).sha
    if assets.revision == "main":
        return str(newest)
    if len(assets.revision) == FULL_HASH:
        return assets.revision
    for commit in HfApi().list_repo_commits(assets.repo_id, repo_type="dataset"):
        if commit.commit_id.startswith(assets.revision):
            return str(commit.commit_id)
    raise InputError(
        assets.repo_id,
        f"it has no revision {assets.revision}",
        "its history was rewritten: use local copies with --data-root DIR",
    )


def _remotes(assets: Assets, commit: str) -> list[Remote]:
    from huggingface_hub.utils._paths import filter_repo_objects

    known = list_files(assets.repo_id, commit)
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
    return [known[name] for name in wanted]


def _refuse_full_disk(folder: Path, missing: Iterable[Remote]) -> None:
    needed, free = sum(remote.size for remote in missing), shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            str(folder),
            f"the disk is full: {needed / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB are free",
            "make room, or name a folder on another disk with --data-root",
        )


def _fetch(assets: Assets, commit: str, remotes: Sequence[Remote], folder: Path, report: Report) -> None:
    """The files into their places, not verified yet."""
    if not remotes:
        return
    from huggingface_hub import snapshot_download

    snapshot_download(
        assets.repo_id,
        repo_type="dataset",
        revision=commit,
        local_dir=folder,
        allow_patterns=[escape(remote.name) for remote in remotes],
        tqdm_class=_bar(report, sum(remote.size for remote in remotes)),
    )


def _bar(report: Report, total: int) -> Any:
    """A progress bar class that shows nothing and hands the bytes on.

    The library makes two bars of bytes, received and written, and one of files; the further of the first two
    counts.
    """
    from huggingface_hub.utils.tqdm import tqdm

    furthest = 0

    class Bar(tqdm):
        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **{**settings, "disable": True})  # type: ignore[no-untyped-call]
            self._bytes, self._done = settings.get("unit") == "B", 0

        def update(self, n: float | None = 1) -> bool | None:
            nonlocal furthest
            self._done += int(n or 0)
            if self._bytes and self._done > furthest:
                furthest = self._done
                report(min(furthest, total), total)
            return None

    return Bar


def _refuse_damaged(assets: Assets, remotes: Iterable[Remote], folder: Path) -> None:
    """Delete every file that is not what the Hub reports; InputError naming the first."""
    damaged = [remote for remote in remotes if not remote.is_at(folder / remote.name)]
    came = bool(damaged) and (folder / damaged[0].name).is_file()
    for remote in damaged:
        (folder / remote.name).unlink(missing_ok=True)
    if damaged:
        shown = f"{assets.folder}/{damaged[0].name}"
        if not came:
            raise InputError(shown, "it did not arrive", AGAIN)
        raise InputError(
            shown,
            f"its hash is not the one that the Hub reports ({damaged[0].mark[:12]})",
            "run it again; if that does not help, the repository is damaged",
        )
