"""The story of a run: every sentence has a record behind it, and nothing that happened is left out."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from memory.confirmation import Confirmation, Look
from memory.forgetting import Forgetting, TaskChange
from memory.journal.events import KINDS, Event
from memory.journal.log import Journal
from memory.records import (
    Approval,
    Decision,
    Diagnosis,
    Estimate,
    Failure,
    Prediction,
    TrainingPlan,
    Usage,
    Verdict,
)
from tests.support.progress_records import card
from tests.support.run_folder import NASTY, SEALED, make_run
from tests.support.run_in_progress import make_dojo
from tests.support.run_records import comparison, evaluation, lesson, plan, run_info, training
from tools.report.sentences import WIDTH, Chapter, resting_on
from tools.report.story import story, story_page

SILENT = {"heartbeat", "evidence"}
"""Kinds that say nothing but the time, and digests."""
HOSTILE = (
    "\x1b[2J\u202e\u200b <b>bold</b> [e99] [link](http://a.b) ![i](x) `code` # head *x* &amp; \x07"
    + "x" * 300
)


def items_of(page: str) -> list[str]:
    """The sentences of a page, each on one line."""
    blocks = re.findall(r"^- (.*?)(?=^- |^\n|\Z)", page, flags=re.MULTILINE | re.DOTALL)
    return [" ".join(block.split()) for block in blocks]


def ids_of(item: str) -> list[str]:
    """What a sentence says that it is about."""
    found = re.search(r"(?<!\\)\[([\w, ]+)\]$", item)
    assert found, item
    return found[1].split(", ")


def named_by(journal: Journal) -> set[str]:
    return {event.experiment or "run" for event in journal.events}


def item_with(page: str, words: str) -> str:
    (found,) = [item for item in items_of(page) if words in item]
    return found


def diagnosis(cause: Any = "data", expected: float | None = None) -> Diagnosis:
    said = Prediction(change="sources", claim="it copies without forum", expected_gain=expected or 0.0)
    return Diagnosis(
        cause=cause,
        evidence=("wrong labels",),
        next_move="clean_data",
        prediction=None if expected is None else said,
    )


def scored(journal: Journal, id: str, value: float, tests: str = "", against: str = "base") -> None:
    """A finished experiment with a score, which may put another one's prediction to the test."""
    before = journal.evaluation(against)
    assert before is not None
    journal.append("plan", plan(id).model_copy(update={"tests": tests}), id)
    journal.append("training_plan", TrainingPlan(learning_rate=0.001), id)
    journal.append("training", training(f"experiments/{id}/model"), id)
    journal.append("evaluation", evaluation(value), id)
    journal.append("comparison", comparison(id, against, value - before.score.value), id)


def failed(journal: Journal, id: str, rate: float = 0.1) -> None:
    journal.append("plan", plan(id), id)
    journal.append("training_plan", TrainingPlan(learning_rate=rate), id)
    journal.append("failure", Failure(stage="train", code="diverged", message="loss 9.1"), id)
    journal.append("diagnosis", diagnosis("divergence"), id)
    journal.finish(id, "failed")


def begun(folder: Path) -> Journal:
    journal = Journal.create(folder / "journal.jsonl", run_info())
    journal.append("evaluation", evaluation(20.0), "base")
    return journal


