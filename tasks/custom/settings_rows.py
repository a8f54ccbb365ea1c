"""YAML and TOML files as rows: the layouts of JSON in another writing.

Of YAML, null, true, false and whole numbers are values; everything else is the text that stands in the file.
So ``no`` is a label, 1.10 keeps its nought, and 2024-05-01 is no moment. An object without a list of rows is
a file of settings.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, ClassVar

from tasks.custom.json_layouts import rows_in
from tasks.custom.json_rows import rows_of
from tasks.custom.tables import Aside, Rows
from tasks.custom.text_files import open_text
from tasks.errors import InputError

MOST_CHARACTERS = 64_000_000
SETTINGS = "a file of settings: it holds no list of rows"
_FIX = "write a list of objects, such as `- question: ...`, or save it as .jsonl"
_VALUES = {
    "null": (re.compile(r"null|~|"), [*"n~", ""]),
    "bool": (re.compile(r"true|false"), list("tf")),
    "int": (re.compile(r"-?(?:0|[1-9][0-9]{0,17})"), list("-0123456789")),
}


def read_yaml(path: Path) -> tuple[Rows, str, Aside]:
    """(rows, how it was read, what was set aside). Raises InputError where the file holds no row."""
    documents = _documents(path, _text(path))
    return _rows(path, documents[0] if len(documents) == 1 else documents, "YAML")


def read_toml(path: Path) -> tuple[Rows, str, Aside]:
    """As ``read_yaml``."""
    try:
        return _rows(path, tomllib.loads(_text(path)), "TOML")
    except (ValueError, RecursionError) as error:
        raise InputError(str(path), f"it is no TOML: {_one_line(error)}", "mend that place") from error


def _text(path: Path) -> str:
    with open_text(path) as file:
        text = file.read(MOST_CHARACTERS + 1)
    if len(text) > MOST_CHARACTERS:
        raise InputError(str(path), f"it is longer than {MOST_CHARACTERS:,} characters", "save it as .jsonl")
    return text.replace("\r\n", "\n")


def _documents(path: Path, text: str) -> list[Any]:
    import yaml

    try:
        # An alias costs a few characters, and stands for as many rows as somebody likes.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_loader())):
            raise InputError(str(path), "it refers to its own parts by aliases (`*name`)", "write them out")
        return [part for part in yaml.load_all(text, Loader=_loader()) if part is not None]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(str(path), f"it is no YAML: {_one_line(error)}", "mend that place") from error


def _loader() -> Any:
    """A loader that makes plain values alone, and few of them."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    for kind, (pattern, first) in _VALUES.items():
        whole = re.compile(rf"(?:{pattern.pattern})\Z")
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", whole, first)
    return Loader


def _rows(path: Path, value: Any, kind: str) -> tuple[Rows, str, Aside]:
    found, said = (value, "") if isinstance(value, list) else rows_in(value)
    if found is None and isinstance(value, Mapping) and len(value) == 1:
        ((name, inside),) = value.items()  # ``[[example]]``, whatever the tables are called
        found, said = (inside, f", of which {name!r} is read") if isinstance(inside, list) else (None, "")
    if found is None or not any(isinstance(row, Mapping) for row in found):
        raise InputError(str(path), SETTINGS, _FIX)
    aside = Aside()
    rows = rows_of(((f"entry {number:,}", _plain(row)) for number, row in enumerate(found, 1)), aside)
    if not len(rows):
        raise InputError(str(path), f"it has no rows{aside.first()}", _FIX)
    return rows, f"a list in {kind}{said}", aside


def _plain(value: Any) -> Any:
    """The value as JSON has it: keys as text, moments as ISO 8601 writes them, sets as lists."""
    if isinstance(value, Mapping):
        return {_key(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(part) for part in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, str):
        return value.removesuffix("\n")  # of a block, whose last line ends
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


def _key(key: Any) -> str:
    return (
        {None: "null", True: "true", False: "false"}.get(key, str(key)) if not isinstance(key, str) else key
    )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
