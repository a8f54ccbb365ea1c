"""Listing of a repository's files at one commit, as the Hub reports them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tasks.official.files import git_blob_of, sha256_of


@dataclass(frozen=True)
class Remote:
    """A file as the Hub reports it."""

    name: str
    """Its path in the repository."""
    size: int
    """In bytes."""
    blob: str
    sha256: str | None

    @property
    def mark(self) -> str:
        """What the Hub knows the content by."""
        return self.sha256 or self.blob

    def is_at(self, path: Path) -> bool:
        """Whether the file at the path is this one, whole."""
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        return (sha256_of(path) if self.sha256 else git_blob_of(path)) == self.mark


def list_files(repo_id: str, commit: str) -> dict[str, Remote]:
    """The files of a data set at a commit, by name; raises what ``huggingface_hub`` does."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    tree = HfApi().list_repo_tree(repo_id, recursive=True, revision=commit, repo_type="dataset")
    files = (entry for entry in tree if isinstance(entry, RepoFile))
    return {
        file.path: Remote(file.path, file.size, file.blob_id, str(file.lfs.sha256) if file.lfs else None)
        for file in files
    }


def known_files(repo_id: str, commit: str) -> dict[str, Remote]:
    """``list_files``, asked once: a commit never changes, and what is known needs no network."""
    path = listing_path(repo_id, commit)
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {name: Remote(name, *facts) for name, facts in entries.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):  # absent, or cut off in writing
        pass
    files = list_files(repo_id, commit)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({file.name: (file.size, file.blob, file.sha256) for file in files.values()}))
    draft.replace(path)
    return files


def listing_path(repo_id: str, commit: str) -> Path:
    """Where the listing is kept: among what libraries keep in the Hub's cache folder."""
    from huggingface_hub import cached_assets_path

    return cached_assets_path("ft-dojo", repo_id, "listings") / f"{commit}.json"
