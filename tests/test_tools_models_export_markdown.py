"""A champion's card shows foreign words as words."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from memory.journal.log import Journal
from tests.support.copy_word_task import copy_spec
from tests.support.run_records import evaluation, run_info, training, write_experiment
from tools.models.export import markdown
from tools.models.export.card import model_card

KEY = "ghp_Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zAb3d"
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>\n"
    "![see](https://evil.example/pixel.png) [a](javascript:x) "
    f"`code` | cell | &lt; \u202egnp.exe \x1b[31m {KEY}\n```\n# Heading"
)


def _is_harmless(text: str) -> None:
    outside_code = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert "<script" not in outside_code and "<img" not in outside_code
    assert not re.search(r"(?<!\\)\]\(", outside_code)
    assert "\x1b" not in text and "\u202e" not in text and KEY not in text


@pytest.mark.parametrize("escape", [markdown.words, markdown.name])
def test_foreign_words_make_no_tag_link_picture_or_cell(escape) -> None:
    told = escape(HOSTILE)
    _is_harmless(told)
    assert "alert(1)" in told and "\\u{202e}gnp.exe" in told and "[redacted]" in told
    assert not re.search(r"(?<!\\)[`|\[]", told)


def test_a_name_is_one_line_and_code_cannot_close_its_block() -> None:
    assert "\n" not in markdown.name(HOSTILE)
    assert "```" not in markdown.code(HOSTILE)


def test_plain_words_stay_as_they_are() -> None:
    text = "Convert a length (in cm), e.g. 3 cm to 0.03 m; *exactly*: Größe, 中文."
    assert markdown.words(text) == markdown.name(text) == markdown.code(text) == text


def test_a_whole_card_of_a_hostile_task_is_harmless(tmp_path: Path) -> None:
    spec = replace(copy_spec(), description=HOSTILE, answer_format=HOSTILE, licence=HOSTILE, pitfall=HOSTILE)
    with Journal.create(tmp_path / "journal.jsonl", run_info(base_model=HOSTILE)) as journal:
        journal.append("evaluation", evaluation(20.0), "base")
        journal.append("training", training("m", command=f"python {HOSTILE}"), "e01")
        write_experiment(journal, "e01", "kept", 55.0)
        card = model_card(journal, "e01", spec, name='x")\nimport os #')
    body = card.split("---\n", 2)[2]
    _is_harmless(body)
    assert body.count("\n# ") == 1  # the card's own heading
    assert "\nimport os" not in body
