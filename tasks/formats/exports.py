"""Exports of annotation tools as plain rows: what was shown, and what the annotators said of it as ``label``.

Label Studio and Argilla keep both in objects of their own, spaCy an object of labels with 1 and 0; Prodigy
writes beside them whether the annotator accepted the task; ``accept`` is no answer to the text. Marked
spans become their texts: a model cannot count the characters that offsets count.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.base import Row
from tasks.formats import columns
from tasks.formats.conversation import Unreadable
from tasks.formats.message_trees import told_tree
from tasks.formats.values import is_missing, opened, text_of

LABEL = "label"
_SPAN_COLUMNS = ("label", "labels", "entities", "spans", "annotations")
_CATEGORIES = ("cats", "categories", "labels", "label", "classes")
_VERDICTS = ("accept", "reject", "ignore")
_OF_PRODIGY = ("answer", "options", "accept", "tokens", "spans", "config", "meta", "html", "label")
_FAILED = 400
"""Status of HTTP from which a request failed."""
_CUT_OFF = ("length", "max_tokens")
_UNFINISHED = "it was not annotated"
_DISAGREEING = "annotators disagree"
_MISPLACED = "a marked span does not lie within the text"


def plain_row(row: Row) -> Row:
    """The row without what an annotation tool puts around it; the row itself where no tool wrote it.

    Raises Unreadable where nobody annotated it, annotators disagree, the annotation was not accepted, or the
    row is a request that failed.
    """
    _refuse_failed(row)
    for reader in (_label_studio, _prodigy, _argilla, _categories, told_tree):
        if (made := reader(row)) is not None:
            return made
    return _with_span_texts(row)


def _refuse_failed(row: Row) -> None:
    """Refuse a line of a provider's batch whose request failed, or whose answer was cut off at its limit."""
    said = opened(row.get("response", row.get("result")))
    if "custom_id" not in row or not isinstance(said, Mapping):
        return
    body = opened(said.get("body", said.get("message")))
    held = body if isinstance(body, Mapping) else {}
    status, kind = said.get("status_code"), text_of(said.get("type", "succeeded"))
    errors = [row.get("error"), said.get("error"), held.get("error")]
    if (
        (isinstance(status, int) and status >= _FAILED)
        or kind != "succeeded"
        or not all(map(is_missing, errors))
    ):
        raise Unreadable("the request failed", text_of(status if status is not None else kind)[:40])
    choices = opened(held.get("choices"))
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else held
    if first.get("finish_reason", first.get("stop_reason")) in _CUT_OFF:
        raise Unreadable("the answer was cut off at its longest length")


def _label_studio(row: Row) -> Row | None:
    shown, made = opened(row.get("data")), opened(row.get("annotations", row.get("completions")))
    if not isinstance(shown, Mapping) or not isinstance(made, list):
        return None
    done = [each for each in made if isinstance(each, Mapping) and not each.get("was_cancelled")]
    said = [_said(each["result"], shown) for each in done if each.get("result")]
    return {**shown, LABEL: _agreed(said)}


def _said(results: Any, shown: Row) -> Any:
    """What one annotator said: one value, or an object where the form asked several things."""
    by_name: dict[str, list[Any]] = {}
    for result in results if isinstance(results, list) else ():
        value = result.get("value") if isinstance(result, Mapping) else None
        if not isinstance(value, Mapping):
            continue
        kind = text_of(result.get("type"))
        kind = "text" if kind == "textarea" and kind not in value else kind  # the one that is kept otherwise
        if kind not in value:
            raise Unreadable("an annotation of a kind that is not read", kind[:40])
        entries = value[kind] if isinstance(value[kind], list) else [value[kind]]
        if "start" in value and "end" in value:
            text = text_of(value.get("text")) or _cut(
                text_of(shown.get(text_of(result.get("to_name")))), value
            )
            entries = [{"text": text, "label": text_of(entry)} for entry in entries]
        by_name.setdefault(text_of(result.get("from_name")), []).extend(entries)
    found = {name: _lone(entries) for name, entries in by_name.items()}
    return next(iter(found.values())) if len(found) == 1 else found


def _lone(entries: Sequence[Any]) -> Any:
    """A lone plain entry is the answer; spans stay a list, also a lone one."""
    if any(isinstance(entry, Mapping) for entry in entries):
        return _as_json(entries)
    return entries[0] if len(entries) == 1 else list(entries)


def _agreed(said: Sequence[Any]) -> Any:
    known = [each for each in said if not is_missing(each)]
    if not known:
        raise Unreadable(_UNFINISHED)
    if any(each != known[0] for each in known):
        raise Unreadable(_DISAGREEING, " / ".join(text_of(each)[:40] for each in known[:3]))
    return known[0]


