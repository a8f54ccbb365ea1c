"""Rows under one long instruction or with standard replies: their own words decide, not what all share."""

from __future__ import annotations

import random

import pytest

from tasks.repeats.groups import near_groups
from tasks.repeats.signature import sign
from tools.contamination.check import Decontaminator
from tools.contamination.ngrams import LongGolds

ENGLISH = (
    "You sort the letters that reach the office of a small harbour. Read the letter with care, think about "
    "what its writer wants to have done, and decide which of the four desks has to see it first. The desks "
    "are called berths, cargo, wages and repairs. Berths looks after ships that come in, cargo after what "
    "they carry, wages after people and repairs after everything that is broken. Reply with one word only. "
)
OTHER = (
    "Below stands a short note from a visitor. Your task is to say which desk it belongs to, without giving "
    "any reason and without any further word, since a machine reads your reply and files the note by it. "
    "Never invent a desk, never name two of them, and keep to the names that were agreed upon last year. "
)
CHINESE = (
    "你是港口办公室的助手，请仔细阅读下面的来信，判断应当由哪一个"
    "部门首先处理。部门共有四个，分别负责船位、货物、"
    "工资和维修。只回答部门的名称，不要说明理由，也不要写其他任何内容。来信："
)
THINGS = [
    "anchor",
    "barrel",
    "cabin",
    "deck",
    "engine",
    "flag",
    "gear",
    "hatch",
    "invoice",
    "jacket",
    "kettle",
    "ladder",
    "mast",
    "net",
    "oar",
    "pump",
]
STATES = [
    "arrived",
    "burnt",
    "cracked",
    "drifted",
    "expired",
    "faded",
    "glows",
    "hums",
    "itches",
    "jammed",
    "leaks",
    "melted",
    "rusts",
    "sank",
]
PLACES = [
    "aboard",
    "below",
    "ashore",
    "outside",
    "upstairs",
    "yesterday",
    "today",
    "again",
    "tonight",
    "early",
    "forward",
    "alone",
]


def letters(count: int, seed: int = 0, words: int = 3) -> list[str]:
    """So many different letters of up to so many words."""
    rng, found = random.Random(seed), dict[str, None]()
    while len(found) < count:
        lists = (THINGS, STATES, PLACES)[: max(1, words)]
        parts = [rng.choice(some) for some in lists]
        found[" ".join(["the", *parts])] = None
    return list(found)


def distinct(prompts: list[str], answer: str = "cargo") -> int:
    return len(set(near_groups(prompts, answers=[answer] * len(prompts))))


@pytest.mark.parametrize("count", [32, 150, 1500])
@pytest.mark.parametrize(
    "form",
    [ENGLISH + "Letter: {}", "Letter: {}\n" + ENGLISH, ENGLISH + "Letter: {}\n" + OTHER, CHINESE + "{}"],
)
def test_different_letters_under_one_instruction_are_different_rows(form: str, count: int):
    assert distinct([form.format(letter) for letter in letters(count)]) == count


def test_several_templates_in_one_source_are_each_left_out():
    forms = (ENGLISH + "Letter: {}", OTHER + "Note: {}", CHINESE + "{}", "{}\n" + ENGLISH)
    prompts = [forms[place % 4].format(letter) for place, letter in enumerate(letters(150))]
    assert distinct(prompts) == 150


@pytest.mark.parametrize("count", [32, 150])
def test_rows_that_differ_in_one_number_are_different_rows(count: int):
    assert distinct([f"{ENGLISH}Letter: berth {number}" for number in range(100, 100 + count)]) == count


def test_one_word_under_an_instruction_is_the_question():
    assert distinct([ENGLISH + word for word in (*THINGS, *STATES, *PLACES)]) == 42


@pytest.mark.parametrize("count", [32, 150, 1500])
def test_an_edited_instruction_with_the_same_letter_is_a_repeat(count: int):
    prompts = [f"{ENGLISH}Letter: {letter}" for letter in letters(count)]
    rooms = ["bureau", "hall", "room", "lodge", "house", "post", "hut", "shed", "store", "tower"]
    copies = [prompt.replace("office", room) for prompt, room in zip(prompts, rooms, strict=False)]
    groups = near_groups([*prompts, *copies], answers=["x"] * (count + 10))
    # In a large bucket candidates come from hashing, which misses a few.
    assert sum(group == place for place, group in enumerate(groups[count:])) >= 9


