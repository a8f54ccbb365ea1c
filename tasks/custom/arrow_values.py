"""Arrow values as JSON has them: Parquet and Arrow files hold dates, decimals, bytes and maps, JSON does not.

A row travels as JSON: into the journal, to a script in the sandbox, to a language model, into ``task.toml``'s
folder. What it holds is therefore made plain where it is read, once.
"""

from __future__ import annotations

import base64
import math
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from tasks.formats.values import WrittenFloat


def is_plain(kind: Any) -> bool:
    """Whether values of an Arrow type are those of JSON already."""
    from pyarrow import types

    if types.is_struct(kind):
        return all(is_plain(kind.field(place).type) for place in range(kind.num_fields))
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return is_plain(kind.value_type)
    plain = (types.is_string, types.is_large_string, types.is_integer, types.is_boolean, types.is_null)
    return any(check(kind) for check in plain)


def plain(value: Any) -> Any:
    """A value as JSON has it.

    Moments become ISO 8601, durations seconds, decimals numbers that keep their written form, bytes the text
    that they are in UTF-8 or else base64, maps objects, and not-a-number nothing.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return _map(value) if _is_map(value) else [plain(part) for part in value]
    if isinstance(value, Decimal):
        return WrittenFloat(str(value)) if value.is_finite() else None
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return _text(value) if isinstance(value, bytes) else str(value)


def _is_map(value: list[Any] | tuple[Any, ...]) -> bool:
    """Whether these are the pairs of an Arrow map with text for keys."""
    return bool(value) and all(
        isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in value
    )


def _map(pairs: list[Any] | tuple[Any, ...]) -> dict[str, Any]:
    return {key: plain(part) for key, part in pairs}


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(value).decode("ascii")
