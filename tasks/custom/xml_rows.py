"""XML files as rows: the element that comes again and again, with what stands in it as its columns.

Translation memories (TMX), XLIFF and tables that programs export are all of this form. A column is a child
that holds text, an attribute, or, where children share one name, the attribute that tells them apart
(``<tuv xml:lang="de">``). Entities of the file's own are refused, and nothing that it points to is fetched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from tasks.custom.json_rows import rows_of
from tasks.custom.tables import Aside, Rows
from tasks.custom.text_files import encoding_of, open_binary
from tasks.errors import InputError
from tasks.formats import columns

SUFFIXES = (".xml", ".tmx", ".xlf", ".xliff")
MOST_BYTES = 256_000_000
_MOST_DEEP = 200
_LEAST_ROWS = 2
_CODES = frozenset({"bpt", "ept", "it", "ph"})
"""Elements inside a sentence that hold the mark-up of the text's own format, as TMX and XLIFF define them."""
_UNFINISHED = ("needs-", "new", "initial")
"""Beginnings of the states (XLIFF) of a translation that nobody has finished."""
_TELLING = ("lang", "name", "key", "type", "id")
"""Attributes that tell children of one name apart, without their namespace."""


@dataclass
class _Element:
    name: str
    line: int
    attributes: dict[str, str]
    children: list[_Element] = field(default_factory=list)
    parts: list[str | _Element] = field(default_factory=list)
    """Text and children in order."""

    @property
    def text(self) -> str:
        """All text inside, without the codes of another format, and without white space around it."""
        return "".join(_texts(self)).strip()

    @property
    def says(self) -> bool:
        """Whether it holds text of its own, beside or without children."""
        return any(isinstance(part, str) and part.strip() for part in self.parts)


def read_xml(path: Path) -> tuple[Rows, str, Aside]:
    """(rows, how it was read, what was set aside). Raises InputError where it holds no rows."""
    root = _parsed(path)
    name, records = _records(root)
    if len(records) < _LEAST_ROWS:
        fix = "export the rows as .csv or .jsonl"
        raise InputError(str(path), "no element with columns comes again in it", fix)
    aside, (source, target) = Aside(), _languages(root)
    rows = rows_of(_rows(records, aside, source), aside)
    if not len(rows):
        raise InputError(str(path), f"it has no rows{aside.first()}", "add at least one row")
    said = f" (from {source!r}" + (f" into {target!r})" if target else ")") if source else ""
    return rows, f"the elements <{name}> of an XML file{said}", aside


def _languages(root: _Element) -> tuple[str, str]:
    """(from, into) as the file itself says of its languages; "" where it does not."""
    for element in _all(root):
        held = {_local(name).casefold(): value for name, value in element.attributes.items()}
        if source := next((held[key] for key in ("source-language", "srclang") if held.get(key)), ""):
            return source, held.get("target-language", held.get("trglang", ""))
    return "", ""


