"""The task behind a name: registered, of lm-evaluation-harness, a path of the user's, or a Hub data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from graph.settings import RunSettings
from tasks import registry
from tasks.base import LoadOptions, TaskSpec
from tasks.custom.hub_id import HubId, hub_id, looks_like_file
from tasks.errors import InputError
from tasks.formats.declared import Declared
from tasks.paths import existing


def load_task(name: str, edition: str, declared: Declared | None = None) -> TaskSpec:
    """A registered task, one of lm-evaluation-harness (``lm-eval:NAME``), a user's path, or a Hub data set.

    What exists on disk is a path, whatever else it could be. On published rows the answer budget is the
    published one. ``declared`` names columns of data that comes without a ``task.toml``.

    Raises:
        InputError: unknown id, a folder that is not a task, or a data set that cannot be had.
    """
    if name.startswith("lm-eval:"):
        from tasks.custom.lm_eval import load_lm_eval

        return load_lm_eval(name)
    if (path := existing(name)) is not None:
        return _own_task(path, declared)
    if (asked := hub_id(name)) is not None:
        return _hub_task(asked, declared)
    if "/" in name or looks_like_file(name):
        wrong = "there is no such file or folder, and it is no id of a Hub data set"
        raise InputError(
            name, wrong, "check the path; an id is ORG/NAME, ORG/NAME:CONFIG or ORG/NAME:CONFIG:SPLIT"
        )
    spec = registry.get(name)
    if edition == "official" and spec.published is not None:
        return replace(spec, max_new_tokens=spec.published.max_new_tokens)
    return spec


def _own_task(path: Path, declared: Declared | None) -> TaskSpec:
    """A task folder, or data alone: a file, a folder of files, a saved data set."""
    if path.is_file() or (path.is_dir() and not (path / "task.toml").exists() and _holds_rows(path)):
        from tasks.custom.data_task import data_task

        return data_task(path, declared=declared)
    if declared is not None and (declared.answer or declared.template):
        raise InputError("--answer and --prompt", "they are for data without a task.toml", "edit task.toml")
    from tasks.custom.folder import load_folder
    from tools.hub.data_set import read

    return load_folder(path, read)


def _hub_task(asked: HubId, declared: Declared | None) -> TaskSpec:
    """A data set of the Hub as a task; its rows are those of one commit, which ``source`` names."""
    from tasks.custom.data_task import data_task
    from tools.hub.data_set import read

    return data_task(asked.text, read(asked), asked.name, declared)


def fetch_data(name: str) -> None:
    """Download a task's data where it is a Hub data set, for those who show something while a run starts.

    Raises:
        InputError: it cannot be had.
    """
    asked = hub_id(name)
    if asked is not None and not on_disk(name):
        from tools.hub.data_set import fetch

        fetch(asked)


def on_disk(name: str) -> bool:
    """Whether a name is a path that exists, which wins over anything else that it could mean."""
    return existing(name) is not None


def _holds_rows(folder: Path) -> bool:
    """Whether a folder without ``task.toml`` is one of data, readable or not."""
    return any(
        path.is_file() and not path.name.startswith(".") and path.suffix != ".toml"
        for path in folder.rglob("*")
    )


def load_options(settings: RunSettings) -> LoadOptions:
    """Where the published rows are, and how they are split."""
    return LoadOptions(Path(settings.data_root).expanduser(), settings.split)
