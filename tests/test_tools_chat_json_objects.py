"""JSON values in a model's words: what stands there is read, nothing is cut, and no reply costs minutes."""

from __future__ import annotations

import pytest

from tools.chat import json_objects
from tools.chat.json_objects import MOST_VALUES, lenient, written_in


@pytest.mark.parametrize("part", ["f(", "f(a=", "f({", "{", '[{"a":', "g(x=[", "f(a=1"])
def test_a_text_that_opens_and_never_closes_is_walked_a_bounded_number_of_times(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks: list[int] = []
    walk = json_objects._end_of

    def counted(text: str, start: int) -> int:
        walks.append(start)
        return walk(text, start)

    monkeypatch.setattr(json_objects, "_end_of", counted)
    assert written_in(part * 400) == []
    assert len(walks) <= 2 * MOST_VALUES


def test_a_call_in_python_is_read_behind_others_that_are_none() -> None:
    said = """I compare f(x) and g(a=b) first.\nlook(what='a', times=2)\nand {"verdict": "keep"}"""
    found = written_in(said)
    assert [(each.name, each.value) for each in found] == [
        ("look", {"what": "a", "times": 2}),
        ("and", {"verdict": "keep"}),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        '{"note": "she said "no" and left, "so": be it" then, b: 1}',
        '{"gain": 3.5 points, "b": 1,}',
        '{"note": "好" 吗, b: 1}',
    ],
)
def test_a_repair_that_drops_or_moves_words_is_none(broken: str) -> None:
    with pytest.raises(ValueError, match="no JSON"):
        lenient(broken)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('{a: "http://x.y/z", b: None, c: tRUE /* no */}', {"a": "http://x.y/z", "b": None, "c": True}),
        ('{"a": 1e-4, b: 00012, // twelve\n c: "né",}', {"a": 1e-4, "b": 12, "c": "né"}),
        ("{“verdict”: “keep”, “note”: “so”}", {"verdict": "keep", "note": "so"}),
        ('{verdict: keep, note: "\\u7b54\\u6848"}', {"verdict": "keep", "note": "答案"}),
    ],
)
def test_what_is_nearly_json_is_read_with_all_its_words(written: str, value: dict[str, object]) -> None:
    assert lenient(written) == value


def test_what_is_json_is_read_behind_more_broken_text_than_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    mended: list[int] = []
    mend = json_objects.lenient

    def counted(text: str) -> object:
        mended.append(len(text))
        return mend(text)

    monkeypatch.setattr(json_objects, "lenient", counted)
    nested = "{a b " * 30 + " " * 20_000 + "}" * 30
    assert [found.value for found in written_in(nested + ' {"rows": 3}')] == [{"rows": 3}]
    assert sum(mended) <= json_objects.MOST_MENDED
