"""Layout of a Hub data set: which of its files belong to which config and split.

``datasets`` knows the rules (the card's ``configs``, else the names of files and folders). It is asked with a
folder of empty files named as the repository's are, so that nothing has to be downloaded to know.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tasks.custom.files import why_not_read
from tasks.custom.hub_id import HubId
from tasks.errors import InputError, did_you_mean

CARD = "README.md"
MOST_NAMED = 12
"""Configs, splits or files that a message names."""
_CONVERTED = re.compile(r"([^/]+)/(?:partial-)?(\w+)/\d{4}\.parquet")
"""Files of the branch ``refs/convert/parquet``, the Hub's own copy of a data set: config/split/number."""
_CONFIG_KEYS = ("config_name", "data_files", "data_dir", "default")
_NOT_ROWS = (CARD, ".gitattributes", ".gitignore", "dataset_info.json", "dataset_infos.json", "state.json")


@dataclass(frozen=True)
class Layout:
    """The files of one config."""

    config: str
    configs: tuple[str, ...]
    splits: Mapping[str, tuple[str, ...]]
    """Split -> paths in the repository, in order."""
    unused: tuple[str, ...] = ()
    """Files of rows that belong to none of the configs."""


def layout_of(asked: HubId, files: Iterable[str], card: Mapping[str, Any]) -> Layout:
    """The config and the splits that an id asks for.

    Args:
        asked: the id.
        files: paths of the repository.
        card: the fields of the card's header.

    Raises:
        InputError: there are only scripts, nothing that is read, several configs and none chosen, no such
            config or split, or a card that cannot be understood.
    """
    names = [name for name in files if _inside(name)]
    rows = [name for name in names if not name.endswith((".py", ".zip")) and name not in _NOT_ROWS]
    configs = _configs(asked, card) or _converted(rows)
    if not any(not why_not_read(name) for name in rows):
        raise _nothing_to_read(asked, names)
    try:
        found = _ask_datasets(asked, rows, configs)
    except FileNotFoundError as error:
        if not configs:
            raise _nothing_to_read(asked, names) from error
        raise _bad_card(asked, "its card names files that are not there") from error
    if not asked.splits:
        return found
    splits = {}
    for split in asked.splits:
        if split not in found.splits:
            wrong = f"the config {found.config!r} has no split {split!r} ({_some(found.splits)})"
            raise InputError(asked.text, wrong, did_you_mean(split, found.splits))
        splits[split] = found.splits[split]
    return Layout(found.config, found.configs, splits, found.unused)


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _configs(asked: HubId, card: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The card's ``configs``, without what has no bearing on the choice of files."""
    given = card.get("configs") or []
    if not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given):
        raise _bad_card(asked, "its card's configs are not a list")
    for pattern in _texts(given):
        if "://" in pattern or not _inside(pattern):
            raise _bad_card(asked, f"its card names {pattern[:80]!r}, which is not in the repository")
    return [{key: entry[key] for key in _CONFIG_KEYS if key in entry} for entry in given]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, each in value.items() if key != "config_name" for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def _converted(rows: list[str]) -> list[dict[str, Any]]:
    """Configs of the branch with the Hub's own Parquet files, which has no card; none for any other."""
    found = [_CONVERTED.fullmatch(name) for name in rows]
    configs: dict[str, dict[str, list[str]]] = {}
    for match in found:
        if match is None:
            return []
        configs.setdefault(match[1], {}).setdefault(match[2], []).append(match[0])
    return [
        {
            "config_name": config,
            "data_files": [{"split": name, "path": paths} for name, paths in splits.items()],
        }
        for config, splits in configs.items()
    ]


def _ask_datasets(asked: HubId, rows: list[str], configs: list[dict[str, Any]]) -> Layout:
    from datasets import get_dataset_config_names, get_dataset_default_config_name, load_dataset_builder
    from datasets.exceptions import DatasetsError
    from huggingface_hub import metadata_save

    with tempfile.TemporaryDirectory() as folder:
        root = (Path(folder) / "rows").resolve()
        for name in rows:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        if configs:
            metadata_save(root / CARD, {"configs": configs})
        try:
            known = tuple(get_dataset_config_names(str(root)))
            config = asked.config or get_dataset_default_config_name(str(root))
            if config is None:
                wrong = f"it has {len(known)} configs, and none is chosen"
                raise InputError(asked.text, wrong, f"name one, {asked.choose(known[0])} (of {_some(known)})")
            if config not in known:
                wrong = f"it has no config {config!r} ({_some(known)})"
                raise InputError(asked.text, wrong, did_you_mean(config, known))
            builder = load_dataset_builder(str(root), config, cache_dir=f"{folder}/cache")
        except FileNotFoundError:
            raise
        except (DatasetsError, ValueError, TypeError, OSError) as error:
            raise _bad_card(asked, " ".join(str(error).replace(str(root), "").split())[:160]) from error
        splits = {
            str(split): tuple(str(Path(path).relative_to(root)) for path in paths)
            for split, paths in (builder.config.data_files or {}).items()
        }
    used = {name for paths in splits.values() for name in paths}
    unused = [name for name in rows if len(known) == 1 and name not in used and not why_not_read(name)]
    return Layout(config, known, splits, tuple(unused))


def _nothing_to_read(asked: HubId, names: list[str]) -> InputError:
    script = asked.repo_id.rpartition("/")[2] + ".py"
    if script in names:
        wrong = f"its rows come out of a script ({script}), which is not run here"
        copy = HubId(asked.repo_id, "refs/convert/parquet", asked.config, asked.splits).text
        return InputError(asked.text, wrong, f"the Hub may have converted it: try {copy}")
    others = [name for name in names if name not in _NOT_ROWS]
    told = "; ".join(f"{name}: {why_not_read(name)}" for name in others[:3]) or "it is empty"
    return InputError(
        asked.text, f"it holds no file of rows that is read ({told})", "choose another data set"
    )


def _bad_card(asked: HubId, why: str) -> InputError:
    return InputError(asked.text, f"its files cannot be told apart: {why}", "download the files you need")


def _some(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:MOST_NAMED]) + (
        f" and {len(shown) - MOST_NAMED} more" if shown[MOST_NAMED:] else ""
    )
