"""Files that ``ftdojo init-task`` writes: the task of a user's data, of a Hub data set, or an example."""

from __future__ import annotations

from pathlib import Path

from tasks.base import TaskSpec
from tasks.custom.hub_id import HubId, hub_id, looks_like_file
from tasks.errors import InputError
from tasks.formats.declared import Declared


def write_task(source: str, directory: Path | None, declared: Declared) -> tuple[Path, tuple[str, ...]]:
    """The folder that was written, and what was understood of the data.

    What exists on disk is data. ``ORG/NAME`` is a Hub data set where there is no folder ``ORG``; any other
    name is a new folder for an example, unless it is that of a data file or comes with what data alone has.

    Raises:
        InputError: the data is not there or cannot be read, or the folder is there already.
    """
    from tasks.custom.data_task import init_task
    from tasks.custom.folder import write_example

    path, asked = Path(source).expanduser(), hub_id(source)
    if path.exists():
        made = directory or path.with_name(path.name.partition(".")[0] + "-task")
        spec = init_task(path, made, declared=declared)
    elif asked is not None and not (source == asked.repo_id and path.parent.is_dir()):
        made = directory or Path(f"{asked.name}-task")
        spec = _of_the_hub(asked, made, declared)
    else:
        if directory is not None or declared != Declared() or looks_like_file(source):
            raise InputError(source, "there is no such file or folder", "check the path")
        write_example(path)
        return path, ()
    return made, spec.data.understood if spec.data else ()


def _of_the_hub(asked: HubId, folder: Path, declared: Declared) -> TaskSpec:
    from tasks.custom.data_task import init_task
    from tools.hub.data_set import pinned, read

    if folder.exists():  # before anything is downloaded
        raise InputError(str(folder), "it is there already", "name a folder that is not")
    try:
        pinned(asked)
    except InputError as error:
        fix = f"{error.fix}; for an example of a task write ./{asked.text}"
        raise InputError(error.what, error.wrong, fix) from error
    return init_task(asked.text, folder, read(asked), asked.name, declared)
