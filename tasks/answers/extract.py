"""Answers out of text: boxed values, final-answer lines, JSON fields, letters, numbers, SMILES.

Three rules hold for every function here. They never raise, whatever the text; they
take time linear in its length (only the last ``WINDOW`` characters are read, and a
loop over candidates is bounded); and where a text states several answers, the last
one counts, because a model that corrects itself means the correction. A ``<think>``
block is not part of the answer, closed or not.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable

from tasks.answers.negation import denied, one_of_several

WINDOW = 100_000
"""Characters read from the end of a text; more is a model that repeats itself."""
CANDIDATES = 40
"""How many places, counted from the end, are tried before giving up."""
MAX_DIGITS = 40
"""Longer numerals are refused: no answer needs them, and Python itself stops at 4,300."""

_BOXED = "\\boxed{"
_FINAL = re.compile(r"final[ \t]{0,3}answer[ \t*_]{0,6}[:：][ \t]*", re.IGNORECASE)
_SAID = re.compile(
    # Blanks are taken once and for all (``*+``): three ways to share out a thousand of them take minutes.
    r"(?:answer|result|total|答案|结果)[ \t]{0,3}(?:is|are|was|=|:|：|是|为)[ \t]*+[:：]?[ \t]*+"
    r"([^\n]{1,80}?)(?=[.。!](?:\s|$)|\n|$)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.])(?<!\d,)[-+−]?\$?\d[\d,]*(?:\.\d+)?(?![A-Za-z_\d])")
_PLAIN_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
_LATEX = re.compile(r"\\(?:text|mathrm|mbox)\{[^{}]*\}|\^\{?\\circ\}?|\\[,;!: ]|\\%|\$")
_MARK = (
    r"(?i:答案|选项|应选|故选|选|answer|option|choice)[ \t]{0,3}(?i:是|为|应为|is)?"
    r"[ \t:：*_(（\[【\"'`]{0,6}"
)
_MARKED_LETTER = re.compile(_MARK + r"([A-H])(?![A-Za-z0-9])")
_MARKED_LOWER = re.compile(_MARK + r"([a-h])(?=[ \t]*(?:[).,。，）\]】*\"'`]|$|\n))", re.MULTILINE)
_CORRECTED = re.compile(
    r"(?:(?i:\b(?:wait|actually|sorry|correction|rather|instead|no[,.;:!])|不对?|更正|改为|应为|应该是|应选|而是)"
    r"[,，.。:：;；!！—\s-]{0,4}"
    r"(?i:(?:it|that|the answer)(?: is|'s| should be)[ \t]{1,2}|(?:答案)?(?:应该|应)?[是为选]?)"
    r"[ \t(（\[【*_\"'`]{0,4})([A-H])(?![A-Za-z0-9])"
)
_LEADING_LETTER = re.compile(r"[\s(（\[【*_\"'`]{0,6}([A-H])(?:[\s.。、)）\]】:：,，*_\"'`]|$)")
_LONE_LETTER = re.compile(r"(?<![A-Za-z0-9_%)=#\]}])([A-H])(?![A-Za-z0-9_%(=#\[{])")
_SMILES_TOKEN = re.compile(r"(?:\[[A-Za-z0-9@+\-:]{1,12}\]|Br|Cl|[BCNOPSFI]|[bcnops]|[-=#$/\\().%0-9])+")
_SMILES_WORD = re.compile(r"[A-Za-z0-9@+\-\[\]()=#$%/\\.]+")


def without_thinking(text: str) -> str:
    """The last ``WINDOW`` characters of ``text`` without ``<think>`` blocks.

    An unclosed block runs to the end; a closing tag without an opening one closes
    a block that the chat template opened, so what precedes it goes as well.
    """
    text = text[-WINDOW:]
    head, closing, tail = text.partition("</think>")
    if closing and "<think>" not in head:
        text = tail
    parts: list[str] = []
    while True:
        before, opening, rest = text.partition("<think>")
        parts.append(before)
        if not opening:
            return "".join(parts)
        _, closing, text = rest.partition("</think>")
        if not closing:
            return "".join(parts)
        if len(parts) > CANDIDATES:
            return text.rpartition("</think>")[2].partition("<think>")[0]


def boxed(text: str) -> str | None:
    r"""The content of the last complete, non-empty ``\boxed{...}``."""
    text = without_thinking(text)
    end = len(text)
    for _ in range(CANDIDATES):
        start = text.rfind(_BOXED, 0, end)
        if start < 0:
            return None
        depth, begin = 1, start + len(_BOXED)
        for place in range(begin, min(len(text), begin + 200)):
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            if depth == 0:
                content = text[begin:place].strip()
                if content:
                    return content
                break
        end = start
    return None


def final_answer(text: str) -> str | None:
    """What follows the last non-empty ``Final Answer:`` on its line; bold is dropped."""
    text = without_thinking(text)
    found: str | None = None
    for match in _FINAL.finditer(text):
        line = text[match.end() : match.end() + 400].partition("\n")[0].strip().strip("*_`").strip()
        found = line or found
    return found


def said_answer(text: str) -> str | None:
    """What a sentence such as ``The answer is 12.`` states; the last one counts."""
    found: str | None = None
    for match in _SAID.finditer(without_thinking(text)):
        line = match.group(1).strip().strip("*_`").rstrip(".。!").strip()
        found = line or found
    return found


def json_field(text: str, keys: Iterable[str]) -> str | None:
    """The value of the last of ``keys`` that is stated with a readable value.

    The text need not be valid JSON as a whole: nested fences, a trailing comma, a
    missing closing brace and single quotes do no harm. A string that is cut before
    its closing quote is not read, since the missing part may matter.
    """
    text = without_thinking(text)
    names = "|".join(re.escape(key) for key in keys)
    places = [
        m.end() for m in re.finditer(rf"""["'](?:{names})["'][ \t\r\n]{{0,20}}:[ \t\r\n]{{0,20}}""", text)
    ]
    for place in reversed(places[-CANDIDATES:]):
        value = _json_value(text, place)
        if value is not None:
            return value
    return None


