"""Faults of the prompts, some of which also damage the answers."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from tests.bench.generality.faults.registry import Scene, fault, with_answer, with_text
from tests.bench.generality.kinds.definition import Row

BOILERPLATE = (
    "CONFIDENTIAL: for the addressee alone. Think before you print. ",
    "This is an automatic forward, do not reply to it. ",
    "Cookies help us. By reading on you agree to our terms. ",
)
MOJIBAKE = str.maketrans({" ": "\u00a0", "'": "\u2019", '"': "\u201d", "-": "\u2013"})
"""Typographic characters of an office program, which do not survive a wrong decoding."""
TAGS = ("p", "div", "span", "td")


@fault("prompt")
def boilerplate(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """The same lines stand before every text."""
    lines = scene.rng.choice(BOILERPLATE)
    return [with_text(row, scene, lines + row[scene.text]) for row in rows]


@fault("prompt")
def escaped_html(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Texts are pieces of a web page: tags around them, and characters escaped twice."""
    tag = scene.rng.choice(TAGS)

    def page(text: str) -> str:
        marked = text.replace(" ", "&nbsp;", 1)
        return f'<{tag} class="c{scene.rng.randint(1, 99)}">{html.escape(marked)}</{tag}>'

    return [with_text(row, scene, page(row[scene.text])) for row in rows]


@fault("both")
def wrong_encoding(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Typographic characters were written as UTF-8 and read as Windows-1252, in texts and answers."""

    def damaged(text: str) -> str:
        changed = "".join(c.translate(MOJIBAKE) if scene.rng.random() < 0.5 else c for c in text)
        return changed.encode().decode("cp1252", errors="replace")

    return [
        with_answer(with_text(row, scene, damaged(row[scene.text])), scene, damaged(row[scene.answer]))
        for row in rows
    ]


@fault("prompt")
def lost_end(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Of every text only the first half is left."""
    return [with_text(row, scene, row[scene.text][: len(row[scene.text]) // 2]) for row in rows]


@fault("both")
def swapped_columns(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Text and answer stand in each other's column."""
    return [row | {scene.text: row[scene.answer], scene.answer: row[scene.text]} for row in rows]


@fault("prompt")
def masked(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Figures and capitalised words are masked, as before data leave a company."""

    def hidden(found: re.Match[str]) -> str:
        word = found.group()
        return "#" if word[0].isdigit() or word[0].isupper() else word

    return [with_text(row, scene, re.sub(r"\d|[^\W\d]+", hidden, row[scene.text])) for row in rows]
