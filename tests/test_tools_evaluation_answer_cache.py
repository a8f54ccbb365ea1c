"""A base's answers are used again only while all that they hang on is the same and the entry is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.copy_word_task import copy_spec, samples
from tests.support.tiny_model import make_tiny_model, shared_worker
from tools.evaluation.answer_cache import MOST_ENTRIES, AnswerCache, answer_key, model_digest
from tools.evaluation.evaluate import Asking, answer_sets, evaluate, read_items, remark_on
from tools.workspace import Workspace


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "model", spread=0.4)


def _ask(model: Path, folder: Path, cache: Path, prompts: list[str], tokens: int = 6) -> dict[str, Any]:
    sets = {"validation": prompts}
    return answer_sets(Asking(sets, model, tokens, cache=cache), shared_worker(), folder / "log")[0]


def test_a_second_run_is_given_the_answers_of_the_first(model: Path, tmp_path: Path) -> None:
    prompts = ["copy the word 1", "copy the word 2 " * 200, "copy the word 3"]
    first = _ask(model, tmp_path, tmp_path / "answers", prompts)
    again = _ask(model, tmp_path, tmp_path / "answers", prompts)
    assert (first["known"], again["known"]) == ([], ["validation"])
    assert again | {"known": []} == first
    assert first["limits"]["validation"][1] == "prompt_too_long"


@pytest.mark.parametrize("change", ["prompts", "budget", "weights", "damage"])
def test_whatever_changes_is_asked_anew(model: Path, tmp_path: Path, change: str) -> None:
    cache, prompts = tmp_path / "answers", ["copy the word 1", "copy the word 2"]
    _ask(model, tmp_path, cache, prompts)
    if change == "weights":
        make_tiny_model(model, seed=1, spread=0.4)
    if change == "damage":
        (entry,) = cache.glob("*.json")
        held = json.loads(entry.read_text())
        held["entry"]["answers"][0] = "forged"
        entry.write_text(json.dumps(held))
    asked = prompts[:1] if change == "prompts" else prompts
    found = _ask(model, tmp_path, cache, asked, 5 if change == "budget" else 6)
    assert found["known"] == []
    assert "forged" not in found["answers"]["validation"]


def test_a_known_evaluation_has_the_score_and_the_cost_of_the_first(model: Path, tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        space = Workspace.create(tmp_path / "runs", name)
        out = space.experiment_dir("base") / "validation.jsonl"
        done = evaluate(
            samples(6), copy_spec(), model, out, space, shared_worker(), cache=tmp_path / "answers"
        )
        found.append((done, read_items(out), remark_on(done, space)))
    (first, items, told), (again, same_items, told_again) = found
    assert (items, first.score) == (same_items, again.score)
    assert told == "" and "earlier run" in told_again
    assert 0 < again.wall_seconds <= first.wall_seconds
    space = Workspace.create(tmp_path / "runs", "three")
    out = space.experiment_dir("base") / "test.jsonl"
    assert remark_on(evaluate(samples(6), copy_spec(), model, out, space, shared_worker()), space) == ""


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = AnswerCache(tmp_path / "file")
    cache.write("a", {"answers": []})
    assert cache.read("a") is None


def test_the_folder_stays_small(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers")
    for number in range(MOST_ENTRIES + 3):
        cache.write(f"k{number}", {"answers": [number]})
    assert len(list((tmp_path / "answers").iterdir())) == MOST_ENTRIES
    assert cache.read(f"k{MOST_ENTRIES + 2}") == {"answers": [MOST_ENTRIES + 2]}


def test_a_key_tells_apart_what_decides_about_tokens(model: Path) -> None:
    digest = model_digest(model)
    keys = [
        answer_key(digest, [[1, 2]], 8, (), "float32 cpu"),
        answer_key(digest, [[1], [2]], 8, (), "float32 cpu"),
        answer_key(digest, [[1, 2], None], 8, (), "float32 cpu"),
        answer_key(digest, [[1, 2]], 9, (), "float32 cpu"),
        answer_key(digest, [[1, 2]], 8, ("x",), "float32 cpu"),
        answer_key(digest, [[1, 2]], 8, (), "bfloat16 cpu"),
        answer_key("other", [[1, 2]], 8, (), "float32 cpu"),
    ]
    assert len(set(keys)) == len(keys)
