"""Ollama gets, letter by letter, the prompts that the model was trained on, or no Modelfile at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import InputError
from tests.support.chat_templates import DISTILLED, NEEDS_SYSTEM, ORDINARY, model_with
from tests.support.go_template import execute
from tests.support.tiny_model import CHAT_TEMPLATE
from tools.models.base_model import BUNDLED
from tools.models.chat_template import render_prompt_messages
from tools.models.export import ollama
from tools.models.load import load_tokenizer

CONVERSATIONS = (
    [("user", "What is 2 + 2?")],
    [("system", "Be brief."), ("user", "What is 2 + 2?")],
    [("user", "One?"), ("assistant", "1"), ("user", "Two?"), ("assistant", "2"), ("user", "Three?")],
    [("system", "Be brief."), ("user", "One?"), ("assistant", "1"), ("user", "Two?")],
)


def turns_of(conversation: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in conversation]


def asked_by_ollama(text: str, turns: list[dict[str, str]]) -> str:
    """The prompt of ``/api/chat``: the Modelfile's system text goes before messages that have none."""
    read = ollama.parse(text)
    if read["system"] and turns[0]["role"] != "system":
        turns = [{"role": "system", "content": read["system"]}, *turns]
    return execute(read["template"], turns)


@pytest.mark.parametrize(
    "template",
    [*ORDINARY.values(), CHAT_TEMPLATE, DISTILLED, None],
    ids=[*ORDINARY, "tiny", "distilled", "none"],
)
def test_ollama_asks_as_the_tokenizer_does(tmp_path: Path, template: str | None) -> None:
    tokenizer = load_tokenizer(model_with(tmp_path / "m", template))
    text = ollama.modelfile(".", ollama.pieces(tokenizer), 64, 256)
    for conversation in CONVERSATIONS:
        turns = turns_of(conversation)
        assert asked_by_ollama(text, turns) == render_prompt_messages(tokenizer, turns)


def test_the_bundled_model_is_asked_as_it_was_trained() -> None:
    tokenizer = load_tokenizer(BUNDLED / "ftdojo-mini")
    text = ollama.modelfile(".", ollama.pieces(tokenizer), 64, 512)
    turns = turns_of(CONVERSATIONS[0])
    assert asked_by_ollama(text, turns) == render_prompt_messages(tokenizer, turns)
    read = ollama.parse(text)
    assert read["from"] == "."
    assert read["parameters"] == {
        "temperature": "0",
        "num_predict": "64",
        "num_ctx": "512",
        "stop": "<|end|>",
    }


def test_the_first_token_is_left_to_the_runner_where_the_tokenizer_adds_it(tmp_path: Path) -> None:
    from tokenizers import processors

    tokenizer = load_tokenizer(model_with(tmp_path / "m", ORDINARY["llama-3"]))
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<|bos|> $A", pair="<|bos|> $A $B", special_tokens=[("<|bos|>", 1)]
    )
    text = ollama.modelfile(".", ollama.pieces(tokenizer), 64, 256)
    for conversation in CONVERSATIONS:
        turns = turns_of(conversation)
        assert "<|bos|>" + asked_by_ollama(text, turns) == render_prompt_messages(tokenizer, turns)


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{{ loop.index }}. {{ m.content }}\n{% endfor %}",
        "{% for m in messages %}<|user|>{{ m.content | upper }}<|end|>{% endfor %}",
        NEEDS_SYSTEM,
    ],
    ids=["counts", "changes words", "needs a system turn"],
)
def test_a_template_that_does_more_is_refused_in_one_line(tmp_path: Path, template: str) -> None:
    tokenizer = load_tokenizer(model_with(tmp_path / "m", template))
    with pytest.raises(InputError, match="chat template") as caught:
        ollama.pieces(tokenizer)
    assert "--to vllm" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_template_with_go_brackets_is_refused(tmp_path: Path) -> None:
    odd = "{% for m in messages %}{{ '{{' }}{{ m.role }}{{ m.content }}<|end|>{% endfor %}"
    tokenizer = load_tokenizer(model_with(tmp_path / "m", odd))
    with pytest.raises(InputError, match="own brackets"):
        ollama.modelfile(".", ollama.pieces(tokenizer), 64, 256)
