"""What a run came to, gathered from its journal: the mapping behind the summary block."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from memory.journal import BASE, Journal


def result_of(journal: Journal, champion_dir: Path | None, report: Path | None) -> dict[str, Any]:
    """The summary's keys, JSON-plain; keys without a value are None."""
    champion = journal.champion_id()
    base, final = journal.test_evaluation(BASE), journal.test_evaluation(champion)
    comparison = journal.stage(champion, "test_comparison")
    ended, info, clocks = journal.ended, journal.info, journal.clocks
    return {
        "run": info.run,
        "task": info.task,
        "base_model": info.base_model,
        "mind": info.mind,
        "seed": info.seed,
        "outcome": ended["outcome"] if ended else None,
        "reason": ended["reason"] if ended else None,
        "base_test": base.score.model_dump(mode="json") if base else None,
        "final_test": final.score.model_dump(mode="json") if final else None,
        "gain": comparison["delta"] if comparison else None,
        "p_value": comparison["p_value"] if comparison and champion != BASE else None,
        **journal.counts(),
        "wall_seconds": clocks.get("elapsed"),
        "clocks": {name: seconds for name, seconds in clocks.items() if name != "elapsed"},
        "test_reads": journal.test_reads,
        "champion": str(champion_dir) if champion_dir and champion != BASE else champion,
        "report": str(report) if report else None,
    }
