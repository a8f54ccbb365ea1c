"""Spellings of answers: one value written in several ways, and how numbers were understood.

A metric compares what is written. Where the answers write dates, durations or yes and no in several ways, or
numbers in units that nobody converts, their owner is told before anything is spent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from tasks.answers.equality import answer_text
from tasks.answers.gold import Quantity, number_format, points_group, read_gold, unit_name
from tasks.custom.metrics.numbers import quantity_text

NEARLY_ALL = 0.95
LEAST_SHARE = 0.05
"""Share of the answers from which a way of writing is one of theirs."""
MOST_WAYS = 6
LONGEST = 30
"""Characters of a value; longer texts say more than one thing."""
DIFFERENT = 0.5
"""Share of different numbers from which hardly any comes again."""
_DIGITS, _LETTERS = re.compile(r"\d+"), re.compile(r"[^\W\d_]+")
_YES = {"yes": "yes", "y": "yes", "true": "yes", "1": "yes", "t": "yes"}
_NO = {"no": "no", "n": "no", "false": "no", "0": "no", "f": "no"}


def spellings(answers: Sequence[str], metric: str) -> list[str]:
    """Lines on the spelling of answers, for their owner; none where there is nothing to say."""
    texts = [text.strip() for text in answers if text.strip()]
    if metric == "number":
        return _numbers(texts)
    return [*_yes_and_no(texts), *_ways(texts)] if metric == "exact_match" else []


def _yes_and_no(texts: Sequence[str]) -> list[str]:
    """Yes and no, and nothing else, in more than one spelling."""
    spelt: dict[str, str] = {}
    for text in texts:
        spelt.setdefault(answer_text(text), text)
    meant = _YES | _NO
    if not spelt.keys() <= meant.keys() or {meant[said] for said in spelt} != {"yes", "no"}:
        return []
    groups = [[text for said, text in sorted(spelt.items()) if meant[said] == side] for side in ("yes", "no")]
    if max(map(len, groups)) < 2:
        return []
    shown = " and ".join(", ".join(map(repr, group)) for group in groups)
    return [
        f"answers: yes and no are written in several ways ({shown}), each its own label; write them in one"
    ]


def _ways(texts: Sequence[str]) -> list[str]:
    """Values with digits, such as dates and durations, in a few ways of writing."""
    values = sum(len(text) <= LONGEST and bool(_DIGITS.search(text)) for text in texts)
    if values < NEARLY_ALL * len(texts):
        return []
    counts = Counter(map(_way, texts))
    ways = [way for way, count in counts.most_common(MOST_WAYS) if count >= LEAST_SHARE * len(texts)]
    if len(ways) < 2 or sum(counts[way] for way in ways) < NEARLY_ALL * len(texts):
        return []
    shown = ", ".join(repr(next(text for text in texts if _way(text) == way)[:24]) for way in ways[:4])
    return [
        f"answers: written in {len(ways)} ways ({shown}); a value in another way than its row's counts as "
        "wrong, write them in one"
    ]


def _way(text: str) -> str:
    """The form of a text: ``0-0-0`` for a date, ``0a 0a`` for ``1h 30m``."""
    return " ".join(_LETTERS.sub("a", _DIGITS.sub("0", text)).split())


def _numbers(texts: Sequence[str]) -> list[str]:
    form = number_format(texts)
    read = [(text, found) for text in texts if (found := read_gold(text, form)) is not None]
    told = []
    examples: dict[str, str] = {}
    for text, found in read:
        if (plain := quantity_text(found, form)) != text:
            examples.setdefault(_way(text), f"{text!r} is read as {_bare(found, plain)}")
    mark = "a comma" if form.decimal == "," else "a point"
    if examples:
        told.append(f"numbers: {'; '.join(list(examples.values())[:3])} ({mark} parts the decimals)")
    if form.decimal == "." and points_group(texts) is None and not any("," in text for text in texts):
        told.append(
            "numbers: a point may group their digits, and is read as the decimal mark; "
            "write 1234 for 1.234 where it groups"
        )
    units = Counter(unit_name(found.unit) for _, found in read if found.unit)
    units = Counter({unit: count for unit, count in units.items() if count >= LEAST_SHARE * len(read)})
    if len(units) > 1:
        shown = ", ".join(f"{unit!r} in {count:,}" for unit, count in units.most_common(5))
        told.append(
            f"numbers: in different units ({shown}), which are not converted; "
            "1 kg and 1000 g count as different, write all in one unit"
        )
    values = {found.value for _, found in read}
    if len(values) > DIFFERENT * len(read) and any(value.denominator > 1 for value in values):
        told.append(
            "numbers: right where they are equal; `tolerance` in the task.toml of `ftdojo init-task` "
            "lets them differ"
        )
    return told


def _bare(found: Quantity, plain: str) -> str:
    return plain if found.unit != "time" else f"{plain} (hours and minutes)"
