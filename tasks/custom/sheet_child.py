"""Child process that reads a spreadsheet, and writes each sheet as lines of JSON: a row of texts each.

The library lays a sheet out whole, up to its farthest cell, and ends its process where that does not fit into
memory. So it works here, under a limit, and nothing else does: this file is a program of its own, which
imports nothing of ours.

    python sheet_child.py LIBRARY WORKBOOK FOLDER

``LIBRARY`` is the folder that holds python_calamine. ``FOLDER`` gets ``0.jsonl``, ``1.jsonl``, ... and at the
end ``sheets.json``: a list of objects with ``name``, ``visible``, ``errors`` (cells), ``uncomputed``
(formulas without a value) and ``problem``, or, where the file cannot be read, one with ``kind`` and ``why``.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import sys
import zipfile
import zlib
from decimal import Decimal
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

MOST_MEMORY = 3 << 30
"""Bytes: a sheet of a million rows and twenty columns takes a third of it."""
MOST_SECONDS = 600
_DIGITS = 15
"""Significant digits that a spreadsheet keeps: 0.1 + 0.2 is 0.3 in it."""
_PLAIN = 21
"""Digits of a number up to which it is written out."""
_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!|GETTING_DATA)|Err:5\d\d")
_ERROR_CELL = re.compile(rb'<(?:\w+:)?c\b[^>]*\st="e"')
_UNCOMPUTED = re.compile(rb"(?:</f>|<f\b[^>]*/>)(?:<v></v>|<v\s*/>)?</c>")
_TOO_WIDE = "Cell limit exceeded"
"""What the library says of an .ods file whose cells are repeated too often."""
_CHUNK, _OVERLAP = 1 << 20, 300


def cell_text(value: Any) -> str:
    """A cell as a person reads it: numbers without a needless fraction, moments in ISO form."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return _number_text(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="milliseconds" if value.microsecond >= 1000 else "seconds")
    if isinstance(value, datetime.time):
        return value.isoformat(timespec="milliseconds" if value.microsecond >= 1000 else "seconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return str(value)


def _number_text(value: float) -> str:
    if value.is_integer() and abs(value) < 10**_DIGITS:
        return str(int(value))
    text = f"{value:.{_DIGITS}g}"
    if "e" not in text:
        return text
    written = format(Decimal(text), "f")
    return written if len(written) <= _PLAIN else text


def _write_rows(sheet: Any, path: Path) -> int:
    """How many of its cells hold an error as text: they are left empty, as other errors are."""
    errors = 0
    with path.open("w", encoding="utf-8", errors="replace") as file:
        for row in sheet.iter_rows():
            cells = [cell_text(cell) for cell in row]
            for place, text in enumerate(cells):
                if text[:1] in "#E" and _ERROR.fullmatch(text):
                    cells[place], errors = "", errors + 1
            file.write(json.dumps(cells if any(map(str.strip, cells)) else []) + "\n")
    return errors


def _parts(packed: zipfile.ZipFile) -> dict[str, str]:
    """Name of each sheet of an .xlsx file -> the member of the archive that holds its cells."""
    relations = ElementTree.fromstring(packed.read("xl/_rels/workbook.xml.rels"))
    targets = {item.get("Id", ""): item.get("Target", "") for item in relations}
    found = {}
    for item in ElementTree.fromstring(packed.read("xl/workbook.xml")).iter():
        if item.tag.rpartition("}")[2] == "sheet":
            mark = next((value for name, value in item.items() if name.rpartition("}")[2] == "id"), "")
            target = targets.get(mark, "")
            found[item.get("name", "")] = str(
                PurePosixPath(target[1:] if target.startswith("/") else f"xl/{target}")
            )
    return found


def _counted(path: str) -> dict[str, tuple[int, int]]:
    """(cells with an error, formulas without a value) by sheet, of which the library tells nothing."""
    found: dict[str, tuple[int, int]] = {}
    broken = (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        KeyError,
        OSError,
        ValueError,
        SyntaxError,
        RuntimeError,
    )
    with contextlib.suppress(*broken), zipfile.ZipFile(path) as packed:
        for name, part in _parts(packed).items():
            with packed.open(part) as member:
                found[name] = _count_in(member)
    return found


def _count_in(member: Any) -> tuple[int, int]:
    errors = uncomputed = 0
    rest = b""
    while chunk := member.read(_CHUNK):
        text = rest + chunk
        # What ends in the first part was counted before.
        errors += sum(match.end() > len(rest) for match in _ERROR_CELL.finditer(text))
        uncomputed += sum(match.end() > len(rest) for match in _UNCOMPUTED.finditer(text))
        rest = text[-_OVERLAP:]
    return errors, uncomputed


def _opened(path: str) -> Any:
    """The workbook: by the suffix of its name, else by what it holds."""
    import python_calamine

    try:
        return python_calamine.load_workbook(path)
    except python_calamine.PasswordError:
        raise
    except python_calamine.CalamineError as error:
        try:
            return python_calamine.load_workbook(BytesIO(Path(path).read_bytes()))
        except python_calamine.CalamineError:
            raise error from None


def _read(path: str, folder: Path) -> Any:
    import python_calamine

    try:
        book = _opened(path)
    except python_calamine.PasswordError:
        return {"kind": "password", "why": ""}
    except MemoryError:
        return {"kind": "memory", "why": ""}
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        return {"kind": "memory" if _TOO_WIDE in str(error) else "broken", "why": str(error)}
    counted, sheets = _counted(path), []
    for place, data in enumerate(book.sheets_metadata):
        errors, uncomputed = counted.get(data.name, (0, 0))
        problem = ""
        if data.typ == python_calamine.SheetTypeEnum.WorkSheet:
            try:
                sheet = book.get_sheet_by_name(data.name)
                errors += _write_rows(sheet, folder / f"{place}.jsonl")
            except MemoryError:
                return {"kind": "memory", "why": data.name}
            except (python_calamine.CalamineError, OSError, ValueError) as error:
                problem = f"it cannot be read: {error}"
        else:
            problem = "it holds no cells"
        visible = data.visible == python_calamine.SheetVisibleEnum.Visible
        sheets.append({"name": data.name, "visible": visible, "errors": errors,
                       "uncomputed": uncomputed, "problem": problem})  # fmt: skip
    return sheets


def _limit() -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):  # not every system has or keeps limits
        import resource

        for kind, most in ((resource.RLIMIT_AS, MOST_MEMORY), (resource.RLIMIT_CPU, MOST_SECONDS),
                           (resource.RLIMIT_CORE, 0)):  # fmt: skip
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(kind, (most, most))


def main() -> None:
    """Read what the command line names."""
    library, workbook, folder = sys.argv[1:4]
    if library not in sys.path:
        sys.path.append(library)
    _limit()
    found = _read(workbook, Path(folder))
    (Path(folder) / "sheets.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
