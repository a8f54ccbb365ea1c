r"""Gold values: what a reference answer says, read whole, never fished out of a longer text.

A model's reply is prose with a number somewhere in it; a gold value is a cell of a table. Reading the
second with the reader of the first took ``5.9e-05`` for 5 and ``3/4`` for 4. Here a text is a value from
its first character to its last, or it is none and the caller says so. Values are exact fractions.

| written | value | unit |
|---|---|---|
| ``5.9e-05``, ``5.9 x 10^-5`` | 0.000059 | |
| ``3/4``, ``1 1/2``, ``½``, ``\frac{3}{4}`` | 3/4, 3/2, 1/2, 3/4 | |
| ``-3``, ``−3`` (typographic), ``(3)`` (in accounts) | -3 | |
| ``1,234.5``, or ``1.234,5`` where the column writes so | 1234.5 | |
| ``12 %``, ``$9,589``, ``3.5 kg`` | 12, 9589, 3.5 | ``%``, ``$``, ``kg`` |
| ``10:30``, ``1:02:03`` | 37800, 3723 seconds | ``time`` |

Dates, ranges, versions and lists are no values.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

MAX_CHARACTERS = 80
"""Of a value; a longer text is none."""
MAX_EXPONENT = 400
"""Powers of ten; beyond what a float can hold, a number is a typing error or an attack."""


@dataclass(frozen=True)
class NumberFormat:
    """How a column writes numbers."""

    decimal: str = "."
    """The decimal mark, ``.`` or ``,``."""

    @property
    def thousands(self) -> str:
        """The marks that may group digits by three; a column uses one of them."""
        return ("," if self.decimal == "." else ".") + " '’\u00a0\u202f"


ENGLISH, CONTINENTAL = NumberFormat("."), NumberFormat(",")


@dataclass(frozen=True)
class Quantity:
    """A value and what it counts."""

    value: Fraction
    unit: str = ""
    """As written, case folded; empty for a bare number, ``time`` for clock readings (seconds)."""


_MARKED = re.compile(
    r"(?P<grouped>\d[ '’\u00a0\u202f](?=\d{3}(?:\D|$)))?(?P<number>\d[\d.,]*[.,]\d+|(?<!\d)[.,]\d+)(?!\d)"
)
"""Digits with points or commas in them; after groups that another mark sets off, or not."""


def number_format(texts: Iterable[str]) -> NumberFormat:
    """The format that a column shows; English where it shows nothing, or both.

    ``1,234`` alone says nothing: it counts as grouped digits in English and as a decimal in a column that
    also holds ``0,5`` or ``1.234,5``. ``1.234`` is grouped where the column shows no decimals, and
    its numbers without a mark are those that need none: a column of decimals would also hold ``1.2``.
    """
    cells = [text[:MAX_CHARACTERS] for text in texts]
    shown = [mark for text in cells for mark in _decimal_marks(text)]
    if not shown and points_group(cells):
        return CONTINENTAL
    return CONTINENTAL if shown.count(",") > shown.count(".") else ENGLISH


def points_group(cells: Iterable[str]) -> bool | None:
    """Whether points group digits in a column that shows no decimals; None where that cannot be told."""
    marked, plain = 0, list[int]()
    for cell in cells:
        for found in _WHOLE.finditer(cell):
            if "." in found.group():
                marked += 1
            else:
                plain.append(len(found.group()))
    if not marked:
        return False
    return True if marked >= LEAST_GROUPED and len(plain) > 1 and max(plain) <= 3 else None


def _decimal_marks(text: str) -> Iterator[str]:
    """The decimal marks that a text shows: ``1,5`` and ``1.234.567`` a comma, ``1,234`` none."""
    for found in _MARKED.finditer(text):
        number = found["number"]
        marks = [char for char in number if char in ".,"]
        if len(set(marks)) == 2:
            yield marks[-1]
        elif len(marks) > 1:  # groups: the decimal mark is the other one. A date or a version has none
            groups = number.split(marks[0])[1:]
            if len(groups[-1]) == 3 and {len(group) for group in groups[:-1]} <= {2, 3}:
                yield "." if marks[0] == "," else ","
        else:
            whole, _, part = number.partition(marks[0])
            if found["grouped"] or len(part) != 3 or not 1 <= len(whole) <= 3 or whole[0] == "0":
                yield marks[0]


_WHOLE = re.compile(r"(?<![\d.,])\d+(?:\.\d{3})?(?![\d.,]*\d)")
"""Digits without a mark, or with one point and three digits after it."""
LEAST_GROUPED = 5
"""Numbers such as ``1.234`` from which a column may group by points."""
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SIGN = r"(?P<sign>[-+]?)"
_PLAIN = r"(?P<number>\d[\d.,'’ \u00a0\u202f]*|[.,]\d+)"
_POWER = (
    r"(?:\s{0,2}[eE](?P<exp>[-+]?\d{1,4})"
    r"|\s{0,2}[x×*·]\s{0,2}10\s{0,2}(?:\^|\*\*)?\s{0,2}[{(]?(?P<pow>[-+]?\d{1,4})[})]?)?"
)
_BEFORE = r"(?P<before>[$€£¥₹₩₽]|(?:USD|EUR|GBP|CHF|JPY|CNY|RMB|INR)\s{0,2})?"
_AFTER = r"(?P<after>\s{0,2}(?:%|‰|[$€£¥₹₩₽]|°?[^\W\d_]{1,12}(?:[/·*]?[^\W\d_]{1,8}[²³]?)?\d?|°))?"
_NUMBER = re.compile(rf"(?P<first>[-+]?)\s?{_BEFORE}\s{{0,2}}{_SIGN}\s?{_PLAIN}{_POWER}{_AFTER}")
_RATIO = re.compile(
    r"(?P<sign>[-+]?)\s?(?:(?P<whole>\d{1,18})\s+)?(?P<over>\d{1,18})\s?[/⁄]\s?(?P<under>\d{1,18})"
    r"(?P<after>\s{0,2}%)?"
)
_LATEX_RATIO = re.compile(
    r"(?P<sign>[-+]?)\s?\\[dt]?frac\s?\{\s?(?P<over>-?\d{1,18})\s?\}\s?\{\s?(?P<under>-?\d{1,18})\s?\}"
)
_CLOCK = re.compile(r"(?P<sign>[-+]?)(?P<h>\d{1,3}):(?P<m>[0-5]\d)(?::(?P<s>[0-5]\d(?:\.\d{1,6})?))?")
_SIGNS = {
    word: sign
    for sign, names in {
        "$": ("usd", "dollar", "dollars"),
        "€": ("eur", "euro", "euros"),
        "£": ("gbp", "pound", "pounds"),
        "¥": ("jpy", "yen", "cny", "rmb", "yuan"),
        "₹": ("inr", "rupee", "rupees"),
        "%": ("percent", "pct", "prozent"),
    }.items()
    for word in names
}
_ACCOUNTED = re.compile(r"\((?P<inside>[^()]+)\)")
_DRESS = re.compile(r"\\(?:text|mathrm|mbox)\{([^{}]*)\}|\\[,;!: ]|\\(?=[%$])|^\$(?=.*\$$)|\$$")


def read_gold(text: str, form: NumberFormat = ENGLISH) -> Quantity | None:
    """The quantity that a whole text is; None when it is none, or holds anything beside it."""
    text = _undressed(text)
    if not text or len(text) > MAX_CHARACTERS:
        return None
    accounted = _ACCOUNTED.fullmatch(text)
    if accounted and (inner := read_gold(accounted["inside"], form)) is not None:
        return Quantity(-inner.value, inner.unit) if inner.value > 0 else None
    return _clock(text) or _ratio(text) or _number(text, form)


def quantities(text: str, form: NumberFormat = ENGLISH) -> Iterator[Quantity]:
    """Every quantity that a reply mentions, in order. The last 8,000 characters are read."""
    text = _undressed(text[-8000:])
    place = 0
    while place < len(text):
        found = _ANYWHERE.search(text, place)
        if found is None:
            return
        quantity = read_gold(found.group().strip(" .,;:!?'’\u00a0\u202f"), form)
        if quantity is None:  # digits that touch something else: take the number without what follows it
            quantity = read_gold(found["bare"].rstrip(" .,'’\u00a0\u202f"), form)
        if quantity is not None:
            yield quantity
        place = max(found.end(), place + 1)


def last_quantity(text: str, form: NumberFormat = ENGLISH) -> Quantity | None:
    """The last quantity of a reply; see ``quantities``."""
    found = None
    for found in quantities(text, form):  # noqa: B007 (the last one is what is asked for)
        pass
    return found


def same_quantity(said: Quantity, gold: Quantity, tolerance: float = 0.0) -> bool:
    """Whether a reply's value is the gold value, within an absolute tolerance.

    A unit counts where both sides name one; a bare number may leave it out.
    """
    if said.unit and gold.unit and unit_name(said.unit) != unit_name(gold.unit):
        return False
    return abs(said.value - gold.value) <= Fraction(tolerance)


def unit_name(unit: str) -> str:
    """One name for a unit that has a sign and words (``$``, ``usd``, ``dollars``); any other as it is."""
    return _SIGNS.get(unit, unit)


def is_missing(value: Any) -> bool:
    """Whether a cell holds no value: null, NaN (as a number or as data frames write it), or blank text.

    ``NA``, ``None`` and ``null`` as text are values: they are labels in real data (Namibia, no disease).
    """
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    return isinstance(value, str) and (not value.strip() or value.strip() in ("nan", "NaN"))


def _undressed(text: str) -> str:
    text = unicodedata.normalize("NFC", text).replace("−", "-").replace("–", "-")
    text = text.replace("\\times", "×").replace("\\cdot", "·")
    text = re.sub(
        r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+", lambda m: m.group().translate(_SUPERSCRIPT) if _after_ten(m) else m.group(), text
    )
    text = re.sub(r"(?<=\d)(?=[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])", " ", text)
    text = re.sub(r"[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞]", lambda m: unicodedata.normalize("NFKC", m.group()), text)
    return _DRESS.sub(lambda m: m.group(1) or "", text.strip()).strip()


def _after_ten(found: re.Match[str]) -> bool:
    return found.string[: found.start()].rstrip().endswith("10")


def _signed(value: Fraction, sign: str) -> Fraction:
    return -value if sign == "-" else value


def _clock(text: str) -> Quantity | None:
    found = _CLOCK.fullmatch(text)
    if not found:
        return None
    seconds = int(found["h"]) * 3600 + int(found["m"]) * 60 + Fraction(found["s"] or 0)
    return Quantity(_signed(Fraction(seconds), found["sign"]), "time")


def _ratio(text: str) -> Quantity | None:
    found = _RATIO.fullmatch(text)
    if found:
        under = int(found["under"])
        if not under:
            return None
        value = int(found["whole"] or 0) + Fraction(int(found["over"]), under)
        return Quantity(_signed(value, found["sign"]), (found["after"] or "").strip())
    found = _LATEX_RATIO.fullmatch(text)
    if found and int(found["under"]):
        return Quantity(_signed(Fraction(int(found["over"]), int(found["under"])), found["sign"]))
    return None


def _number(text: str, form: NumberFormat) -> Quantity | None:
    found = _NUMBER.fullmatch(text)
    if not found:
        return None
    digits = _plain_digits(found["number"].strip(), form)
    exponent = int(found["exp"] or found["pow"] or 0)
    if digits is None or abs(exponent) > MAX_EXPONENT:
        return None
    before, after = (found["before"] or "").strip(), (found["after"] or "").strip()
    if (before and after) or (found["first"] and found["sign"]):
        return None
    value = _signed(Fraction(digits) * Fraction(10) ** exponent, found["first"] or found["sign"])
    return Quantity(value, (before or after).casefold())


def _plain_digits(text: str, form: NumberFormat) -> str | None:
    """``1 234,5`` -> ``1234.5``; None where marks do not group by three or a decimal mark repeats."""
    whole, mark, part = text.partition(form.decimal)
    if part and not part.isdigit():
        return None
    if mark and not part and whole:
        return None
    marks = {char for char in whole if not char.isdigit()}
    if marks:
        (mark_used,) = marks if len(marks) == 1 else (None,)
        if mark_used is None or mark_used not in form.thousands:
            return None
        groups = whole.split(mark_used)
        if not (1 <= len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])):
            return None
        whole = "".join(groups)
    if not whole and not part:
        return None
    return f"{whole or '0'}.{part}" if part else whole


_ANYWHERE = re.compile(
    r"(?<![\w.,/^\\])(?<!\w[-:])"
    r"(?:[$€£¥₹₩₽]\s?)?"
    r"(?P<bare>[-+]?(?:\\[dt]?frac\s?\{\s?-?\d{1,18}\s?\}\s?\{\s?-?\d{1,18}\s?\}"
    r"|\d{1,3}:[0-5]\d(?::[0-5]\d)?(?![\d:])"
    r"|(?:\d{1,18} )?\d{1,18}\s?[/⁄]\s?\d{1,18}(?![\d/])"
    r"|(?:\d{1,3}(?:(?P<group>[,.'’ \u00a0\u202f])\d{3}(?:(?P=group)\d{3})*(?!\d)|(?!\d))|\d+|(?=[.,]\d))"
    r"(?:[.,]\d+)?"
    r"(?:\s{0,2}[eE][-+]?\d{1,4}(?!\d)|\s{0,2}[x×*·]\s{0,2}10\s{0,2}(?:\^|\*\*)?\s{0,2}[{(]?[-+]?\d{1,4}[})]?)?))"
    r"(?:\s?%|\s?[$€£¥]|(?![\w]))?"
)
