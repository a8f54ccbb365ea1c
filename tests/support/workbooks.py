"""Workbooks for tests: the least of an .xlsx, an .ods and an .xls file, written without a library."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><numFmts count="2"><numFmt numFmtId="170" formatCode="yyyy\\-mm\\-dd"/>'
    '<numFmt numFmtId="171" formatCode="[h]:mm:ss"/></numFmts><fonts count="1"><font/></fonts>'
    '<fills count="1"><fill/></fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="4"><xf numFmtId="0"/>'
    '<xf numFmtId="170" applyNumberFormat="1"/><xf numFmtId="22" applyNumberFormat="1"/>'
    '<xf numFmtId="171" applyNumberFormat="1"/></cellXfs></styleSheet>'
)


@dataclass(frozen=True)
class Raw:
    """A cell as XML: its attributes and what is in it."""

    attributes: str
    inner: str


ERROR = Raw('t="e"', "<v>#N/A</v>")
UNCOMPUTED = Raw("", "<f>A1+1</f>")
Cells = Sequence[Sequence[object]]


def date(days: float) -> Raw:
    """Days since the end of 1899, shown as a date."""
    return Raw('s="1"', f"<v>{days}</v>")


def moment(days: float) -> Raw:
    """The same with a time of day."""
    return Raw('s="2"', f"<v>{days}</v>")


def duration(days: float) -> Raw:
    """A number of days, shown as hours."""
    return Raw('s="3"', f"<v>{days}</v>")


def formula(text: str, value: object) -> Raw:
    """A formula with its stored value."""
    return Raw("", f"<f>{escape(text)}</f><v>{value}</v>")


def xlsx(sheets: Mapping[str, Cells | str], hidden: Sequence[str] = ()) -> bytes:
    """A workbook of these sheets; a text stands for a sheet's whole XML."""
    names = list(sheets)
    shown = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="r{n}"{_state(name in hidden)}/>'
        for n, name in enumerate(names, 1)
    )
    targets = [(f"r{n}", "worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(names) + 1)]
    parts = {
        "[Content_Types].xml": _types(len(names)),
        "_rels/.rels": _relations([("r1", "officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": (
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{shown}</sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": _relations([*targets, ("rs", "styles", "styles.xml")]),
        "xl/styles.xml": _STYLES,
    }
    for n, cells in enumerate(sheets.values(), 1):
        parts[f"xl/worksheets/sheet{n}.xml"] = cells if isinstance(cells, str) else sheet_xml(cells)
    return packed(parts)


def sheet_xml(cells: Cells, merged: str = "") -> str:
    """A sheet's XML: None is no cell at all."""
    rows = []
    for y, row in enumerate(cells, 1):
        written = "".join(
            _cell(f"{_letters(x)}{y}", value) for x, value in enumerate(row) if value is not None
        )
        rows.append(f'<row r="{y}">{written}</row>')
    joined = f'<mergeCells count="1"><mergeCell ref="{merged}"/></mergeCells>' if merged else ""
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{"".join(rows)}</sheetData>{joined}</worksheet>'


def ods(sheets: Mapping[str, Cells]) -> bytes:
    """An OpenDocument spreadsheet of texts and numbers."""
    tables = []
    for name, cells in sheets.items():
        rows = "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in cells)
        tables.append(f"<table:table table:name={quoteattr(name)}>{rows}</table:table>")
    names = "".join(f' xmlns:{short}="{_OASIS}:{short}:1.0"' for short in ("office", "table", "text"))
    content = f"<office:document-content{names}><office:body><office:spreadsheet>{''.join(tables)}"
    return packed(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": f"{content}</office:spreadsheet></office:body></office:document-content>",
            "META-INF/manifest.xml": f'<m:manifest xmlns:m="{_OASIS}:manifest:1.0"/>',
        }
    )


def xls(cells: Cells) -> bytes:
    """A workbook of 1997 with one sheet of texts and numbers."""
    head = struct.pack("<HHHHII", 0x0600, 0x0005, 0, 1997, 0, 0)
    inner = b"".join(_biff_cell(y, x, value) for y, row in enumerate(cells) for x, value in enumerate(row))
    sheet = (
        _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 1997, 0, 0)) + inner + _record(0x000A, b"")
    )
    bound = struct.pack("<IBBBB", 0, 0, 0, 1, 0) + b"S"
    start = len(_record(0x0809, head) + _record(0x0085, bound) + _record(0x000A, b""))
    bound = struct.pack("<I", start) + bound[4:]
    return compound("Workbook", _record(0x0809, head) + _record(0x0085, bound) + _record(0x000A, b"") + sheet)


def compound(name: str, content: bytes) -> bytes:
    """A compound file with one stream: what .xls is, and an .xlsx with a password (``EncryptedPackage``)."""
    content = content.ljust(4096, b"\0")  # shorter ones lie elsewhere
    content += bytes(-len(content) % 512)
    used = len(content) // 512
    chain = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, used + 2), 0xFFFFFFFE]
    table = struct.pack("<128I", *chain, *[0xFFFFFFFF] * (128 - len(chain)))
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
        + bytes(6)
    )
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    header += struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    entries = _entry("Root Entry", 5, 0xFFFFFFFE, 0, 1) + _entry(name, 2, 2, len(content), 0xFFFFFFFF)
    return header + table + entries.ljust(512, b"\0") + content


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    """A zip archive of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _entry(name: str, kind: int, start: int, size: int, child: int) -> bytes:
    spelt = name.encode("utf-16-le") + b"\0\0"
    links = struct.pack("<HBBIII", len(spelt), kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child)
    return spelt.ljust(64, b"\0") + links + bytes(36) + struct.pack("<IQ", start, size)


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def _biff_cell(y: int, x: int, value: object) -> bytes:
    if isinstance(value, int | float):
        return _record(0x0203, struct.pack("<HHHd", y, x, 0, value))
    text = str(value).encode("utf-16-le")
    return _record(0x0204, struct.pack("<HHHHB", y, x, 0, len(text) // 2, 1) + text)


def _ods_cell(value: object) -> str:
    if value is None:
        return "<table:table-cell/>"
    kind = "float" if isinstance(value, int | float) else "string"
    given = f' office:value="{value}"' if kind == "float" else ""
    shown = f"<text:p>{escape(str(value))}</text:p>"
    return f'<table:table-cell office:value-type="{kind}"{given}>{shown}</table:table-cell>'


def _cell(where: str, value: object) -> str:
    if isinstance(value, Raw):
        return f'<c r="{where}" {value.attributes}>{value.inner}</c>'
    if isinstance(value, bool):
        return f'<c r="{where}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{where}"><v>{value!r}</v></c>'
    return f'<c r="{where}" t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'


def _state(hidden: bool) -> str:
    return ' state="hidden"' if hidden else ""


def _letters(place: int) -> str:
    return chr(65 + place) if place < 26 else _letters(place // 26 - 1) + chr(65 + place % 26)


def _relations(items: Sequence[tuple[str, str, str]]) -> str:
    inner = "".join(
        f'<Relationship Id="{mark}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for mark, kind, target in items
    )
    return f'<Relationships xmlns="{_PACKAGE}">{inner}</Relationships>'


def _types(sheets: int) -> str:
    override = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPES}.worksheet+xml"/>'
        for n in range(1, sheets + 1)
    )
    return (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>{override}</Types>'
    )
