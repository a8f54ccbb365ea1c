"""A word that rows put in a slot again and again asks something else, unless the answer is the item's."""

from __future__ import annotations

from tasks.repeats.signature import sign
from tools.contamination.check import Decontaminator
from tools.contamination.slots import Slots

THINGS = ("kettle", "ladder", "engine", "violin", "basket", "mirror")
ASK = "Translate the short sentence about my {} and the garden wall into {}, please."
ROWS = [(ASK.format(thing, "Welsh"), f"welsh {thing} words") for thing in THINGS]
ITEMS = [(f"test:{n}", ASK.format(thing, "Danish"), "danske ord") for n, thing in enumerate(THINGS)]
"""Into one language all: a word of so many items is no name that tells one from another."""


def rule(prompt: str, answer: str, rows: list[tuple[str, str]]) -> str | None:
    found = Decontaminator(ITEMS, rows).check(prompt, answer)
    return None if found is None else found.rule


def test_the_same_sentence_into_another_language_is_another_question() -> None:
    assert rule(*ROWS[0], []) is not None, "without the other rows, the word may be an editor's"
    assert rule(*ROWS[0], ROWS) is None


def test_the_same_answer_gives_an_edited_copy_away() -> None:
    assert rule(ROWS[0][0], "Answer: danske ord", ROWS) is not None


def test_the_item_itself_is_always_found() -> None:
    assert rule(ITEMS[0][1], "something else", ROWS) == "near"


def test_a_word_that_no_slot_holds_is_an_editors() -> None:
    edited = ASK.format("kettle", "Danish").replace("short", "brief")
    assert rule(edited, "something else", ROWS) == "near"


def test_slots_are_the_same_for_the_same_texts_in_any_order() -> None:
    texts = [sign(prompt) for prompt, _ in ROWS]
    assert Slots(texts).marks() == Slots(reversed(texts)).marks() != []
