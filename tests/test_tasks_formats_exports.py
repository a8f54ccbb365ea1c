"""Exports of annotation tools: what was shown is asked, what the annotators said is the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasks.formats.conversation import Conversation, SetAside, Unreadable
from tasks.formats.detect import detect
from tasks.formats.exports import plain_row


def label_studio(*said: list[dict[str, Any]], cancelled: bool = False) -> dict[str, Any]:
    made = [
        {"result": result, "was_cancelled": cancelled, "completed_by": n} for n, result in enumerate(said)
    ]
    return {"id": 1, "data": {"text": "Oslo is cold"}, "annotations": made, "predictions": [], "project": 3}


def choice(*labels: str) -> list[dict[str, Any]]:
    value = {"choices": list(labels)}
    return [{"type": "choices", "from_name": "kind", "to_name": "text", "value": value}]


SPAN = [
    {
        "type": "labels",
        "from_name": "label",
        "to_name": "text",
        "value": {"start": 0, "end": 4, "labels": ["LOC"]},
    }
]
SAID = {"role": "assistant", "content": "Y"}
CUT = {"message": SAID}
PRODIGY = {"text": "Oslo is cold", "_input_hash": 1, "_task_hash": 2, "_timestamp": 3}
OPTIONS = [{"id": "A", "text": "one"}, {"id": "B", "text": "two"}]


def read(row: dict[str, Any]) -> Conversation | SetAside:
    return detect([row] * 3).read(row)


def exchanged(row: dict[str, Any]) -> tuple[str, str]:
    found = read(row)
    assert isinstance(found, Conversation), found
    return found.messages[-2]["content"], found.completion["content"]


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        (label_studio(choice("bug")), "bug"),
        (label_studio(choice("bug"), choice("bug")), "bug"),
        (
            label_studio([{"type": "textarea", "from_name": "s", "value": {"text": ["cold city"]}}]),
            "cold city",
        ),
        (label_studio(SPAN), '[{"text": "Oslo", "label": "LOC"}]'),
        (PRODIGY | {"options": OPTIONS, "accept": ["B"], "answer": "accept"}, "B"),
        (PRODIGY | {"label": "COLD", "answer": "accept"}, "COLD"),
        (
            PRODIGY | {"spans": [{"start": 0, "end": 4, "label": "LOC"}], "answer": "accept"},
            '[{"text": "Oslo", "label": "LOC"}]',
        ),
        ({"id": 1, "text": "Oslo is cold", "label": [[0, 4, "LOC"]]}, '[{"text": "Oslo", "label": "LOC"}]'),
        (
            {
                "fields": {"text": "Oslo is cold"},
                "responses": {"kind": [{"value": "x", "status": "submitted"}]},
            },
            "x",
        ),
    ],
)
def test_what_the_annotators_said_is_the_answer(row: dict[str, Any], answer: str) -> None:
    assert exchanged(row) == ("Oslo is cold", answer)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (label_studio(), "it was not annotated"),
        (label_studio(choice("bug"), cancelled=True), "it was not annotated"),
        (label_studio(choice("bug"), choice("wish")), "annotators disagree"),
        (PRODIGY | {"label": "COLD", "answer": "reject"}, "its annotation was not accepted"),
        (PRODIGY | {"options": OPTIONS, "accept": [], "answer": "accept"}, "it was not annotated"),
    ],
)
def test_a_row_that_nobody_stands_for_is_set_aside(row: dict[str, Any], reason: str) -> None:
    found = read(row)
    assert isinstance(found, SetAside)
    assert found.reason == reason


def test_rejected_rows_do_not_decide_how_the_others_are_read() -> None:
    kept = PRODIGY | {"spans": [{"start": 0, "end": 4, "label": "LOC"}], "answer": "accept"}
    rows = [kept | {"answer": "reject"}, *[kept] * 3]
    found = list(detect(rows).conversations(rows))
    assert [isinstance(each, Conversation) for each in found] == [False, True, True, True]


def test_several_questions_of_a_form_are_one_object() -> None:
    both = [*choice("bug"), {"type": "rating", "from_name": "how_bad", "value": {"rating": 3}}]
    assert json.loads(exchanged(label_studio(both))[1]) == {"kind": "bug", "how_bad": 3}


def test_an_answer_of_accept_without_a_mark_of_the_tool_is_an_answer() -> None:
    assert exchanged({"question": "Shall we?", "answer": "accept"}) == ("Shall we?", "accept")


@pytest.mark.parametrize(
    "row",
    [
        {"text": "Ada", "spans": [{"start": 1, "end": 9, "label": "P"}], "answer": "accept", "_task_hash": 1},
        {
            "data": {"text": "Ada"},
            "annotations": [
                {
                    "result": [
                        {
                            "type": "labels",
                            "to_name": "other",
                            "value": {"start": 0, "end": 3, "labels": ["P"]},
                        }
                    ]
                }
            ],
        },
    ],
)
def test_a_span_that_lies_outside_the_text_is_no_row_without_spans(row: dict[str, Any]) -> None:
    with pytest.raises(Unreadable, match="does not lie within the text"):
        plain_row(row)


def test_an_empty_list_of_spans_is_an_answer_and_an_empty_list_of_labels_is_none() -> None:
    marked = {"id": 1, "text": "Oslo is cold", "label": [[0, 4, "LOC"]]}
    rows = [marked, marked, {"id": 2, "text": "It is cold", "label": []}]
    found = list(detect(rows).conversations(rows))
    assert isinstance(found[2], Conversation)
    assert found[2].answers == ("[]",)
    chosen = {"id": 1, "text": "Oslo is cold", "label": ["cold"]}
    rows = [chosen, chosen, {"id": 2, "text": "It is cold", "label": []}]
    assert isinstance(list(detect(rows).conversations(rows))[2], SetAside)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"response": {"status_code": 429, "body": {"error": {"message": "slow"}}}}, "the request failed"),
        ({"response": None, "error": {"code": "batch_expired"}}, "no turn"),
        ({"result": {"type": "errored", "error": {}}}, "the request failed"),
        ({"result": {"type": "succeeded", "message": SAID | {"stop_reason": "max_tokens"}}}, "the answer"),
        ({"response": {"status_code": 200, "body": {"choices": [CUT | {"finish_reason": "length"}]}}},
         "the answer was cut off"),
    ],
)  # fmt: skip
def test_a_request_that_failed_or_was_cut_off_is_set_aside(said: dict[str, Any], reason: str) -> None:
    found = read({"custom_id": "1", "body": {"messages": [{"role": "user", "content": "X?"}]}} | said)
    assert isinstance(found, SetAside)
    assert found.reason.startswith(reason)


def test_objects_that_wrap_a_question_and_one_answer_are_opened() -> None:
    item = {"id": "1", "input": {"question": "Open?", "locale": "en"}, "expectedOutput": {"answer": "Yes"}}
    assert exchanged(item) == ("Open?", "Yes")
    form = {"id": "1", "input": {"question": "Open?"}, "expectedOutput": {"day": "Monday", "hour": "6"}}
    assert json.loads(exchanged(form)[1]) == {"day": "Monday", "hour": "6"}
