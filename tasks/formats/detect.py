"""Detection of a table's row format, and the reading of each row by what it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from tasks.base import Row
from tasks.formats import columns
from tasks.formats.choices import counts_from_one, without_context
from tasks.formats.conversation import Conversation, Labels, SetAside, Targets, Unreadable, exchange
from tasks.formats.conversation import user as user_turn
from tasks.formats.deciding import deciding_columns
from tasks.formats.declared import Declared
from tasks.formats.exports import plain_row, span_column
from tasks.formats.joined_columns import shown_columns
from tasks.formats.nesting import holds_objects, unnested
from tasks.formats.profile import profile_columns
from tasks.formats.readers import READERS, Reader, beside
from tasks.formats.remarks import ANSWER_PLACE, remarks
from tasks.formats.table import Table, table_of
from tasks.formats.tally import Tally
from tasks.formats.turns import turns_in
from tasks.formats.values import answers_of, is_missing, opened, reach, text_of

SAMPLE = 1000
"""Rows that decide, spread evenly over the table."""
SHOWN = 50
"""Rows whose columns are named where something is said about them."""
NOTHING_FOUND = "no question and answer were found"
TAKEN = "completion"
"""The name under which readers see a declared answer."""
GUESSED = ("unknown", "text", "joined_columns", "two_columns")
"""Formats that no column's name speaks for."""
_WEAK = ("unknown", "text", "joined_columns")
"""Formats of rows whose columns may stand inside objects."""
_WRAPPING = ("question_answer", "prompt_completion")
_FROM_COLUMNS = {"preference", "feedback", "span_answers", "prompt_completion", "multiple_choice",
                 "instruction", "classification", "question_answer", "joined_columns",
                 "two_columns"}  # fmt: skip
"""Formats whose prompt is put together from columns, so that a declared template replaces it."""


@dataclass(frozen=True)
class RowFormat:
    """What the rows of one table are. Rows are read one by one, each by what it is."""

    name: str
    """The format of most rows; ``declared`` where the owner's columns are there, ``unknown`` for none."""
    columns: tuple[str, ...]
    why: str
    share: float
    """Share of the sampled rows that are read, whatever their format."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Sampled rows by format."""
    notes: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    """Columns that are read besides: a system turn, a rationale, tools."""
    table: Table = field(default_factory=Table)
    declared: Declared = field(default_factory=Declared)
    order: tuple[Reader, ...] = READERS
    spans: str = ""
    """The column of marked spans, in which an empty list is an answer."""
    nested: bool = False
    """The columns are inside objects of the rows (``tasks.formats.nesting``)."""

    def read(self, row: Row) -> Conversation | SetAside:
        """The row as a conversation, or why it is set aside. Never raises for what a row holds."""
        if not isinstance(row, Mapping):
            return SetAside("the row is no object", type(row).__name__)
        try:
            return self._declared(row) or self._guessed(self.open(row))
        except Unreadable as error:
            return error.aside
        except RecursionError:
            return SetAside("the row is nested too deeply")

    def plain(self, row: Row) -> Row:
        """The row as it is read: what an annotation tool or an object put around its columns taken off."""
        try:
            return self.open(row)
        except Unreadable:
            return row

    def open(self, row: Row) -> Row:
        """As ``plain``; raises Unreadable where nobody annotated the row."""
        if self.declared.has_answer(row) or (self.declared.columns and not self.declared.lacks(row)):
            return row  # its owner has named the columns as they stand
        row = plain_row(row)
        if self.spans and row.get(self.spans) == []:
            row = {**row, self.spans: "[]"}
        return unnested(row) if self.nested else row

    def _declared(self, row: Row) -> Conversation | None:
        declared = self.declared
        if not declared.has_answer(row) or not declared.columns or declared.lacks(row):
            return None
        reasoning = text_of(reach(row, declared.reasoning)) if declared.reasoning else ""
        answers = _labelled(row, declared.answer, self.table.labels)
        return exchange("declared", declared.prompt(row), answers, reasoning=reasoning)

    def _guessed(self, row: Row) -> Conversation:
        declared = self.declared
        if declared.has_answer(row) and is_missing(reach(row, declared.answer)):
            raise Unreadable("the answer is empty", declared.answer)
        lacking = declared.lacks(row)
        note = _fallback_note(declared, row, lacking)
        seen = _with_declared(row, declared)
        found = self._by_reader(seen)
        if declared.columns and not lacking and found.format in _FROM_COLUMNS:
            found = _with_prompt(found, declared.prompt(row))
        if declared.reasoning and not is_missing(reasoning := reach(row, declared.reasoning)):
            found = replace(found, reasoning=text_of(reasoning))
        return replace(found, notes=(*found.notes, note)) if note else found

    def used(self, row: Row) -> tuple[str, ...]:
        """The columns that make a row of its kind, whichever that is; () for none. Takes a ``plain`` row."""
        declared = self.declared
        reader, found = self._reader(_with_declared(row, declared))
        if reader and reader.name in _FROM_COLUMNS and not declared.lacks(row):
            found = _with_prompt_columns(found, declared)
        taken = declared.has_answer(row)
        return tuple(declared.answer if taken and name == TAKEN else name for name in found)

    def _by_reader(self, row: Row) -> Conversation:
        reader, used = self._reader(row)
        if reader is None:
            raise Unreadable(NOTHING_FOUND, "columns: " + ", ".join(map(str, row))[:120])
        return replace(reader.read(row, used, self.table), format=_spoken(reader, row, used, self.table))

    def _reader(self, row: Row) -> tuple[Reader | None, tuple[str, ...]]:
        found = ((reader, reader.columns(row, self.table)) for reader in self.order)
        return next(((reader, used) for reader, used in found if used), (None, ()))

    def tally(self, rows: Iterable[Row]) -> Tally:
        """All rows read and counted: used, and set aside by reason with an example of each."""
        tally = Tally()
        for place, row in enumerate(rows):
            tally.add(place, self.read(row))
        return tally

    def conversations(self, rows: Iterable[Row]) -> Iterator[Conversation | SetAside]:
        """Every row read, in order."""
        return map(self.read, rows)


