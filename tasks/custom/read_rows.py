"""Rows of a user's files as training sources and evaluation items: each row read by what it is.

What was understood stays with the source, in lines for its owner: the format, the columns and why, the rows
used, and what was set aside by reason with an example. Rows of a source are ``prompt``, ``answer``, perhaps
``reasoning``, and ``turns`` (with ``tools``) where more is asked than one user turn.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tasks.base import Row, Source
from tasks.custom.review_state import unfinished
from tasks.custom.rival_answers import Rival, settled
from tasks.custom.tables import Table
from tasks.formats.conversation import Conversation, SetAside
from tasks.formats.declared import Declared
from tasks.formats.detect import RowFormat, detect
from tasks.formats.remarks import ANSWER_PLACE
from tasks.formats.tally import Tally

ROLES = ("prompt", "answer", "reasoning", "turns", "tools")
MOST_ROWS = 50_000
"""Rows of a table that a run works with; of a larger one, a seeded sample, and its owner is told. A run
trains on 2,000 rows unless told otherwise, and reading a row as what it is takes a third of a millisecond."""
EXAMPLES = 3
"""Reasons for setting rows aside that are told with an example; the others are named and counted."""
LOOKED_AT = 100
"""Rows whose columns are held against those that are used."""


@dataclass(frozen=True)
class Asked:
    """What one row asks, and its right answers."""

    prompt: str
    answers: tuple[str, ...]
    reasoning: str = ""
    turns: tuple[Mapping[str, Any], ...] = ()
    """The messages before the answer, where that is more than one user turn."""
    tools: tuple[Mapping[str, Any], ...] = ()
    """JSON schemas of the functions that the assistant may call, for the chat template."""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The row as the file has it: a recipe may name its columns, too."""


@dataclass(frozen=True)
class ReadTable:
    """A table's rows as they were understood."""

    name: str
    path: str
    format: RowFormat
    rows: tuple[tuple[int, Asked], ...]
    """(row number in the file, from 1; what it asks)."""
    tally: Tally
    understood: tuple[str, ...]
    part: str = "train"
    """What the rows are for: ``train``, ``validation`` or ``test``."""


def read_table(
    table: Table, declared: Declared | None = None, seed: int = 0, *, judged: bool = True
) -> ReadTable:
    """Every row of a table, or of a seeded sample of it, as a question and its answers.

    ``judged``: leave out rows that a column beside them turns down; not of sources, which a run sifts.
    """
    rows = table.rows
    places = range(len(rows))
    if len(rows) > MOST_ROWS:
        places = sorted(random.Random(seed).sample(places, MOST_ROWS))  # type: ignore[assignment]
    form = detect(table.whole or rows, declared=declared, labels=rows.labels)
    tally = Tally()
    found: list[tuple[int, Asked]] = []
    kinds: list[str] = []
    for place, row in zip(places, _chosen(rows, places), strict=True):
        read = _kept(row) or _asked(form.read(row))
        tally.add(place, read if isinstance(read, SetAside) else read[1])
        if not isinstance(read, SetAside):
            found.append((place + 1, replace(read[0], raw=row)))
            kinds.append(read[1].format)
    found, said = _judged(found, kinds, form, tally) if judged else (found, [])
    told = _understood(table, form, tally, len(places), said)
    return ReadTable(table.name, table.path, form, tuple(found), tally, told, table.part)


def _judged(
    found: list[tuple[int, Asked]], kinds: list[str], form: RowFormat, tally: Tally
) -> tuple[list[tuple[int, Asked]], list[str]]:
    """The rows without those that a column beside them turns down, and a line on each such column."""
    said: list[str] = []
    if form.name not in ANSWER_PLACE and form.name != "declared":
        return found, said
    used = (*form.columns, *form.beside)
    for judge in (unfinished, settled):
        judged = judge([Rival(asked.prompt, asked.answers[0], asked.raw) for _, asked in found], used)
        said += [judged.told] if judged.told else []
        for place, aside in judged.aside.items():
            tally.withdraw(found[place][0] - 1, kinds[place], aside)
        kept = [place for place in range(len(found)) if place not in judged.aside]
        found, kinds = [found[place] for place in kept], [kinds[place] for place in kept]
    return found, said


def _chosen(rows: Sequence[Row], places: Sequence[int]) -> Any:
    return iter(rows) if len(places) == len(rows) else (rows[place] for place in places)


def _kept(row: Any) -> tuple[Asked, Conversation] | None:
    """A row that ``row_of`` wrote, with turns; None for any other."""
    if not (
        isinstance(row, dict) and isinstance(row.get("turns"), list) and row.keys() >= {"prompt", "answer"}
    ):
        return None
    turns = tuple(
        turn for turn in row["turns"] if isinstance(turn, dict) and isinstance(turn.get("role"), str)
    )
    answer = str(row["answer"])
    if not answer.strip() or len(turns) != len(row["turns"]):
        return None
    messages = (*turns, {"role": "assistant", "content": answer})
    tools = tuple(row["tools"]) if isinstance(row.get("tools"), list) else ()
    kept = Asked(str(row["prompt"]), (answer,), str(row.get("reasoning") or ""), turns, tools)
    return kept, Conversation("turns", messages, (len(turns),), (answer,))


