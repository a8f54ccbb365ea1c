"""Foundations of a run: what its figures rest on before it has done anything, as digests by name.

| subject | parts |
|---|---|
| ``settings`` | what the run was asked for, by setting |
| ``task`` | the definition's fields, and every file of a user's own task |
| ``scorer`` | the source of each module that judges answers, by file |
| ``code`` | every package of FT-Dojo, and its version |
| ``packages`` | the version of each library that is installed for it |
| ``rows`` | validation, the sealed test, and each source, by content |
| ``base`` | each file of the base model, weights and tokenizer, by content |

They stand in the journal from the start; at resume and by ``ftdojo verify`` they are made again.
"""

from __future__ import annotations

import ast
import functools
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata, util
from pathlib import Path
from typing import Any

from tasks.base import TaskData, TaskSpec
from tools.curation.run import source_hash
from tools.evaluation.answer_cache import MODEL_FILES
from tools.evidence import files_under
from tools.models.adapter import base_dir, is_adapter
from tools.models.base_model import BaseModel
from tools.sealed_test import digest_of
from tools.verification.file_digests import FileDigests

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("ftdojo", "graph", "roles", "tools", "memory", "tasks")
NOT_INSTALLED = ("graph/bench", "tools/bench", "tools/pretraining")
"""Of a checkout alone: an installed package has the same code without them."""
JUDGING = ("tools/evaluation", "tools/sandbox", "tools/contamination", "tools/sealed_test.py")
"""What judges beside the task's own modules."""
FUNCTIONS = ("scorer", "aggregate", "render", "extract", "verify", "build_prompt", "script", "judge_result")
"""Of a task's definition; where they are defined is the scorer's code."""
FIELDS = (
    "id",
    "metric",
    "description",
    "answer_format",
    "subsets",
    "labels",
    "stops",
    "higher_is_better",
    "max_new_tokens",
    "judge",
)
"""Of a task's definition, what is no function."""
DISTRIBUTION = "ft-dojo"
NO_LIBRARIES = ("dev",)
"""Extras of ours with nothing in them that a run loads."""


@dataclass(frozen=True)
class Foundation:
    """One subject, part by part."""

    about: str
    parts: Mapping[str, str]

    def data(self) -> dict[str, Any]:
        """As the journal keeps it."""
        return {"about": self.about, "digest": digest(self.parts), "parts": dict(self.parts)}


def digest(plain: Any) -> str:
    """SHA-256 over the canonical JSON of a value."""
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, default=str)
    return sha256(text.encode("utf-8", "replace")).hexdigest()


def foundations(
    settings: Mapping[str, Any],
    spec: TaskSpec,
    data: TaskData,
    test_digest: str,
    base: BaseModel,
    place: Path | None,
    files: FileDigests,
) -> list[Foundation]:
    """Everything that a run rests on, as it is now.

    Args:
        settings: what the run was asked for, but for places.
        spec: the task as it was loaded, before lengths were settled.
        data: its rows.
        test_digest: of the sealed test (``SealedTest.digest``).
        base: the base model.
        place: the file or folder of a user's own task; None for others.
        files: reads large files, or knows them.
    """
    return [
        Foundation("settings", {name: json.dumps(value, default=str) for name, value in settings.items()}),
        Foundation("task", _task(spec, place, files)),
        Foundation("scorer", scorer_files(spec)),
        Foundation("code", code_files()),
        Foundation("packages", packages()),
        Foundation("rows", _rows(data, test_digest)),
        Foundation("base", model_files(base.path, files)),
    ]


def differences(recorded: Mapping[str, Mapping[str, Any]], now: list[Foundation]) -> list[str]:
    """What is not as it was recorded, a line each, beginning with subject and part."""
    found = []
    for foundation in now:
        about, held = foundation.about, recorded.get(foundation.about)
        if held is None:
            found.append(f"{about}: the journal has no record of it")
            continue
        before, parts = dict(held.get("parts") or {}), dict(foundation.parts)
        if digest(before) != held.get("digest"):
            found.append(f"{about}: its record is not the one that its own digest was made of")
        for name in sorted(before.keys() | parts.keys()):
            if before.get(name) != parts.get(name):
                found.append(f"{about}: {name} {_changed(about, before.get(name), parts.get(name))}")
    return found


def _changed(about: str, before: str | None, now: str | None) -> str:
    if before is None:
        return "is new since the run began"
    if now is None:
        return "is gone"
    if about in ("settings", "packages"):
        return f"is {now}, and was {before}"
    return f"has changed ({now[:12]}, was {before[:12]})"