@pytest.mark.parametrize("count", [32, 150, 1500])
def test_only_the_items_own_letters_are_leaks_under_one_instruction(count: int):
    held = letters(count + 20)
    prompts = [f"{ENGLISH}Letter: {letter}" for letter in held]
    guard = Decontaminator([(f"test:{place}", prompt, "cargo") for place, prompt in enumerate(prompts[:20])])
    assert [row for row in prompts[20:] if guard.check(row, "cargo")] == []
    for prompt in prompts[:20]:
        assert guard.check(prompt)
        assert guard.check(prompt.upper())
        assert guard.check(prompt.replace("office", "bureau"))
        assert guard.check(prompt.replace("Letter: the", "Letter: please, the"))


QUESTION = (
    "A cook bought 14 jars of plum jam on Monday and gave 5 of them to the crew of a boat that had come in "
    "late. How many jars are left over?"
)
FILLERS = ("please", "now", "kindly", "really", "just", "also", "again", "simply")


def copies(text: str, count: int, seed: int = 0) -> list[str]:
    """The text with one word put in, or a small one left out, at a place of its own."""
    rng, found = random.Random(seed), []
    for _ in range(count):
        words = text.split(" ")
        small = [place for place, word in enumerate(words) if word in ("a", "of", "the", "to", "on")]
        if rng.random() < 0.5:
            del words[rng.choice(small)]
        else:
            words.insert(rng.randrange(1, len(words)), rng.choice(FILLERS))
        found.append(" ".join(words))
    return found


@pytest.mark.parametrize("form", ["{}", ENGLISH + "Letter: {}"])
def test_a_question_repeated_by_a_third_of_the_rows_is_no_template(form: str):
    prompts = [form.format(text) for text in (*copies(QUESTION, 60), *letters(140))]
    groups = near_groups(prompts, answers=["x"] * len(prompts))
    assert len(set(groups[:60])) <= 2
    assert len(set(groups[60:])) == 140


@pytest.mark.parametrize("form", ["{}", ENGLISH + "Letter: {}"])
def test_a_question_with_many_copies_among_the_items_is_still_guarded(form: str):
    items = [form.format(text) for text in (*copies(QUESTION, 30), *letters(70))]
    guard = Decontaminator([(f"test:{place}", item, "9") for place, item in enumerate(items)])
    rows = [form.format(text) for text in copies(QUESTION, 40, seed=1)]
    assert sum(guard.check(row) is not None for row in rows) == 40
    assert not any(guard.check(form.format(letter)) for letter in letters(120)[70:])


def passages(count: int) -> list[str]:
    """Texts of a hundred words each."""
    rng = random.Random(2)
    some = [*THINGS, *STATES, *PLACES]
    return [" ".join(rng.choice(some) for _ in range(100)) for _ in range(count)]


ASKED = [f"What became of the {thing} in the end?" for thing in THINGS]


@pytest.mark.parametrize("several", [4, 16])
def test_questions_under_one_retrieved_passage_are_different_rows(several: int):
    rows = [f"Context: {text}\nQuestion: {asked}" for text in passages(12) for asked in ASKED[:several]]
    assert distinct(rows, "yes") == len(rows)


def test_a_question_under_an_items_passage_is_no_leak_and_the_item_with_an_edit_is():
    rows = [f"Context: {text}\nQuestion: {asked}" for text in passages(12) for asked in ASKED]
    held = rows[::17]
    guard = Decontaminator([(f"test:{place}", row, "yes") for place, row in enumerate(held)])
    assert [row for row in rows if guard.check(row, "yes")] == held
    assert all(guard.check(copy) for row in held for copy in copies(row, 3))


def test_examples_in_front_of_every_prompt_are_no_part_of_its_question():
    shots = "\n\n".join(f"Letter: {letter}\nDesk: cargo" for letter in letters(208)[200:])
    assert distinct([f"{shots}\n\nLetter: {letter}\nDesk:" for letter in letters(200)]) == 200


def test_one_word_after_a_system_prompt_is_the_question_courtesies_too():
    users = ["hi", "thanks", "hello", "reset it", "who are you", *THINGS]
    assert distinct([f"System: {ENGLISH}\nUser: {user}" for user in users]) == len(users)


