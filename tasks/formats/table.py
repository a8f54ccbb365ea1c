"""Table as a whole: what no single row can tell of how its rows are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from tasks.base import Row
from tasks.formats import columns
from tasks.formats.answer_lists import answers, one_answer_lists
from tasks.formats.conversation import Labels, Targets, Unreadable
from tasks.formats.idle_columns import UNNAMED, is_handle
from tasks.formats.joined_columns import Composition, compose, is_named_answer, is_provenance
from tasks.formats.markers import split_turns
from tasks.formats.placeholders import is_placeholder, stand_for_none
from tasks.formats.profile import Column, profile_columns
from tasks.formats.speakers import vote
from tasks.formats.turns import speakers_in, turns_in
from tasks.formats.values import is_missing, is_scalar, opened, parse_json, text_of

NO_LABEL = "-1"
NO_MARKS = frozenset({"-", "--", "\u2013", "\u2014", "?"})
"""What stands in a column of labels where annotators came to none, beside labels that are words."""
RARE = 0.5
"""Share of the rarest label's rows below which -1 is none."""
SHARED = 0.9
PAIR_ROWS = 100
"""Rows that say whether a table has two columns."""


@dataclass(frozen=True)
class Table:
    """What the rows of a table share."""

    speakers: Mapping[str, str] = field(default_factory=dict)
    """Roles of speakers whose names are not known."""
    labels: Labels = field(default_factory=dict)
    one_based: bool = False
    """Integer answers count the choices from one."""
    pair: tuple[str, str] | None = None
    """The two columns of a plain table, prompt first."""
    targets: Targets = "last"
    composition: Composition = field(default_factory=Composition)
    """The columns that ask and the one that answers, where no name of a known format says so."""
    whole_lists: frozenset[str] = frozenset()
    """Columns whose list is one answer; of other lists any entry is right."""
    provenance: tuple[str, ...] = ()
    """Columns such as ``source`` that could ask by their name, but say where rows come from."""
    label_texts: Mapping[str, str] = field(default_factory=dict)
    """Column of numbered labels -> column with the text of each (``label`` -> ``label_text``)."""
    deciding: tuple[str, ...] = ()
    """Columns that a prompt says before its text, as the answer depends on them (``target_lang``)."""
    unlabelled: frozenset[str] = frozenset()
    """Columns of labels in which -1 or a dash stands for none, as the public sets write it."""
    python_lists: frozenset[str] = frozenset()
    """Columns of text whose values are lists as a data frame writes them (``['a', 'b']``)."""
    unanswered: frozenset[str] = frozenset()
    """Columns of answers in which a placeholder (``n/a``, ``TBD``) stands for none."""

    def answers(self, row: Row, name: str) -> tuple[str, ...]:
        """The right answers in a column of a row."""
        value = opened(row[name]) if name in self.python_lists else row[name]
        if name in self.unanswered and isinstance(value, str) and is_placeholder(value):
            raise Unreadable("its answer is a placeholder", value.strip())
        return answers(value, one=name in self.whole_lists)


def table_of(seen: Sequence[Row], labels: Labels, targets: Targets, answer: str = "") -> Table:
    """What the rows share; ``answer`` is the column that their owner names, or ""."""
    chats = [speakers_in(turns) for row in seen for cell in row.values() if (turns := turns_in(cell))]
    held = profile_columns(seen)
    texts = _label_texts(seen, held)
    # A table of several sources may lack the column; of a path, the column that it starts in is the answer's.
    answer = next((name for name in (answer, answer.partition(".")[0]) if name in held), "")
    asked = {name: column for name, column in held.items() if name == answer or name not in texts}
    lists = [name for name in held if columns.named((name,), columns.ANSWER) or is_named_answer(name)]
    pair = _pair(seen)
    composition = Composition() if _holds_turns(seen) else compose(asked, seen, answer)
    may_list = [
        *dict.fromkeys((*lists, *(pair or ()), *([composition.answer] if composition.answer else ())))
    ]
    written = [name for name in may_list if _as_python(name, seen)]
    opened_up = [{**row, **{name: opened(row[name]) for name in written if name in row}} for row in seen]
    return Table(
        vote(chats),
        labels,
        pair=pair,
        targets=targets,
        composition=composition,
        whole_lists=one_answer_lists(opened_up, may_list),
        provenance=tuple(
            name for name, column in held.items() if is_provenance(column) or is_handle(name, held, seen)
        ),
        label_texts={} if answer else texts,
        unlabelled=frozenset(name for name in held if _has_none(name, seen)),
        python_lists=frozenset(written),
        unanswered=frozenset(name for name in may_list if stand_for_none(name, seen)),
    )


