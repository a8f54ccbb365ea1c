"""Chat templates: conversations in a model's own format, the same for training and for evaluation.

A model is asked in the words it was trained with: any difference between the two
(a missing space, a doubled start token) costs points that no training buys back.
So both sides come through this module, and the text is that of ``apply_chat_template``
wherever the template can render the conversation:

- a system turn that the template refuses or ignores goes before the first user turn's text;
- a system turn that it demands is put in, empty where it allows that;
- an answer whose reasoning the template would drop is written as it stands;
- special tokens in anybody's text are text (``tools.models.special_tokens``).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from tasks.errors import InputError
from tools.models.special_tokens import REASONING, encode, end_of_token, protect
from tools.models.template_support import PLAIN_TEMPLATE, TemplateSupport, apply_template, template_support

__all__ = [
    "LossOn",
    "Piece",
    "conversation_pieces",
    "encode",
    "fit_messages",
    "render_asked",
    "render_conversation",
    "render_pair",
    "render_prompt",
    "render_prompt_messages",
    "render_prompts",
    "room_for_prompt",
    "trained_turns",
]

Message = Mapping[str, Any]
SYSTEM_ROLES = ("system", "developer")
LossOn = Literal["auto", "all", "last"]
"""Which of the assistant's turns in a conversation are trained on."""


def render_prompt(tokenizer: Any, prompt: str) -> str:
    """One user turn, up to where the answer starts, special tokens included."""
    return render_prompt_messages(tokenizer, [{"role": "user", "content": prompt}])


def render_pair(tokenizer: Any, prompt: str, answer: str) -> tuple[str, str]:
    """(prompt, completion) as text; the completion ends with the token that stops generation."""
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return render_conversation(tokenizer, turns)


def render_prompt_messages(
    tokenizer: Any, messages: Sequence[Message], tools: Sequence[Any] | None = None
) -> str:
    """A conversation up to where the next answer starts.

    Raises:
        InputError: a turn has no role or no text, or the template refuses the conversation.
    """
    ready = fit_messages(tokenizer, messages)
    return apply_template(tokenizer, ready, protect(tokenizer, tools), ask=True)


def render_asked(tokenizer: Any, asked: str | Sequence[Message] | Mapping[str, Any]) -> str:
    """What an evaluation asks: one user turn as text, turns, or ``messages`` and ``tools``.

    Raises:
        InputError: as ``render_prompt_messages``.
    """
    if isinstance(asked, str):
        return render_prompt(tokenizer, asked)
    if isinstance(asked, Mapping):
        return render_prompt_messages(tokenizer, asked["messages"], asked["tools"] or None)
    return render_prompt_messages(tokenizer, asked)


def render_prompts(tokenizer: Any, prompts: Sequence[Any]) -> dict[int, str]:
    """Position -> text of what an evaluation asks; a prompt that the template refuses is left out.

    Raises:
        InputError: it refuses every one.
    """
    texts: dict[int, str] = {}
    refusal: InputError | None = None
    for n, prompt in enumerate(prompts):
        try:
            texts[n] = render_asked(tokenizer, prompt)
        except InputError as error:
            refusal = refusal or error
    if refusal and not texts:
        raise refusal
    return texts


def render_conversation(
    tokenizer: Any, messages: Sequence[Message], tools: Sequence[Any] | None = None
) -> tuple[str, str]:
    """(prompt, completion) of a conversation whose last turn is the assistant's target.

    Together they are the text of ``apply_chat_template``, without what a template writes
    after the token that ends the turn (a newline, for many).

    Raises:
        InputError: the last turn is not the assistant's, or as ``render_prompt_messages``.
    """
    if len(messages) < 2 or messages[-1].get("role") != "assistant":
        raise InputError("conversation", "its last turn is not the assistant's", "end it with an answer")
    support = template_support(tokenizer)
    ready, shown = fit_messages(tokenizer, messages), protect(tokenizer, tools)
    target = ready[-1]
    start = apply_template(tokenizer, ready[:-1], shown, ask=True)
    whole = apply_template(tokenizer, ready, shown)
    written = _written(target)
    rendered = _rendered(start, whole, support)
    if rendered is not None and (_holds(rendered, start, written) or target.get("tool_calls")):
        return start, _ended(rendered, written, support, tokenizer)
    return start, _as_written(written, support) + (support.turn_end or tokenizer.eos_token)


class Piece(NamedTuple):
    """A part of a rendered conversation; the parts one after the other are all of it."""

    text: str
    trained: bool
    """Its tokens carry loss."""


