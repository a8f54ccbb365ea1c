"""JSON values in a model's words: what stands there is read, nothing is cut, and no reply costs minutes."""

from __future__ import annotations

import pytest

from tools.chat import json_objects
from tools.chat.json_objects import MOST_VALUES, written_in


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
