"""Header of a table of text, as its cells tell it: where it stands, whether there is one, what goes with it.

Spreadsheets have a title and a date above the names, survey tools write the questions and their own ids under
them, and others a line of units. The same rules hold for text files and for sheets of a spreadsheet.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.formats import columns
from tasks.formats.profile import is_stamp
from tasks.formats.values import is_number

KNOWN = frozenset(
    [*columns.PROMPT, *columns.ANSWER, *columns.REASONING, *columns.CONTEXT, *columns.SYSTEM, *columns.TEXT,
     *columns.LABEL, *columns.CHATS, *columns.CHOICES, "id", "idx", "index", "answer_key", "question_id"]
)  # fmt: skip
"""Usual names of columns, in one spelling."""
HEAD = 100
"""Rows that are looked at to tell whether the first holds names."""
MOST_OPENING = 10
"""Lines before a header that may be no row."""
_WORDS = 3
_TOLD = 3
"""Columns of the same name that are told."""
_LEAST_UNDER = 3
"""Rows as wide as the header that stand below a title and it."""
LEAST_ROWS = 8
"""Filled cells below a cell that tell what its column holds."""
NEARLY_ALL = 0.95
_MOST_FURTHER = 2
_LEAST_CHOICES, _MOST_CHOICES = 3, 10
_LEAST_COLUMNS = 2
"""Columns of numbers or moments above which words stand, from which a row is a line of the header."""


def lines_before_header(head: Sequence[Sequence[str]]) -> int:
    """How many lines stand before the header: remarks (``# ...``), blank ones, titles, notes."""
    for place, cells in enumerate(head[:MOST_OPENING]):
        if any(columns.plain(cell) in KNOWN for cell in cells):
            return place
        below = head[place + 1 :]
        after = next((later for later in below if _filled(later)), ())
        is_remark = "".join(cells[:1]).lstrip().startswith("#") and len(cells) != len(after)
        if _filled(cells) and not is_remark and not _is_title(cells, below):
            return _after_notes(head)
    return _after_notes(head)


def _is_title(cells: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """One cell alone, above a line of two usual names or more, blank lines and remarks between them apart."""
    if _filled(cells) != 1:
        return False
    for line in below[:MOST_OPENING]:
        if sum(columns.plain(cell) in KNOWN for cell in line) > 1:
            return True
        if _filled(line) and not "".join(line[:1]).lstrip().startswith("#"):
            return False
    return False


def _after_notes(head: Sequence[Sequence[str]]) -> int:
    """How many lines of few cells stand above a line of names that are nobody's usual ones; 0 where none do.

    The names are mostly different, no numbers and no values of the rows below, and most rows are as wide.
    Without a blank line above the names, the notes must have as many cells as they, as spreadsheets write
    them: a text with commas in it has cells as well.
    """
    widths = sorted(filter(None, map(_filled, head)))
    few = max(1, widths[len(widths) // 2] // 3) if widths else 0
    place = next((place for place, line in enumerate(head[: MOST_OPENING + 1]) if _filled(line) > few), 0)
    notes = [line for line in head[:place] if _filled(line)]
    if not notes:
        return place
    if _filled(head[place - 1]) and any(len(line) != len(head[place]) for line in notes):
        return 0
    names = [cell.strip() for cell in head[place] if cell.strip()]
    if 2 * len({*names}) <= len(names) or any(map(_measures, names)) or is_headerless(head[place:]):
        return 0
    under = [_filled(line) for line in head[place + 1 :] if _filled(line)]
    wide = sum(2 * width > len(names) for width in under)
    return place if wide >= max(_LEAST_UNDER, NEARLY_ALL * len(under)) else 0


def _filled(cells: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in cells)


def is_headerless(head: Sequence[Sequence[str]]) -> bool:
    """Whether the first line is a row like those below it.

    It is where none of its cells is a usual name of a column, and one of them is a sentence, a label that
    comes again below, or, beside a text of several words, a number above numbers (a table of years has such
    names too).
    """
    head = [cells for cells in head if any(cells)]
    first, below = (head[0], head[1:]) if head else ([], [])
    if not below or first in below or any(columns.plain(cell) in KNOWN for cell in first):
        return False
    if names_numbers(first, below):
        return False
    words = max(len(cell.split()) for cell in first)
    for place, cell in enumerate(first):
        others = [row[place] for row in below if len(row) == len(first)]
        if _is_sentence(cell) or (cell.strip() and others.count(cell) >= 2):
            return True
        if words >= _WORDS and is_number(cell) and others and all(map(is_number, others)):
            return True
    return False


def _is_sentence(cell: str) -> bool:
    return len(cell.split()) >= 4 and (cell.strip()[-1:] in ".?!。？！" or len(cell.split()) >= 8)


def column_names(names: Sequence[str]) -> list[str]:
    """A name for each column, no two the same."""
    header: list[str] = []
    for place, name in enumerate(names, 1):
        # Arrow ends a name at a zero byte, and then finds two different names.
        spelt = name.replace("\0", "").strip() or f"column_{place}"
        header.append(spelt if spelt not in header else f"{spelt}_{place}")
    return header


def choice_names(head: Sequence[Sequence[str]]) -> list[str]:
    """Names for the columns of a table of choices without a header: a question, choices, a letter.

    Empty for any other. The letters are those of the choices, in at least two rows different ones.
    """
    rows = [cells for cells in head if any(cells)]
    width = len(rows[0]) if rows else 0
    letters = [chr(ord("A") + place) for place in range(width - 2)]
    if not _LEAST_CHOICES <= len(letters) <= _MOST_CHOICES or any(len(cells) != width for cells in rows):
        return []
    keys = [cells[-1].strip() for cells in rows]
    fits = {*keys} <= {*letters} and len({*keys}) > 1
    asks = all(cells[0].strip() for cells in rows)
    return ["question", *letters, "answer"] if fits and asks else []


def header_said(names: Sequence[str], header: Sequence[str], named: bool, more: int) -> str:
    """What is to be told of a header, to go on a sentence with."""
    if not named:
        return f" without a header ({', '.join(header)[:80]})"
    told = f" ({more} more line{'s' if more > 1 else ''} of the header left out)" if more else ""
    return told + _renamed(names, header)


def _renamed(names: Sequence[str], header: Sequence[str]) -> str:
    """Columns whose name came before, and what they are called; "" where there is none."""
    again = [
        f"another {name.strip()!r} is called {called!r}"
        for name, called in zip(names, header, strict=True)
        if name.strip() and name.strip() != called
    ]
    more = f" and {len(again) - _TOLD:,} more" if again[_TOLD:] else ""
    return f" ({', '.join(again[:_TOLD])}{more})" if again else ""


def opening_said(lines: int) -> str:
    """What is to be told of the lines before a header; "" where there are none."""
    return f"{lines} line{'s' if lines > 1 else ''} before the header left out" if lines else ""


def names_numbers(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether words in the first line stand above nothing but numbers: they are their name."""
    for place, cell in enumerate(first):
        others = _column(place, first, below)
        if cell.strip() and not is_number(cell) and len(others) >= LEAST_ROWS and all(map(is_number, others)):
            return True
    return False


def further_header_rows(head: Sequence[Sequence[str]]) -> int:
    """How many rows under the first go on with the header: words where all below are numbers or moments."""
    first, rows = (head[0], head[1:]) if head else ([], [])
    if not first:
        return 0
    settled = rows[_MOST_FURTHER:]
    measured = [place for place in range(len(first)) if _is_measured(_column(place, first, settled))]
    count = 0
    for row in rows[:_MOST_FURTHER]:
        cells = [row[place].strip() for place in measured] if len(row) == len(first) else []
        told = [cell for cell in cells if cell and not _measures(cell)]
        if len({*told}) < max(_LEAST_COLUMNS, len(cells)):  # one mark in all of them, such as n/a, is no name
            break
        count += 1
    return count


def _column(place: int, first: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [row[place] for row in rows if len(row) == len(first) and row[place].strip()]


def _is_measured(cells: Sequence[str]) -> bool:
    return len(cells) >= LEAST_ROWS and sum(map(_measures, cells)) >= NEARLY_ALL * len(cells)


def _measures(cell: str) -> bool:
    return is_number(cell) or is_stamp(cell)