def conversation_pieces(
    tokenizer: Any, messages: Sequence[Message], tools: Sequence[Any] | None = None, every: bool = False
) -> list[Piece]:
    """A conversation as it is trained on, cut where the loss begins and where it ends.

    A template with ``{% generation %}`` blocks says where its answers are; for others an
    answer is what it adds to the rendering of the turns before it, up to its end token.

    Args:
        tokenizer: the model's.
        messages: the last is the assistant's.
        tools: JSON schemas of the functions that the turns may call.
        every: the loss is on all the assistant's turns, not on the last alone. A turn of ``weight`` 0 carries
            none, nor does a greeting before the first question: nothing asked for it.

    Raises:
        InputError: as ``render_conversation``, or an earlier answer cannot be found in the rendered text.
    """
    start, completion = render_conversation(tokenizer, messages, tools)
    cuts = _earlier_answers(tokenizer, messages, tools, start) if every else []
    edges = [0, *(edge for cut in cuts for edge in cut), len(start)]
    pieces = [Piece(start[a:b], n % 2 == 1) for n, (a, b) in enumerate(itertools.pairwise(edges))]
    return [piece for piece in [*pieces, Piece(completion, True)] if piece.text]


def trained_turns(tokenizer: Any, asked: LossOn = "auto") -> tuple[Literal["all", "last"], str]:
    """Which answers of a conversation carry loss with this model, and why.

    ``auto`` is all of them, unless the template rewrites earlier ones: an answer that has
    lost its reasoning would teach the model to leave reasoning out.
    """
    if asked != "auto":
        return asked, "as set"
    support = template_support(tokenizer)
    if support.drops_past_reasoning or support.drops_reasoning or support.opens_reasoning:
        return "last", "the template drops the reasoning of earlier ones"
    roles = ("user", "assistant", "user", "assistant")
    try:
        conversation_pieces(tokenizer, [{"role": role, "content": "Qw"} for role in roles], every=True)
    except InputError:
        return "last", "earlier ones cannot be found in what the template makes of them"
    return "all", "the template keeps them as they are"


def room_for_prompt(max_positions: int | None, max_new_tokens: int, longest_prompt: int = 1) -> int | None:
    """Tokens that a prompt may have beside an answer of full length; None where there is no limit.

    Raises:
        InputError: less than ``longest_prompt``.
    """
    if max_positions is None:
        return None
    room = max_positions - max_new_tokens
    if room < longest_prompt:
        raise InputError(
            f"max_new_tokens = {max_new_tokens}",
            f"the model has {max_positions} positions, which leaves {max(0, room)} for a prompt, "
            f"and the longest has {longest_prompt}",
            f"set at most {max(1, max_positions - longest_prompt)}, or take a model with more positions",
        )
    return room


