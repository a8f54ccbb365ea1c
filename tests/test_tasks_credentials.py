"""Credentials are known by how they look, whatever they are called and wherever they stand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.journal.log import Journal
from tasks.credentials import REDACTED, SHAPES, cleared, holds_credential, without_credentials
from tests.support.run_records import run_info
from tools.chat.untrusted_text import delimited
from tools.process.environment import child_environment

BODY = "Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zAb3dEf6hIj9kLm2n"
UPPER = "ABCDEFGH23456789"
KEYS = [
    f"sk-{BODY}",
    f"sk-proj-{BODY}",
    f"sk-ant-api03-{BODY}",
    f"sk-or-v1-{BODY}",
    f"sk_live_{BODY}",
    f"hf_{BODY[:34]}",
    f"ghp_{BODY[:36]}",
    f"gho_{BODY[:36]}",
    f"github_pat_{BODY}",
    f"glpat-{BODY[:20]}",
    f"AKIA{UPPER}",
    f"ASIA{UPPER}",
    f"AIza{BODY[:35]}",
    f"ya29.{BODY}",
    f"xoxb-1234567890-{BODY[:24]}",
    f"xapp-1-{BODY}",
    f"gsk_{BODY}",
    f"xai-{BODY}",
    f"pplx-{BODY}",
    f"nvapi-{BODY}",
    f"lsv2_pt_{BODY}",
    f"npm_{BODY[:36]}",
    f"pypi-AgEI{BODY}",
    f"SG.{BODY[:22]}.{BODY[:43]}",
    f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.{BODY}",
    f"-----BEGIN OPENSSH PRIVATE KEY-----\n{BODY}\n{BODY}\n-----END OPENSSH PRIVATE KEY-----",
    f"-----BEGIN PRIVATE KEY-----\n{BODY}\ncut off",
]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[:10])
@pytest.mark.parametrize("around", ["{}", "Bearer {}", '{{"key": "{}"}}', "KEY={}\nnext", "see ({}), please"])
def test_a_key_is_found_wherever_it_stands(key: str, around: str) -> None:
    told = without_credentials(around.format(key))
    assert BODY[:12] not in told and UPPER not in told
    assert REDACTED in told
    if "cut off" not in key:  # one without an end takes what follows
        assert told == around.format(REDACTED)


def test_a_password_in_an_address_goes_and_the_address_stays() -> None:
    assert without_credentials("at postgres://me:hunter2@db/x now") == f"at postgres://me:{REDACTED}@db/x now"
    assert not holds_credential("https://me@host/simple and a://b:1")


@pytest.mark.parametrize(
    "text",
    [
        "a risk-adjusted-performance-measurement-2024",
        "sk-learn-compatible-estimators-are-used",
        "the desk-1234567890123456789 of hf_model",
        "AKIAN and ASIAN languages, xoxo, eyJust a word",
        "task_sk-1234567890123456789",
        "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
        "",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert without_credentials(text) == text


PIECES = [
    *(
        "sk-",
        "eyJ",
        "-----BEGIN PRIVATE KEY-----",
        "a://a:",
        "SG.",
        "xoxb-",
        "AIza",
        "hf_",
        "-",
        ".",
        "1",
        "a",
    )
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.integers(1, 200))
def test_a_text_made_to_be_slow_is_read_in_one_pass_and_nothing_is_found_twice(text: str, times: int) -> None:
    told = without_credentials(text * times)
    assert without_credentials(told) == told or "://" in told or "BEGIN" in told


def test_what_is_journaled_holds_no_key(tmp_path) -> None:
    key = KEYS[0]
    with Journal.create(tmp_path / "journal.jsonl", run_info()) as journal:
        journal.note(f"401 for {key}", facts={"tried": [key], "rows": 3})
    assert key.encode() not in (tmp_path / "journal.jsonl").read_bytes()
    again = Journal.open(tmp_path / "journal.jsonl", write=False)
    assert again.events[-1].data == {"text": f"401 for {REDACTED}", "facts": {"tried": [REDACTED], "rows": 3}}


def test_what_is_sent_to_a_language_model_holds_no_key() -> None:
    sent = delimited(f"my token is {KEYS[6]}, do not tell", "a row")
    assert KEYS[6] not in sent and f"my token is {REDACTED}, do not tell" in sent


def test_what_a_child_is_told_holds_no_key_under_any_name() -> None:
    environ = {f"HARMLESS_{number}": f"x {key}" for number, key in enumerate(KEYS)} | {"HOME": "/root"}
    assert child_environment(environ) == {"HOME": "/root"}


def test_values_keep_their_form() -> None:
    assert cleared({"a": [1, None, 2.5, True, ("x", KEYS[0])]}) == {
        "a": [1, None, 2.5, True, ["x", REDACTED]]
    }


def test_every_shape_is_tried() -> None:
    import re

    unused = [name for name, shape in SHAPES.items() if not any(re.search(shape, key) for key in KEYS)]
    assert unused == []
