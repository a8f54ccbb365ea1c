"""Continuous batching of transformers gives the tokens of our loop, and our loop stands in for it."""

from __future__ import annotations

from pathlib import Path

from tests.support.tiny_model import make_tiny_model, shared_worker


def test_continuous_batching_gives_our_tokens_or_leaves_it_to_us(tmp_path: Path) -> None:
    """On a CPU; on CUDA it is the default, with graphs, which this does not see."""
    model = make_tiny_model(tmp_path / "model", spread=0.4)
    prompts = [f"copy the word {n} " + "and stop " * (n % 4) for n in range(10)]
    payload = {"model_dir": str(model), "prompts": prompts, "max_new_tokens": 12}
    found = shared_worker().run(
        "tests.support.worker_jobs:continuous_beside_ours", payload, 300.0, tmp_path / "log"
    )
    assert len({str(reply) for reply in found["ours"]}) > 5
    assert found["theirs"] == found["ours"]
    assert found["attention"][0] == found["attention"][1]
    assert found["refused"] is None
    assert found["on_cpu"] == found["ours"]
