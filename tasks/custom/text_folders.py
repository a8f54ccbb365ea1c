"""Folders of text files whose places say what a row is: its label, its answer, its translation.

``pos/*.txt`` and ``neg/*.txt`` are texts and their labels; ``Articles/1.txt`` and ``Summaries/1.txt`` a text
and its answer; line 7 of ``train.en`` and line 7 of ``train.sw`` a sentence and its translation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tasks.custom.tables import Add, Rows, Table, part_of, written
from tasks.custom.text_files import open_binary
from tasks.formats import columns

LEAST_FILES = 4
"""Texts of a label, on average, from which folders are labels."""
LEAST_LINES = 10
ALIKE = 0.9
"""Share of the names that two folders have in common if their files belong together."""
_MOST_BYTES = 256_000_000
"""A file beyond it is no text of one row, and its lines are too many to hold."""
_LABELS = 1000
_UNLABELLED = frozenset({"unsup", "unlabeled", "unlabelled", "unknown", "unsorted"})
_ASKED = frozenset({"source", "src", "input", "inputs", "text", "texts", "article", "articles", "document",
                    "documents", "original", "question", "questions"})  # fmt: skip
_LANGUAGE = 3
"""Letters of a suffix that names a language, at most."""
_SIDES = frozenset({"source", "target", "src", "tgt", "trg", "input", "output"})


@dataclass(frozen=True)
class TextTables:
    """Tables that a folder's text files make, and the files that they were made of."""

    tables: tuple[Table, ...] = ()
    used: frozenset[Path] = frozenset()
    unlabelled: tuple[Path, ...] = ()
    """Folders beside those of labels whose texts have none."""


def text_tables(folder: Path, files: Sequence[Path], others: frozenset[str]) -> TextTables:
    """The tables of text files below ``folder``, by the first layout that they have; empty for none.

    Args:
        others: suffixes, with their dot, that name no language.
    """
    texts = [path for path in files if _may_be_text(path)]
    lines = [path for path in files if path.suffix.casefold() not in others]
    return _line_pairs(folder, lines) or _file_pairs(folder, texts) or _classes(folder, texts) or TextTables()


def _may_be_text(path: Path) -> bool:
    """``.txt``, or a name without a suffix beside its number (mail and news archives)."""
    return path.suffix.casefold() in (".txt", ".text") or path.name.isdecimal()


def _line_pairs(folder: Path, files: Sequence[Path]) -> TextTables | None:
    """Two files of one stem, in two languages, with as many lines each."""
    by_stem: dict[Path, list[Path]] = defaultdict(list)
    for path in files:
        suffix = path.suffix[1:].casefold()
        if (suffix.isalpha() and 2 <= len(suffix) <= _LANGUAGE) or suffix in _SIDES:
            by_stem[path.with_suffix("")].append(path)
    pairs = {stem: both for stem, both in by_stem.items() if len(both) == 2}
    suffixes = {tuple(sorted(path.suffix for path in both)) for both in pairs.values()}
    if len(suffixes) != 1 or len(pairs) != len(by_stem):
        return None
    tables = []
    for stem, both in pairs.items():
        first, second = sorted(both, key=lambda path: (not _asks(path.suffix[1:]), path.name))
        lines = [_lines(first), _lines(second)]
        if len(lines[0]) != len(lines[1]) or len(lines[0]) < LEAST_LINES:
            return None
        rows = [pair for pair in zip(*lines, strict=True) if all(cell.strip() for cell in pair)]
        name, names = str(stem.relative_to(folder)), [first.suffix[1:], second.suffix[1:]]
        blank = len(lines[0]) - len(rows)
        how = f"the lines of {first.name} and {second.name}, pair by pair"
        how += f" ({blank:,} blank left out)" if blank else ""
        tables.append(_table(name, rows, names, stem, how, part_of(stem.name)))
    return TextTables(tuple(tables), frozenset(path for both in pairs.values() for path in both))


def _file_pairs(folder: Path, texts: Sequence[Path]) -> TextTables | None:
    """Two folders with the same files, one of which is named as an answer or a source."""
    for parent in sorted({above for path in texts for above in path.parents if above.is_relative_to(folder)}):
        below: dict[str, dict[str, Path]] = defaultdict(dict)
        for path in texts:
            if path.is_relative_to(parent) and len(parts := path.relative_to(parent).parts) > 1:
                below[parts[0]]["/".join(parts[1:])] = path
        if len(below) != 2:
            continue
        one, other = below
        shared = sorted(below[one].keys() & below[other].keys())
        named = any(_asks(name) or _answers(name) for name in below)
        if not named or len(shared) < max(LEAST_LINES, ALIKE * max(map(len, below.values()))):
            continue
        rows = [(text_of_file(below[one][name]), text_of_file(below[other][name])) for name in shared]
        names = [one, other]
        if _answers(one) or _asks(other) or not (_asks(one) or _answers(other) or _longer(rows)):
            rows, names = [(answer, asked) for asked, answer in rows], [other, one]
        how = f"{len(rows):,} files of {one} and {other}, pair by pair"
        table = _table(parent.name, rows, names, parent, how)
        used = frozenset(path for files in below.values() for path in files.values())
        return TextTables((table,), used)
    return None


def _classes(folder: Path, texts: Sequence[Path]) -> TextTables | None:
    """Folders beside each other as the labels of the texts in them."""
    held: dict[Path, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for path in texts:
        if path.parent != folder:
            held[path.parent.parent][path.parent.name].append(path)
    tables, used, without = [], set[Path](), []
    for above, labels in sorted(held.items()):
        without += [above / label for label in labels if label.casefold() in _UNLABELLED]
        known = {label: files for label, files in labels.items() if label.casefold() not in _UNLABELLED}
        total = sum(map(len, known.values()))
        if not 2 <= len(known) <= _LABELS or total < LEAST_FILES * len(known) or any(map(part_of, known)):
            continue
        paths = [(path, label) for label, files in known.items() for path in files]
        inside = str(above.relative_to(folder))
        name = folder.name if inside == "." else inside
        rows = ((text_of_file(path), label) for path, label in paths)
        how = f"{total:,} text files in {len(known)} folders, whose names are the labels"
        tables.append(_table(name, rows, ["text", "label"], above, how, part_of(above.name)))
        used.update(path for path, _ in paths)
    return TextTables(tuple(tables), frozenset(used), tuple(without)) if tables else None


def _asks(name: str) -> bool:
    return bool(columns.words(name) & _ASKED)


def _answers(name: str) -> bool:
    return bool(columns.words(name) & columns.ANSWERING)


def _longer(rows: Sequence[tuple[str, str]]) -> bool:
    return median(len(one) for one, _ in rows) >= median(len(other) for _, other in rows)


def _table(
    name: str, rows: Iterable[tuple[str, str]], names: list[str], path: Path, how: str, split: str = ""
) -> Table:
    def fill(add: Add) -> None:
        for row in rows:
            add(row)

    return Table(name, Rows([written(fill, names)]), str(path), how, split=split)


def _lines(path: Path) -> list[str]:
    return text_of_file(path).split("\n") if path.stat().st_size <= _MOST_BYTES else []


def text_of_file(path: Path) -> str:
    """The file's text; what is no UTF-8 is read as Windows-1252, in which every byte means something."""
    with open_binary(path) as file:
        content = file.read()
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\n")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace").replace("\r\n", "\n").removesuffix("\n")
