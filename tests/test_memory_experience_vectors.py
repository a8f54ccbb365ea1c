"""The search leaves out nothing that a comparison with every lesson finds; the index costs what changed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory.experience import index, store, vectors
from memory.experience.catalogue import LessonFilter, current, document
from memory.experience.embedding import HashedEmbedding
from memory.experience.ranking import Where, effect_weight, nearness, score, where_of
from memory.experience.store import ExperienceStore
from memory.experience.trust import trust_in
from memory.records import Lesson
from tests.bench.lessons import draw
from tests.support.run_records import lesson

COUNT, TASKS = 300, 7
DRAWN = list(draw(COUNT, TASKS, 3))
QUESTIONS = [question for _, question in DRAWN if question is not None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("memory")
    book = ExperienceStore(made).book
    with book.lock():
        book.append([item for item, _ in DRAWN])
    return made


def by_comparing_all(
    query: str, k: int, task: str | None, domain: str | None, only: LessonFilter, folder: Path
) -> list[str]:
    """The ids that a plain loop over every lesson gives."""
    entries = current(ExperienceStore(folder).book.entries())
    asked = HashedEmbedding().embed([query])[0]
    scored = []
    trust = trust_in(ExperienceStore(folder).book.entries(), datetime.now(UTC))
    for item, _ in DRAWN:
        if item.id in entries and only.matches(entries[item.id]):
            vector = HashedEmbedding().embed([document(item)])[0]
            cosine = max(0.0, sum(a * b for a, b in zip(asked, vector, strict=True)))
            entry = entries[item.id]
            near = nearness(where_of(entry), Where(task, domain))
            scored.append((-score(cosine, near, effect_weight(entry), trust[entry.id].weight), item.id))
    return [id for _, id in sorted(scored)[:k]]


@pytest.mark.parametrize(
    ("task", "domain", "only"),
    [
        (None, None, LessonFilter()),
        ("task_001", "chemistry", LessonFilter()),
        ("task_001", "chemistry", LessonFilter(base_model="small-b", edition="mini", not_run="run000003")),
        ("new", "law", LessonFilter(outcome="kept")),
        ("new", "none", LessonFilter(task="task_004", domain="tables")),
        (None, None, LessonFilter(domain="absent")),
    ],
)
def test_the_search_finds_what_a_comparison_with_every_lesson_finds(folder, task, domain, only):
    for query in (QUESTIONS[0].text, "a smaller rate keeps what was learned: small-a", DRAWN[5][0].text):
        found = [item.lesson.id for item in ExperienceStore(folder).recall(query, 8, task, domain, only)]
        assert found == by_comparing_all(query, 8, task, domain, only, folder)


def test_vectors_of_far_tasks_are_not_read_where_near_ones_fit_better(folder, monkeypatch):
    read: list[str] = []
    real = vectors.read_vectors

    def reading(collection: object, tasks: list[str], entries: object) -> object:
        read.extend(tasks)
        return real(collection, tasks, entries)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "read_vectors", reading)
    memory = ExperienceStore(folder)
    for _ in range(2):  # the second time nothing is read at all
        found = memory.recall(DRAWN[1][0].text, 3, "task_001", "chemistry")
        assert {item.lesson.task for item in found} == {"task_001"}
        assert read == ["task_001", "task_005"]  # of the same domain; no other can rank among the best


def test_known_questions_find_their_answers(folder):
    memory = ExperienceStore(folder)
    for asked in QUESTIONS:
        found = [i.lesson.id for i in memory.recall(asked.text, 3, asked.task, asked.domain, asked.only)]
        assert found[0] in asked.answers


def test_a_lesson_of_another_process_is_found_by_a_store_that_has_read_before(tmp_path):
    first, second = ExperienceStore(tmp_path), ExperienceStore(tmp_path)
    first.record(lesson("r1/e01", text="alpha", settings={}))
    assert [item.lesson.id for item in first.recall("beta gamma")] == ["r1/e01"]
    second.record(lesson("r2/e01", text="beta gamma", settings={}))
    assert first.recall("beta gamma")[0].lesson.id == "r2/e01"
    second.forget({"r2/e01"})
    assert [item.lesson.id for item in first.recall("beta gamma")] == ["r1/e01"]


def test_a_book_that_grew_costs_the_index_its_new_lessons_alone(tmp_path, monkeypatch):
    embedded: list[str] = []

    class Counting(HashedEmbedding):
        def embed(self, texts):
            embedded.extend(texts)
            return super().embed(texts)

    def compared(*_: object) -> object:
        raise AssertionError("every text was compared")

    memory = ExperienceStore(tmp_path, Counting(64))
    memory.record(lesson("r1/e01", settings={}))
    monkeypatch.setattr(index, "_differences", compared)
    embedded.clear()
    new = lesson("r1/e02", text="another", settings={})
    assert ExperienceStore(tmp_path, Counting(64)).record(new)
    assert embedded == [document(new)]


def test_forgetting_one_lesson_embeds_no_other_anew(tmp_path):
    embedded: list[str] = []

    class Counting(HashedEmbedding):
        def embed(self, texts):
            embedded.extend(texts)
            return super().embed(texts)

    memory = ExperienceStore(tmp_path, Counting(64))
    held: list[Lesson] = [lesson(f"r1/e{number:02d}", settings={}) for number in range(5)]
    for item in held:
        memory.record(item)
    embedded.clear()
    assert memory.forget({"r1/e03"}) == 1
    assert embedded == []
    assert {item.lesson.id for item in memory.recall("labels", 9)} == {i.id for i in held} - {"r1/e03"}


def test_a_stamp_that_lies_is_not_believed(tmp_path):
    memory = ExperienceStore(tmp_path)
    memory.record(lesson("r1/e01", text="alpha", settings={}))
    (tmp_path / "chroma" / "agrees.json").write_text('{"bytes": 1', "utf-8")
    book = tmp_path / "lessons.jsonl"
    book.write_text(book.read_text("utf-8").replace("alpha", "omega"), "utf-8")
    assert memory.recall("omega")[0].lesson.text == "omega"
    assert memory.recall("omega")[0].similarity > 0.2


def test_forgetting_the_last_lesson_leaves_no_index(tmp_path):
    memory = ExperienceStore(tmp_path)
    memory.record(lesson())
    assert memory.forget({"r1/e01", "unknown"}) == 1
    assert memory.recall("labels") == ()
    assert not (tmp_path / "chroma").exists()
