"""Prompt composed of several columns, for tables whose columns no other format knows by name.

The answer is found by its name, then by its values; the prompt is what the other columns hold, each under its
name. Where two columns may be the answer with equal right, none is taken, and the owner is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tasks.base import Row
from tasks.formats import columns
from tasks.formats.answer_lists import are_label_lists
from tasks.formats.copies import copies
from tasks.formats.idle_columns import without_idle
from tasks.formats.profile import Column
from tasks.formats.values import is_missing, opened, text_of
from tasks.formats.verdicts import is_verdict

LEAST_FILLED = 0.1
"""Share of the rows in which the answer must stand."""
MOST_ASKED = 12
"""Columns that are put together without a question among them, where the answer is no label."""
NEARLY_ALL = 0.9
SHOWN_COLUMNS = 12
CODE = ("sql", "sql_query", "code", "program", "regex")
"""Columns that answer where nothing else does by its name."""
DATABASE = ("db_id", "db", "db_name", "database")
"""Columns that say which tables a query is for; an id there is no number of a row."""
_SQL = re.compile(r"\(?\s*(?:select|with|insert|update|delete|create)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Composition:
    """Which columns are asked and which one answers, or why that is not known."""

    prompt: tuple[str, ...] = ()
    """In the order of the table; the question, where one is named so, last."""
    answer: str = ""
    why: str = ""
    candidates: tuple[str, ...] = ()
    """Columns of which one may be the answer, where it is not known which."""
    telling: tuple[str, ...] = ()
    """Columns that are filled for some answers alone, and would give them away."""
    copies: tuple[str, ...] = ()
    """Columns that say again what is asked or answered."""
    verdict: str = ""
    """The column in which readers judge the answer, liked or not."""

    @property
    def question(self) -> str:
        """The column that asks and needs no name above it; "" where all are named."""
        last = self.prompt[-1] if self.prompt else ""
        return last if len(self.prompt) == 1 or columns.named((last,), columns.PROMPT) else ""


def compose(held: Mapping[str, Column], rows: Sequence[Row], answer: str = "") -> Composition:
    """Decide for a table, given the profile of its columns and its rows; ``answer`` is the owner's word."""
    found = Composition(answer=answer, why="its owner names the answer") if answer else _answer(held, rows)
    if not found.answer:
        return found
    code = columns.named((found.answer,), ("query", *CODE))
    asked = [
        name
        for name, column in held.items()
        if name != found.answer and (_is_asked(column) or (code and _says_which(column)))
    ]
    if code:  # a query that is kept parsed, too
        asked = [name for name in asked if not columns.named((name,), CODE)] or asked
    if columns.named(asked, columns.PROMPT):
        asked = [name for name in asked if not _tests(name, rows)]
    telling = tuple(name for name in asked if _gives_away(name, found.answer, held, rows))
    asked = [name for name in asked if name not in telling]
    verdict = (
        "" if held[found.answer].labels else next((n for n in asked if is_verdict(n, held[n], rows)), "")
    )
    asked = without_idle([name for name in asked if name != verdict], found.answer, held, rows)
    again = copies(asked, found.answer, held, rows)
    asked = [name for name in asked if name not in again]
    question = columns.named(sorted(asked), columns.PROMPT)
    prompt = [name for name in asked if name != question and not _is_said(name, question, rows)]
    prompt += [question] if question else []
    if not prompt:
        return Composition(why=f"{found.answer!r} may be the answer, but no column is left to ask with")
    if len(prompt) > MOST_ASKED and not question and not held[found.answer].labels:
        why = f"{found.answer!r} may be the answer, but {len(prompt)} columns could be asked"
        return Composition(why=why, candidates=(found.answer,))
    return replace(found, prompt=tuple(prompt), telling=telling, copies=again, verdict=verdict)


def _says_which(column: Column) -> bool:
    return bool(columns.named((column.name,), DATABASE) and column.filled and not column.constant)


def _answer(held: Mapping[str, Column], rows: Sequence[Row]) -> Composition:
    """The answer's column and why; without one, the candidates."""
    filled = {name: column for name, column in held.items() if column.filled >= LEAST_FILLED}
    known = columns.named(sorted(filled), (*columns.ANSWER, *columns.LABEL))
    if known:
        return Composition(answer=known, why=f"{known!r} is the answer by its name")
    named = [name for name, column in filled.items() if is_named_answer(name) and not column.constant]
    if named:  # a verdict such as ``is_right`` may be what is asked for just as well
        named += [name for name, column in filled.items() if name not in named and _is_verdict(column)]
    if len(named) == 1:
        return Composition(answer=named[0], why=f"{named[0]!r} is the answer by its name")
    if named:
        return _undecided(held, named)
    if code := _code(filled):
        return Composition(answer=code, why=f"{code!r} is the answer, as it holds code")
    if lists := [name for name in filled if are_label_lists(name, rows)]:
        if len(lists) > 1:
            return _undecided(held, lists)
        return Composition(
            answer=lists[0], why=f"{lists[0]!r} is the answer, as it lists the labels of a row"
        )
    labels = [name for name, column in filled.items() if column.labels and not _is_about(name)]
    labels = [name for name in labels if not columns.is_person(name)] or [
        name for name, column in filled.items() if column.labels and columns.words(name) & columns.OF_LABELS
    ]
    labels = [name for name in labels if not columns.words(name) & columns.PREDICTED]
    if measured := _measured(filled):
        return Composition(answer=measured, why=f"{measured!r} is the answer, as another column predicts it")
    texts = [name for name in filled if name not in labels and _is_asked(filled[name])]
    if len(labels) == 1 and texts:
        why = f"{labels[0]!r} is the answer, as it holds a few labels that come again"
        return Composition(answer=labels[0], why=why)
    if labels and texts:
        return _undecided(held, labels)
    empty = columns.named(sorted(held), (*columns.ANSWER, *columns.LABEL)) or next(
        (name for name in sorted(held) if is_named_answer(name)), ""
    )
    if empty and held[empty].filled < LEAST_FILLED:
        share = "in all rows" if not held[empty].filled else f"in {1 - held[empty].filled:.0%} of the rows"
        return Composition(why=f"{empty!r} is the answer by its name, but it is empty {share}")
    return Composition(why="none of its columns is known as an answer")


