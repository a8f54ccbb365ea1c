"""The greedy loop gives the tokens of transformers' ``generate``, whatever it shares, drops or stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.tiny_model import make_tiny_model, shared_worker
from tools.evaluation.greedy import batches
from tools.evaluation.prefill import parts_of, shared_starts

INSTRUCTIONS = (
    "7 copy the word 1, and stop at 2; what (if any) is the answer to the question? 34, or 56? " * 2
)
OTHERS = "what is the question to the answer ? copy and stop the word to copy and stop . then "


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"), spread=0.4)


def _questions() -> list[str]:
    """Two beginnings that several share, prompts that share nothing, and lengths that differ."""
    shared = [INSTRUCTIONS + "word " * (n % 5) + str(n) for n in range(7)]
    others = [OTHERS + f"{n} stop" for n in range(4)]
    return [*shared[:4], "9", *others, "the", *shared[4:], INSTRUCTIONS + OTHERS + INSTRUCTIONS]


def _run(job: str, payload: dict[str, Any], folder: Path) -> dict[str, Any]:
    return shared_worker().run(f"tests.support.worker_jobs:{job}", payload, 60.0, folder / "log")


def test_shared_beginnings_change_no_token(model: Path, tmp_path: Path) -> None:
    payload = {"model_dir": str(model), "prompts": _questions(), "max_new_tokens": 20, "batch_rows": [2, 64]}
    found = _run("side_by_side", payload, tmp_path)
    assert len({str(reply) for reply in found["theirs"]}) > 8
    for rows, ours in found["ours"].items():
        assert ours == found["theirs"], f"batches of {rows}"


def test_each_shared_beginning_is_read_once(model: Path, tmp_path: Path) -> None:
    payload = {"model_dir": str(model), "prompts": _questions()}
    found = _run("prefill_tokens", payload, tmp_path)
    assert found["together"] < 0.7 * found["alone"]
    assert found["same"]


def test_a_model_that_forgets_early_keys_gets_whole_prompts(tmp_path: Path) -> None:
    sliding = make_tiny_model(tmp_path / "sliding", window=24, spread=0.4)
    payload = {"model_dir": str(sliding), "prompts": _questions(), "max_new_tokens": 12, "batch_rows": [64]}
    found = _run("side_by_side", payload, tmp_path)
    assert found["ours"]["64"] == found["theirs"]


def test_beginnings_are_found_and_leave_each_prompt_a_token() -> None:
    long = list(range(100, 140))
    prompts = [[*long, 1], [*long, 2, 3], long, [7, 8, 9], [7, 5]]
    starts, start_of = shared_starts(prompts)
    assert [starts[start] for start in start_of] == [long[:39], long[:39], long[:39], [7], [7]]


@pytest.mark.parametrize(
    "prompts",
    [
        [[1, 2, 3]],
        [[1, *range(50)], [1, *range(50, 100)]],  # one token in common
        [[*range(40), 1], [*range(40), 2], [5]],  # a prompt of one token
        [],
    ],
)
def test_where_little_is_shared_prompts_stay_whole(prompts: list[list[int]]) -> None:
    assert shared_starts(prompts) == ([], [])


def test_parts_hold_prompts_of_like_length() -> None:
    lengths = [100, 500, 510, 90, 495, 95, 20]
    parts = parts_of(lengths, 1100)
    assert sorted(row for part in parts for row in part) == list(range(7))
    assert parts == [[2, 1], [4], [0, 5, 3], [6]]
    assert parts_of([3, 3, 900], 600) == [[2], [0, 1]]


def test_a_batch_holds_so_many_tokens() -> None:
    assert list(batches([10, 40, 20, 20, 5], 128, 60)) == [[1], [2, 3, 0], [4]]
    assert list(batches([10, 40, 20], 2)) == [[1, 2], [0]]
    assert list(batches([100], 128, 60)) == [[0]]
    assert list(batches([], 128, 60)) == []


def test_a_stop_string_ends_an_answer_and_nothing_before_it_changes(model: Path, tmp_path: Path) -> None:
    payload = {"model_dir": str(model), "prompts": _questions(), "max_new_tokens": 60}
    found = _run("with_stops", payload, tmp_path)
    assert found["stop"] and any(found["stop"] in text for text in found["whole"])
    assert found["stopped"] == [text.partition(found["stop"])[0] for text in found["whole"]]
    assert found["stopped_tokens"] < found["whole_tokens"]
    ended = [found["stop"] in text for text in found["whole"]]
    assert not any(limit for limit, stop in zip(found["limits"], ended, strict=True) if stop)