def _task(spec: TaskSpec, place: Path | None, files: FileDigests) -> dict[str, str]:
    parts = {name: digest(_plain(getattr(spec, name))) for name in FIELDS}
    if place is None:
        return parts
    if place.is_file():
        parts[f"file {place.name}"] = files.of(place)
    else:
        for file in files_under(place):
            name = file.relative_to(place).as_posix()
            if not any(part.startswith(".") for part in file.relative_to(place).parts):
                parts[f"file {name}"] = files.of(file)
    return parts


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def _rows(data: TaskData, test_digest: str) -> dict[str, str]:
    parts = {"validation": digest_of(data.validation), "test": test_digest}
    return parts | {f"source {source.name}": source_hash(source) for source in data.sources}


def model_files(folder: Path, files: FileDigests) -> dict[str, str]:
    """SHA-256 of what is loaded of a model's folder, and of its base's where it is an adapter."""
    parts = {
        file.name: files.of(file)
        for file in sorted(folder.iterdir())
        if file.suffix in MODEL_FILES and file.is_file()
    }
    if is_adapter(folder):
        parts |= {f"base/{name}": found for name, found in model_files(base_dir(folder), files).items()}
    return parts


# -- code --------------------------------------------------------------------------------


def scorer_files(spec: TaskSpec) -> dict[str, str]:
    """SHA-256 by file of the modules that judge a task's answers, those that they import included."""
    todo = [module for name in FUNCTIONS for module in _modules_of(getattr(spec, name))]
    seen: dict[str, Path] = {}
    while todo:
        module = todo.pop()
        file = _file_of(module)
        if module in seen or file is None:
            continue
        seen[module] = file
        todo += _imported(file)
    listed = {*seen.values(), *(file for place in JUDGING for file in _sources(ROOT / place))}
    return {file.relative_to(ROOT).as_posix(): _digest_of(file) for file in sorted(listed)}


def code_files() -> dict[str, str]:
    """A digest of each package of FT-Dojo over the source of all its modules, and the version."""
    parts = {"version": _version(DISTRIBUTION)}
    for package in PACKAGES:
        found = {file.relative_to(ROOT).as_posix(): _digest_of(file) for file in _sources(ROOT / package)}
        parts[package] = digest(found)
    return parts


def _sources(place: Path) -> list[Path]:
    found = [place] if place.is_file() else sorted(place.rglob("*"))
    apart = [ROOT / name for name in NOT_INSTALLED]
    return [
        file
        for file in found
        if file.suffix in (".py", ".so", ".md", ".toml", ".j2", ".jsonl")
        and not any(file.is_relative_to(folder) for folder in apart)
    ]


@functools.lru_cache(maxsize=4096)
def _digest_of_state(file: Path, size: int, time_ns: int) -> str:
    return sha256(file.read_bytes()).hexdigest()


def _digest_of(file: Path) -> str:
    state = file.stat()
    return _digest_of_state(file, state.st_size, state.st_mtime_ns)


def _modules_of(function: Callable[..., Any] | None) -> Iterator[str]:
    """The modules of a function, of what is bound to it and of what it closes over."""
    todo: list[Any] = [function]
    seen: set[int] = set()
    while todo:
        each = todo.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, functools.partial):
            todo += [each.func, *each.args, *each.keywords.values()]
            continue
        module = getattr(each, "__module__", None) or type(each).__module__
        if str(module).startswith("tasks."):
            yield str(module)
            todo += [cell.cell_contents for cell in getattr(each, "__closure__", None) or () if _filled(cell)]
            todo += [owner] if (owner := getattr(each, "__self__", None)) is not None else []
            if not callable(each) or not hasattr(each, "__code__"):
                todo += list(getattr(each, "__dict__", {}).values())


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _file_of(module: str) -> Path | None:
    found = sys.modules.get(module)
    name = getattr(found, "__file__", None)
    if name is None:
        try:
            spec = util.find_spec(module)
        except (ImportError, ValueError):
            return None
        name = spec.origin if spec else None
    return Path(name) if name and Path(name).is_relative_to(ROOT) else None


@functools.lru_cache(maxsize=1024)
def _imported(file: Path) -> tuple[str, ...]:
    """The modules of ``tasks`` that a module imports, wherever in it."""
    found: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tasks"):
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.startswith("tasks")]
    return tuple(found)


# -- libraries ----------------------------------------------------------------------------


@functools.lru_cache(maxsize=1)
def packages() -> dict[str, str]:
    """Version by name of the libraries that FT-Dojo asks for and those that they ask for, as installed."""
    from packaging.requirements import Requirement

    found: dict[str, str] = {"python": sys.version.split()[0]}
    todo = [DISTRIBUTION]
    while todo:
        name = todo.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            held = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[name] = held.version
        for text in held.requires or ():
            asked = Requirement(text)
            # Of ours every extra counts whose library is here; of a library, what it always needs.
            extras = held.metadata.get_all("Provides-Extra") or [] if name == DISTRIBUTION else []
            asked_for = ({"extra": extra} for extra in ("", *extras) if extra not in NO_LIBRARIES)
            if asked.marker is None or any(asked.marker.evaluate(each) for each in asked_for):
                todo.append(asked.name)
    found.pop(DISTRIBUTION, None)
    return dict(sorted(found.items()))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
