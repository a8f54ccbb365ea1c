"""Columns that an answer depends on are asked with it; those that only go with it are not."""

from __future__ import annotations

from typing import Any

from tasks.formats.conversation import Conversation, SetAside
from tasks.formats.detect import detect

TEXTS = [
    f"the {thing} of {place}" for thing in ("food", "wine") for place in ("Oslo", "Lima", "Bari", "Lyon")
]


def asked(rows: list[dict[str, Any]]) -> list[str]:
    found = detect(rows).conversations(rows)
    return [each.messages[-2]["content"] for each in found if isinstance(each, Conversation)]


def test_the_language_to_translate_into_is_asked() -> None:
    rows = [{"source": text, "target": text[::-1], "target_lang": "de" if n % 2 else "fr"}
            for n, text in enumerate(TEXTS)]  # fmt: skip
    assert asked(rows)[:2] == [f"target_lang: fr\n\n{TEXTS[0]}", f"target_lang: de\n\n{TEXTS[1]}"]


def test_one_language_for_all_is_not() -> None:
    rows = [{"source": text, "target": text[::-1], "target_lang": "de"} for text in TEXTS]
    assert asked(rows) == TEXTS


def by_aspect(column: str) -> list[dict[str, Any]]:
    pairs = (("service", "bad"), ("price", "good"))
    return [{"text": text, column: aspect, "label": label if n % 3 else "mixed"}
            for n, text in enumerate(TEXTS) for aspect, label in pairs]  # fmt: skip


def test_what_tells_the_answers_to_one_text_apart_is_asked_and_said() -> None:
    rows = by_aspect("aspect")
    assert asked(rows)[0] == f"aspect: service\n\n{TEXTS[0]}"
    assert "'aspect' is asked, too: the answer depends on it" in detect(rows).notes


def test_who_labelled_is_never_asked() -> None:
    assert asked(by_aspect("annotator")) == [text for text in TEXTS for _ in range(2)]


def test_another_spelling_of_the_answer_is_never_asked() -> None:
    rows = [{"text": text, "label": label, "code": label[0]} for text in TEXTS for label in ("bad", "good")]
    assert asked(rows)[0] == TEXTS[0]


def test_minus_one_is_no_label_beside_labels_that_count_upwards() -> None:
    rows = [{"text": f"{text} {n}", "label": n % 3} for n in range(4) for text in TEXTS]
    rows += [{"text": "open", "label": -1}]
    last = detect(rows).read(rows[-1])
    assert isinstance(last, SetAside)
    assert last.reason == "the label is -1, which stands for none"


def test_minus_one_is_a_label_where_it_is_as_common_as_the_others() -> None:
    rows = [{"text": f"{text} {n}", "label": n % 3 - 1} for n in range(3) for text in TEXTS]
    assert len(asked(rows)) == len(rows)
