"""Fit of loosely written arguments to a schema: what differs in form alone is read as it was meant.

    fitted(VerdictDecision, {"verdict": "Keep", "note": "better", "cluster_notes": None})

Form is: the case of a choice, a field's name in another spelling, ``null`` for a field left out, an object as
JSON text, one more or one less object around the arguments. Values are never brought into range, cut or
guessed: what does not fit in content stays as it is and fails.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tools.chat.json_objects import lenient

Model = TypeVar("Model", bound=BaseModel)
ROUNDS = 6
"""Mends after mends: one may uncover the next."""
NOTHING = frozenset({"none", "null", "nil", "n/a", "", "undefined"})
_TAGS = ("op", "operation", "type", "name", "kind", "operator")
"""By which names models say what an object is."""
_ENVELOPE = frozenset({"type", "name", "tool", "function", "schema"})


def fitted(schema: type[Model], value: Any) -> Model:
    """The value as the schema reads it.

    Raises:
        ValidationError: of the reading that is nearest to the schema.
    """
    return schema.model_validate(loosened(schema, value))


def loosened(schema: type[BaseModel], value: Any) -> Any:
    """The value in the form that the schema asks for, as near to it as form alone can bring it."""
    best, fewest = value, 10**6
    for reading in _readings(schema, value):
        mended, errors = _mended(schema, reading)
        if not errors:
            return mended
        if errors < fewest:
            best, fewest = mended, errors
    wrapped = _wrapped(schema, value)
    if wrapped is not None:
        mended, errors = _mended(schema, wrapped)
        if not errors:
            return mended
    return best


def _readings(schema: type[BaseModel], value: Any) -> Iterator[Any]:
    """The value, and what is inside of it."""
    if isinstance(value, str):
        try:
            value = lenient(value)
        except ValueError:
            yield value
            return
    fields = schema.model_fields
    yield value
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping):
        yield value[0]
    if isinstance(value, Mapping) and not _known(fields, value):
        inner = [part for part in map(_unquoted, value.values()) if isinstance(part, Mapping | list)]
        if len(inner) == 1:
            yield from _readings(schema, inner[0])
            wrapped = _wrapped(schema, inner[0])
            if wrapped is not None:
                yield wrapped


def _wrapped(schema: type[BaseModel], value: Any) -> dict[str, Any] | None:
    """The value as the one field that has to be there; None where there is none such, or it is there.

    An empty value says nothing: brackets without content stand in many a sentence that decides nothing.
    """
    required = [name for name, field in schema.model_fields.items() if field.is_required()]
    value = _unquoted(value)
    if not value or len(required) != 1 or (isinstance(value, Mapping) and _known(schema.model_fields, value)):
        return None
    return {required[0]: value}


def _known(fields: Mapping[str, Any], value: Mapping[Any, Any]) -> bool:
    folded = {_folded(name) for name in fields}
    return any(_folded(str(key)) in folded for key in value)


def _mended(schema: type[BaseModel], value: Any) -> tuple[Any, int]:
    """The value after mends of its form, and how many errors are left."""
    value = copy.deepcopy(value)
    errors: list[ErrorDetails] = []
    for _ in range(ROUNDS):
        try:
            schema.model_validate(value)
        except ValidationError as error:
            errors = error.errors(include_url=False)
        except RecursionError:
            return value, 10**5
        else:
            return value, 0
        mended = [_mend(schema, value, error, errors) for error in errors]
        if not any(mended):
            break
    return value, len(errors)


def _mend(schema: type[BaseModel], value: Any, error: ErrorDetails, errors: list[ErrorDetails]) -> bool:
    """Mend one error in place; False where it is not one of form."""
    place = _place(value, error["loc"])
    kind, given = error["type"], error["input"]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _mend_tag(given, error)
    if place is None:
        return False
    holder, key = place
    if kind == "extra_forbidden":
        return _mend_name(schema, holder, key, error, errors)
    if kind in ("literal_error", "enum"):
        return _put(holder, key, _choice(given, str((error.get("ctx") or {}).get("expected", ""))))
    if given is None or (isinstance(given, str) and kind != "missing" and given.strip().lower() in NOTHING):
        return kind.endswith(("_type", "_parsing", "_short")) and _drop(holder, key)
    wanted = kind.removesuffix("_type")
    if wanted in ("list", "tuple", "dict", "model", "model_attributes", "mapping") and kind != wanted:
        return _put(holder, key, _container(given, wanted))
    return False


def _place(value: Any, where: tuple[int | str, ...]) -> tuple[Any, int | str] | None:
    """The container and the key of an error's place; tags of unions, which are no keys, are stepped over."""
    holder, key, here = None, None, value
    for part in where:
        inside = (isinstance(here, dict) and part in here) or (
            isinstance(here, list) and isinstance(part, int) and part < len(here)
        )
        if inside:
            holder, key, here = here, part, here[part]
    return None if holder is None or key is None else (holder, key)