def detect(
    rows: Sequence[Row],
    *,
    declared: Declared | None = None,
    labels: Labels | None = None,
    targets: Targets = "last",
    sample: int = SAMPLE,
) -> RowFormat:
    """The format of a table, decided on at most ``sample`` of its rows; never raises for what they hold.

    Args:
        rows: the table; read by index, so that a lazy one stays lazy.
        declared: the owner's columns; they win wherever a row has them.
        labels: names of integer labels by column.
        targets: which turns of the assistant carry loss, the last or all.
    """
    step = max(1, len(rows) // sample)
    seen = [row for place in range(0, len(rows), step) if isinstance(row := rows[place], Mapping)][:sample]
    draft = RowFormat("unknown", (), "", 0.0, declared=declared or Declared(), spans=span_column(seen))
    found = _detected(seen, draft, labels or {}, targets)
    weak = found.name in _WEAK or _asks_objects(found, seen)
    if not weak or not holds_objects(seen):
        return found
    inside = _detected(seen, replace(draft, nested=True), labels or {}, targets)
    better = inside.name not in _WEAK or (inside.name == "joined_columns" and found.name != inside.name)
    return inside if better and inside.share >= found.share else found


def _asks_objects(found: RowFormat, seen: Sequence[Row]) -> bool:
    """Whether what is asked is an object in each row, and what answers a text, or an object of one text.

    So items of a test are kept, as ``{"input": {"question": ...}, "expected": {"answer": ...}}``, and their
    objects only wrap. An answer of several fields is one, and what is asked for is that object.
    """
    if found.name not in _WRAPPING or found.declared.columns or len(found.columns) < 2:
        return False
    asked, answer = ([opened(row.get(name)) for row in seen if row.get(name)] for name in found.columns[:2])
    wraps = [isinstance(value, str) or (isinstance(value, Mapping) and len(value) == 1) for value in answer]
    objects = [isinstance(value, Mapping) and turns_in(value) is None for value in asked]
    return bool(objects) and all(objects) and all(wraps)


def _detected(seen: Sequence[Row], draft: RowFormat, labels: Labels, targets: Targets) -> RowFormat:
    """The format of the rows looked at."""
    declared = draft.declared
    shown = [_with_declared(row, declared) for row in _opened(seen, draft)]
    taken = any(map(declared.has_answer, seen))
    table = _with_base(table_of(shown, labels, targets, TAKEN if taken else ""), shown)
    draft = replace(draft, table=table)
    read = [draft.read(row) for row in seen]
    counts = Counter(found.format for found in read if isinstance(found, Conversation))
    share = counts.total() / len(seen) if seen else 0.0
    notes = Counter(note for found in read if isinstance(found, Conversation) for note in found.notes)
    said = tuple(f"{note} ({count} of {len(seen)} rows looked at)" for note, count in notes.most_common(8))
    name = counts.most_common(1)[0][0] if counts else "unknown"
    used, why = _why(name, draft, shown, declared.answer if taken else TAKEN)
    held = profile_columns(shown)
    said = (*remarks(name, used, table, held, shown, read), *said)
    others = tuple(dict.fromkeys(other for row in shown[:SHOWN] for other in beside(row, used)))
    if name in ANSWER_PLACE and len(used) > 1 and not declared.columns:
        answer = used[ANSWER_PLACE[name]]
        decides = deciding_columns(held, shown, [column for column in used if column != answer], answer)
        draft = replace(draft, table=replace(table, deciding=decides))
        others = (*others, *(column for column in decides if column not in others))
        said = (*(f"{column!r} is asked, too: the answer depends on it" for column in decides), *said)
    if draft.nested:
        said = ("the columns are read inside objects of the rows", *said)
    used = tuple(declared.answer if column == TAKEN and taken else column for column in used)
    if name in _FROM_COLUMNS and any(not declared.lacks(row) for row in seen):
        used = _with_prompt_columns(used, declared)
    found = replace(draft, name=name, columns=used, why=why, share=share, counts=dict(counts), notes=said)
    return replace(found, beside=others if name in _FROM_COLUMNS else ())


def _opened(seen: Sequence[Row], draft: RowFormat) -> list[Row]:
    """The rows as they are read; those that nobody annotated tell nothing of the others."""
    made = []
    for row in seen:
        with suppress(Unreadable):
            made.append(draft.open(row))
    return made or list(seen)


def _with_declared(row: Row, declared: Declared) -> Row:
    """The row with the declared answer as the only column that a guess may take for the answer."""
    if not declared.has_answer(row):
        return row
    others = {name: found for name, found in row.items() if name != declared.answer}
    return {**_without_answers(others), TAKEN: reach(row, declared.answer)}


def _with_prompt_columns(used: Sequence[str], declared: Declared) -> tuple[str, ...]:
    """The columns of a format, with those of a declared prompt in the place of what would have asked."""
    if not declared.columns:
        return tuple(used)
    kept = [name for name in used if not columns.named((name,), (*columns.CONTEXT, *columns.PROMPT))]
    return tuple(dict.fromkeys((*kept, *declared.columns)))


def _why(name: str, draft: RowFormat, seen: Sequence[Row], answer: str) -> tuple[tuple[str, ...], str]:
    composed = draft.table.composition
    if name == "text" and composed.candidates:
        return (), f"{composed.why}; columns: {shown_columns(profile_columns(seen))}"
    if name == "declared":
        declared = draft.declared
        return tuple(dict.fromkeys((*declared.columns, declared.answer))), "task.toml names its columns"
    for row in seen:
        for reader in READERS:
            used = reader.columns(row, draft.table)
            if used and _spoken(reader, row, used, draft.table) == name:
                listed = [answer if column == TAKEN else column for column in used]
                return used, _reason(reader, name, listed, draft)
    held = profile_columns(seen)
    return (
        (),
        f"{draft.table.composition.why or NOTHING_FOUND}; columns: {shown_columns(held)}",
    )


def _reason(reader: Reader, name: str, used: Sequence[str], draft: RowFormat) -> str:
    listed = ", ".join(used)
    if name == "joined_columns":
        asked = ", ".join(map(repr, used[1:]))
        return f"{draft.table.composition.why}; asked is {asked}"
    extra = f"; its turns are told apart by {name!r} markers" if name == "marked_text" else ""
    return f"{reader.why} ({listed}){extra}"


def _spoken(reader: Reader, row: Row, used: tuple[str, ...], table: Table) -> str:
    if reader.name != "text":
        return reader.name
    from tasks.formats.markers import split_turns

    return "marked_text" if split_turns(text_of(row[used[0]])) else "text"


def _with_base(table: Table, seen: Sequence[Row]) -> Table:
    """The table with the number that its choices count from."""
    choice = next(reader for reader in READERS if reader.name == "multiple_choice")
    used = next((used for row in seen if (used := choice.columns(row, table))), ())
    return replace(table, one_based=bool(used) and counts_from_one(seen, without_context(used)))


def _labelled(row: Row, path: str, labels: Labels) -> tuple[str, ...]:
    found = reach(row, path)
    names = labels.get(path, ())
    if names and isinstance(found, int) and not isinstance(found, bool) and 0 <= found < len(names):
        return (names[found],)
    turns = turns_in(found)
    if turns is not None:
        raise Unreadable("the declared answer is a chat, not a text", path)
    return answers_of(found)


def _without_answers(row: dict[str, Any]) -> dict[str, Any]:
    known = {columns.plain(name) for name in (*columns.ANSWER, *columns.LABEL)}
    pairs = {name for pair in columns.PAIRS for name in pair}
    return {name: found for name, found in row.items() if columns.plain(str(name)) not in known | pairs}


def _fallback_note(declared: Declared, row: Row, lacking: Sequence[str]) -> str:
    if lacking:
        return "the prompt was guessed, as the row lacks " + ", ".join(f"{{{name}}}" for name in lacking)
    if declared.answer and not declared.has_answer(row):
        return f"the answer was guessed, as the row lacks the column {declared.answer!r}"
    return ""


def _with_prompt(found: Conversation, prompt: str) -> Conversation:
    """The same answer under the declared prompt, where the guess had a single exchange."""
    roles = [message["role"] for message in found.messages]
    if roles[-2:] != ["user", "assistant"] or roles.count("user") != 1:
        return found
    messages = (*found.messages[:-2], user_turn(prompt), found.messages[-1])
    return replace(found, messages=messages)