def fit_messages(tokenizer: Any, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The turns as the template takes them: joined texts, system text in its place, special tokens marked.

    Raises:
        InputError: a turn has no role, content that is not text, or tool calls that the template leaves out.
    """
    support = template_support(tokenizer)
    turns: list[dict[str, Any]] = [_plain_turn(message) for message in messages]
    if not support.shows_calls and any(turn.get("tool_calls") for turn in turns):
        fix = "take a model whose template has tools, or write the call into the answer's text"
        raise InputError("conversation", "the chat template leaves out its tool calls", fix)
    system = [turn for turn in turns[:1] if turn["role"] in SYSTEM_ROLES]
    if system and support.system in ("refused", "ignored"):
        turns = _folded(turns[1:], str(system[0]["content"] or ""))
    elif not system and support.system == "required":
        turns = [{"role": "system", "content": support.filler}, *turns]
    fitted: list[dict[str, Any]] = protect(tokenizer, turns)
    return fitted


def _plain_turn(message: Message) -> dict[str, Any]:
    """One turn, content as one text."""
    content = message.get("content")
    if not isinstance(message.get("role"), str):
        raise InputError("conversation", "a turn has no role", "give each turn a role and a content")
    if isinstance(content, Sequence) and not isinstance(content, str):
        texts = [part.get("text") if isinstance(part, Mapping) else part for part in content]
        if not all(isinstance(text, str) for text in texts):
            fix = "leave the row out, or describe the part in words"
            raise InputError("conversation", "a turn holds a part that is not text", fix)
        content = "".join(map(str, texts))
    if content is None and not message.get("tool_calls"):
        raise InputError("conversation", "a turn has no text", "give each turn a role and a content")
    if content is not None and not isinstance(content, str):
        raise InputError("conversation", "a turn's content is not text", "write it as a string")
    # Templates add strings: a tool call without words has empty ones.
    return {**message, "content": content or ""}


def _folded(turns: list[dict[str, Any]], system: str) -> list[dict[str, Any]]:
    """The system text before the first user turn's."""
    if not system.strip():
        return turns
    first = next((n for n, turn in enumerate(turns) if turn["role"] == "user"), None)
    if first is None:
        return [{"role": "user", "content": system}, *turns]
    text = f"{system}\n\n{turns[first]['content']}"
    return [*turns[:first], {**turns[first], "content": text}, *turns[first + 1 :]]


def _written(target: Message) -> str:
    """The target's words, its reasoning first where that has a field of its own."""
    content = str(target.get("content") or "")
    thought = target.get("reasoning_content") or target.get("thinking")
    return f"<think>\n{thought}\n</think>\n\n{content}" if thought else content


def _rendered(start: str, whole: str, support: TemplateSupport) -> str | None:
    """What the whole conversation adds to its prompt; None where it does not go on from it."""
    if whole.startswith(start):
        return whole[len(start) :]
    if support.opens_reasoning:
        head = start.rstrip().removesuffix(support.opens_reasoning)
        if whole.startswith(head):
            return f"\n{REASONING[support.opens_reasoning]}\n\n" + whole[len(head) :]
    return None


def _holds(rendered: str, start: str, written: str) -> bool:
    """Whether every word of the target is in the rendered text; templates may change the space around it."""
    tag = next((tag for tag in REASONING if start.rstrip().endswith(tag)), None)
    body = written.lstrip().removeprefix(tag) if tag else written
    return re.sub(r"\s+", "", body) in re.sub(r"\s+", "", rendered)


def _ended(rendered: str, written: str, support: TemplateSupport, tokenizer: Any) -> str:
    """Up to the token that ends the turn."""
    if support.turn_end:
        end = rendered.rfind(support.turn_end)
        if end >= 0:
            return rendered[: end + len(support.turn_end)]
        return rendered.rstrip("\n") + support.turn_end
    # The template ends a turn in words: they would be a part of every answer.
    at = rendered.rfind(written) if written else -1
    body = rendered[: at + len(written)] if at >= 0 else rendered.rstrip("\n")
    return body + str(tokenizer.eos_token)


def _as_written(written: str, support: TemplateSupport) -> str:
    """The target's own words after the generation prompt, which may have opened its reasoning."""
    opener = support.opens_reasoning
    if not opener:
        return support.answer_lead + written
    closer, body = REASONING[opener], written.lstrip()
    if body.startswith(opener):
        return body.removeprefix(opener).lstrip("\n")
    return written if closer in written else f"\n{closer}\n\n{written}"


def _earlier_answers(
    tokenizer: Any, messages: Sequence[Message], tools: Sequence[Any] | None, start: str
) -> list[tuple[int, int]]:
    """Character ranges in ``start`` of the answers before the last that carry loss, in order."""
    ready, shown = fit_messages(tokenizer, messages), protect(tokenizer, tools)
    first = next((n for n, turn in enumerate(ready) if turn["role"] == "user"), len(ready))
    wanted = [
        n
        for n, turn in enumerate(ready[:-1])
        if turn["role"] == "assistant" and n > first and turn.get("weight") != 0
    ]
    if not wanted:
        return []
    support = template_support(tokenizer)
    found = _marked(tokenizer, ready, shown, start, support) if support.marks_answers else None
    if found is None:
        found = {n: span for n in wanted if (span := _by_prefix(tokenizer, ready, n, shown, start, support))}
    cuts = [found[n] for n in wanted if n in found and _is_whole(start, found[n], ready[n])]
    in_order = all(one[1] <= two[0] for one, two in itertools.pairwise(cuts))
    if len(cuts) < len(wanted) or not in_order:
        wrong = "an earlier answer cannot be found in what the chat template makes of it"
        raise InputError("conversation", wrong, "train on last answers alone: --loss-on last")
    return cuts


def _is_whole(start: str, span: tuple[int, int], turn: Message) -> bool:
    """Whether the template left an earlier answer its words, the reasoning among them."""
    return bool(turn.get("tool_calls")) or _holds(start[slice(*span)], start[: span[0]], _written(turn))


def _marked(
    tokenizer: Any, ready: list[dict[str, Any]], tools: Any, start: str, support: TemplateSupport
) -> dict[int, tuple[int, int]] | None:
    """Turn -> character range, from the template's own blocks; None where they do not tell."""
    from transformers.utils.chat_template_utils import render_jinja_template

    texts, found = render_jinja_template(
        [ready],
        tools=tools,
        chat_template=tokenizer.get_chat_template(None, tools) if tokenizer.chat_template else PLAIN_TEMPLATE,
        return_assistant_tokens_mask=True,
        **tokenizer.special_tokens_map,
    )
    answers = [n for n, turn in enumerate(ready) if turn["role"] == "assistant"]
    if len(found[0]) != len(answers) or not texts[0].startswith(start):
        return None
    spans = {}
    for n, (a, b) in zip(answers[:-1], found[0], strict=False):
        # A block may leave the token that ends the turn outside.
        outside = support.turn_end and start.startswith(support.turn_end, int(b))
        spans[n] = (int(a), int(b) + (len(support.turn_end) if outside else 0))
    return spans


def _by_prefix(
    tokenizer: Any, ready: list[dict[str, Any]], n: int, tools: Any, start: str, support: TemplateSupport
) -> tuple[int, int] | None:
    """Character range of an earlier answer: it begins where its generation prompt ends."""
    try:
        opening = apply_template(tokenizer, ready[:n], tools, ask=True)
        if support.opens_reasoning and not start.startswith(opening):
            opening = opening.rstrip().removesuffix(support.opens_reasoning)
        if not start.startswith(opening):
            return None
        if support.turn_end and (end := end_of_token(start, support.turn_end, len(opening))):
            return len(opening), end
        closing = apply_template(tokenizer, ready[: n + 1], tools)
    except InputError:
        return None
    return (len(opening), len(closing)) if start.startswith(closing) and len(closing) > len(opening) else None
