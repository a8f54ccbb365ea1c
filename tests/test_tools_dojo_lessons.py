"""What a run is told of earlier runs: its own task first, and no rates of another base model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from memory.experience.store import ExperienceStore
from tests.support.run_in_progress import make_dojo
from tests.support.run_records import lesson
from tests.test_memory_experience_ways import looked
from tools.dojo import Dojo


def test_a_run_recalls_lessons_of_its_own_task_first_and_weighs_those_of_all(tmp_path: Path) -> None:
    store = ExperienceStore(tmp_path / "memory")
    dojo = replace(make_dojo(tmp_path / "run", 1), store=store)
    here = {"base_model": dojo.base_model.name, "edition": dojo.edition}
    sure = {"gain": 30.0, "effect": (30.0, 25.0, 35.0), "domain": dojo.spec.domain}
    store.record(lesson("a/e01", task="elsewhere", features=here, **sure))
    store.record(lesson("b/e01", task=dojo.spec.id, features=here, domain=dojo.spec.domain, gain=1.0))
    store.record(lesson("c/e01", task=dojo.spec.id, features=here | {"base_model": "larger"}, **sure))
    for number in range(3):
        for each in looked(f"d{number}", 30.0, 10.0):
            store.record(each)
    recalled = Dojo.recall(dojo)
    assert [item.lesson.id for item in recalled] == ["b/e01", "a/e01"]
    effect = dojo.ways(("chain_of_thought", "direct")).preference("chain_of_thought")
    assert effect is not None
    assert effect.points > 5.0
    assert dojo.place.hidden_size == dojo.base_model.hidden_size
