"""Recall over a real Chroma index, which may be broken, stale or gone: the text is the truth."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from memory.experience.embedding import HashedEmbedding
from memory.experience.store import Experience, ExperienceStore, NullStore
from memory.lesson import Place
from memory.records import Lesson
from tests.support.run_records import lesson
from tests.test_memory_experience_ways import HERE as SITUATION
from tests.test_memory_experience_ways import looked

ROOT = Path(__file__).parent.parent
LESSONS = (
    lesson("r1/e01", text="Drop the source whose labels are wrong.", settings={}),
    lesson("r1/e02", text="Three epochs with a cosine schedule.", settings={"num_train_epochs": 3.0}),
    lesson("r2/e01", task="gsm8k", text="Drop the source whose labels are wrong.", settings={}),
    lesson("r3/e01", task="FinanceIQ_gen", domain="finance", text="Drop the source whose labels are wrong."),
    lesson("r1/e03", text="A learning rate of 0.1 diverges.", settings={"learning_rate": 0.1}, gain=-4.0),
)
QUERY = "labels of a source are wrong"


def filled(folder: Path) -> ExperienceStore:
    store = ExperienceStore(folder)
    for item in LESSONS:
        assert store.record(item)
    return store


def ids(store: Experience, query: str = QUERY, k: int = 5) -> list[str]:
    return [item.lesson.id for item in store.recall(query, k, task="aime25", domain="math")]


def test_the_same_task_comes_first_then_the_domain_then_the_rest(tmp_path: Path) -> None:
    store = filled(tmp_path)
    found = [id for id in ids(store) if id in ("r1/e01", "r2/e01", "r3/e01")]
    assert found == ["r1/e01", "r2/e01", "r3/e01"]
    assert ids(store, k=1) == ["r1/e01"]
    best = store.recall(QUERY, 1, task="aime25", domain="math")[0]
    assert best.lesson == LESSONS[0]
    assert 0.2 < best.score < best.similarity <= 1.0


def test_a_lesson_without_gain_comes_as_a_warning(tmp_path: Path) -> None:
    kinds = {item.lesson.id: item.kind for item in filled(tmp_path).recall("learning rate diverges", 5)}
    assert kinds["r1/e03"] == "warning"
    assert kinds["r1/e02"] == "advice"


def test_a_contradicted_lesson_is_not_recalled(tmp_path: Path) -> None:
    store = filled(tmp_path)
    later = lesson(
        "r9/e01", settings={"num_train_epochs": 3.0}, gain=-1.0, created="2026-03-01T00:00:00+00:00"
    )
    store.record(later)
    found = ids(store, "epochs cosine schedule")
    assert "r9/e01" in found
    assert "r1/e02" not in found


def test_a_lesson_is_recorded_once(tmp_path: Path) -> None:
    store = filled(tmp_path)
    assert not store.record(LESSONS[0])
    assert store.count() == len(LESSONS)
    assert len(ids(store, k=50)) == len(LESSONS)


def test_rebuilding_changes_no_answer(tmp_path: Path) -> None:
    store = filled(tmp_path)
    before = store.recall(QUERY, 5, task="aime25", domain="math")
    assert store.rebuild() == len(LESSONS)
    after = store.recall(QUERY, 5, task="aime25", domain="math")
    assert [item.lesson for item in after] == [item.lesson for item in before]
    assert [item.score for item in after] == pytest.approx([item.score for item in before], abs=1e-5)


@pytest.mark.parametrize("damage", ["gone", "garbage", "vectors", "edited", "deleted"])
def test_an_index_that_differs_from_the_text_is_made_anew(tmp_path: Path, damage: str) -> None:
    before = ids(filled(tmp_path))
    if damage == "gone":
        shutil.rmtree(tmp_path / "chroma")
    elif damage == "garbage":
        (tmp_path / "chroma" / "chroma.sqlite3").write_bytes(b"not a database" * 100)
    elif damage == "vectors":
        for file in (tmp_path / "chroma").glob("*/*.bin"):
            file.write_bytes(b"")
    elif damage == "edited":  # a person changed the text of a lesson
        book = tmp_path / "lessons.jsonl"
        book.write_text(
            book.read_text("utf-8").replace("Three epochs with a cosine schedule", QUERY), "utf-8"
        )
        before.remove("r1/e02")
        before.insert(0, "r1/e02")
    else:
        book = tmp_path / "lessons.jsonl"
        book.write_text("".join(book.read_text("utf-8").splitlines(keepends=True)[1:]), "utf-8")
        before.remove("r1/e01")
    assert ids(ExperienceStore(tmp_path)) == before


def test_another_embedding_gets_its_own_index(tmp_path: Path) -> None:
    filled(tmp_path)
    small = ExperienceStore(tmp_path, HashedEmbedding(64))
    assert ids(small, k=1) == ["r1/e01"]
    assert ids(ExperienceStore(tmp_path), k=1) == ["r1/e01"]


def test_two_processes_see_each_others_lessons(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
sys.path.insert(0, ".")
from tests.support.run_records import lesson
from memory.experience.store import ExperienceStore
store = ExperienceStore(Path(sys.argv[1]))
for number in range(8):
    store.record(lesson(f"{sys.argv[2]}/e{number:02d}", settings={}))
"""
    commands = [[sys.executable, "-c", code, str(tmp_path), run] for run in ("a", "b")]
    processes = [subprocess.Popen(command, cwd=ROOT) for command in commands]
    store = ExperienceStore(tmp_path)
    store.record(lesson("c/e00", settings={}))
    assert [process.wait() for process in processes] == [0, 0]
    expected = {"c/e00"} | {f"{run}/e{number:02d}" for run in "ab" for number in range(8)}
    assert set(ids(store, k=50)) == expected
    assert store.rebuild() == 17


