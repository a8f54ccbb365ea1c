"""The faults of the generality folders: each changes what it says, and nothing else."""

from __future__ import annotations

import copy
import re
from collections import Counter

import pytest

from tasks.splits import draw_unique, fingerprint, seeded
from tests.bench.generality.faults import FAULTS, Scene
from tests.bench.generality.held_out import HELD_OUT_FAULTS
from tests.bench.generality.kinds import KINDS

ROWS = 150


def scene_of(name: str) -> tuple[list[dict[str, str]], Scene]:
    """Rows of the first kind that the fault fits, and what it may draw on."""
    kind = next(kind for kind in KINDS.values() if FAULTS[name].fits(kind))
    rng = seeded("test", name)
    rows = draw_unique(lambda rng, _: kind.draw(rng), lambda row: row[kind.text], rng, 2 * ROWS, set())
    foreign = [
        dict.fromkeys(rows[0], "of another task") | {kind.answer: str(number)} for number in range(ROWS)
    ]
    return rows[:ROWS], Scene(kind, rng, rows[ROWS:], foreign)


def applied(name: str):
    rows, scene = scene_of(name)
    before = copy.deepcopy(rows)
    after = FAULTS[name].change(rows, scene)
    assert rows == before, "a fault makes new rows"
    return before, after, scene


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_touches_the_columns_that_it_names_and_no_other(name):
    before, after, scene = applied(name)
    touched = {
        "answer": {scene.answer},
        "prompt": {scene.text},
        "both": {scene.answer, scene.text},
    }.get(FAULTS[name].touches)
    assert after != before
    if touched is None:
        return
    assert len(after) == len(before)
    for old, new in zip(before, after, strict=True):
        assert {column for column in old if old[column] != new[column]} <= touched
    changed = sum(old != new for old, new in zip(before, after, strict=True))
    assert changed > ROWS / 3, "it changes enough rows to matter"


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.touches == "rows"])
def test_a_fault_of_the_set_of_rows_keeps_most_of_them_as_they_were(name):
    before, after, scene = applied(name)
    given = [*before, *scene.validation, *scene.foreign]
    own = {"near_duplicates": scene.text, "contradictions": scene.answer}.get(name)
    for row in after:
        apart = [{c: v for c, v in one.items() if c != own} for one in given]
        assert {c: v for c, v in row.items() if c != own} in apart


def _pairs(before, after, column):
    return [(old[column], new[column]) for old, new in zip(before, after, strict=True)]


def one_to_one(before, after, scene):
    found = set(_pairs(before, after, scene.answer))
    olds, news = (len(set(side)) for side in zip(*found, strict=True))
    return len(found) == olds == news and all(old != new for old, new in found)


def wrong_in_most_rows(before, after, scene):
    pairs = _pairs(before, after, scene.answer)
    labels = set(scene.kind.labels)
    share = sum(old != new for old, new in pairs) / len(pairs)
    return 0.45 < share < 0.75 and all(new in labels for _, new in pairs)


def same_answers_elsewhere(before, after, scene):
    olds, news = (Counter(side) for side in zip(*_pairs(before, after, scene.answer), strict=True))
    return olds == news


def of_the_row_before(before, after, scene):
    return [row[scene.answer] for row in after[1:]] == [row[scene.answer] for row in before[:-1]]


def one_more(before, after, scene):
    pairs = [
        (re.findall(r"\d+", old), re.findall(r"\d+", new)) for old, new in _pairs(before, after, scene.answer)
    ]
    return all(new[:-1] == old[:-1] and int(new[-1]) == int(old[-1]) + 1 for old, new in pairs)


def one_leading_figure(before, after, scene):
    found = [(int(old), int(new)) for old, new in _pairs(before, after, scene.answer)]
    return all(
        abs(old - new) <= 5 * 10 ** (len(str(old)) - 1) and re.fullmatch(r"\d0*", str(new))
        for old, new in found
    )


def by_the_kinds(rewrite):
    def holds(before, after, scene):
        wanted = getattr(scene.kind, rewrite)
        return [new for _, new in _pairs(before, after, scene.answer)] == [wanted(row) for row in before]

    return holds


def inside_one_frame(before, after, scene):
    frames = {new.replace(old, "\0", 1) for old, new in _pairs(before, after, scene.answer)}
    return len(frames) == 1 and len(frames.pop()) > 3


def followed_by_remarks(before, after, scene):
    pairs = _pairs(before, after, scene.answer)
    remarks = {new.removeprefix(old + " ") for old, new in pairs}
    return all(new.startswith(old + " ") for old, new in pairs) and len(remarks) > 20


def same_but_for_case(before, after, scene):
    return all(old.casefold() == new.casefold() for old, new in _pairs(before, after, scene.answer))


def first_part_of_it(before, after, scene):
    return all(
        old.startswith(new) and len(old) / 2 - 1 <= len(new) < len(old)
        for old, new in _pairs(before, after, scene.answer)
    )


def blank_or_right(before, after, scene):
    pairs = _pairs(before, after, scene.answer)
    blank = sum(not new.strip() for _, new in pairs)
    return 0.45 < blank / len(pairs) < 0.75 and all(not new.strip() or new == old for old, new in pairs)


