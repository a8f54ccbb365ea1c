"""Mutation of valid inputs: bytes flipped, pieces cut, doubled, exchanged or nested, odd texts put in."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

LONGEST = 200_000
"""Bytes of an input; but few are longer than some hundred."""
ODD = (
    b"",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xfe\xff",
    b"\xed\xa0\x80",
    b"\xed\xb0\x80",
    b"\xc3\xa9",
    b"\xe9",
    b"\xe2\x80\xa8",
    b"\xe2\x80\xae",
    b"\xe2\x81\xa6",
    b"\xe2\x80\x8b",
    b"\xd9\xa1\xd9\xa2",
    b"\xc2\xb2",
    b"\xe2\x85\xa7",
    b"\xc2\xbd",
    b"\xc4\xb0",
    b"\xf0\x9f\x98\x80",
    b"\x1b[31m",
    b"\x07",
    b"\x85",
    b"\r",
    b"\r\n",
    b"\n",
    b"\n\n",
    b"\t",
    b" ",
    b"'",
    b'"',
    b'""',
    b"`",
    b"```",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\\x",
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b"<",
    b">",
    b"{}",
    b"[]",
    b"{{",
    b"}}",
    b"{0}",
    b"{a.b}",
    b"{a[0]}",
    b"%s",
    b"$",
    b"|",
    b",",
    b";",
    b":",
    b"=",
    b"#",
    b"&",
    b"@",
    b"*",
    b"+",
    b"-",
    b"/",
    b"..",
    b"../..",
    b"/etc/passwd",
    b"0",
    b"-0",
    b"-1",
    b"1e999",
    b"-1e999",
    b"1e-999",
    b"1" + b"0" * 30,
    b"9" * 5000,
    b"0." + b"1" * 400,
    b"1/0",
    b"9**9**9",
    b"18446744073709551616",
    b"NaN",
    b"nan",
    b"Infinity",
    b"-Infinity",
    b"inf",
    b"null",
    b"None",
    b"true",
    b"True",
    b"false",
    b"1_000",
    b"0x1f",
    b"0o7",
    b"__import__('os').system('false')",
    b"<script>alert(1)</script>",
    b"<think>",
    b"</think>",
    b"\\boxed{",
    b"\\frac{1}{",
    b"[0]",
    b"a" * 300,
    b" " * 3000,
    b"-" * 2000,
    b"\n" * 1000,
)
NESTS = ((b"[", b"]"), (b'{"a":', b"}"), (b"(", b")"), (b"{", b"}"), (b"<b>", b"</b>"), (b"\\frac{", b"}"))
PIECES = re.compile(rb"\w+|\s+|[^\w\s]")


def mutated(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds, changed in one place, or up to eight."""
    content = rng.choice(seeds)
    for _ in range(min(8, 1 + int(rng.expovariate(0.8)))):
        content = rng.choice(CHANGES)(rng, content, seeds)
    return content[:LONGEST]


def _place(rng: random.Random, content: bytes) -> int:
    return rng.randint(0, len(content))


def _span(rng: random.Random, content: bytes) -> tuple[int, int]:
    first = _place(rng, content)
    return first, min(len(content), first + int(rng.expovariate(1 / 8)))


def _flip(rng: random.Random, content: bytes, seeds: Sequence[bytes]) -> bytes:
    if not content:
        return content
    place = rng.randrange(len(content))
    other = content[place] ^ (1 << rng.randrange(8))
    return content[:place] + bytes([other]) + content[place + 1 :]


def _insert(rng: random.Random, content: bytes, seeds: Sequence[bytes]) -> bytes:
    place = _place(rng, content)
    return content[:place] + rng.choice(ODD) + content[place:]


def _replace(rng: random.Random, content: bytes, seeds: Sequence[bytes]) -> bytes:
    first, last = _span(rng, content)
    return content[:first] + rng.choice(ODD) + content[last:]


def _replace_word(rng: random.Random, content: bytes, seeds: Sequence[bytes]) -> bytes:
    found = list(PIECES.finditer(content[:4000]))
    if not found:
        return rng.choice(ODD)
    word, other = rng.choice(found), rng.choice(list(PIECES.finditer(rng.choice(seeds)[:4000])) or found)
    taken = rng.choice(ODD) if rng.random() < 0.6 else other[0]
    return content[: word.start()] + taken + content[word.end() :]


def _cut(rng: random.Random, content: bytes, seeds: Sequence[bytes]) -> bytes:
    first, last = _span(rng, content)
    return content[:first] + content[last:]


def _end(rng: random.Random, content: bytes, seeds: Sequence[bytes]) -> bytes:
    return content[: _place(rng, content)] if rng.random() < 0.7 else content[_place(rng, content) :]


def _double(rng: random.Random, content: bytes, seeds: Sequence[bytes]) -> bytes:
    first, last = sorted((_place(rng, content), _place(rng, content)))
    times = rng.choice((2, 2, 2, 3, 10, 100)) if last - first < 200 else 2
    return content[:first] + content[first:last] * times + content[last:]


def _splice(rng: random.Random, content: bytes, seeds: Sequence[bytes]) -> bytes:
    other = rng.choice(seeds)
    first, last = sorted((_place(rng, other), _place(rng, other)))
    place = _place(rng, content)
    return content[:place] + other[first:last] + content[place if rng.random() < 0.5 else last :]


def _nest(rng: random.Random, content: bytes, seeds: Sequence[bytes]) -> bytes:
    first, last = _span(rng, content)
    opens, closes = rng.choice(NESTS)
    depth = rng.choice((1, 2, 5, 50, 300, 2000)) if rng.random() < 0.3 else 2
    return content[:first] + opens * depth + content[first:last] + closes * depth + content[last:]


def _repeat(rng: random.Random, content: bytes, seeds: Sequence[bytes]) -> bytes:
    if rng.random() < 0.9:
        return content
    first, last = _span(rng, content)
    piece = content[first : last or 1] or b"a"
    return content[:first] + piece * (rng.choice((1000, 10_000)) // len(piece) + 1) + content[last:]


def _number(rng: random.Random, content: bytes, seeds: Sequence[bytes]) -> bytes:
    if not content:
        return content
    width = rng.choice((1, 2, 4, 8))
    place = rng.randrange(len(content))
    value = rng.choice((0, 1, 2**7, 2**8 - 1, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1))
    return content[:place] + (value % 256**width).to_bytes(width, "little") + content[place + width :]


def _recode(rng: random.Random, content: bytes, seeds: Sequence[bytes]) -> bytes:
    text = content.decode("utf-8", "replace")
    return text.encode(
        rng.choice(("utf-16", "utf-16-le", "utf-32", "latin-1", "utf-8-sig", "gb18030")), "replace"
    )


CHANGES = (
    *(_flip, _insert, _replace, _replace_word) * 3,
    *(_cut, _end, _double, _splice, _nest) * 2,
    *(_repeat, _number, _recode),
)