def _measured(filled: Mapping[str, Column]) -> str:
    """The one column that was measured, beside one that was predicted; "" for none."""
    predicted = [name for name in filled if columns.words(name) & columns.PREDICTED]
    measured = [name for name in filled if columns.words(name) & columns.MEASURED]
    return measured[0] if predicted and len(measured) == 1 else ""


def _undecided(held: Mapping[str, Column], names: Sequence[str]) -> Composition:
    shown = " and ".join(held[name].shown for name in names[:4])
    return Composition(why=f"{len(names)} columns could be the answer: {shown}", candidates=tuple(names))


def _gives_away(name: str, answer: str, held: Mapping[str, Column], rows: Sequence[Row]) -> bool:
    """Whether a column is there for some labels and never for others, as ``error`` beside ``is_right``."""
    if not held[answer].labels:
        return False
    filled: set[str] = set()
    empty: set[str] = set()
    for row in rows:
        (empty if is_missing(row.get(name)) else filled).add(text_of(row.get(answer)))
    return bool(filled and empty) and not filled & empty


def _tests(name: str, rows: Sequence[Row]) -> bool:
    """Whether a column holds the code that tests the answer."""
    return bool(columns.words(name) & {"test", "tests"}) and any(
        "assert" in text_of(row.get(name)) for row in rows
    )


def _is_said(name: str, question: str, rows: Sequence[Row]) -> bool:
    """Whether the question holds what the column says, entry by entry."""
    told = [
        all(part in asked for part in parts)
        for row in rows
        if (parts := _parts(row.get(name))) and (asked := text_of(row.get(question)))
    ]
    return bool(told) and sum(told) >= NEARLY_ALL * len(told)


def _parts(value: object) -> list[str]:
    inside = opened(value)
    entries = inside if isinstance(inside, list) else [inside]
    return [text.strip() for entry in entries if (text := text_of(entry)).strip()]


def is_named_answer(name: str) -> bool:
    """Whether a column's name says that it is the answer: ``correct_steps``, not ``answer_type``."""
    words = columns.words(name)
    return bool(words & columns.ANSWERING) and not words & (columns.DENYING | columns.DESCRIBING)


def _is_verdict(column: Column) -> bool:
    return column.labels and bool(columns.words(column.name) & {"is", "has"})


def _tells_answer(name: str) -> bool:
    """Whether a column must not be asked, as its name says something of answers."""
    return bool(columns.words(name) & columns.ANSWERING)


def _is_about(name: str) -> bool:
    return bool(columns.words(name) & (columns.META | columns.IDS))


def _code(filled: Mapping[str, Column]) -> str:
    """The column of code that answers; a query is one where a question stands beside it and it is SQL."""
    # A column of that name with few short values holds the codes of a catalogue.
    filled = {name: column for name, column in filled.items() if not column.labels}
    query = columns.named(sorted(filled), ("query",))
    asks = columns.named(sorted(filled), ("question", "prompt", "instruction", "text", "utterance"))
    if query and asks and _SQL.match(filled[query].example):
        return query
    return columns.named(sorted(filled), CODE)


def _is_asked(column: Column) -> bool:
    """Whether a column may be a part of the prompt."""
    known = (*columns.REASONING, *columns.SYSTEM, *columns.TOOLS, "explanation", "rationale")
    if columns.named((column.name,), columns.PROMPT) and not is_provenance(column):
        return column.filled > 0
    return not (
        column.identity
        or column.constant
        or column.filled == 0
        or _is_about(column.name)
        or _tells_answer(column.name)
        or columns.named((column.name,), known)
    )


def is_provenance(column: Column) -> bool:
    """Whether a column such as ``source`` says where rows come from, and not what they ask."""
    return _is_about(column.name) and (column.labels or column.constant)


def prompt_of(row: Row, composition: Composition) -> str:
    """The columns of a row under their names; a column alone, and the question, without one."""
    parts = []
    for name in composition.prompt:
        found = row.get(name)
        if is_missing(found) or not (text := text_of(found).strip()):
            continue
        parts.append(text if name == composition.question else f"{name}:\n{text}")
    return "\n\n".join(parts)


def shown_columns(held: Mapping[str, Column]) -> str:
    """The columns with an example each, for a line to their owner."""
    shown = [column.shown for column in list(held.values())[:SHOWN_COLUMNS]]
    more = len(held) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
