"""What says the answer again, or who and when, stays out of a prompt; what a text is asked with stays in."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.formats.conversation import Conversation, SetAside
from tasks.formats.detect import RowFormat, detect

KINDS = ("leak", "noise", "smell", "heat")


def rows(make: Any, count: int = 48) -> list[dict[str, Any]]:
    return [make(number) for number in range(count)]


def asked(form: RowFormat) -> tuple[str, ...]:
    return form.columns[1:]


def test_another_spelling_of_the_answer_is_not_asked() -> None:
    held = rows(
        lambda n: {
            "request": f"Add {n} to a list of weights.",
            "raw_program": f"def run(w):\n    return [x + {n} for x in w]",
            "program": f"def run(w): return [x + {n} for x in w]",
            "program_tokens": ["def", "run(w):", f"{n}"],
        }
    )
    form = detect(held)
    assert form.columns == ("program", "request")
    assert any("raw_program: not asked" in note for note in form.notes)


def test_a_text_to_be_mended_is_asked_though_it_is_nearly_its_answer() -> None:
    held = rows(lambda n: {"sentence": f"she go to site {n}", "corrected": f"she goes to site {n}"})
    assert asked(detect(held)) == ("sentence",)


def test_votes_on_the_answer_are_not_asked() -> None:
    held = rows(
        lambda n: {
            "report": f"bearing {n} of the mill, see sheet {n * 7}",
            "first_reader": KINDS[n % 4 if n % 6 else (n + 1) % 4],
            "second_reader": KINDS[n % 4],
            "consensus": KINDS[n % 4],
        }
    )
    form = detect(held)
    assert form.columns == ("consensus", "report")


def test_a_property_with_the_same_values_as_the_answer_is_asked() -> None:
    levels = ("low", "medium", "high")
    held = rows(
        lambda n: {
            "report": f"pump {n} stops now and then",
            "impact": levels[n % 3],
            "label": levels[(n * n + n // 7) % 3],
        }
    )
    assert "impact" in asked(detect(held))


def test_what_was_measured_answers_and_what_was_predicted_is_not_asked() -> None:
    held = rows(
        lambda n: {
            "alloy": f"Fe{n}Ni{n + 3}",
            "predicted hardness": n + 0.5,
            "phases": 1 + n % 3,
            "measured hardness": n + 0.25,
        }
    )
    form = detect(held)
    assert form.columns[0] == "measured hardness"
    assert "predicted hardness" not in form.columns


def test_a_prediction_that_is_judged_is_asked() -> None:
    held = rows(
        lambda n: {
            "survey": f"how deep is lake {n}",
            "prediction": f"about {n} metres",
            "label": ("right", "wrong")[n % 2],
        }
    )
    assert "prediction" in asked(detect(held))


@pytest.mark.parametrize(
    "idle",
    [
        lambda n: f"2024-03-{n % 28 + 1:02} 1{n % 10}:{n:02}:00",
        lambda n: f"{n % 28 + 1:02}.03.2024 1{n % 10}:{n:02}",
        lambda n: f"Tue Mar {n % 28 + 1:02} 1{n % 10}:{n:02}:00 CET 2024",
        lambda n: f"192.168.{n % 250}.{n * 3 % 250}",
        lambda n: f"RMA-{7001 + n * 37 % 997}",
        lambda n: str(90_000_000 + n * 7919 % 4999),
    ],
)
def test_when_and_whence_a_row_came_is_not_asked(idle: Any) -> None:
    held = rows(lambda n: {"seen": idle(n), "fault": f"hinge {n} squeaks", "label": KINDS[n % 4]})
    assert asked(detect(held)) == ("fault",)


def test_a_moment_is_asked_where_nothing_else_is() -> None:
    held = rows(
        lambda n: {"seen": f"Mar {n % 28 + 1} 2024 1{n % 10}:{n:02}", "target": f"2024-03-{n % 28 + 1:02}"}
    )
    form = detect(held)
    assert form.columns in (("target", "seen"), ("seen", "target"))


def test_who_dealt_with_a_row_neither_asks_nor_answers() -> None:
    held = rows(
        lambda n: {
            "note": f"valve {n} replaced by a new one",
            "reviewed_by": ("kim", "ola", "rui")[n % 3],
            "kategorie": KINDS[n % 4],
        }
    )
    assert detect(held).columns == ("kategorie", "note")
    lone = [
        {"note": row["note"], "reviewed_by": row["reviewed_by"], "part": f"seat {row['note']}"}
        for row in held
    ]
    assert "reviewed_by" not in detect(lone).columns
    segments = [{"note": row["note"], "customer_segment": row["reviewed_by"]} for row in held]
    assert detect(segments).columns == ("customer_segment", "note")


def test_a_catalogue_code_is_no_program() -> None:
    held = rows(
        lambda n: {"remark": f"the lift stood still for {n} days", "code": ("A", "B", "C", "D")[n % 4]}
    )
    assert detect(held).columns[0] == "code"
    assert "holds code" not in detect(held).why


def test_a_query_is_asked_with_its_database_and_not_with_its_parse() -> None:
    held = rows(
        lambda n: {
            "db_id": ("rail", "hotel")[n % 2],
            "question": f"Which beds are above {n}?",
            "query": f"SELECT bed FROM beds WHERE n > {n}",
            "query_toks": ["SELECT", "bed", str(n)],
            "sql": {"where": [n]},
        }
    )
    assert detect(held).columns == ("query", "db_id", "question")


def test_replies_that_their_readers_did_not_want_are_set_aside() -> None:
    clicks = ("up", "down", "", "up")
    held = rows(
        lambda n: {
            "guest_message": f"towels for room {n}?",
            "bot_reply": f"Room {n} gets them at {n} sharp.",
            "thumbs": clicks[n % 4],
        }
    )
    form = detect(held)
    assert form.columns == ("bot_reply", "guest_message")
    read = [form.read(row) for row in held[:4]]
    assert [type(found) for found in read] == [Conversation, SetAside, SetAside, Conversation]
    assert isinstance(read[1], SetAside) and "did not want" in read[1].reason
    assert isinstance(read[2], SetAside) and "nobody judged" in read[2].reason


def test_labels_of_a_row_answer_as_one_list() -> None:
    names = ("fern", "moss", "lichen", "reed")
    held = rows(
        lambda n: {
            "Title": f"what grows on wall {n}",
            "Votes": n % 9,
            "Tags": "".join(f"<{names[(n + k) % 4]}>" for k in range(1 + n % 3)),
        }
    )
    form = detect(held)
    assert form.columns == ("Tags", "Title")
    found = form.read(held[1])
    assert isinstance(found, Conversation) and found.answers == ('["moss", "lichen"]',)


def test_lists_that_a_data_frame_wrote_are_several_right_answers() -> None:
    held = rows(lambda n: {"question": f"who keeps light {n}", "answer": f"['Keeper {n}', 'K. {n}']"})
    found = detect(held).read(held[3])
    assert isinstance(found, Conversation) and found.answers == ("Keeper 3", "K. 3")
    as_json = rows(lambda n: {"question": f"list the factors of {n}", "answer": f"[{n}, {n + 1}]"})
    found = detect(as_json).read(as_json[3])
    assert isinstance(found, Conversation) and found.answers == ("[3, 4]",)


def test_an_object_of_labels_with_one_and_nought_is_its_labels() -> None:
    held = rows(
        lambda n: {"text": f"tram {n} is late", "cats": {kind: float(kind == KINDS[n % 4]) for kind in KINDS}}
    )
    found = detect(held).read(held[2])
    assert isinstance(found, Conversation) and found.answers == ("smell",)
    numbers = rows(lambda n: {"text": f"tram {n} is late", "cats": {"delay": n + 2, "speed": 3}})
    assert detect(numbers).name != "classification"


def test_a_dash_beside_labels_that_are_words_stands_for_none() -> None:
    held = rows(lambda n: {"text": f"fabric {n}", "label": "-" if n == 5 else ("wool", "silk")[n % 2]})
    assert isinstance(detect(held).read(held[5]), SetAside)
    signs = rows(lambda n: {"text": f"slope {n}", "label": "+-"[n % 2]})
    assert isinstance(detect(signs).read(signs[5]), Conversation)


def test_of_columns_without_a_name_the_texts_alone_are_asked() -> None:
    held = rows(
        lambda n: {
            "column_1": KINDS[n % 4],
            "column_2": f"worker{n}",
            "column_3": f"the belt of line {n} slips again",
        }
    )
    assert asked(detect(held)) == ("column_3",)