def whole(folder: Path) -> Journal:
    """A run with an event of every kind."""
    journal = begun(folder)
    journal.note("rows up to 512 tokens")
    made = make_dojo(folder / "other", 1).journal
    scored(journal, "e01", 40.0)
    journal.append("recipe", made.recipe("e01").model_dump(mode="json"), "e01")  # type: ignore[union-attr]
    journal.append("card", card(("alpha",)), "e01")
    journal.append(
        "estimate",
        Estimate(seconds=9, peak_gib=1, available_gib=2, fits=True, basis="measured"),
        "e01",
    )
    harmed = TaskChange(task="gsm8k", metric="exact", base=9, score=8, delta=-1, low=-2, high=0.5, n=100)
    journal.append("forgetting", Forgetting(tasks=(harmed,)), "e01")
    journal.append("verdict", Verdict(verdict="keep", note="fixed more"), "e01")
    decided = Decision(
        role="planner", subject="plan", decided_by="llm", model="a:b", calls=2, repairs=1, problems=("form",)
    )
    journal.append("decision", decided, "e01")
    spent = Usage(role="planner", model="a:b", input_tokens=9, output_tokens=1, usd=0.1, wall_seconds=1)
    journal.append("usage", spent)
    journal.append("approval", Approval(stage="plan", verdict="approve", note="go"), "e01")
    journal.append("diagnosis", diagnosis(), "e01")
    journal.append("lesson", lesson(), "e01")
    journal.finish("e01", "kept")
    failed(journal, "e02")
    journal.heartbeat()
    journal.append("evidence", {"about": "data set", "files": {"data/a.jsonl": "0" * 64}}, "e01")
    journal.append("candidate_chosen", {"candidate": "e01", "outcome": "stuck", "reason": "nothing is left"})
    look = Look(items=100, level=0.05, comparison=comparison("e01", "base", 20.0))
    journal.append("confirmation", Confirmation(candidate="e01", looks=(look,), confirmed=True))
    journal.append("champion_chosen", {"champion": "e01"})
    journal.append("test_opened", {"rows": 300})
    journal.append("test_reopened", {"rows": 300})
    journal.append("test_evaluation", evaluation(19.0), "base")
    journal.append("test_evaluation", evaluation(39.0), "e01")
    journal.append("test_comparison", comparison("e01", "base", 20.0), "e01")
    journal.append("run_ended", {"outcome": "stuck", "reason": "nothing is left"})
    return journal


RUNS = {
    "every kind": whole,
    "just begun": lambda folder: Journal.create(folder / "journal.jsonl", run_info()),
    "ended": lambda folder: make_run(folder),
    "nothing kept": lambda folder: make_run(folder, kept=False),
    "unfinished": lambda folder: make_run(folder, experiments=3, ended=False),
    "planned": lambda folder: make_dojo(folder, 4, plant=HOSTILE, current="plan").journal,
    "under way": lambda folder: make_dojo(folder, 11, plant=HOSTILE, current="card").journal,
}


@pytest.mark.parametrize("make", RUNS.values(), ids=RUNS)
def test_every_sentence_names_records_that_exist_and_every_event_is_told(make: Any, tmp_path: Path) -> None:
    journal = make(tmp_path / "run")
    sentences = [sentence for chapter in story(journal) for sentence in chapter.sentences]
    by_seq = {event.seq: event for event in journal.events}
    for sentence in sentences:
        about = dict.fromkeys(by_seq[seq].experiment or "run" for seq in sentence.events)
        assert sentence.about == tuple(about), sentence
    items = items_of(story_page(journal))
    assert len(items) == len(sentences)
    for item in items:
        assert set(ids_of(item)) <= named_by(journal), item
    told = {seq for sentence in sentences for seq in sentence.events}
    assert {event.kind for event in journal.events if event.seq not in told} <= SILENT


def test_a_run_with_every_kind_of_event_has_them_all(tmp_path: Path) -> None:
    assert {event.kind for event in whole(tmp_path).events} == KINDS


def test_what_happened_is_told_with_its_id(tmp_path: Path) -> None:
    page = story_page(whole(tmp_path))
    for words, id in (
        ("aime25", "run"),
        ("Validation, accuracy: 20.0 [15.0, 25.0] n=300", "base"),
        ("rows up to 512 tokens", "run"),
        ('the hypothesis: "cleaner sources help"', "e01"),
        ('"the labels of one source disagree"', "e01"),
        ("The data recipe over field-notes", "e01"),
        ("filter 160 to 60", "e01"),
        ("learning rate 0.001, batch 32", "e01"),
        ("It trained 63 steps", "e01"),
        ("Paired with base on the same 300 items: +20.0 points [+16.0, +24.0]", "e01"),
        ("gsm8k -1.0", "e01"),
        ('The Evaluator said keep: "fixed more"', "e01"),
        ("a:b decided the plan", "e01"),
        ('A person approved the step plan: "go"', "e01"),
        ("Kept for later runs", "e01"),
        ("It was closed as failed", "e02"),
        ("e01 confirmed: +20.0", "run"),
        ("the champion is e01", "run"),
        ("Sealed test, accuracy: 39.0", "e01"),
        ("The model got better", "run"),
    ):
        told = [item for item in items_of(page) if words in item and ids_of(item) == [id]]
        assert told, words


