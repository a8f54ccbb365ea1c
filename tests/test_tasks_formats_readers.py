"""Each row format, against the ecosystem's own conversions and chat templates."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tasks.formats.conversation import Conversation, SetAside, Targets
from tasks.formats.declared import Declared
from tasks.formats.detect import detect
from tests.support.tiny_model import make_tiny_model


def read(row: dict[str, Any], targets: Targets = "last", **more: Any) -> Conversation:
    found = detect([row], targets=targets, **more).read(row)
    assert isinstance(found, Conversation), found
    return found


def aside(row: dict[str, Any]) -> SetAside:
    found = detect([row]).read(row)
    assert isinstance(found, SetAside), found
    return found


def said(found: Conversation) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in found.messages]


CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Yes?"},
    {"role": "user", "content": "Where does the ticket go?"},
    {"role": "assistant", "content": "network"},
]
SHAREGPT = [{"from": turn["role"], "value": turn["content"]} for turn in CHAT]
ASK, GOOD, BAD = (
    CHAT[1:2],
    [{"role": "assistant", "content": "Yes"}],
    [{"role": "assistant", "content": "No"}],
)
ECOSYSTEM: dict[str, dict[str, Any]] = {
    "messages": {"messages": CHAT},
    "sharegpt": {"conversations": SHAREGPT},
    "prompt_completion": {"prompt": CHAT[:-1], "completion": CHAT[-1:]},
    "explicit_pair": {"prompt": ASK, "chosen": GOOD, "rejected": BAD},
    "implicit_pair": {"chosen": ASK + GOOD, "rejected": ASK + BAD},
}


def by_trl(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The wanted messages as TRL's own conversions make them."""
    from trl.data_utils import maybe_convert_to_chatml, maybe_extract_prompt

    made = maybe_extract_prompt(maybe_convert_to_chatml(copy.deepcopy(row)))
    if "messages" in made:
        return list(made["messages"])
    return [*made["prompt"], *made.get("completion", made.get("chosen", []))]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(make_tiny_model(tmp_path_factory.mktemp("tiny")))


@pytest.mark.parametrize("name", ECOSYSTEM)
def test_messages_and_their_text_are_those_of_trl_and_of_the_chat_template(name: str, tokenizer: Any) -> None:
    from trl.data_utils import apply_chat_template

    found, theirs = read(ECOSYSTEM[name]), by_trl(ECOSYSTEM[name])
    assert list(found.messages) == theirs
    parts = {"prompt": list(found.prompt), "completion": [found.completion]}
    rendered = apply_chat_template(parts, tokenizer)
    assert rendered["prompt"] + rendered["completion"] == tokenizer.apply_chat_template(
        theirs, tokenize=False
    )


def test_wanted_completions_are_those_that_trl_unpairs() -> None:
    from datasets import Dataset
    from trl.data_utils import unpair_preference_dataset

    pairs = Dataset.from_dict({"prompt": ["p1", "p2"], "chosen": ["a", "b"], "rejected": ["c", "d"]})
    rows = list(unpair_preference_dataset(pairs))
    found = list(detect(rows).conversations(rows))
    kept = [said(item) for item in found if isinstance(item, Conversation)]
    assert kept == [said(read(row)) for row in pairs]
    assert [item.reason for item in found if isinstance(item, SetAside)] == [
        "an unwanted completion (its label is false)"
    ] * 2