def _rows(records: Sequence[_Element], aside: Aside, source: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for record in records:
        where = f"line {record.line:,}"
        states = [child.attributes.get("state", "") for child in record.children if child.name == "target"]
        if "no" in (record.attributes.get("translate"), record.attributes.get("approved")) or any(
            state.startswith(_UNFINISHED) for state in states
        ):
            aside.add(where, "its translation is not finished", record.text)
        elif row := _columns(record):
            yield where, _directed(record, row, source)
        else:
            aside.add(where, "it holds no text", "")


def _directed(record: _Element, row: dict[str, Any], source: str) -> dict[str, Any]:
    """The row with ``source`` and ``target`` for its two languages, where the file says which is which.

    With more languages they keep their names, that of the source first.
    """
    tongues = [name for child in record.children if (name := _language(child)) in row]
    first = next((name for name in tongues if source and name.casefold() == source.casefold()), "")
    others = [name for name in tongues if name != first]
    if not first:
        return row
    if len(others) != 1:
        return {first: row[first], **row}
    beside = {name: value for name, value in row.items() if name not in tongues}
    return {"source": row[first], "target": row[others[0]], **beside}


def _language(child: _Element) -> str:
    return next((value for name, value in child.attributes.items() if _local(name) == "lang"), "")


def _columns(record: _Element) -> dict[str, Any]:
    """The columns of a record; of children whose names and attributes are the same, a list."""
    row: dict[str, Any] = {_local(name): value for name, value in record.attributes.items()}
    if record.says:
        return row | {"text": record.text}
    held = Counter(child.name for child in record.children)
    for child in record.children:
        name = _telling(child) if held[child.name] > 1 else ""
        name = name or (child.name if held[child.name] > 1 or child.name not in row else f"{child.name}_2")
        said: Any = child.text
        if not said and child.attributes:
            said = next(iter(child.attributes.values()))
        if name in row and held[child.name] > 1:
            before = row[name]
            row[name] = [*before, said] if isinstance(before, list) else [before, said]
        else:
            row[name] = said
    return {name: value for name, value in row.items() if value not in ("", [])}


def _telling(child: _Element) -> str:
    """The value of the attribute that tells a child from its like (``xml:lang``); "" without one."""
    held = {_local(name): value for name, value in child.attributes.items()}
    return next((held[name] for name in _TELLING if held.get(name)), "")


def _records(root: _Element) -> tuple[str, list[_Element]]:
    """(name, elements) of the elements that are rows: of one name and depth, those that come most often.

    An element that only wraps another (``<unit><segment>``) is none, nor is what stands in a sentence.
    """
    found: dict[tuple[int, str], list[_Element]] = {}
    for depth, element in _within(root, 0):
        if depth and _is_record(element):
            found.setdefault((depth, element.name), []).append(element)
    (_, name), best = max(
        found.items(),
        key=lambda item: (_asks_and_answers(item[1]), len(item[1]), -item[0][0]),
        default=((0, ""), []),
    )
    return name, best


def _is_record(element: _Element) -> bool:
    """Whether it holds two columns or more, children with text or attributes alone, and no deeper records."""
    filled = [child for child in element.children if child.text or child.attributes]
    wraps = any(len(child.children) > 1 and not child.says and not _in_sentence(child) for child in filled)
    held = filled or element.attributes
    return (not wraps and not element.says and len(held) > 1) or _labelled(element)


def _in_sentence(element: _Element) -> bool:
    return any(child.name in _CODES for child in element.children)


def _labelled(element: _Element) -> bool:
    """A text with its label as an attribute: ``<sentence label="good">It is.</sentence>``."""
    return element.says and bool(columns.named(map(_local, element.attributes), columns.LABEL))


def _asks_and_answers(elements: Sequence[_Element]) -> bool:
    """Whether the columns of the first say by their names that one asks and another answers."""
    row = _columns(elements[0])
    answers = columns.named(row, (*columns.ANSWER, *columns.LABEL))
    return bool(answers and columns.named(row, (*columns.PROMPT, *columns.TEXT), (answers,)))


def _within(element: _Element, depth: int) -> Iterator[tuple[int, _Element]]:
    yield depth, element
    for child in element.children:
        yield from _within(child, depth + 1)


def _all(element: _Element) -> Iterator[_Element]:
    return (found for _, found in _within(element, 0))


def _texts(element: _Element) -> Iterator[str]:
    for part in element.parts:
        if isinstance(part, str):
            yield part
        elif part.name not in _CODES:
            yield from _texts(part)


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _parsed(path: Path) -> _Element:
    """The root element. Raises InputError where it is no XML, too large or deep, or declares entities."""
    if path.stat().st_size > MOST_BYTES:
        raise InputError(str(path), f"it is longer than {MOST_BYTES:,} bytes", "split it, or export .jsonl")
    # What was UTF-16 comes as UTF-8, whatever the file's own first line says.
    parser = expat.ParserCreate(None if encoding_of(path).startswith("utf-8") else "utf-8")
    parser.buffer_text = True
    top = _Element("", 0, {})
    open_elements = [top]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(open_elements) > _MOST_DEEP:
            raise InputError(str(path), "its elements are nested too deeply", "export the rows as .jsonl")
        made = _Element(_local(name), parser.CurrentLineNumber, attributes)
        open_elements[-1].children.append(made)
        open_elements[-1].parts.append(made)
        open_elements.append(made)

    def end(name: str) -> None:
        open_elements.pop()

    def text(content: str) -> None:
        open_elements[-1].parts.append(content)

    def declared(*_: Any) -> None:
        raise InputError(str(path), "it declares entities of its own", "write their text where they stand")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.EntityDeclHandler = text, declared
    try:
        with open_binary(path) as file:
            parser.ParseFile(file)
    except (expat.ExpatError, ValueError, LookupError) as error:  # LookupError: an unknown encoding
        raise InputError(
            str(path), f"it is no XML: {' '.join(str(error).split())[:200]}", "mend it"
        ) from error
    return top.children[0]
