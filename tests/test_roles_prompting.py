"""Prompts are files: strict about their fields, filled once, and the same as on file."""

from __future__ import annotations

from pathlib import Path

import pytest
from golden import TEACHER, differences

from roles import prompting
from roles.prompting import fields_of, names, render
from tasks.errors import HarnessFault


@pytest.fixture
def prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A prompt with two fields, one of them twice."""
    (tmp_path / "greeting.md").write_text("Dear {{who}}, {{what}}. Yours, {{who}} {not a field}\n")
    monkeypatch.setattr(prompting, "FOLDER", tmp_path)
    prompting._template.cache_clear()
    yield "greeting"
    prompting._template.cache_clear()


def test_fields_are_filled_wherever_they_stand(prompt: str) -> None:
    assert render(prompt, who="Ann", what="hello") == "Dear Ann, hello. Yours, Ann {not a field}"
    assert fields_of(prompt) == {"who", "what"}


def test_a_value_is_put_in_once_and_not_read_again(prompt: str) -> None:
    tricky = r"{{what}} {{who}} \1 \g<0> {{{{who}}}}"
    assert render(prompt, who=tricky, what="x") == f"Dear {tricky}, x. Yours, {tricky} {{not a field}}"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"who": "a"}, "what is missing"),
        ({"who": "a", "what": "b", "when": "c"}, "when is not in it"),
        ({"who": "a", "what": 7}, "what is int, not text"),
    ],
)
def test_a_missing_an_unknown_and_a_wrong_field_are_named(prompt: str, fields, problem: str) -> None:
    with pytest.raises(HarnessFault, match=f"prompt greeting: {problem}"):
        render(prompt, **fields)


def test_an_unknown_prompt_is_told_with_the_known_ones(prompt: str) -> None:
    with pytest.raises(HarnessFault, match="no prompt farewell; there are greeting"):
        render("farewell")


def test_every_prompt_is_a_page_without_left_over_marks() -> None:
    for name in names():
        text = render(name, **dict.fromkeys(fields_of(name), "X"))
        assert "{{" not in text and "}}" not in text, name
        assert text.strip(), name


def test_the_teachers_prompts_take_the_agreed_fields() -> None:
    assert {name: fields_of(name) for name in TEACHER} == {
        "solve": {"task", "answer_format", "prompt"},
        "rephrase": {"task", "prompt", "variants"},
        "generate": {"task", "answer_format", "examples", "count"},
        "judge": {"task", "criteria", "prompt", "answer"},
    }


def test_prompts_and_schemas_are_those_on_file(tmp_path: Path) -> None:
    changed = differences(tmp_path)
    assert not changed, f"prompts changed; if that is meant, run `python tests/golden.py --write`\n{changed}"