def test_the_rejected_reply_is_kept_apart_and_never_a_target() -> None:
    found = read({"question": "q", "rejected": "bad", "chosen": "good"})
    assert said(found) == [("user", "q"), ("assistant", "good")]
    assert found.rejected == ({"role": "assistant", "content": "bad"},)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"prompt": "p", "completion": "c"}, "p>c"),
        ({"instruction": "i", "input": "x", "output": "o"}, "i\nx>o"),
        ({"instruction": "i", "input": "", "output": "o"}, "i>o"),
        ({"instruction": "i", "input": None, "output": 7}, "i>7"),
        ({"question": "q", "answer": "a"}, "q>a"),
        ({"context": "c", "question": "q", "answer": "a"}, "c\n\nq>a"),
        ({"context": "c",
          "question": "q", "answers": {"text": ["a", "b"], "answer_start": [0, 3]}}, "c\n\nq>a"),
        ({"question": "q", "answer": ["a", "b"]}, "q>a"),
        ({"question": "q", "answer": "[1, 2]"}, "q>[1, 2]"),
        ({"question": "q", "answer": "[]"}, "q>[]"),
        ({"question": "q", "choices": ["x", "y"], "answer": 1}, "q\nA. x\nB. y>B"),
        ({"question": "q",
          "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "1"}, "q\nA. x\nB. y>A"),
        ({"question": "q", "A": "x", "B": "y", "C": "z", "D": "", "answer": "C"}, "q\nA. x\nB. y\nC. z>C"),
        ({"text": "t", "label": 1}, "t>yes"),
        ({"premise": "p", "hypothesis": "h", "label": 0}, "p\nh>no"),
        ({"de": "Haus", "en": "house"}, "Haus>house"),
        ({"text": "### Human: q### Assistant: a"}, "q>a"),
        ({"text": "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n"}, "q>a"),
        ({"text": "<s>[INST] q [/INST] a </s>"}, "q>a"),
        ({"messages":
          json.dumps([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}])}, "q>a"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]},
                       {"role": "assistant", "content": [{"type": "text", "text": "a"}]}]}, "q>a"),
    ],
)  # fmt: skip
def test_a_row_of_columns_is_one_exchange(row: dict[str, Any], expected: str) -> None:
    assert ">".join(text for _, text in said(read(row, labels={"label": ("no", "yes")}))) == expected


def test_all_right_answers_are_kept() -> None:
    assert read({"question": "q", "answer": ["a", "", "b", "a"]}).answers == ("a", "b")


def test_earlier_rounds_and_a_system_column_come_first() -> None:
    row = {"instruction": "i", "input": "", "output": "o", "system": "s", "history": [["h", "r"]]}
    assert said(read(row)) == [
        ("system", "s"),
        ("user", "h"),
        ("assistant", "r"),
        ("user", "i"),
        ("assistant", "o"),
    ]


@pytest.mark.parametrize("speaker", ["gpt", "chatgpt", "bard", "bing", "model", "bot", "pirate"])
@pytest.mark.parametrize("asker", ["human", "user", "customer", "sailor"])
def test_whoever_answers_is_the_assistant(asker: str, speaker: str) -> None:
    found = read({"conversations": [{"from": asker, "value": "q"}, {"from": speaker, "value": "a"}]})
    assert said(found) == [("user", "q"), ("assistant", "a")]
    assert any("'pirate'" in note for note in found.notes) == (speaker == "pirate")


def test_the_table_decides_who_is_who_where_one_chat_is_opened_by_the_other_side() -> None:
    usual = {"chat": [{"speaker": "P1", "text": "q"}, {"speaker": "P2", "text": "a"}]}
    other = {
        "chat": [
            {"speaker": "P2", "text": "hello"},
            {"speaker": "P1", "text": "q"},
            {"speaker": "P2", "text": "a"},
        ]
    }
    found = detect([usual, usual, other]).read(other)
    assert isinstance(found, Conversation)
    assert [role for role, _ in said(found)] == ["assistant", "user", "assistant"]


@pytest.mark.parametrize("with_system", [1, 2])
def test_each_chat_is_read_by_its_own_turns(with_system: int) -> None:
    rows = [{"messages": CHAT if n < with_system else CHAT[1:]} for n in range(3)]
    for row, found in zip(rows, detect(rows, targets="all").conversations(rows), strict=True):
        assert isinstance(found, Conversation)
        assert list(found.messages) == row["messages"]
        assert [found.messages[place]["content"] for place in found.targets] == ["Yes?", "network"]


def test_tool_calls_and_results_are_kept() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "route", "arguments": '{"to": 1}'}}
    openai = {"tools": '[{"name": "route"}]', "messages": [
        *ASK, {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "ok"}, *GOOD]}  # fmt: skip
    found = read(openai)
    assert found.tools == ({"type": "function", "function": {"name": "route"}},)
    assert found.messages[1]["tool_calls"][0]["function"] == {"name": "route", "arguments": {"to": 1}}
    assert found.messages[2] == {"role": "tool", "content": "ok", "tool_call_id": "c1"}
    assert found.targets == (3,)
    sharegpt = {"conversations": [
        {"from": "human", "value": "Hi"}, 
        {"from": "function_call", "value": '{"name": "route", "arguments": {"to": 1}}'},
        {"from": "observation", "value": "ok"}, {"from": "gpt", "value": "Yes"}]}  # fmt: skip
    assert [role for role, _ in said(read(sharegpt))] == ["user", "assistant", "tool", "assistant"]