def test_a_failure_is_told_with_what_changed_next_and_whether_that_worked(tmp_path: Path) -> None:
    with begun(tmp_path) as journal:
        failed(journal, "e01", rate=0.1)
        failed(journal, "e02", rate=0.05)
        scored(journal, "e03", 40.0)
        journal.finish("e03", "kept")
        page = story_page(journal)
    first = item_with(page, "e01 failed at the stage train (diverged); the diagnosis named divergence")
    assert ids_of(first) == ["e01"]
    assert ids_of(item_with(page, "learning rate 0.1, then 0.05")) == ["e01", "e02"]
    assert ids_of(item_with(page, "That did not work: e02 failed in the same way")) == ["e02"]
    assert ids_of(item_with(page, "The failure of e01 came again in e02")) == ["e01", "e02"]
    assert "learning rate 0.05, then 0.001" in page
    worked = item_with(page, "That worked: e03 reached a score, 40.0 [35.0, 45.0] n=300 and was kept")
    assert ids_of(worked) == ["e03"]


def test_the_experiment_that_tests_a_failures_diagnosis_is_its_answer(tmp_path: Path) -> None:
    with begun(tmp_path) as journal:
        failed(journal, "e01")
        scored(journal, "e02", 30.0)
        journal.finish("e02", "discarded")
        journal.append("plan", plan("e03").model_copy(update={"tests": "e01"}), "e03")
        page = story_page(journal)
    assert "Then came e03" in page
    assert "Then came e02" not in page
    assert ids_of(item_with(page, "Whether that works is open: e03 has no score yet")) == ["e03"]


def test_what_was_mended_within_an_experiment_is_told(tmp_path: Path) -> None:
    with begun(tmp_path) as journal:
        journal.append("plan", plan("e01"), "e01")
        journal.append("training_plan", TrainingPlan(), "e01")
        smaller = TrainingPlan(per_device_train_batch_size=8).model_dump(mode="json")
        journal.note("e01: instead 8 rows at a time", "e01", instead=smaller)
        journal.append("training", training("experiments/e01/model"), "e01")
        page = story_page(journal)
    assert ids_of(item_with(page, "Mended on the way: e01: instead 8 rows at a time")) == ["e01"]
    assert ids_of(item_with(page, "That worked: e01 was trained")) == ["e01"]


def test_notes_of_the_run_stand_where_they_were_made(tmp_path: Path) -> None:
    with begun(tmp_path) as journal:
        journal.note("before all")
        scored(journal, "e01", 40.0)
        journal.note("under way")
        journal.finish("e01", "kept")
        journal.append("champion_chosen", {"champion": "base"})
        journal.note("after the search")
        chapters = {chapter.title: chapter.sentences for chapter in story(journal)}
    for title, words in (
        ("What the base could do", "before all"),
        ("e01: sources, kept", "under way"),
        ("How the run ended", "after the search"),
    ):
        noted = [one for one in chapters[title] if one.text.startswith("Noted")]
        assert [(one.text, one.about) for one in noted] == [(f"Noted: {words}.", ("run",))]


@pytest.mark.parametrize(
    ("reached", "verdict"), [(30.0, "that failed"), (50.0, "that held")], ids=["failed", "held"]
)
def test_a_prediction_is_told_as_what_it_came_to(reached: float, verdict: str, tmp_path: Path) -> None:
    with begun(tmp_path) as journal:
        scored(journal, "e01", 40.0)
        journal.append("diagnosis", diagnosis(expected=5.0), "e01")
        journal.finish("e01", "kept")
        scored(journal, "e02", reached, tests="e01", against="e01")
        journal.append("diagnosis", diagnosis("capability"), "e02")
        journal.finish("e02", "discarded")
        page = story_page(journal)
    told = item_with(page, "e01 predicted +5.0 points")
    assert f": {verdict}." in told
    assert ids_of(told) == ["e01", "e02"]
    ended = page.split("## Where causal reasoning ended")[1]
    assert ("The cause data, named for e01, did not carry its prediction" in " ".join(ended.split())) == (
        verdict == "that failed"
    )
    assert ids_of(item_with(page, "The cause capability was named without a prediction or a test")) == ["e02"]