def _json_value(text: str, place: int) -> str | None:
    if text.startswith("'", place):
        end = text.find("'", place + 1, place + 2000)
        return text[place + 1 : end].strip() or None if end > 0 else None
    try:
        value, _ = json.JSONDecoder().raw_decode(text, place)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or isinstance(value, (dict, list)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip() or None


def choice_letter(text: str, letters: str = "ABCD") -> str | None:
    """The option that a text chooses.

    In order of trust: the last letter that follows a word such as ``答案`` or ``answer``
    or a correction such as ``no, it is`` (upper case first, then lower case where it
    stands alone), a letter that opens the text, and the last upper-case letter that
    stands alone. So ``GDP``, ``Because`` and ``I hope`` choose nothing; nor does a
    letter that is denied (``not B``) or given beside another (``A or B``). Full-width
    letters count.
    """
    text = unicodedata.normalize("NFKC", without_thinking(text))
    whole = text.strip().strip(".()[]*\"'`")
    if len(whole) == 1 and whole.upper() in letters:
        return whole.upper()
    marked = [m.start(1) for pattern in (_MARKED_LETTER, _CORRECTED) for m in pattern.finditer(text)]
    lower = [m.start(1) for m in _MARKED_LOWER.finditer(text)]
    opening = [m.start(1) for m in (_LEADING_LETTER.match(text),) if m]
    lone = [m.start(1) for m in _LONE_LETTER.finditer(text)]
    for places in (sorted(marked), lower, opening, lone):
        known = [place for place in places if text[place].upper() in letters]
        named = [place for place in known[-CANDIDATES:] if not denied(text, place)]
        if named:
            return None if one_of_several(text, named[-1]) else text[named[-1]].upper()
    return None


def canonical_number(text: str) -> str | None:
    r"""``1,234.50`` -> ``1234.5``; ``$ 037^\circ`` -> ``37``; None when it is no single number."""
    text = unicodedata.normalize("NFKC", text[:400])
    text = _LATEX.sub("", text).replace("−", "-").strip().rstrip(".。").rpartition("=")[2].strip()
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text).rstrip("%").rstrip("°")
    if len(text) > MAX_DIGITS or not text.isascii() or not _PLAIN_NUMBER.fullmatch(text):
        return None
    whole, _, part = text.lstrip("+").partition(".")
    sign, whole, part = (
        ("-" if whole.startswith("-") else ""),
        whole.lstrip("-").lstrip("0") or "0",
        part.rstrip("0"),
    )
    plain = f"{whole}.{part}" if part else whole
    return plain if plain == "0" else sign + plain


def last_number(text: str) -> str | None:
    """The last number in a text, in canonical form."""
    found: str | None = None
    for match in _NUMBER.finditer(without_thinking(text)):
        if match.end() - match.start() <= MAX_DIGITS:
            found = match.group(0)
    return canonical_number(found.rstrip(",")) if found else None


def smiles(text: str) -> str | None:
    """The last word that is spelled like a SMILES string with a carbon in it.

    A spelling test only: whether it is a molecule is for RDKit to say.
    """
    found: str | None = None
    for match in _SMILES_WORD.finditer(without_thinking(text)):
        if match.end() - match.start() > 400:
            continue
        word = match.group(0).rstrip(".")
        if "c" in word.lower() and _SMILES_TOKEN.fullmatch(word):
            found = word
    return found