def test_a_turn_of_weight_zero_is_not_trained() -> None:
    turns = [*CHAT[:2], {**CHAT[2], "weight": 0}, *CHAT[3:]]
    assert read({"messages": turns}, targets="all").targets == (4,)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "p", "completion": None}, "the answer is empty"),
        ({"prompt": "p", "completion": float("nan")}, "the answer is empty"),
        ({"prompt": " ", "completion": "c"}, "the prompt is empty"),
        ({"messages": CHAT[:2]}, "no turn of an assistant to train on"),
        ({"messages": [*ASK, {"role": "assistant", "content": None}]}, "a turn of the assistant is empty"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}, *GOOD]},
            "a part of a turn is not text",
        ),
        ({"question": "q", "choices": ["x", "y"], "answer": "z"}, "the key names none of the choices"),
        ({"a": 1, "b": 2, "c": 3}, "no question and answer were found"),
    ],
)
def test_a_row_that_cannot_be_used_says_why(row: dict[str, Any], reason: str) -> None:
    assert aside(row).reason == reason


def test_text_alone_stays_text() -> None:
    found = read({"text": "A document.\nUser: stories are fine."})
    assert (found.format, found.text, found.messages) == ("text", "A document.\nUser: stories are fine.", ())


TASK = Declared("{question} Team?", "team")


def test_declared_columns_win_over_every_guess() -> None:
    row = {
        "question": "q",
        "answer": "no",
        "label": 1,
        "completion": "no",
        "chosen": "no",
        "rejected": "x",
        "team": "network",
    }
    found = read(row, declared=TASK)
    assert (found.format, said(found)) == ("declared", [("user", "q Team?"), ("assistant", "network")])
    nested = read(
        {"question": "q", "answer": {"code": 7}, "label": 1}, declared=Declared("{question}", "answer.code")
    )
    assert nested.answers == ("7",)


def test_a_row_without_the_declared_columns_is_guessed_and_it_is_said() -> None:
    rows = [{"site": "L1", "question": "q", "answer": "a"}, {"question": "q", "answer": "a"}]
    found = detect(rows, declared=Declared("Site {site}. {question}", "answer"))
    first, second = (item for item in found.conversations(rows) if isinstance(item, Conversation))
    assert (first.messages[0]["content"], second.messages[0]["content"]) == ("Site L1. q", "q")
    assert second.notes == ("the prompt was guessed, as the row lacks {site}",)
    assert found.notes == ("the prompt was guessed, as the row lacks {site} (1 of 2 rows looked at)",)


@pytest.mark.parametrize(
    ("template", "expected"),
    [("{instruction}\n{input}", "i"), ("{instruction}\n\n{input}\n\nGo.", "i\n\nGo."),
     ("{input}\n{instruction}", "i"),
     ("{instruction} ({input})", "i ()"), ("{{{instruction}}}", "{i}")],
)  # fmt: skip
def test_an_empty_optional_column_leaves_no_hole(template: str, expected: str) -> None:
    row = {"instruction": "i", "input": "", "output": "o"}
    assert said(read(row, declared=Declared(template, "output")))[0] == ("user", expected)


@pytest.mark.parametrize(
    "number", ["5.9e-05", "0.000059", "1.10", "3.0", "3", "-0.0", "12345678901234567890123"]
)
def test_numbers_keep_their_written_form(tmp_path: Path, number: str) -> None:
    from tasks.custom.files import read_path

    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"question": "q", "answer": {number}}}\n')
    assert read(read_path(path).tables[0].rows[0]).answers == (number,)


def test_the_summary_names_reasons_with_their_first_row() -> None:
    rows = [
        {"prompt": "p", "completion": "c"},
        {"prompt": "p", "completion": ""},
        {"prompt": "", "completion": "c"},
    ]
    assert detect(rows).tally(rows).summary() == (
        "1 rows used; 1 set aside, the answer is empty (row 2); 1 set aside, the prompt is empty (row 3)"
    )
