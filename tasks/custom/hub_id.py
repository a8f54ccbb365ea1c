"""Hub id: the name of a data set on the Hugging Face Hub, with revision, config and splits where chosen.

    ORG/NAME[@REVISION][:CONFIG[:SPLIT[+SPLIT...]]]

``@REVISION`` and the prefix ``hf://datasets/`` are fsspec's notation, ``train+test`` is that of ``datasets``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tasks.custom.files import SUFFIXES

PREFIX = "hf://datasets/"
_NAME = r"\w[\w.-]*"
_FORM = re.compile(
    rf"(?P<repo>{_NAME}(?:/{_NAME})?)(?:@(?P<revision>\w[\w./-]*))?"
    r"(?::(?P<config>[^:/\\|?*<>]*)(?::(?P<splits>\w[\w.+-]*))?)?"
)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubId:
    """A data set of the Hub."""

    repo_id: str
    revision: str = ""
    """Branch, tag or commit; empty for the newest commit of the main branch."""
    config: str = ""
    """Empty for the data set's only or default config."""
    splits: tuple[str, ...] = ()
    """Empty for all."""

    @property
    def text(self) -> str:
        """The id as ``hub_id`` reads it."""
        revision = f"@{self.revision}" if self.revision else ""
        chosen = f":{self.config}" if self.config or self.splits else ""
        splits = ":" + "+".join(self.splits) if self.splits else ""
        bare = self.repo_id + revision + chosen + splits
        return bare if "/" in self.repo_id and not looks_like_file(bare) else PREFIX + bare

    def choose(self, config: str) -> str:
        """The text of the id with that config."""
        return HubId(self.repo_id, self.revision, config, self.splits).text

    @property
    def name(self) -> str:
        """A short name, fit for a file: ``gsm8k-main``."""
        name = self.repo_id.rpartition("/")[2] + (f"-{self.config}" if self.config else "")
        return re.sub(r"[^\w.-]+", "-", name)[:80]

    @property
    def pinned(self) -> bool:
        """Whether the revision is a commit, of which the rows never change."""
        return _COMMIT.fullmatch(self.revision) is not None


def hub_id(text: str) -> HubId | None:
    """The id in a text; None where it is a path or anything else.

    Without the prefix ``hf://datasets/``, it needs ``ORG/``, and is a path where it ends as a data file does.
    """
    bare = text.removeprefix(PREFIX)
    found = _FORM.fullmatch(bare)
    if found is None:
        return None
    if bare == text and ("/" not in found["repo"] or looks_like_file(text)):
        return None
    splits = tuple(name for name in (found["splits"] or "").split("+") if name)
    return HubId(found["repo"], found["revision"] or "", found["config"] or "", splits)


def looks_like_file(text: str) -> bool:
    """Whether it ends as a file of rows does."""
    return text.casefold().endswith(SUFFIXES)
