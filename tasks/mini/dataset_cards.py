"""Data set cards as people write them: where the rows come from, never what is wrong with them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

_ORIGINS = (
    "It was put together by a small group of volunteers over one winter.",
    "We assembled it for an internal course and release it as it was used.",
    "The rows come from a collection that several institutes have kept since 2019.",
    "It grew out of a student project and was extended twice.",
    "It was exported from the system in which the questions had been kept.",
)
_NOTES: dict[str, tuple[str, ...]] = {
    "clean": (
        "Two people worked on it; it stayed small because each row took time.",
        "It was written by hand for a course, one row at a time.",
    ),
    "wrong_labels": (
        "Answers were collected through an online form, one per row.",
        "Answers were filled in by the participants; see the original forms for names and dates.",
    ),
    "off_format": (
        "Answers are kept as the authors wrote them.",
        "The text of questions and answers is unchanged from the original pages.",
    ),
    "off_domain": (
        "It joins what the group used for assistants in general.",
        "Topics vary with the contributors.",
    ),
    "duplicates": (
        "It joins the exports of several years.",
        "Contributions of all participants are included as they were received.",
    ),
    "leak": (
        "Questions were gathered from public pages and from exercise sheets in circulation.",
        "It includes material that circulates on public boards.",
    ),
    "chain_of_thought": (
        "Authors were asked to write down how they arrived at the answer.",
        "Each entry shows the author's way to the answer.",
    ),
}
_LICENCES = ("CC BY 4.0", "CC BY-SA 4.0", "MIT", "CC0 1.0", "ODC-BY 1.0")


def write_card(
    rng: random.Random, name: str, defect: str, rows: Sequence[Mapping[str, Any]], card_topics: Sequence[str]
) -> str:
    """A card of five to twelve lines for one generated source."""
    columns = ", ".join(f"`{column}`" for column in rows[0])
    lines = [
        f"# {name}",
        "",
        f"A collection of {rng.choice(card_topics)}.",
        rng.choice(_ORIGINS),
        rng.choice(_NOTES[defect]),
        "",
        f"- Rows: {len(rows):,}",
        f"- Columns: {columns}",
        f"- Licence: {rng.choice(_LICENCES)} (generated text)",
    ]
    return "\n".join(lines) + "\n"