def _prodigy(row: Row) -> Row | None:
    if row.get("answer") not in _VERDICTS or not ("_input_hash" in row or "_task_hash" in row):
        return None
    if row["answer"] != "accept":
        raise Unreadable("its annotation was not accepted", text_of(row["answer"]))
    shown = {name: value for name, value in row.items() if name not in _OF_PRODIGY and name[:1] != "_"}
    accepted, spans, config = (opened(row.get(name)) for name in ("accept", "spans", "config"))
    if isinstance(accepted, list):
        if not accepted:
            raise Unreadable(_UNFINISHED)
        several = isinstance(config, Mapping) and config.get("choice_style") == "multiple"
        return {**shown, LABEL: list(accepted) if several else _lone(accepted)}
    if "spans" in row:
        found = _span_texts(text_of(row.get("text")), spans) if isinstance(spans, list) else None
        if found is None and spans:
            raise Unreadable(_MISPLACED)
        return {**shown, LABEL: _as_json(found or [])}
    return {**shown, LABEL: row[LABEL]} if LABEL in row else shown


def _argilla(row: Row) -> Row | None:
    shown, made = opened(row.get("fields")), opened(row.get("responses"))
    if not isinstance(shown, Mapping) or not isinstance(made, Mapping):
        return None
    found = {name: _agreed(_submitted(answers)) for name, answers in made.items() if not is_missing(answers)}
    if not found:
        raise Unreadable(_UNFINISHED)
    return {**shown, LABEL: next(iter(found.values())) if len(found) == 1 else found}


def _categories(row: Row) -> Row | None:
    """``{"cats": {"GOOD": 1.0, "BAD": 0.0}}``: the labels of which it says yes."""
    name = columns.named(row, _CATEGORIES)
    held = opened(row.get(name)) if name else None
    if not isinstance(held, Mapping) or len(held) < 2 or any(said not in (0, 1) for said in held.values()):
        return None
    chosen = [str(label) for label, said in held.items() if said == 1]
    if not chosen:
        raise Unreadable(_UNFINISHED)
    return {**{other: value for other, value in row.items() if other != name}, LABEL: _lone(chosen)}


def _submitted(answers: Any) -> list[Any]:
    held = [each for each in answers if isinstance(each, Mapping)] if isinstance(answers, list) else []
    return [each.get("value") for each in held if each.get("status", "submitted") == "submitted"]


def _with_span_texts(row: Row) -> Row:
    """The row with the texts of marked spans in the place of their offsets."""
    name = columns.named(row, _SPAN_COLUMNS)
    spans = opened(row.get(name)) if name else None
    if not isinstance(spans, list) or not spans:
        return row
    text = columns.value(row, columns.TEXT, (name,))
    found = _span_texts(text, spans) if isinstance(text, str) else None
    return row if found is None else {**row, name: _as_json(found)}


def span_column(rows: Sequence[Row]) -> str:
    """The column of marked spans that some of the rows have; "" where none do.

    There an empty list says that nothing is to be marked; in a list of labels it says that nobody has chosen.
    """
    for row in rows:
        name = columns.named(row, _SPAN_COLUMNS)
        if name and row[name] and isinstance(row[name], list) and _with_span_texts(row) is not row:
            return name
    return ""


def _span_texts(text: str, spans: Sequence[Any]) -> list[dict[str, str]] | None:
    """``[0, 5, "ORG"]`` and ``{"start": 0, "end": 5, "label": "ORG"}`` as texts; None for anything else."""
    found = []
    for span in spans:
        if isinstance(span, list) and len(span) == 3:
            span = dict(zip(("start", "end", "label"), span, strict=True))
        if not isinstance(span, Mapping):
            return None
        start = next((span[key] for key in ("start", "start_offset", "begin") if key in span), None)
        end = next((span[key] for key in ("end", "end_offset") if key in span), None)
        label = next((span[key] for key in ("label", "entity", "type", "tag", "labels") if key in span), None)
        if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= len(text):
            return None
        if not isinstance(label, str):
            return None
        found.append({"text": text[start:end], "label": label})
    return found


def _cut(text: str, value: Mapping[str, Any]) -> str:
    start, end = value["start"], value["end"]
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= len(text):
        raise Unreadable(_MISPLACED)
    return text[start:end]


def _as_json(entries: Sequence[Any]) -> str:
    """Text, so that the list is one answer: of a list of values any entry would count as right."""
    return json.dumps(list(entries), ensure_ascii=False, default=text_of)
