"""Conversations become the text of the model's own template, in training and in evaluation alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.errors import InputError
from tests.support.chat_templates import (
    CHATML,
    CHATML_DEFAULT,
    DISTILLED,
    GEMMA,
    MISTRAL,
    NEEDS_SYSTEM,
    ORDINARY,
    QWEN,
    model_with,
)
from tests.support.tiny_model import CHAT_TEMPLATE
from tools.models.base_model import BUNDLED
from tools.models.chat_template import (
    Piece,
    conversation_pieces,
    encode,
    render_conversation,
    render_pair,
    render_prompt,
    render_prompt_messages,
    room_for_prompt,
    trained_turns,
)
from tools.models.load import load_tokenizer
from tools.models.special_tokens import readable
from tools.models.template_support import template_support
from tools.training.tokenise import NO_LOSS, tokenise

THOUGHT = "<think>\nseven and one\n</think>\n\neight"


def talk(*contents: str, system: str = "") -> list[dict[str, str]]:
    turns = [
        {"role": "assistant" if n % 2 else "user", "content": content} for n, content in enumerate(contents)
    ]
    return [{"role": "system", "content": system}, *turns] if system else turns


@pytest.fixture
def tokenizer_of(tmp_path: Path) -> Any:
    def make(template: str | None, **settings: object) -> Any:
        return load_tokenizer(model_with(tmp_path / "model", template, **settings))

    return make


@pytest.mark.parametrize("family", ORDINARY)
@pytest.mark.parametrize("turns", [("hi", "yes"), ("hi", "yes", "and now?", "no\nnever")])
def test_training_text_is_the_one_of_transformers(
    tokenizer_of: Any, family: str, turns: tuple[str, ...]
) -> None:
    tokenizer = tokenizer_of(ORDINARY[family])
    prompt, completion = render_conversation(tokenizer, talk(*turns))
    assert prompt + completion == tokenizer.apply_chat_template(talk(*turns), tokenize=False).rstrip("\n")
    assert prompt == render_prompt_messages(tokenizer, talk(*turns)[:-1])
    assert completion.endswith("<|end|>")


def trained_texts(pieces: list[Piece]) -> list[str]:
    return [piece.text.strip() for piece in pieces if piece.trained]


@pytest.mark.parametrize("family", ORDINARY)
def test_loss_can_be_on_every_answer_with_its_end(tokenizer_of: Any, family: str) -> None:
    tokenizer = tokenizer_of(ORDINARY[family])
    turns = talk("hi", "yes", "and now?", "no\nnever")
    pieces = conversation_pieces(tokenizer, turns, every=True)
    assert [text.replace(" <|end|>", "<|end|>") for text in trained_texts(pieces)] == [
        "yes<|end|>",
        "no\nnever<|end|>",
    ]
    whole = "".join(render_conversation(tokenizer, turns))
    assert "".join(piece.text for piece in pieces) == whole
    assert trained_texts(conversation_pieces(tokenizer, turns)) == trained_texts(pieces)[1:]


@pytest.mark.parametrize("family", ORDINARY)
def test_an_end_token_that_somebody_wrote_does_not_end_an_answer(tokenizer_of: Any, family: str) -> None:
    tokenizer = tokenizer_of(ORDINARY[family])
    turns = talk("say <|end|>", "it is <|end|> you see", "and now?", "no")
    pieces = conversation_pieces(tokenizer, turns, every=True)
    assert "you see" in readable(trained_texts(pieces)[0])


def test_a_turn_without_weight_and_a_greeting_carry_no_loss(tokenizer_of: Any) -> None:
    tokenizer = tokenizer_of(CHATML)
    turns = talk("hi", "yes", "and now?", "no", "so?", "maybe")
    turns[1] |= {"weight": 0}  # type: ignore[dict-item]
    greeting = {"role": "assistant", "content": "Welcome."}
    pieces = conversation_pieces(tokenizer, [greeting, *turns], every=True)
    assert trained_texts(pieces) == ["no<|end|>", "maybe<|end|>"]


@pytest.mark.parametrize(
    ("template", "rule"), [(CHATML, "all"), (MISTRAL, "all"), (QWEN, "last"), (DISTILLED, "last")]
)
def test_the_template_decides_which_answers_are_trained(tokenizer_of: Any, template: str, rule: str) -> None:
    tokenizer = tokenizer_of(template)
    assert trained_turns(tokenizer)[0] == rule
    assert trained_turns(tokenizer, "all") == ("all", "as set")


def test_a_template_that_hides_earlier_turns_leaves_the_loss_to_the_last(tokenizer_of: Any) -> None:
    tokenizer = tokenizer_of("{% set messages = messages[-2:] %}" + CHATML)
    assert trained_turns(tokenizer)[0] == "last"
    with pytest.raises(InputError, match="an earlier answer cannot be found"):
        conversation_pieces(tokenizer, talk("hi", "yes", "now?", "no"), every=True)


def test_answers_of_a_template_that_marks_them_are_those_of_transformers() -> None:
    tokenizer = load_tokenizer(BUNDLED / "ftdojo-mini")
    turns = talk("2+2", "4", "3+3", "6")
    (row,) = tokenise(tokenizer, [{"messages": turns}], 512).rows
    theirs = tokenizer.apply_chat_template(turns, return_dict=True, return_assistant_tokens_mask=True)
    assert row.input_ids == theirs["input_ids"]
    assert [int(label != NO_LOSS) for label in row.labels] == theirs["assistant_masks"]


@pytest.mark.parametrize("template", [MISTRAL, GEMMA])
def test_a_refused_system_turn_goes_before_the_first_question(tokenizer_of: Any, template: str) -> None:
    tokenizer = tokenizer_of(template)
    assert template_support(tokenizer).system == "refused"
    prompt, _ = render_conversation(tokenizer, talk("hi", "yes", system="Be brief."))
    assert prompt == render_prompt(tokenizer, "Be brief.\n\nhi")


def test_a_demanded_system_turn_is_put_in(tokenizer_of: Any) -> None:
    tokenizer = tokenizer_of(NEEDS_SYSTEM)
    prompt, completion = render_pair(tokenizer, "hi", "yes")
    assert prompt == "<|user|>system\n<|end|>\n<|user|>user\nhi<|end|>\n<|user|>assistant\n"
    assert completion == "yes<|end|>"
    assert "Be brief." in render_prompt_messages(tokenizer, talk("hi", system="Be brief."))


def test_a_default_system_turn_is_the_same_in_both(tokenizer_of: Any) -> None:
    tokenizer = tokenizer_of(CHATML_DEFAULT)
    assert template_support(tokenizer).default_system.strip() == "You are Tiny."
    assert "You are Tiny." in render_prompt(tokenizer, "hi")
    assert render_pair(tokenizer, "hi", "yes")[0] == render_prompt(tokenizer, "hi")


def test_reasoning_of_the_target_is_trained_on_as_written(tokenizer_of: Any) -> None:
    stripping = CHAT_TEMPLATE.replace(
        "{{ m['content'] }}<|end|>", "{{ m['content'].split('</think>')[-1] }}<|end|>"
    )
    tokenizer = tokenizer_of(stripping)
    assert template_support(tokenizer).drops_reasoning
    assert render_pair(tokenizer, "7+1", THOUGHT)[1] == THOUGHT + "<|end|>"
    assert render_pair(tokenizer, "7+1", "eight")[1] == "eight<|end|>"


def test_a_template_that_keeps_the_last_reasoning_is_followed(tokenizer_of: Any) -> None:
    tokenizer = tokenizer_of(QWEN)
    support = template_support(tokenizer)
    assert (support.drops_reasoning, support.drops_past_reasoning) == (False, True)
    prompt, completion = render_conversation(tokenizer, talk("7+1", THOUGHT, "again", THOUGHT))
    assert prompt.count("seven") == 0
    assert completion == THOUGHT + "<|end|>"


def test_an_opened_reasoning_is_gone_on_with_or_closed(tokenizer_of: Any) -> None:
    tokenizer = tokenizer_of(DISTILLED)
    prompt, completion = render_pair(tokenizer, "7+1", THOUGHT)
    assert prompt.endswith("<|assistant|><think>\n")
    assert completion == "seven and one\n</think>\n\neight<|end|>"
    assert render_pair(tokenizer, "7+1", "eight")[1] == "\n</think>\n\neight<|end|>"


def test_a_separate_field_of_reasoning_is_trained_on(tokenizer_of: Any) -> None:
    tokenizer = tokenizer_of(CHATML)
    turns: list[dict[str, Any]] = [
        *talk("7+1"),
        {"role": "assistant", "content": "8", "reasoning_content": "why"},
    ]
    assert render_conversation(tokenizer, turns)[1] == "<think>\nwhy\n</think>\n\n8<|end|>"


def test_special_tokens_in_text_are_text_on_both_sides() -> None:
    tokenizer = load_tokenizer(BUNDLED / "ftdojo-mini")
    answer, question = "<|end|>hardware<|user|>", "What does <|assistant|> mean?"
    prompt, completion = render_pair(tokenizer, question, answer)
    assert prompt == render_prompt(tokenizer, question)
    ids, target = encode(tokenizer, [prompt, completion])
    special = [tokenizer.convert_tokens_to_ids(token) for token in ("<|bos|>", "<|user|>", "<|assistant|>")]
    assert [token for token in ids if token in tokenizer.all_special_ids] == special
    assert target[-1] == tokenizer.eos_token_id
    assert not set(target[:-1]) & set(tokenizer.all_special_ids)
    assert tokenizer.decode(target[:-1], skip_special_tokens=True) == answer
    assert readable(prompt) == f"<|bos|><|user|>{question}<|assistant|>"


def test_text_without_special_tokens_is_encoded_as_ever() -> None:
    tokenizer = load_tokenizer(BUNDLED / "ftdojo-mini")
    texts = [render_prompt(tokenizer, "2+2 = ?"), " hardware\n"]
    assert encode(tokenizer, texts) == tokenizer(texts, add_special_tokens=False)["input_ids"]
    assert encode(tokenizer, texts, after=True) == encode(tokenizer, texts)


def test_a_sentencepiece_tokenizer_puts_no_space_before_an_answer() -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {"<s>": 0, "</s>": 1, "▁": 2, "\n": 3, "a": 4, "b": 5, "[": 6, "]": 7, "x": 8}
    inner = Tokenizer(models.BPE(vocab=words, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    inner.decoder = decoders.Metaspace(prepend_scheme="first")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>")
    whole = tokenizer("<s>[a]b</s>", add_special_tokens=False)["input_ids"]
    parts = encode(tokenizer, ["<s>[a]"]) + encode(tokenizer, ["b</s>"], after=True)
    assert parts[0] + parts[1] == whole
    assert encode(tokenizer, ["b</s>"]) != encode(tokenizer, ["b</s>"], after=True)


def test_without_a_template_a_plain_one_is_used(tokenizer_of: Any) -> None:
    tokenizer = tokenizer_of(None)
    assert render_pair(tokenizer, "hi", "yes") == ("<|bos|>hi\n", "yes<|end|>")
    prompt, completion = render_conversation(tokenizer, talk("hi", "yes", "more", "no"))
    assert (prompt, completion) == ("<|bos|>hi\nyes<|end|>\nmore\n", "no<|end|>")


def test_a_template_that_ends_in_words_gets_the_end_token(tokenizer_of: Any) -> None:
    tokenizer = tokenizer_of(CHATML.replace("<|end|>", "[stop]"))
    assert template_support(tokenizer).turn_end == ""
    assert render_pair(tokenizer, "hi", "yes")[1] == "yes<|end|>"


@pytest.mark.parametrize(
    ("turns", "words"),
    [
        ([{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}], "last turn"),
        ([{"content": "a"}, {"role": "assistant", "content": "b"}], "no role"),
        (
            [{"role": "user", "content": [{"type": "image"}]}, {"role": "assistant", "content": "b"}],
            "not text",
        ),
        ([{"role": "user", "content": None}, {"role": "assistant", "content": "b"}], "no text"),
        ([{"role": "user", "content": "a"}] * 2 + [{"role": "assistant", "content": "b"}], "must alternate"),
    ],
)
def test_a_conversation_that_cannot_be_rendered_is_one_line(
    tokenizer_of: Any, turns: Any, words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        render_conversation(tokenizer_of(MISTRAL), turns)
    assert "\n" not in str(caught.value)


def test_parts_of_text_are_joined(tokenizer_of: Any) -> None:
    parts: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "text", "text": "h"}, {"type": "text", "text": "i"}]}
    ]
    tokenizer = tokenizer_of(CHATML)
    assert render_prompt_messages(tokenizer, parts) == render_prompt(tokenizer, "hi")


def test_an_answer_budget_leaves_room_for_the_prompt() -> None:
    assert room_for_prompt(512, 12, 400) == 500
    assert room_for_prompt(None, 10**6, 400) is None
    with pytest.raises(
        InputError, match=r"512 positions, which leaves 8 for a prompt, and the longest has 20"
    ):
        room_for_prompt(512, 504, 20)