def neighbours_exchanged(before, after, scene):
    pairs = _pairs(before, after, scene.answer)
    return all(
        sorted(old) == sorted(new) and sum(a != b for a, b in zip(old, new, strict=True)) == 2
        for old, new in pairs
    )


def one_beginning_before_all(before, after, scene):
    added = {new.removesuffix(old) for old, new in _pairs(before, after, scene.text)}
    return len(added) == 1 and len(added.pop()) > 20


def in_tags(before, after, scene):
    return all(
        re.fullmatch(r"<(\w+) class=\"c\d+\">[^<>]*&amp;nbsp;[^<>]*</\1>", row[scene.text]) for row in after
    )


def mends_by_the_other_decoding(before, after, scene):
    back = {"\u00a0": " ", "\u2019": "'", "\u201d": '"', "\u2013": "-"}
    for column in (scene.text, scene.answer):
        for old, new in _pairs(before, after, column):
            if "\ufffd" in new:  # a byte that Windows-1252 does not have
                continue
            mended = new.encode("cp1252").decode()
            if "".join(back.get(char, char) for char in mended) != old:
                return False
    return any("Â" in row[scene.text] for row in after)


def exchanged(before, after, scene):
    return all(
        (old[scene.text], old[scene.answer]) == (new[scene.answer], new[scene.text])
        for old, new in zip(before, after, strict=True)
    )


def no_figures_or_names(before, after, scene):
    return not any(
        re.search(r"\d", row[scene.text]) or any(map(str.isupper, row[scene.text])) for row in after
    )


def each_five_times(before, after, scene):
    return set(Counter(map(str, after)).values()) == {5} and len(after) == len(before)


def five_versions_of_each(before, after, scene):
    asked = Counter(fingerprint(row[scene.text]) for row in after)
    return len(after) == len(before) and len({row[scene.text] for row in after}) > 2 * len(asked)


def half_from_validation(before, after, scene):
    return sum(row in scene.validation for row in after) == len(before) // 2 == len(after) // 2


def most_of_another_task(before, after, scene):
    return sum(row in scene.foreign for row in after) == round(0.6 * len(after))


def every_prompt_with_two_answers(before, after, scene):
    answers = {}
    for row in after:
        answers.setdefault(row[scene.text], set()).add(row[scene.answer])
    return all(len(found) == 2 for found in answers.values()) and len(after) == len(before)


SAYS = {
    "wrong_labels": wrong_in_most_rows,
    "permuted_labels": one_to_one,
    "renamed_labels": one_to_one,
    "one_class": lambda before, after, scene: len({row[scene.answer] for row in after}) == 1,
    "same_answer": lambda before, after, scene: len({row[scene.answer] for row in after}) == 1,
    "shuffled_answers": same_answers_elsewhere,
    "shifted_rows": of_the_row_before,
    "off_by_one": one_more,
    "rounded": one_leading_figure,
    "other_unit": by_the_kinds("other_unit"),
    "reordered_fields": by_the_kinds("reordered"),
    "other_format": by_the_kinds("other_format"),
    "other_language": by_the_kinds("translated"),
    "stale_scheme": by_the_kinds("stale"),
    "other_field": by_the_kinds("other_value"),
    "wrapped": inside_one_frame,
    "chatty": followed_by_remarks,
    "letter_case": same_but_for_case,
    "truncated": first_part_of_it,
    "empty_answers": blank_or_right,
    "transposed": neighbours_exchanged,
    "boilerplate": one_beginning_before_all,
    "escaped_html": in_tags,
    "wrong_encoding": mends_by_the_other_decoding,
    "lost_end": lambda before, after, scene: all(
        old.startswith(new) and len(new) == len(old) // 2 for old, new in _pairs(before, after, scene.text)
    ),
    "swapped_columns": exchanged,
    "masked": no_figures_or_names,
    "duplicates": each_five_times,
    "near_duplicates": five_versions_of_each,
    "leaked_validation": half_from_validation,
    "mixed_tasks": most_of_another_task,
    "contradictions": every_prompt_with_two_answers,
    "few_rows": lambda before, after, scene: after == before[:120],
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_does_what_it_says(name):
    assert FAULTS[name].says
    assert SAYS[name](*applied(name))


@pytest.mark.parametrize(
    ("kind", "rewrite"),
    [
        (kind, rewrite)
        for kind in KINDS.values()
        for rewrite in ("other_unit", "reordered", "other_format", "translated", "stale", "other_value")
        if getattr(kind, rewrite) is not None
    ],
    ids=lambda part: getattr(part, "name", part),
)
def test_a_rewrite_of_a_kind_changes_most_answers(kind, rewrite):
    rows = [kind.draw(rng) for rng in [seeded("rewrite", kind.name)] for _ in range(100)]
    changed = sum(getattr(kind, rewrite)(row) != row[kind.answer] for row in rows)
    assert changed > 40


def test_there_are_more_than_twenty_faults_and_half_of_them_are_held_out():
    assert len(FAULTS) > 20
    assert set(FAULTS) >= HELD_OUT_FAULTS
    assert abs(len(FAULTS) - 2 * len(HELD_OUT_FAULTS)) <= 1
