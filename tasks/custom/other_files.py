"""Readers of files that are no JSON, table, Arrow or spreadsheet, by their suffixes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tasks.custom.labelled_lines import read_labelled_lines
from tasks.custom.message_catalogue import SUFFIXES as _CATALOGUES
from tasks.custom.message_catalogue import read_catalogue
from tasks.custom.plain_text import LABELLED
from tasks.custom.settings_rows import read_toml, read_yaml
from tasks.custom.tables import Aside, Rows
from tasks.custom.tagged_words import SUFFIXES as _TAGGED
from tasks.custom.tagged_words import read_tagged_words
from tasks.custom.xml_rows import SUFFIXES as _XML
from tasks.custom.xml_rows import read_xml

Read = Callable[[Path], tuple[Rows, str, Aside]]
"""Gives the rows, how they were read, and what was set aside; raises InputError."""

READERS: dict[str, Read] = {
    ".yaml": read_yaml,
    ".yml": read_yaml,
    ".toml": read_toml,
    LABELLED: read_labelled_lines,
    **dict.fromkeys(_CATALOGUES, read_catalogue),
    **dict.fromkeys(_TAGGED, read_tagged_words),
    **dict.fromkeys(_XML, read_xml),
}