def _asked(read: Conversation | SetAside) -> tuple[Asked, Conversation] | SetAside:
    if isinstance(read, SetAside):
        return read
    if not read.targets:
        return SetAside("text alone: continued pretraining is not done here", read.text[:60])
    answer = str(read.completion.get("content") or "")
    if not answer.strip():
        return SetAside("the answer is a tool call without words")
    turns = read.prompt
    lone = len(turns) == 1 and turns[0]["role"] == "user"
    spoken = [turn for turn in turns if turn["role"] != "system"]
    text = str(spoken[0]["content"]) if len(spoken) == 1 else conversation_text(turns)
    answers = read.answers or (answer,)
    kept = () if lone and not read.tools else tuple(turns)
    return Asked(text, tuple(answers), read.reasoning, kept, read.tools), read


def conversation_text(turns: Sequence[Mapping[str, Any]]) -> str:
    """The turns as one text: what near-duplicates and leaks are looked for in."""
    return "\n".join(f"{turn['role']}: {turn.get('content') or ''}" for turn in turns)


def _understood(
    table: Table, form: RowFormat, tally: Tally, looked_at: int, said: Sequence[str] = ()
) -> tuple[str, ...]:
    total = len(table.rows)
    some = f"; {looked_at:,} of {total:,} rows, a seeded sample" if looked_at < total else ""
    unused = _unused(table, form) if tally.used else []
    aside = tally.set_aside + sum(table.set_aside_counts.values())
    lines = [
        f"{table.name}: {table.reader}, read as {form.name.replace('_', ' ')} ({form.why}){some}",
        f"{table.name}: {tally.used:,} rows used, {aside:,} set aside",
    ]
    if others := [(name, count) for name, count in tally.formats.most_common() if name != form.name]:
        named = ", ".join(f"{name.replace('_', ' ')} ({count:,})" for name, count in others)
        lines.append(f"{table.name}: other rows are read as {named}")
    if form.beside:
        lines.append(f"{table.name}: read besides: {', '.join(form.beside)}")
    if unused:
        lines.append(f"{table.name}: columns that are not used: {', '.join(unused)}")
    for reason, count in tally.reasons.most_common(EXAMPLES):
        place, detail = tally.examples[reason]
        seen = f": {detail}" if detail else ""
        lines.append(f"{table.name}: {count:,} set aside, {reason} (row {place:,}{seen})")
    for reason, count in list(table.set_aside_counts.items())[:EXAMPLES]:
        first = next((aside for aside in table.set_aside if aside.reason == reason), None)
        lines.append(f"{table.name}: {count:,} unreadable, {reason}" + (f" ({first.where})" if first else ""))
    rest = [*tally.reasons.most_common()[EXAMPLES:], *list(table.set_aside_counts.items())[EXAMPLES:]]
    if rest:
        lines.append(f"{table.name}: also " + ", ".join(f"{count:,} {reason}" for reason, count in rest))
    lines += [f"{table.name}: {note}" for note in (*said, *form.notes)]
    return tuple(" ".join(line.split()) for line in lines)  # what rows hold may break a line


def _unused(table: Table, form: RowFormat) -> list[str]:
    """Columns that nothing was taken from; a prompt that leaves one out may lack what it asks about."""
    rows = [form.plain(row) for row in table.rows[:LOOKED_AT]]
    columns = dict.fromkeys(str(name) for row in rows for name in row)
    read = [*form.columns, *form.beside, form.declared.answer, form.declared.reasoning]
    read += [name for row in rows for name in form.used(row)]
    if "declared" in form.counts:
        read += form.declared.columns
    used = {name.partition(".")[0] for name in read}
    return [name for name in columns if name not in used and name.casefold() not in ("id", "idx", "index")]


def source_of(read: ReadTable, card: str = "") -> Source:
    """A source of training rows, in the order of the file."""
    rows = tuple({**asked.raw, **row_of(asked)} for _, asked in read.rows)
    given = {name for _, asked in read.rows for name in row_of(asked)}
    columns: dict[str, str] = {name: name for name in ROLES if name in given}
    named = ", ".join(f"`{name}`" for name in read.format.columns)
    lines = [f"- Columns: {named}", *(f"- {line}" for line in read.understood)]
    text = card or "\n".join([f"# {read.name}", "", *lines, ""])
    return Source(read.name, text, rows, "as stated by its owner", columns, read.understood)


def row_of(asked: Asked) -> dict[str, Any]:
    """A row as it is kept: ``prompt``, ``answer``, perhaps ``reasoning`` and ``turns``."""
    row: dict[str, Any] = {"prompt": asked.prompt, "answer": asked.answers[0]}
    if asked.reasoning.strip():
        row["reasoning"] = asked.reasoning
    if asked.turns:
        row["turns"] = [dict(turn) for turn in asked.turns]
    if asked.tools:
        row["tools"] = [dict(tool) for tool in asked.tools]
    return row
