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
from tasks.formats.answer_lists import are_label_lists, are_marked_spans
from tasks.formats.copies import copies
from tasks.formats.idle_columns import without_idle
from tasks.formats.profile import Column
from tasks.formats.quantities import are_amounts, are_quantities
from tasks.formats.traces import is_text, traces
from tasks.formats.values import is_missing, opened, text_of
from tasks.formats.verdicts import is_verdict

LEAST_FILLED = 0.1
"""Share of the rows in which the answer must stand."""
MOST_ASKED = 12
"""Columns that are put together without a question among them, where the answer is no label."""
NEARLY_ALL = 0.9
MOST_TEXTS = 4
"""Texts of which one may answer that are named to choose from."""
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
    traces: tuple[str, ...] = ()
    """Columns that are known only with the answer, or that alone tell it."""
    short: tuple[str, ...] = ()
    """Columns of single words, which are not asked beside texts where there are too many."""

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
    late = traces([name for name in asked if name not in again], found.answer, held, rows)
    asked = [name for name in asked if name not in (*again, *late)]
    question = columns.named(sorted(asked), columns.PROMPT)
    prompt = [name for name in asked if name != question and not _is_said(name, question, rows)]
    prompt += [question] if question else []
    if not prompt:
        return Composition(why=f"{found.answer!r} may be the answer, but no column is left to ask with")
    short: tuple[str, ...] = ()
    if many := len(prompt) > MOST_ASKED and not question and not held[found.answer].labels:
        short = tuple(name for name in prompt if not is_text(name, rows))
        prompt = [name for name in prompt if name not in short] or prompt
    if many and len(prompt) > MOST_ASKED:
        why = f"{found.answer!r} may be the answer, but {len(prompt)} columns could be asked"
        return Composition(why=why, candidates=(found.answer,))
    decided = replace(found, prompt=tuple(prompt), telling=telling, copies=again)
    return replace(decided, verdict=verdict, traces=late, short=short)


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
    if marked := [name for name in filled if are_marked_spans(name, rows)]:
        if len(marked) > 1:
            return _undecided(held, marked)
        return Composition(answer=marked[0], why=f"{marked[0]!r} is the answer, as it marks passages")
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
    numbers = [name for name in texts if are_quantities(filled[name], rows)]
    told = [name for name in texts if name not in numbers and is_text(name, rows)]
    amounts = [name for name in numbers if told and are_amounts(name, rows)]
    if len(labels) == 1 and texts and not amounts:
        why = f"{labels[0]!r} is the answer, as it holds a few labels that come again"
        return Composition(answer=labels[0], why=why)
    if labels and texts:
        return _undecided(held, [*labels, *amounts])
    return _empty(held) or _without_labels(held, told, amounts or numbers)


def _without_labels(held: Mapping[str, Column], texts: Sequence[str], numbers: Sequence[str]) -> Composition:
    """The answer of a table without labels: its only numbers, where a text asks for them."""
    if texts and len(numbers) == 1:
        why = f"{numbers[0]!r} is the answer, as it is the only column of numbers beside a text"
        return Composition(answer=numbers[0], why=why)
    if texts and numbers:
        return _undecided(held, numbers)
    several = tuple(texts) if 1 < len(texts) <= MOST_TEXTS else ()
    return Composition(why="none of its columns is known as an answer", candidates=several)


def _empty(held: Mapping[str, Column]) -> Composition | None:
    """What is said where the answer's column is there, and empty."""
    empty = columns.named(sorted(held), (*columns.ANSWER, *columns.LABEL)) or next(
        (name for name in sorted(held) if is_named_answer(name)), ""
    )
    if not empty or held[empty].filled >= LEAST_FILLED:
        return None
    share = "in all rows" if not held[empty].filled else f"in {1 - held[empty].filled:.0%} of the rows"
    return Composition(why=f"{empty!r} is the answer by its name, but it is empty {share}")


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
    """Whether a column's name says that it is the answer: ``correct_steps``, not ``answer_type``.

    ``reply_to`` names the row that is answered.
    """
    words = columns.words(name)
    told = words & (columns.DENYING | columns.DESCRIBING) or columns.plain(name).endswith("_to")
    return bool(words & columns.ANSWERING) and not told


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
