"""Hub ids: what is one, what is a path, and what they name."""

from __future__ import annotations

import pytest

from tasks.custom.hub_id import HubId, hub_id

COMMIT = "6b7c3951c0fde8b6336bbcb7af21a199d9fb96f9"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("org/name", HubId("org/name")),
        ("org/name:en-US", HubId("org/name", config="en-US")),
        ("org/name:20220301.en:train", HubId("org/name", "", "20220301.en", ("train",))),
        ("org/name::train_sft+test_sft", HubId("org/name", "", "", ("train_sft", "test_sft"))),
        (f"org/na.me@{COMMIT}:main", HubId("org/na.me", COMMIT, "main")),
        ("org/name@refs/convert/parquet:all", HubId("org/name", "refs/convert/parquet", "all")),
        ("hf://datasets/squad:plain_text", HubId("squad", config="plain_text")),
        ("hf://datasets/org/rows.csv", HubId("org/rows.csv")),
    ],
)
def test_an_id_says_revision_config_and_splits_and_is_written_as_it_is_read(text: str, meant: HubId) -> None:
    assert hub_id(text) == meant
    assert hub_id(meant.text) == meant


@pytest.mark.parametrize(
    "text",
    [
        *("name", "lm-eval:task", "lm-eval:/some/folder", "org/rows.jsonl", "org/ROWS.CSV.gz", "./org/name"),
        *("/org/name", "~/name", "../name", "org/name/deeper", "org/", "", "org/name:a:b:c", "org/name:a/b"),
        *("hf://datasets/", "hf://models/org/name", "org/name@", "org/na me"),
    ],
)
def test_what_can_only_be_a_path_or_another_name_is_no_id(text: str) -> None:
    assert hub_id(text) is None


def test_a_commit_pins_and_a_branch_does_not() -> None:
    assert HubId("org/name", COMMIT).pinned
    assert not HubId("org/name", "main").pinned and not HubId("org/name", COMMIT[:12]).pinned


def test_a_name_is_fit_for_a_file() -> None:
    assert HubId("org/gsm8k", config="main").name == "gsm8k-main"
    assert HubId("org/x", config="a b(c)").name == "x-a-b-c-"
