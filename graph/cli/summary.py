"""Summary block at the end of a run: fixed keys in a fixed order, one ``key: value`` a line.

Made to be read by people and cut by ``grep``: the keys never change their order,
and a value that does not exist (the harness failed before the test was opened,
say) prints ``none`` rather than going missing. Only the lines about language models are
left out of a run that called none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graph.cli.printable import json_text
from tasks.base import Score

HEADER = "--- ftdojo summary ---"

KEYS = (
    "run",
    "task",
    "base_model",
    "policy",
    "seed",
    "outcome",
    "base_test",
    "final_test",
    "gain",
    "p_value",
    "kept",
    "discarded",
    "failed",
    "wall_seconds",
    "test_reads",
    "champion",
    "report",
)

CLAIM_KEYS = ("claim",)
"""After ``outcome``: the report's headline."""

BASELINE_KEYS = (
    "confirmation",
    "forgetting",
    "majority",
    "chance",
    "against_majority",
    "one_answer",
    "served_baseline",
)
"""After ``p_value``, where they were computed: how the search's candidate did on items kept apart, what the
champion lost of what the base can do beside the task, what the commonest answer alone and chance would score
(or that there is no such level, and why), the paired test of the champion against that answer, whether the
champion gives one answer to nearly all items, and what a served model scored on the same test."""

JUDGE_KEYS = ("judge", "not_judged")
"""After those, where a language model judged: how it did on known answers, and items that got no verdict."""

CHAIN_KEYS = ("accepted_changes", "journal_head")
"""After ``test_reads``: what had changed when a person let the run go on, and the digest that fixes its
journal (``ftdojo verify``)."""

MODEL_KEYS = ("decisions", "model_calls", "model_tokens", "model_usd")
"""After ``wall_seconds``, in a run that called a language model."""

DISK_KEYS = ("disk",)
"""After those, in a run that removed weights to keep its size: what it holds, and whose weights are gone."""

CLOCKS = ("think", "data", "train", "evaluate", "other")


def summary_lines(result: Mapping[str, Any]) -> list[str]:
    """The summary block, ready to print.

    Args:
        result: the keys of ``KEYS``; ``base_test`` and ``final_test`` are a ``Score`` or
            its dictionary, ``gain`` is in points, ``wall_seconds`` is a number, and
            ``clocks`` holds the seconds of each clock. Any of them may be missing or None.
            The keys of ``CLAIM_KEYS``, ``BASELINE_KEYS``, ``JUDGE_KEYS``, ``MODEL_KEYS``, ``DISK_KEYS`` and
            ``CHAIN_KEYS`` are printed where they are given.
    """
    return [HEADER, *(f"{key}: {line_of(key, result)}" for key in keys_of(result))]


def keys_of(result: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of a result's block, in their order."""
    keys: list[str] = []
    following = {
        "outcome": CLAIM_KEYS,
        "p_value": BASELINE_KEYS + JUDGE_KEYS,
        "wall_seconds": MODEL_KEYS + DISK_KEYS,
        "test_reads": CHAIN_KEYS,
    }
    for key in KEYS:
        keys += [key, *(extra for extra in following.get(key, ()) if result.get(extra) is not None)]
    return tuple(keys)


def summary_json(result: Mapping[str, Any]) -> str:
    """The same facts as one line of JSON, with scores as objects and ``none`` as null."""
    facts: dict[str, Any] = {key: _plain(result.get(key)) for key in keys_of(result)}
    facts["clocks"] = clocks_of(result)
    return json_text(facts)


def clocks_of(result: Mapping[str, Any]) -> dict[str, float]:
    """Seconds by clock; ``other`` is what no clock claimed of the wall time."""
    given = result.get("clocks") or {}
    clocks = {name: float(given.get(name, 0.0)) for name in CLOCKS}
    if "other" not in given and result.get("wall_seconds") is not None:
        clocks["other"] = max(0.0, float(result["wall_seconds"]) - sum(clocks.values()))
    return {name: round(seconds, 3) for name, seconds in clocks.items()}


def line_of(key: str, result: Mapping[str, Any]) -> str:
    """What stands behind one key, on one line; ``none`` for nothing."""
    value = result.get(key)
    if value is None or value == "":
        return "none"
    if key in ("base_test", "final_test"):
        return _score(value).text()
    if key in ("majority", "chance") and isinstance(value, Mapping) and "undefined" in value:
        return f"not defined ({value['undefined']})" if value["undefined"] else "not defined"
    if key == "majority":
        return f"{value['answer']!r} alone would score {float(value['score']):.1f}"
    if key in ("confirmation", "forgetting", "served_baseline"):
        return " ".join(str(value["text"]).split())
    if key == "chance":
        return f"{float(value):.1f}"
    if key == "accepted_changes":
        return " ".join("; ".join(map(str, value)).split())
    if key == "against_majority":
        return f"{value['delta']:+.1f} [{value['low']:+.1f}, {value['high']:+.1f}], p {value['p_value']:.3g}"
    if key == "one_answer":
        return one_answer_text(value)
    if key == "gain":
        return f"{float(value):+.1f}"
    if key == "p_value":
        return f"{float(value):.3g}"
    if key == "wall_seconds":
        clocks = ", ".join(f"{name} {seconds:.1f}" for name, seconds in clocks_of(result).items())
        return f"{float(value):.1f} ({clocks})"
    if key == "decisions":
        return f"llm {value['llm']}, playbook {value['playbook']} (taken over {value['taken_over']})"
    if key == "model_tokens":
        parts = ", ".join(f"{name} {value[name]}" for name in ("input", "cached", "output"))
        return f"{value['input'] + value['output']} ({parts})"
    if key == "model_usd":
        return f"{float(value):.4f}"
    return " ".join(str(value).split())


def one_answer_text(value: Mapping[str, Any]) -> str:
    """That a champion says nearly always the same."""
    share = f"{100 * float(value['share']):.0f}%"
    return f"the champion gives one answer, {value['answer']!r}, to {share} of the items"


def _score(value: Score | Mapping[str, Any]) -> Score:
    return value if isinstance(value, Score) else Score.model_validate(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Score):
        return value.model_dump(mode="json")
    if value is None or isinstance(value, bool | int | float | str | dict | list):
        return value
    return str(value)
