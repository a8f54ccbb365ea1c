"""JSON as an answer: one field of an object, or all of its fields, with a schema where there is one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tasks.answers.equality import same_answer
from tasks.answers.extract import json_field, without_thinking
from tasks.custom.metrics.reader import AnswerReader, Said, marked
from tasks.errors import InputError

MOST_OPENINGS = 200
"""Braces of a reply at which an object is looked for."""


def field_reader(key: str) -> AnswerReader:
    """``json_field``: that field of the reply's object is the same; a gold value may be the bare value."""

    def read(text: str) -> Said | None:
        found = json_field(text, (key,))
        return None if found is None else Said(found, found)

    def gold(text: str) -> str | None:
        found = json_field(text, (key,))
        return found if found is not None else marked(text)

    return AnswerReader(
        f'JSON {{"{key}": "..."}}, worked steps before it',
        read,
        gold,
        lambda said, wanted: float(same_answer(said.text, wanted)),
        lambda answer, reasoning: _after(reasoning, json.dumps({key: answer}, ensure_ascii=False)),
        alike=lambda one, other: same_answer(gold(one) or "", gold(other) or ""),
    )


def object_reader(fields: Sequence[str], schema: Path | None) -> AnswerReader:
    """``json``: the share of fields that are the same; nothing for a reply that the schema refuses.

    Args:
        fields: the fields that count; empty for those of the gold object.
        schema: a JSON Schema file.

    Raises:
        InputError: the file is no JSON Schema.
    """
    validator = _validator(schema) if schema is not None else None

    def read(text: str) -> Said | None:
        found = last_object(without_thinking(text))
        if found is None or (validator is not None and not _accepts(validator, found)):
            return None
        return Said(_canonical(found), found)

    def gold(text: str) -> str | None:
        found = last_object(text)
        if found is None or any(field not in found for field in fields):
            return None
        return json.dumps(found, ensure_ascii=False)

    named = ", ".join(f'"{field}": ...' for field in fields) or "..."
    return AnswerReader(
        f"one JSON object {{{named}}}" + (" that its schema accepts" if validator else ""),
        read,
        gold,
        partial(_share, fields),
        lambda answer, reasoning: _after(reasoning, answer),
        alike=lambda one, other: _share(fields, Said("", last_object(one)), other) >= 1.0,
    )


def _after(reasoning: str, answer: str) -> str:
    return f"{reasoning.strip()} {answer}" if reasoning.strip() else answer


def _share(fields: Sequence[str], said: Said, gold: str) -> float:
    wanted = json.loads(gold)
    found = said.value if isinstance(said.value, Mapping) else {}
    names = list(fields) or sorted({*wanted, *found})
    if not names:
        return 1.0
    right = [n in found and n in wanted and same_value(found[n], wanted[n]) for n in names]
    return sum(right) / len(right)


def same_value(one: Any, other: Any) -> bool:
    """Equality of JSON values: texts as answers are, numbers by value, lists in order, objects by field."""
    if isinstance(one, str) and isinstance(other, str):
        return same_answer(one, other)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_value, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_value(one[key], other[key]) for key in one)
    return bool(one == other)


def last_object(text: str) -> dict[str, Any] | None:
    """The last JSON object in a text that is not part of another; None when there is none."""
    decoder, place, found = json.JSONDecoder(), 0, None
    for _ in range(MOST_OPENINGS):
        place = text.find("{", place)
        if place < 0:
            break
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            place += 1
            continue
        found = value
    return found if isinstance(found, dict) else None


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _validator(path: Path) -> Any:
    """The schema's validator; a reference to another document is not followed."""
    try:
        from jsonschema.exceptions import SchemaError
        from jsonschema.validators import validator_for
        from referencing import Registry
    except ImportError as error:
        raise InputError(
            "json_schema", f"it cannot be checked ({error})", "pip install 'ft-dojo[eval]'"
        ) from error
    if not path.is_file():  # a pipe would be waited for
        raise InputError(str(path), "it cannot be read: there is no such file", "check json_schema")
    try:
        schema = json.loads(path.read_text(encoding="utf-8-sig"))
        if not isinstance(schema, dict | bool):
            raise ValueError("it is no object")
        kind = validator_for(schema)
        kind.check_schema(schema)
    except OSError as error:
        raise InputError(str(path), f"it cannot be read: {error.strerror}", "check json_schema") from error
    except (ValueError, RecursionError, SchemaError) as error:
        wrong = f"it is no JSON Schema: {' '.join(str(getattr(error, 'message', error)).split())[:200]}"
        raise InputError(str(path), wrong, "mend the file or drop json_schema") from error
    return kind(schema, registry=Registry())


def _accepts(validator: Any, value: Any) -> bool:
    from referencing.exceptions import Unresolvable

    try:
        return bool(validator.is_valid(value))
    except (Unresolvable, RecursionError):
        return False
