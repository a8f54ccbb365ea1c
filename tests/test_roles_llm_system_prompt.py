"""Prompts are files: strict about their fields, filled once, and the same as on file."""

from __future__ import annotations

from pathlib import Path

import pytest

from roles.llm import system_prompt
from tasks.errors import HarnessFault
from tests.support.golden import STAGES, differences
from tools.chat.prompt_files import PromptFiles
from tools.synthesis import prompts as teacher_prompts


@pytest.fixture
def prompts(tmp_path: Path) -> PromptFiles:
    """A folder with one prompt of two fields, one of them twice."""
    (tmp_path / "greeting.md").write_text("Dear {{who}}, {{what}}. Yours, {{who}} {not a field}\n")
    return PromptFiles(tmp_path)


def test_fields_are_filled_wherever_they_stand(prompts: PromptFiles) -> None:
    assert prompts.render("greeting", who="Ann", what="hello") == "Dear Ann, hello. Yours, Ann {not a field}"
    assert prompts.fields_of("greeting") == {"who", "what"}


def test_a_value_is_put_in_once_and_not_read_again(prompts: PromptFiles) -> None:
    tricky = r"{{what}} {{who}} \1 \g<0> {{{{who}}}}"
    filled = prompts.render("greeting", who=tricky, what="x")
    assert filled == f"Dear {tricky}, x. Yours, {tricky} {{not a field}}"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"who": "a"}, "what is missing"),
        ({"who": "a", "what": "b", "when": "c"}, "when is not in it"),
        ({"who": "a", "what": 7}, "what is int, not text"),
    ],
)
def test_a_missing_an_unknown_and_a_wrong_field_are_named(prompts: PromptFiles, fields, problem: str) -> None:
    with pytest.raises(HarnessFault, match=f"prompt greeting: {problem}"):
        prompts.render("greeting", **fields)


def test_an_unknown_prompt_is_told_with_the_known_ones(prompts: PromptFiles) -> None:
    with pytest.raises(HarnessFault, match="no prompt farewell; there are greeting"):
        prompts.render("farewell")


@pytest.mark.parametrize("prompts_of", [system_prompt.PROMPTS, teacher_prompts.PROMPTS])
def test_every_prompt_is_a_page_without_left_over_marks(prompts_of: PromptFiles) -> None:
    assert len(prompts_of.names()) >= 4
    for name in prompts_of.names():
        text = prompts_of.render(name, **dict.fromkeys(prompts_of.fields_of(name), "X"))
        assert "{{" not in text and "}}" not in text, name
        assert len(text) > 40, name


def test_every_role_has_its_orders_and_its_page() -> None:
    known = set(system_prompt.PROMPTS.names())
    assert known == {"house_rules", "task", *STAGES, *(f"{role}_briefing" for role in STAGES)}
    for role in STAGES:
        assert system_prompt.PROMPTS.fields_of(role) == {"task", "house_rules"}
        assert system_prompt.PROMPTS.fields_of(f"{role}_briefing") == {"background", "experiment", "context"}


def test_prompts_and_schemas_are_those_on_file(tmp_path: Path) -> None:
    changed = differences(tmp_path)
    assert not changed, (
        f"prompts changed; if that is meant, run `python -m tests.support.golden --write`\n{changed}"
    )