def _as_python(name: str, seen: Sequence[Row]) -> bool:
    """Whether the texts of a column are lists of plain values, not all of them as JSON has them."""
    texts = [row[name] for row in seen if not is_missing(row.get(name))]
    lists = [opened(text) for text in texts if isinstance(text, str)]
    fits = bool(lists) and len(lists) == len(texts)
    if not fits or not all(isinstance(found, list) and all(map(is_scalar, found)) for found in lists):
        return False
    return not all(map(_is_json, texts))


def _is_json(text: str) -> bool:
    try:
        parse_json(text.strip())
    except (ValueError, RecursionError):
        return False
    return True


def is_no_label(label: str) -> bool:
    """Whether a label may stand for none; whether it does is for its column to tell."""
    return label.strip() == NO_LABEL or label.strip() in NO_MARKS


def _has_none(name: str, seen: Sequence[Row]) -> bool:
    """Whether -1 is no label of a column: all have it, or few do and the others count from 0 or 1 upwards."""
    if not columns.named((name,), (*columns.LABEL, *columns.ANSWER)):
        return False
    counts = Counter(text_of(row[name]) for row in seen if not is_missing(row.get(name)))
    marks = [label for label in counts if label.strip() in NO_MARKS]
    if marks and len(counts) > len(marks) + 1:
        return all(any(map(str.isalpha, label)) for label in counts if label not in marks)
    none = counts.pop(NO_LABEL, 0)
    if not none or not all(label.isdecimal() for label in counts):
        return False
    # A sentiment of -1, 0 and 1 has about as many of each.
    return not counts or (len(counts) > 1 and none < RARE * min(counts.values()))


def _holds_turns(seen: Sequence[Row]) -> bool:
    """Whether a column of text holds whole conversations, with marked turns."""
    texts = [text for row in seen[:PAIR_ROWS] if isinstance(text := columns.value(row, columns.TEXT), str)]
    return bool(texts) and sum(split_turns(text) is not None for text in texts) > len(texts) / 2


def _pair(seen: Sequence[Row]) -> tuple[str, str] | None:
    """The two columns of a table that has two columns of plain values beside ids."""
    held = dict.fromkeys(name for row in seen for name in row if isinstance(name, str))
    plain = [name for name in held if name.casefold() not in ("id", "idx", "index", "uid")]
    if len(plain) > 2:
        plain = [name for name in plain if not (UNNAMED.fullmatch(name) and _is_boilerplate(name, seen))]
    cells = [row.get(name) for row in seen[:PAIR_ROWS] for name in plain]
    fits = len(plain) == 2 and all(
        cell is None or is_scalar(cell) or isinstance(cell, list) for cell in cells
    )
    return (plain[0], plain[1]) if fits else None


def _is_boilerplate(name: str, seen: Sequence[Row]) -> bool:
    """Whether most words of a column are the same in nearly every row: a licence, where a row is from."""
    texts = [text_of(row.get(name)).casefold().split() for row in seen[:PAIR_ROWS]]
    counts = Counter(word for words in texts for word in {*words})
    shared = sum(count >= SHARED * len(texts) for count in counts.values())
    return bool(shared) and 2 * shared >= median(map(len, texts))


def _label_texts(seen: Sequence[Row], held: Mapping[str, Column]) -> dict[str, str]:
    """Numbered labels and the column with their texts: one text a number, one number a text."""
    numbered = [
        name
        for name, column in held.items()
        if column.labels
        and columns.named((name,), (*columns.LABEL, *columns.ANSWER))
        and all(text_of(row[name]).isdecimal() for row in seen if not is_missing(row.get(name)))
    ]
    found = {}
    for name in numbered:
        same = [
            other
            for other in sorted(held)
            if other != name and held[other].labels and _names(seen, name, other)
        ]
        if len(same) == 1:
            found[name] = same[0]
    return found


def _names(seen: Sequence[Row], number: str, text: str) -> bool:
    pairs = {(text_of(row.get(number)), text_of(row.get(text))) for row in seen}
    pairs = {(one, other) for one, other in pairs if one and other}
    words = all(not other.isdecimal() for _, other in pairs)
    return (
        words
        and len(pairs) > 1
        and len({one for one, _ in pairs}) == len(pairs) == len({o for _, o in pairs})
    )