def test_sums_of_one_template_are_different_questions():
    prompts = [f"What is {a} plus {b}?" for a in range(10, 30) for b in range(10, 25)]
    assert distinct(prompts) == len(prompts)


REPLIES = [
    f"Dear {{}}, thank you for your letter. Our {desk} desk has it on the "
    f"pile and will write back before the "
    "week is over, so please do not come to the harbour in person."
    for desk in ("berths", "cargo", "wages", "repairs")
]
UNLIKE = (
    (
        "Your cabin is ready from noon on; bring the blue slip, a warm coat "
        "and the key that was sent to you in May."
    ),
    (
        "We have looked at every crate on the pier, found nothing broken in "
        "any, and so shall pay for none of them."
    ),
    (
        "The crew is paid on the last working day of a month, by bank, and "
        "never in coins whatever a captain says."
    ),
    (
        "A carpenter comes aboard between two and four; leave the hatch open "
        "and keep the dog below until he left."
    ),
)


@pytest.mark.parametrize("count", [32, 150, 1500])
@pytest.mark.parametrize("replies", [REPLIES, UNLIKE])
def test_standard_replies_are_no_leaks(replies: list[str], count: int):
    names = ("Anna", "Bo", "Cem", "Dana", "Eli")
    rows = [
        (letter, replies[place % 4].format(names[place % 5]))
        for place, letter in enumerate(letters(count + 8))
    ]
    guard = Decontaminator([(f"test:{place}", *row) for place, row in enumerate(rows[:8])], rows[8:])
    assert [row for row in rows[8:] if any(match.rule == "gold" for match in guard.matches(*row))] == []
    assert all(guard.check(*row) for row in rows[:8])


def test_a_long_worked_solution_is_a_leak_among_standard_replies():
    solution = (
        "First add the 14 crates of Monday to the 23 of Tuesday, which gives "
        "37; then take away the 9 that were "
        "sent back, and so 28 crates are left on the pier at the end of the second day."
    )
    items = [(f"test:{place}", letter, UNLIKE[place % 4]) for place, letter in enumerate(letters(8))]
    rows = [(letter, UNLIKE[place % 4]) for place, letter in enumerate(letters(40, seed=1))]
    rows.append(("Count the crates for me.", solution))
    guard = Decontaminator([*items, ("test:sum", "How many crates?", solution)], rows)
    assert guard.check("Count the crates for me.", solution) == ("gold", "test:sum")


def test_a_reference_that_three_items_share_with_another_name_is_not_distinctive():
    golds = [(f"test:{n}", sign(REPLIES[0].format(name))) for n, name in enumerate(("Anna", "Bo", "Cem"))]
    assert LongGolds(golds).find(sign(REPLIES[0].format("Dana"))) is None
    assert LongGolds(golds[:1]).find(sign(REPLIES[0].format("Anna"))) == "test:0"


def test_standard_replies_depend_on_all_rows_together_in_any_order_and_change_the_digest():
    items = [(f"test:{place}", letter, UNLIKE[0]) for place, letter in enumerate(letters(2))]
    rows = [(letter, UNLIKE[0]) for letter in letters(12)[2:]]
    guard, turned = Decontaminator(items, rows), Decontaminator(items, rows[::-1])
    assert guard.digest() == turned.digest() != Decontaminator(items).digest()
    assert guard.check(*rows[0]) is None
    assert Decontaminator(items).check(*rows[0]) == ("gold", "test:0")


def test_copies_of_one_leaked_row_make_its_reference_no_standard_reply():
    solution = (
        "First add the 14 jars of Monday to the 23 of Tuesday, which gives 37; then take away the 9 that "
        "were sent back, and so 28 jars are left on the shelf at the end of the second day."
    )
    rows = [(copy, solution) for copy in copies("Count the jars that the cook has on the shelf today.", 12)]
    guard = Decontaminator([("test:sum", "How many jars?", solution)], rows)
    assert all(guard.check(*row) == ("gold", "test:sum") for row in rows)


def test_a_short_label_is_never_a_leak():
    items = [(f"test:{place}", letter, "cargo") for place, letter in enumerate(letters(8))]
    rows = [(letter, "cargo") for letter in letters(60)[8:]]
    assert not any(Decontaminator(items, rows).check(*row) for row in rows)
