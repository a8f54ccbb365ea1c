"""JSON rows: a key that comes twice in one object is said, with where."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.custom.files import read_file

_TWICE = '{"question": "q%d", "answer": "a", "answer": "b"}'
_ONCE = '{"question": "q \\": x", "answer": {"question": "inner"}}'


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "a.jsonl",
            f"{_ONCE}\n{_TWICE % 1}\n{_TWICE % 2}\n",
            "in 2 objects and the last value is read (line 2: 'answer')",
        ),
        ("a.json", f"[{_ONCE},\n {_TWICE % 1}]", "in 1 object and the last value is read (line 2: 'answer')"),
        (
            "a.json",
            f'{{"data": [{_ONCE}, {_TWICE % 1}]}}',
            "in 1 object and the last value is read (in one of its objects: 'answer'",
        ),
        (
            "a.jsonl",
            '{"chat": [{"r": 1, "r": 2}], "b": NaN}\n',
            "in 1 object and the last value is read (line 1: 'r')",
        ),
        ("a.jsonl", '{"a\\\\\\\\": 1, "b": 1, "b": 2}\\n', "(line 1: 'b')"),
        ("a.jsonl", '{"\\u0061": 1, "a": 2}\n', "(line 1: 'a')"),
    ],
)
def test_a_key_that_comes_twice_is_said(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    assert said in read_file(tmp_path / name).reader


@pytest.mark.parametrize("content", [f"{_ONCE}\n{_ONCE}\n", f"[{_ONCE}]", f'{{"data": [{_ONCE}]}}'])
def test_keys_of_different_objects_do_not_come_twice(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    assert "twice" not in read_file(tmp_path / "a.json").reader
