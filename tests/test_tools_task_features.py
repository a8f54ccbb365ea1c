"""Features of tasks, for lessons that travel: kinds of metrics and answers, never names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tasks import registry
from tasks.base import Sample
from tests.support.copy_word_task import copy_spec
from tools.task_features import answer_kind, metric_kind, place_of


def samples(*golds: Any) -> list[Sample]:
    return [Sample(str(n), "s", "q", gold) for n, gold in enumerate(golds)]


@pytest.mark.parametrize(
    ("golds", "kind"),
    [
        (("12", "3.5", "1,200", "40%"), "number"),
        (("A", "b", "C"), "letter"),
        (("Paris", "New York"), "phrase"),
        (("one two three four five six seven",) * 3, "text"),
        (({"a": 1}, {"a": 2}), "structure"),
        (("12", "Paris", "A"), "mixed"),
        ((), "mixed"),
    ],
)
def test_answers_are_told_apart_by_what_they_are(golds, kind):
    assert answer_kind(replace(copy_spec(), labels=()), samples(*golds)) == kind


def test_a_closed_list_is_a_kind_of_its_own():
    assert answer_kind(replace(copy_spec(), labels=("yes", "no")), samples("yes")) == "class"


def test_every_known_task_has_a_kind_of_metric():
    kinds = {metric_kind(registry.get(task)) for task in registry.ids()}
    assert kinds <= {"right", "classes", "overlap", "error", "judged"}
    assert len(kinds) > 1


def test_a_place_is_told_in_words_of_every_task():
    place = place_of(copy_spec(), samples("12"), 128)
    assert (place.answer, place.hidden_size) == ("number", 128)
    assert copy_spec().id not in place.model_dump_json()
