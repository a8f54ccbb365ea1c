"""The page of a briefing: sections in their room, texts cut where they must be, fences that close."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest

from roles.llm.briefing.layout import Section, approximate_tokens, clipped, laid_out, listing, names, quoted


def test_a_section_is_cut_by_lines_and_says_so() -> None:
    text = "\n".join(f"line {n}" for n in range(200))
    cut = clipped(text, 100)
    assert approximate_tokens(cut) <= 100
    *kept, last = cut.split("\n")
    assert len(kept) > 10
    assert last == f"({200 - len(kept)} more lines left out)"
    assert clipped(text, 10_000) == text


def test_a_fence_that_is_cut_closes() -> None:
    text = 'head\n<untrusted id="a" what="b">\n' + "> x\n" * 100 + '</untrusted id="a">\ntail'
    head, opening, *quoted_lines, closing, notice = clipped(text, 80).split("\n")
    assert (head, opening, closing) == ("head", '<untrusted id="a" what="b">', '</untrusted id="a">')
    assert len(quoted_lines) > 10
    assert notice == f"({101 - len(quoted_lines)} more lines left out)"
    assert clipped(text, 30).split("\n") == ["head", "(103 more lines left out)"]


def test_a_long_line_is_cut_rather_than_lost() -> None:
    text = 'title\n<untrusted id="a" what="b">\n> ' + "word " * 2000 + '\n</untrusted id="a">'
    cut = clipped(text, 300)
    assert cut.count("word") > 100
    assert approximate_tokens(cut) <= 300
    assert cut.split("\n")[-2] == '</untrusted id="a">'


@pytest.mark.parametrize("seed", range(40))
def test_no_section_is_lost_while_there_is_room(seed: int) -> None:
    """Texts of 200 to 12,000 characters, fenced or not: each is there, fences close, no room lies idle."""
    rng = random.Random(seed)
    shares = [rng.uniform(0.03, 0.25) for _ in range(rng.randint(3, 9))]
    texts = [synthetic_text(rng) for _ in shares]
    sections = [
        Section(f"Part {n}", share / sum(shares), builder(text, rng.random() < 0.6), n)
        for n, (share, text) in enumerate(zip(shares, texts, strict=True))
    ]
    tokens = rng.choice((3000, 6000, 8000))
    page = laid_out(sections, tokens)
    assert approximate_tokens(page) <= tokens
    assert page.count("<untrusted ") == page.count("</untrusted ")
    parts = re.split(r"^## Part ", page, flags=re.MULTILINE)[1:]
    assert [int(part.split("\n")[0]) for part in parts] == list(range(len(sections)))
    for part in parts:
        assert len(part) > 100, "a section that says nothing"
    if sum(approximate_tokens(section.build(10**6)) + 20 for section in sections) <= tokens:
        assert "left out" not in page
    elif "left out" in page or "characters" in page:
        assert approximate_tokens(page) > 0.8 * tokens, "room was left free while a text was cut"


def synthetic_text(rng: random.Random) -> str:
    """One line or many, short or long, of 200 to 12,000 characters."""
    size, width = rng.randint(200, 12_000), rng.choice((40, 200, 20_000))
    words, line = [], 0
    while sum(map(len, words)) + len(words) < size:
        words.append(rng.choice(("amber", "birch", "a", "translation", "42")))
        line += len(words[-1]) + 1
        if line > width:
            words.append("\n")
            line = 0
    return " ".join(words).replace(" \n ", "\n")[:size]


def builder(text: str, fenced: bool) -> Callable[[int], str]:
    """How a section's text is made: quoted in its room, or as it is."""
    return (lambda tokens: quoted(text, "text", tokens)) if fenced else (lambda tokens: text)


def test_room_that_some_leave_free_goes_to_those_that_want_more() -> None:
    long = "\n".join(f"line {n} of the long one" for n in range(400))
    sections = [Section("A", 0.5, lambda tokens: "short", 0), Section("B", 0.5, lambda tokens: long, 0)]
    page = laid_out(sections, 1000)
    assert approximate_tokens(page) > 950
    assert page.startswith("## A\nshort\n\n## B\nline 0")


def test_nobody_takes_room_from_a_share_that_is_used() -> None:
    long = "\n".join(f"line {n}" for n in range(900))
    sections = [Section(title, 0.25, lambda tokens: long, 0) for title in "ABCD"]
    sizes = [approximate_tokens(part) for part in laid_out(sections, 2000).split("\n\n")]
    assert max(sizes) - min(sizes) <= 10


def test_the_least_important_sections_go_first_when_the_budget_is_too_small() -> None:
    sections = [
        Section("A", 0.9, lambda tokens: "a " * 60, 2),
        Section("B", 0.9, lambda tokens: "b " * 60, 0),
        Section("C", 0.9, lambda tokens: "", 1),
    ]
    assert laid_out(sections, 200).startswith("## A")
    assert re.match(r"## B\n(b )+b$", laid_out(sections, 60))
    assert laid_out(sections, 5) == ""


def test_lists_count_what_they_leave_out() -> None:
    assert listing(["one", "two", "three"], 100) == "one\ntwo\nthree"
    assert listing(["x" * 60, "y" * 60, "z" * 60], 55).endswith("(1 more left out)")
    assert names(["alpha", "beta"]) == "alpha, beta"
    assert names([f"source-{n}" for n in range(30)], 40).endswith("and 26 more")
    assert quoted("x" * 1000, "row", 10) == ""
