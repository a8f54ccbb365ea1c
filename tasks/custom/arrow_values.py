"""Arrow values as JSON has them: Parquet and Arrow files hold dates, decimals, bytes and maps, JSON does not.

A row travels as JSON: into the journal, to a script in the sandbox, to a language model, into ``task.toml``'s
folder. What it holds is therefore made plain where it is read, once.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
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


def holds_moments(kind: Any) -> bool:
    """Whether values of an Arrow type hold dates, times or durations, of which Arrow has more than Python."""
    from pyarrow import types

    return any(map(types.is_temporal, _leaves(kind)))


def in_short(table: Any) -> Any:
    """A ``pyarrow.Table`` in which a number of 32 bits is the shortest decimal that means it, in 64 bits.

    What was written as 3.8 is otherwise read as 3.799999952316284, and trained on as an answer so.
    """
    from pyarrow import float64, schema, string, types

    held = table.schema
    if any(types.is_float32(leaf) for kind in held.types for leaf in _leaves(kind)):
        for to in (string(), float64()):
            fields = [field.with_type(_with_singles(field.type, to)) for field in held]
            table = table.cast(schema(fields, held.metadata))
    return table


def with_bytes(kind: Any) -> Any:
    """The type with bytes in the place of each text: the same values, none of which need be letters."""
    import pyarrow
    from pyarrow import types

    if types.is_map(kind):
        return pyarrow.map_(with_bytes(kind.key_type), with_bytes(kind.item_type))
    if types.is_dictionary(kind):
        return pyarrow.dictionary(kind.index_type, with_bytes(kind.value_type), kind.ordered)
    if (
        types.is_struct(kind)
        or types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
    ):
        parts = [kind.field(place) for place in range(kind.num_fields)]
        return _of_parts(kind, [part.with_type(with_bytes(part.type)) for part in parts])
    texts = {
        pyarrow.string(): pyarrow.binary(),
        pyarrow.large_string(): pyarrow.large_binary(),
        pyarrow.string_view(): pyarrow.binary_view(),
    }
    return texts.get(kind, kind)


def _leaves(kind: Any) -> Iterator[Any]:
    """The types inside a type; itself, where it has none."""
    if not kind.num_fields:
        yield kind
    for place in range(kind.num_fields):
        yield from _leaves(kind.field(place).type)


def _with_singles(kind: Any, to: Any) -> Any:
    """The type with ``to`` in the place of each float of 32 bits."""
    from pyarrow import types

    if types.is_float32(kind):
        return to
    if not kind.num_fields:
        return kind
    parts = [kind.field(place) for place in range(kind.num_fields)]
    return _of_parts(kind, [part.with_type(_with_singles(part.type, to)) for part in parts])


def _of_parts(kind: Any, parts: list[Any]) -> Any:
    """A struct or list as ``kind`` is one, of other parts."""
    from pyarrow import large_list, list_, struct, types

    if types.is_struct(kind):
        return struct(parts)
    if types.is_fixed_size_list(kind):
        return list_(parts[0], kind.list_size)
    return large_list(parts[0]) if types.is_large_list(kind) else list_(parts[0])


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