def test_a_prediction_that_no_experiment_tested_is_told_where_reasoning_ended(tmp_path: Path) -> None:
    with begun(tmp_path) as journal:
        scored(journal, "e01", 40.0)
        journal.append("diagnosis", diagnosis(expected=5.0), "e01")
        page = story_page(journal)
        untested = item_with(page, "No experiment tested what was predicted for e01, cause data")
        assert ids_of(untested) == ["e01"]
        journal.append("plan", plan("e02").model_copy(update={"tests": "e01"}), "e02")
        assert "No experiment tested" not in story_page(journal)


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        ({"delta": 3.0, "p_value": 0.01}, "that held"),
        ({"delta": 3.0, "p_value": 0.4}, "the direction is right, and chance can explain it as well"),
        ({"delta": 0.5, "low": -1.0, "high": 2.0}, "that failed"),
        ({"delta": 0.5, "low": -5.0, "high": 6.0}, "that failed, though the interval does not rule it out"),
        ({"champion": "e07"}, "the direction is right, and no paired test compares the two"),
    ],
)
def test_what_a_plan_expected_is_told_with_what_chance_leaves_open(
    measured: dict[str, Any], verdict: str, tmp_path: Path
) -> None:
    with begun(tmp_path) as journal:
        journal.append("plan", plan("e01"), "e01")
        journal.append("evaluation", evaluation(23.0), "e01")
        journal.append("comparison", comparison("e01", "base", 3.0).model_copy(update=measured), "e01")
        told = item_with(story_page(journal), "Its plan expected +5.0 points over base")
    assert told.endswith(f": {verdict}. [e01]")


def test_where_the_base_alone_was_tested_it_is_not_compared_with_itself(tmp_path: Path) -> None:
    with begun(tmp_path) as journal:
        journal.append("champion_chosen", {"champion": "base"})
        journal.append("test_comparison", comparison("base", "base", 0.0), "base")
        page = story_page(journal)
    assert ids_of(item_with(page, "The sealed test was read for the base alone")) == ["base"]
    assert "Paired with" not in page


def test_texts_of_foreign_origin_can_neither_steer_a_terminal_nor_pass_for_the_page(tmp_path: Path) -> None:
    page = story_page(RUNS["under way"](tmp_path))
    odd = {c for c in page if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")}
    assert odd == {"\n"}
    assert "\\u{202e}" in page
    assert page.count("\\[e99") > 10
    assert not re.search(r"(?<!\\)(<b>|\[e99|\[link|!\[|`|\*)", page)
    assert not re.search(r"(?<!\\)\]\(", page)
    assert "x" * 200 not in page
    assert max(map(len, page.splitlines())) <= WIDTH


def test_no_line_of_a_sentence_begins_like_a_list_or_a_heading() -> None:
    event = Event(0, "", "note", None, {})
    for words in range(1, 40):
        text = f"{'word ' * words}# 12. - > 3) === end {'more ' * 20}"
        page = _page(resting_on(text.strip(), event))
        for line in page.splitlines()[1:]:
            assert not re.match(r"\s*(#|\d+[.)]|-|>|=)", line), page


def _page(sentence: Any) -> str:
    from tools.report.sentences import markdown

    return markdown("t", [Chapter("c", (sentence,))]).split("## c\n\n")[1]


def test_sealed_items_are_not_told(tmp_path: Path) -> None:
    page = story_page(make_run(tmp_path / "run"))
    assert SEALED not in page
    assert "<script" in NASTY
    assert not re.search(r"(?<!\\)<script", page)
