"""Molecules in a text, rewritten to RDKit's canonical SMILES.

``C1=CC=CC=C1O``, ``[OH]c1ccccc1`` and ``Oc1ccccc1`` are one molecule in three writings. Two
texts that differ only so have equal canonical texts. Only words that can be read as SMILES
letter by letter reach RDKit, and each is parsed once.
"""

from __future__ import annotations

import re

from tasks.answers.smiles import MAX_LENGTH, canonical

_CHUNK = re.compile(r"[^\s\"'`{},;<>|$。，；：、]+")
_ATOM = r"(?:Br|Cl|[BCNOPSFI]|[bcnops]|\[[^\[\]\s]{1,24}\])"
_SMILES = re.compile(rf"\(?{_ATOM}(?:{_ATOM}|[0-9=#()/\\.:+-]|%\d\d)*")
_MARKS = re.compile(r"[0-9=#()\[\]]")


def looks_like_smiles(word: str) -> bool:
    """Whether a word is made of atoms, bonds and rings alone; ``CCO`` is, ``cocoon`` is not."""
    if not 2 <= len(word) <= MAX_LENGTH or _SMILES.fullmatch(word) is None:
        return False
    return _MARKS.search(word) is not None or word.replace("Br", "B").replace("Cl", "C").isupper()


def canonical_text(text: str) -> str | None:
    """The text with every molecule in canonical form; None when it holds none."""
    parts: list[str] = []
    end = 0
    for found in _CHUNK.finditer(text):
        start, word = _trimmed(found.start(), found.group())
        form = canonical(word) if looks_like_smiles(word) else None
        if form is None:
            continue
        parts += [text[end:start], form]
        end = start + len(word)
    return "".join([*parts, text[end:]]) if parts else None


def _trimmed(start: int, chunk: str) -> tuple[int, str]:
    """A chunk without a label before it, the punctuation after it, and brackets around it."""
    label = chunk.rfind(":") + 1 if "[" not in chunk else 0
    if label and label < len(chunk):
        start, chunk = start + label, chunk[label:]
    chunk = chunk.rstrip(".:?!")
    if chunk.startswith("(") and chunk.endswith(")") and chunk.count("(") == 1:
        return start + 1, chunk[1:-1]
    if chunk.endswith(")") and chunk.count(")") > chunk.count("("):
        chunk = chunk[:-1]
    return start, chunk