def _put(holder: Any, key: int | str, value: Any) -> bool:
    if value is None:
        return False
    holder[key] = value
    return True


def _drop(holder: Any, key: int | str) -> bool:
    if not isinstance(holder, dict) or key not in holder:
        return False
    del holder[key]
    return True


def _choice(given: Any, expected: str) -> str | None:
    """The one of the expected choices that differs from what was given in case and signs alone."""
    if not isinstance(given, str):
        return None
    near = [choice for choice in re.findall(r"'([^']*)'", expected) if _folded(choice) == _folded(given)]
    return near[0] if len(near) == 1 else None


def _container(given: Any, wanted: str) -> Any:
    """A list or an object from its JSON text; a list of one from what should stand in one."""
    read = _unquoted(given)
    if wanted in ("list", "tuple"):
        if isinstance(read, list):
            return read if read is not given else None
        return [read] if isinstance(read, str | Mapping) else None
    return read if isinstance(read, Mapping) and read is not given else None


def _mend_tag(given: Any, error: ErrorDetails) -> bool:
    """An operation whose tag is in another case, under another name, or the only key around the rest."""
    if not isinstance(given, dict):
        return False
    context = error.get("ctx") or {}
    tag = str(context.get("discriminator", "")).strip("'")
    expected = str(context.get("expected_tags", ""))
    if tag in given:
        return _put(given, tag, _choice(given[tag], expected))
    for name in _TAGS:
        if name in given and (choice := _choice(given[name], expected or _any_tag(given[name]))):
            del given[name]
            given[tag or "op"] = choice
            return True
    if len(given) == 1:
        (only, inner), *_ = given.items()
        if isinstance(inner, Mapping | None) and isinstance(only, str):
            given.clear()
            given |= {tag or "op": only, **(inner or {})}
            return True
    return False


def _any_tag(given: Any) -> str:
    """A missing tag's error does not say which there are: the next round judges."""
    return f"'{given}'" if isinstance(given, str) else ""


def _mend_name(
    schema: type[BaseModel], holder: Any, key: int | str, error: ErrorDetails, errors: list[ErrorDetails]
) -> bool:
    """A field in another spelling, or the name of the schema beside its fields."""
    if not isinstance(holder, dict) or key not in holder:
        return False
    around = error["loc"][:-1]
    missing = [str(e["loc"][-1]) for e in errors if e["type"] == "missing" and e["loc"][:-1] == around]
    names = [*missing, *(schema.model_fields if not around else ())]
    for name in dict.fromkeys(names):
        if name not in holder and _folded(name) == _folded(str(key)):
            holder[name] = holder.pop(key)
            return True
    named = isinstance(holder[key], str) and _folded(holder[key]) == _folded(schema.__name__)
    return named and key in _ENVELOPE and _drop(holder, key)


def _unquoted(value: Any) -> Any:
    """What a text is the JSON of, where it is an object or a list; else the value."""
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        try:
            return lenient(value)
        except ValueError:
            return value
    return value


def _folded(name: str) -> str:
    """Names that differ in case, blanks and signs alone come to the same."""
    return re.sub(r"[^a-z0-9]+", "", name.casefold())
