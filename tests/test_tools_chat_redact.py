"""Keys do not come back in texts, whatever they are written as."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, urlencode

import pytest

from tools.chat.redact import ERROR_CHARACTERS, REDACTED, Redactor

KEY = "sk-a/b+c=\"d\\e&ü'7"
"""Holds what each kind of writing changes."""


@pytest.mark.parametrize(
    "written",
    [
        KEY,
        f"Authorization: Bearer {KEY}, and again {KEY}",
        urlencode({"key": KEY}),
        f"http://host/?key={quote(KEY)}",
        quote(KEY, safe="").lower(),
        json.dumps({"headers": {"x": KEY}}),
        json.dumps({"headers": {"x": KEY}}, ensure_ascii=False),
        repr({"x": KEY}),
        base64.b64encode(KEY.encode()).decode(),
        base64.urlsafe_b64encode(KEY.encode()).decode(),
        *(base64.b64encode(f"{'u' * n}:{KEY}{'.' * n}".encode()).decode() for n in range(6)),
    ],
)
def test_every_writing_of_a_key_is_found(written: str) -> None:
    clean = Redactor([KEY]).text(written)
    assert REDACTED in clean
    for part in (KEY, KEY[:8], KEY[6:], quote(KEY)[:10], base64.b64encode(KEY.encode()).decode()[4:16]):
        assert part not in clean


def test_the_rest_of_the_text_stays() -> None:
    text = "Error 401: the key sk-1234567890 is wrong, see https://host/docs?q=sk"
    assert Redactor(["sk-1234567890"]).text(text) == text.replace("sk-1234567890", REDACTED)


def test_a_key_that_holds_another_goes_as_a_whole() -> None:
    keys = ["sk-abcdef", "sk-abcdef-ghijkl"]
    assert Redactor(keys).text("x sk-abcdef-ghijkl y sk-abcdef z") == f"x {REDACTED} y {REDACTED} z"


@pytest.mark.parametrize("secrets", [[], ["", "  "], ["model"]])
def test_nothing_to_hide_changes_nothing(secrets: list[str]) -> None:
    assert Redactor(secrets).text("the model said model") == "the model said model"


def test_an_error_becomes_one_clean_line_with_its_first_cause() -> None:
    key = "sk-1234567890"
    try:
        try:
            raise TimeoutError(f"waited for {key}")
        except TimeoutError as error:
            raise ConnectionError(f"no\nanswer to {key}") from error
    except ConnectionError as error:
        line = Redactor([key]).error(error)
    assert line == f"ConnectionError: no answer to {REDACTED} (from TimeoutError: waited for {REDACTED})"


def test_a_long_error_is_cut_after_the_key_is_out() -> None:
    key = "sk-" + "x" * 40
    for before in range(ERROR_CHARACTERS - 60, ERROR_CHARACTERS + 5):
        line = Redactor([key]).error(ValueError("." * before + key))
        assert len(line) <= ERROR_CHARACTERS
        assert "sk-" not in line


def test_a_redactor_shows_nothing() -> None:
    assert "sk-" not in f"{Redactor(['sk-1234567890'])!r}"