def test_an_empty_memory_recalls_nothing_and_makes_no_index(tmp_path: Path) -> None:
    store = ExperienceStore(tmp_path / "memory")
    assert store.recall(QUERY) == ()
    assert store.count() == 0
    assert not (tmp_path / "memory").exists()
    assert store.rebuild() == 0


def test_memory_off_keeps_nothing(tmp_path: Path) -> None:
    store: Experience = NullStore()
    assert not store.record(LESSONS[0])
    assert store.recall(QUERY) == ()
    assert store.count() == store.rebuild() == 0


def test_importing_the_store_does_not_import_chroma() -> None:
    code = (
        "import sys, memory.experience.store;"
        "print([name for name in ('chromadb', 'numpy', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_refuted_lesson_comes_later_and_as_a_warning(tmp_path: Path) -> None:
    store = ExperienceStore(tmp_path)
    store.record(lesson("r1/e01", text=QUERY, settings={}))
    store.record(lesson("r2/e01", text=f"{QUERY} too", settings={}))
    assert ids(store) == ["r1/e01", "r2/e01"]
    store.ways(SITUATION)  # keeps what was read; the refutations below are seen all the same
    for run in ("r3", "r4"):
        store.record(lesson(f"{run}/e01", text="it did not", settings={}, gain=0.0, contradicts=("r1/e01",)))
    found = {item.lesson.id: item for item in store.recall(QUERY, 5, task="aime25", domain="math")}
    assert next(iter(found)) == "r2/e01"
    assert found["r1/e01"].kind == "warning"
    assert found["r1/e01"].trust.contradictions == 2 == store.trust("r1/e01").contradictions
    assert found["r2/e01"].kind == "advice"


def test_a_task_with_the_same_metric_and_answers_is_nearer_than_another(tmp_path: Path) -> None:
    store = ExperienceStore(tmp_path)
    for run, answer in (("r1", "text"), ("r2", "number")):
        place = Place(metric="right", answer=answer, hidden_size=128)
        store.record(lesson(f"{run}/e01", task=run, domain="law", text=QUERY, settings={}, place=place))
    here = Place(metric="right", answer="number", hidden_size=128)
    found = store.recall(QUERY, 2, task="new", domain="math", place=here)
    assert [item.lesson.id for item in found] == ["r2/e01", "r1/e01"]
    near, far = (item.score / item.similarity for item in found)
    assert near / far == pytest.approx(0.6 / 0.45)


def test_a_large_sure_effect_comes_before_one_that_chance_explains(tmp_path: Path) -> None:
    store = ExperienceStore(tmp_path)
    for run, effect in (("r1", (1.0, -9.0, 11.0)), ("r2", (30.0, 25.0, 35.0)), ("r3", (-30.0, -35.0, -25.0))):
        store.record(lesson(f"{run}/e01", text=QUERY, settings={}, gain=effect[0], effect=effect))
    assert ids(store) == ["r2/e01", "r3/e01", "r1/e01"]


def test_ways_are_read_from_the_book_and_follow_it(tmp_path: Path) -> None:
    store = ExperienceStore(tmp_path)
    assert store.ways(SITUATION).preference("direct") is None
    for number, (worked, direct) in enumerate(((30.0, 10.0), (40.0, 22.0), (25.0, 6.0))):
        for each in looked(f"r{number}", worked, direct):
            store.book.add(each)
    first = store.ways(SITUATION)
    effect = first.preference("chain_of_thought")
    assert effect is not None and effect.runs == 3
    assert store.ways(SITUATION) is first
    assert not (tmp_path / "chroma").exists(), "no vector is needed for them"
    assert NullStore().ways(SITUATION).preference("direct") is None


def test_many_lessons_of_another_task_do_not_crowd_out_this_one(tmp_path: Path) -> None:
    store = ExperienceStore(tmp_path)
    crowd: list[Lesson] = [
        lesson(f"x/e{number:02d}", task="other", domain="tables", text=QUERY, settings={})
        for number in range(60)
    ]
    for item in crowd:
        store.book.add(item)
    store.record(lesson("r1/e01", text="Clean the labels of every source that is wrong.", settings={}))
    for _ in range(5):
        assert ids(store, k=3)[0] == "r1/e01"
