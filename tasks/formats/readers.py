"""Readers of single rows, one a format: each says whether a row is of its kind, and reads it.

A reader looks at names and values of one row. What only the whole table can tell (speakers' names, the names
of integer labels, whether choices count from one) comes in ``Table``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.base import Row
from tasks.formats import choices, columns
from tasks.formats.columns import named, value
from tasks.formats.conversation import Conversation, Message, Unreadable, assistant, exchange
from tasks.formats.conversation import user as user_turn
from tasks.formats.joined_columns import prompt_of
from tasks.formats.markers import completed_turns, split_turns
from tasks.formats.speakers import known_role
from tasks.formats.table import Table, is_no_label
from tasks.formats.turns import (
    messages_of,
    one_turn,
    speakers_in,
    system_text,
    targets_of,
    tools_of,
    turns_in,
)
from tasks.formats.values import is_missing, is_scalar, opened, text_of
from tasks.formats.verdicts import refuse_unwanted


@dataclass(frozen=True)
class Reader:
    """One format: ``columns`` gives the columns of a row that is of this kind, else ()."""

    name: str
    why: str
    columns: Callable[[Row, Table], tuple[str, ...]]
    read: Callable[[Row, tuple[str, ...], Table], Conversation]


def _present(*names: str) -> tuple[str, ...]:
    return tuple(name for name in names if name)


def beside(row: Row, used: Sequence[str]) -> tuple[str, ...]:
    """Columns that are read where a row has them, besides those that make it of its kind."""
    known = (*columns.REASONING, *columns.SYSTEM, *columns.TOOLS, "history")
    return tuple(name for name in row if name not in used and named((name,), known))


def _reasoning(row: Row, *taken: str) -> str:
    return text_of(value(row, columns.REASONING, taken))


def _system(row: Row, *taken: str) -> str:
    return system_text(value(row, columns.SYSTEM, taken))


def _with_deciding(row: Row, text: str, table: Table) -> str:
    """A prompt after the columns that its answer depends on, each under its name."""
    said = [f"{name}: {text_of(row[name])}" for name in table.deciding if not is_missing(row.get(name))]
    return "\n\n".join(["\n".join(said), text]) if said and text.strip() else text


def _refuse_images(row: Row, *texts: str) -> None:
    images = next((name for name in ("image", "images", "pixel_values") if not is_missing(row.get(name))), "")
    if images and any("<image>" in text for text in texts):
        raise Unreadable("a part of a turn is not text", f"column {images!r}")


# Preference pairs


def _pair_columns(row: Row, table: Table) -> tuple[str, ...]:
    for good, bad in columns.PAIRS:
        if named(row, (good,)) and named(row, (bad,)):
            chosen, rejected = named(row, (good,)), named(row, (bad,))
            taken = (chosen, rejected)
            prompt = named(row, columns.PROMPT, taken) or named(row, columns.CHATS, taken)
            return _present(chosen, rejected, prompt)
    return ()


def _read_pair(row: Row, used: tuple[str, ...], table: Table) -> Conversation:
    chosen, rejected = (_reply(row[name], table) for name in used[:2])
    prompt = _reply(row[used[2]], table, "user") if len(used) > 2 else []
    if len(chosen) == 1 and not prompt:
        chosen, rejected = (_marked(row[name]) for name in used[:2])
    if len(chosen) < 2 and not prompt:
        raise Unreadable("a preference pair without a prompt")
    if prompt and chosen[: len(prompt)] == prompt:
        prompt = []
    system = _system(row)
    opening: list[Message] = [{"role": "system", "content": system}] if system else []
    messages = (*opening, *prompt, *chosen)
    (target,) = targets_of(messages, "last")
    shared = 0
    while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
        shared += 1
    answer = messages[target]["content"]
    return Conversation("preference", messages, (target,), (answer,), rejected=tuple(rejected[shared:]))


def _reply(found: Any, table: Table, role: str = "assistant") -> list[Message]:
    """Messages of a column that holds text or turns (TRL's two shapes of one column)."""
    turns = turns_in(found) or one_turn(found)
    if turns is not None:
        return messages_of(turns, table.speakers)[0]
    text = text_of(found)
    if not text.strip():
        raise Unreadable("the prompt is empty" if role == "user" else "the answer is empty")
    return [{"role": role, "content": text}]


def _marked(found: Any) -> list[Message]:
    """The turns of a conversation kept as one marked text; none where it has no marks."""
    split = split_turns(text_of(found))
    return messages_of(split[1], {})[0] if split else []


# Wanted and unwanted completions


def _truth(found: Any) -> bool | None:
    if isinstance(found, bool):
        return found
    words = {"true": True, "false": False}
    return words.get(found.strip().casefold()) if isinstance(found, str) else None


def _feedback_columns(row: Row, table: Table) -> tuple[str, ...]:
    prompt, reply = named(row, ("prompt",)), named(row, ("completion", "response"))
    verdict = named(row, ("label", "desirable", "kto_tag"))
    return (prompt, reply, verdict) if prompt and reply and _truth(row.get(verdict)) is not None else ()


def _read_feedback(row: Row, used: tuple[str, ...], table: Table) -> Conversation:
    if not _truth(row[used[2]]):
        raise Unreadable("an unwanted completion (its label is false)", text_of(row[used[1]])[:60])
    messages = (*_reply(row[used[0]], table, "user"), *_reply(row[used[1]], table))
    (target,) = targets_of(messages, "last")
    return Conversation("feedback", messages, (target,), (messages[target]["content"],))


# Chats


def _chat_columns(row: Row, table: Table) -> tuple[str, ...]:
    first = named(row, columns.CHATS)
    ordered = [*_present(first), *(name for name in sorted(map(str, row)) if name != first)]
    chat = next((name for name in ordered if turns_in(row.get(name)) is not None), "")
    if not chat:
        return ()
    said = speakers_in(turns_in(row[chat]) or [])
    open_end = known_role(said[-1]) in ("user", "tool")
    return _present(
        chat,
        named(row, columns.TOOLS, (chat,)),
        named(row, columns.SYSTEM, (chat,)),
        named(row, columns.ANSWER, (chat,)) if open_end else "",
    )


def _read_chat(row: Row, used: tuple[str, ...], table: Table) -> Conversation:
    turns = turns_in(row[used[0]]) or []
    messages, notes = messages_of(turns, table.speakers)
    system = _system(row, used[0])
    if system and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": system}, *messages]
    if messages[-1]["role"] in ("user", "tool"):
        reply = named(row, columns.ANSWER, used[:1])
        if reply and not is_missing(row[reply]):
            messages = [*messages, *_reply(row[reply], table)]
    targets = targets_of(messages, table.targets)
    last = messages[targets[-1]]
    if "tool_calls" in last and not last["content"].strip():
        notes = [*notes, "the last turn of the assistant is a tool call"]
    _refuse_images(row, *(message["content"] for message in messages))
    return Conversation(
        "messages",
        tuple(messages),
        tuple(targets),
        (last["content"],) if last["content"] else (),
        tools=tools_of(value(row, columns.TOOLS, used[:1])),
        reasoning=_reasoning(row, used[0]),
        notes=tuple(notes),
    )


# Questions, instructions, completions


def _span_columns(row: Row, table: Table) -> tuple[str, ...]:
    question, answers = named(row, ("question", "query")), named(row, ("answers", "answer"))
    inside = opened(row.get(answers))
    spans = isinstance(inside, Mapping) and "text" in inside
    both = question and answers  # "" is no column, also where a table has one of that name
    return _present(question, answers, named(row, columns.CONTEXT)) if both and spans else ()


def _choice_columns(row: Row, table: Table) -> tuple[str, ...]:
    used = choices.columns_of(row, named(row, choices.ASKS))
    return (*used, *_present(named(row, choices.CONTEXT, used))) if used else ()


def _read_choice(row: Row, used: tuple[str, ...], table: Table) -> Conversation:
    prompt, letter = choices.ask(row, choices.without_context(used), one_based=table.one_based)
    context = choices.context_of(used)
    passage = text_of(row[context]) if context else ""
    prompt = f"{passage}\n\n{prompt}" if passage.strip() else prompt
    return exchange("multiple_choice", prompt, (letter,), reasoning=_reasoning(row, *used))


def _alpaca_columns(row: Row, table: Table) -> tuple[str, ...]:
    instruction, output = (
        named(row, ("instruction",)),
        named(row, ("output", "response", "completion", "answer")),
    )
    extra = named(row, ("input", "context"), (instruction, output))
    return _present(instruction, output, extra) if instruction and output else ()


def _read_alpaca(row: Row, used: tuple[str, ...], table: Table) -> Conversation:
    parts = [text_of(row[name]) for name in (used[0], *used[2:])]
    return exchange(
        "instruction",
        _with_deciding(row, "\n".join(part for part in parts if part.strip()), table),
        table.answers(row, used[1]),
        system=_system(row),
        before=_history(row.get("history")),
        reasoning=_reasoning(row, *used),
    )


def _history(found: Any) -> list[Message]:
    rounds = opened(found)
    turns: list[Message] = []
    for pair in rounds if isinstance(rounds, list) else ():
        if isinstance(pair, list | tuple) and len(pair) == 2:
            turns += [user_turn(text_of(pair[0])), assistant(text_of(pair[1]))]
    return turns


def _question_columns(row: Row, table: Table) -> tuple[str, ...]:
    prompt = named(row, columns.PROMPT, table.provenance)
    answer = _labelled(row, named(row, columns.ANSWER, (prompt,)), table)
    return (
        _present(prompt, answer, named(row, columns.CONTEXT, (prompt, answer))) if prompt and answer else ()
    )


def _completion_columns(row: Row, table: Table) -> tuple[str, ...]:
    prompt, completion = named(row, ("prompt",)), named(row, ("completion",))
    return (prompt, completion) if prompt and completion else ()


def _read_question(row: Row, used: tuple[str, ...], table: Table) -> Conversation:
    name = "question_answer" if len(used) > 2 else "prompt_completion"
    chat = [turns_in(row[column]) for column in used[:2]]
    if any(turns is not None for turns in chat):
        messages = (*_reply(row[used[0]], table, "user"), *_reply(row[used[1]], table))
        targets = tuple(targets_of(messages, "last"))
        return Conversation(name, messages, targets, (messages[targets[-1]]["content"],),
                            tools=tools_of(value(row, columns.TOOLS, used)))  # fmt: skip
    prompt = text_of(row[used[0]])
    context = text_of(row[used[2]]) if len(used) > 2 else ""
    _refuse_images(row, prompt)
    if (marked := completed_turns(prompt, text_of(row[used[1]]))) is not None:
        style, turns = marked
        messages = tuple(messages_of(turns, {})[0])
        note = f"turns were found by the marker {style}"
        return Conversation(name, messages, (len(messages) - 1,), (messages[-1]["content"],), notes=(note,))
    return exchange(
        name,
        _with_deciding(
            row, f"{context}\n\n{prompt}" if context.strip() and prompt.strip() else prompt, table
        ),
        table.answers(row, used[1]),
        system=_system(row, *used),
        reasoning=_reasoning(row, *used),
    )


# Labels, text alone, plain tables


def _labelled(row: Row, label: str, table: Table) -> str:
    """The column with the text of a numbered label, where there is one."""
    text = table.label_texts.get(label, "")
    return text if text in row else label


def _label_columns(row: Row, table: Table) -> tuple[str, ...]:
    label = next((name for name in sorted(table.labels) if name in row), "") or named(row, columns.LABEL)
    label = _labelled(row, label, table)
    premise, hypothesis = (
        named(row, ("premise", "sentence1", "text1")),
        named(row, ("hypothesis", "sentence2", "text2")),
    )
    found = opened(row.get(label))
    if (
        not label
        or not (is_scalar(found) or found is None)
        or (isinstance(found, float) and not is_missing(found))
    ):
        return ()
    text = named(row, columns.TEXT, (label,))
    if premise and hypothesis:
        return (label, premise, hypothesis)
    return (label, text) if text and isinstance(row[text], str | None) else ()


def _read_label(row: Row, used: tuple[str, ...], table: Table) -> Conversation:
    found, names = row[used[0]], table.labels.get(used[0], ())
    answer = text_of(found)
    if names and isinstance(found, int) and not isinstance(found, bool):
        if not 0 <= found < len(names):
            raise Unreadable("the label has no name", str(found)[:20])
        answer = names[found]
    if used[0] in table.unlabelled and is_no_label(answer):
        raise Unreadable(f"the label is {answer.strip()}, which stands for none")
    text = _with_deciding(row, "\n".join(text_of(row[name]) for name in used[1:]), table)
    return exchange("classification", text, (answer,) if answer.strip() else ())


def _joined_columns(row: Row, table: Table) -> tuple[str, ...]:
    known = table.composition
    if known.answer not in row or not any(name in row for name in known.prompt):
        return ()
    return (known.answer, *known.prompt)


def _read_joined(row: Row, used: tuple[str, ...], table: Table) -> Conversation:
    refuse_unwanted(row, table.composition.verdict)
    return exchange(
        "joined_columns",
        _with_deciding(row, prompt_of(row, table.composition), table),
        table.answers(row, used[0]),
        system=_system(row, *used),
        reasoning=_reasoning(row, *used),
    )


def _text_columns(row: Row, table: Table) -> tuple[str, ...]:
    text = named(row, (*columns.TEXT, "markdown", "code"))
    if not text:
        filled = [name for name in row if isinstance(row[name], str) and row[name].strip()]
        text = filled[0] if len(filled) == 1 and len(row) == 1 else ""
    return (text,) if text and isinstance(row[text], str | None) else ()


def _read_text(row: Row, used: tuple[str, ...], table: Table) -> Conversation:
    text = text_of(row[used[0]])
    if not text.strip():
        raise Unreadable("the text is empty")
    split = split_turns(text)
    if split is None:
        return Conversation("text", (), (), text=text)
    style, turns = split
    messages, notes = messages_of(turns, {})
    targets = targets_of(messages, table.targets)
    answer = messages[targets[-1]]["content"]
    notes.append(f"turns were found by the marker {style}")
    return Conversation("marked_text", tuple(messages), tuple(targets), (answer,), notes=tuple(notes))


def _table_columns(row: Row, table: Table) -> tuple[str, ...]:
    return table.pair if table.pair and all(name in row for name in table.pair) else ()


def _read_table(row: Row, used: tuple[str, ...], table: Table) -> Conversation:
    return exchange("two_columns", text_of(row[used[0]]), table.answers(row, used[1]))


READERS = (
    Reader("preference", "a wanted and an unwanted reply stand side by side", _pair_columns, _read_pair),
    Reader("feedback", "a true or false label judges each completion", _feedback_columns, _read_feedback),
    Reader("span_answers", "the answers are spans with their offsets", _span_columns, _read_question),
    Reader("prompt_completion", "its columns are named so", _completion_columns, _read_question),
    Reader("messages", "a column holds the turns of a chat", _chat_columns, _read_chat),
    Reader("multiple_choice", "a question, its choices and a key", _choice_columns, _read_choice),
    Reader("instruction", "instruction and output are named as in Alpaca", _alpaca_columns, _read_alpaca),
    Reader("classification", "a text and its label", _label_columns, _read_label),
    Reader("question_answer", "a question and an answer are named so", _question_columns, _read_question),
    Reader("joined_columns", "its columns are put together", _joined_columns, _read_joined),
    Reader("text", "one column of text", _text_columns, _read_text),
    Reader(
        "two_columns",
        "the table has two columns: the first is asked, the second answers",
        _table_columns,
        _read_table,
    ),
)
