"""One run of the product as a line of a developers' bench: what its sealed test says, and what it cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graph.run import run
from graph.settings import RunSettings
from memory.journal.log import Journal
from tasks.base import Score


def scores(base: Score, final: Score) -> dict[str, Any]:
    """What a result says of the sealed test: of the base, and of what was trained, with its interval."""
    return {
        "base": base.text(),
        "base_value": base.value,
        "score": final.text(),
        "value": final.value,
        "low": final.low,
        "high": final.high,
    }


def by_agent(settings: RunSettings, without: Sequence[str] = ()) -> dict[str, Any]:
    """One run of the agent, perhaps without some of its parts, with what it cost in orchestration."""
    started = time.monotonic()
    summary = run(settings, without=without)
    run_dir = Path(settings.runs_dir) / str(summary["run"])
    journal = Journal.open(run_dir / "journal.jsonl", write=False)
    champion = journal.champion_id()
    base, final = journal.test_evaluation("base"), journal.test_evaluation(champion)
    comparison = journal.stage(champion, "test_comparison")
    assert base is not None and final is not None and comparison is not None
    clocks = journal.clocks
    finished = len(journal.experiments())
    return {
        **scores(base.score, final.score),
        "champion": champion,
        "p_value": comparison["p_value"],
        "experiments": finished,
        "counts": journal.counts(),
        "outcome": summary["outcome"],
        "seconds": round(time.monotonic() - started, 1),
        "orchestration_seconds_per_experiment": round(
            (clocks.get("think", 0.0) + clocks.get("other", 0.0)) / max(finished, 1), 2
        ),
        "clocks": clocks,
        "run": str(run_dir),
    }
