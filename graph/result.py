"""Result of a run, gathered from its journal: the mapping behind the summary block."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from memory.budget.usage import accounts, usages
from memory.calibration import count_decisions, decisions
from memory.claim import claim, forgetting_text, majority_score
from memory.confirmation import NO_GAIN
from memory.journal.evidence import accepted_changes
from memory.journal.log import BASE, Journal
from tools.disk import size_text, used_bytes


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
        "policy": info.policy,
        "seed": info.seed,
        "outcome": ended["outcome"] if ended else None,
        "reason": ended["reason"] if ended else None,
        "claim": claim(journal)[1],
        "base_test": base.score.model_dump(mode="json") if base else None,
        "final_test": final.score.model_dump(mode="json") if final else None,
        "gain": comparison["delta"] if comparison else None,
        "p_value": comparison["p_value"] if comparison and champion != BASE else None,
        **baseline_facts(journal),
        **({"served_baseline": journal.served_baseline} if journal.served_baseline else {}),
        **judge_facts(journal),
        **confirmation_facts(journal),
        **forgetting_facts(journal),
        **journal.counts(),
        "wall_seconds": clocks.get("elapsed"),
        "clocks": {name: seconds for name, seconds in clocks.items() if name != "elapsed"},
        **model_facts(journal),
        **({"disk": disk_text(journal)} if journal.pruned else {}),
        "test_reads": journal.test_reads,
        **({"accepted_changes": list(accepted)} if (accepted := accepted_changes(journal)) else {}),
        "journal_head": journal.head,
        "champion": str(champion_dir) if champion_dir and champion != BASE else champion,
        "report": str(report) if report else None,
    }


def disk_text(journal: Journal) -> str:
    """What the run's folder holds, and whose weights were removed for it."""
    used = size_text(used_bytes(journal.path.parent))
    return f"{used}; the weights of {', '.join(journal.pruned)} were removed"


def confirmation_facts(journal: Journal) -> dict[str, Any]:
    """What the items kept apart say of the search's candidate; nothing in runs of earlier versions."""
    found = journal.confirmation
    if found is None:
        tested = any(event.kind == "candidate_chosen" for event in journal.events)
        above = "what scored above the base forgot more than its budget"
        text = f"{NO_GAIN}; {above if journal.over_budget else 'nothing scored above the base'}"
        return {"confirmation": {"text": text}} if tested else {}
    facts: dict[str, Any] = {"candidate": found.candidate, "confirmed": found.confirmed, "text": found.text()}
    if found.looks:
        keys = ("delta", "low", "high", "p_value", "n")
        facts |= {key: getattr(found.looks[-1].comparison, key) for key in keys}
    return {"confirmation": facts}


def forgetting_facts(journal: Journal) -> dict[str, Any]:
    """What the champion forgot, and what was not kept for it; nothing in runs of earlier versions."""
    text = forgetting_text(journal)
    if not text:
        return {}
    found = journal.forgetting(journal.champion_id())
    facts = found.model_dump(mode="json") if found else {}
    return {"forgetting": {"text": text, **facts, "over_budget": [e.id for e in journal.over_budget]}}


def baseline_facts(journal: Journal) -> dict[str, Any]:
    """What answering without a model would score on the sealed test; nothing before it was read."""
    found = journal.baselines
    if found is None:
        return {}
    undefined = found.get("undefined") or {}
    levels = {
        "majority": found["majority"] if majority_score(found) is not None else None,
        "chance": found["chance"],
    }
    missing = {
        name: {"undefined": undefined.get(name, "")} for name, level in levels.items() if level is None
    }
    later = {name: found.get(name) for name in ("one_answer", "against_majority")}
    return levels | missing | later


def judge_facts(journal: Journal) -> dict[str, Any]:
    """How a language model that judged answers did on known ones, and what it left unjudged."""
    found = journal.judge
    if found is None:
        return {}
    lost = [f"{each['experiment']}, {each['split']}: {each['text']}" for each in journal.unjudged]
    return {"judge": found["text"], "not_judged": "; ".join(lost) or None}


def model_facts(journal: Journal) -> dict[str, Any]:
    """Decisions by policy, and what language models were asked and cost; nothing where there was none."""
    facts: dict[str, Any] = {}
    if made := decisions(journal):
        count = count_decisions(made)
        facts["decisions"] = {
            "llm": count.llm,
            "playbook": count.playbook,
            "taken_over": count.taken_over,
            "repaired": count.repaired,
        }
    if account := accounts(usages(journal), lambda usage: "all").get("all"):
        facts["model_calls"] = account.calls
        facts["model_tokens"] = {
            "input": account.input_tokens,
            "cached": account.cached_tokens,
            "output": account.output_tokens,
        }
        facts["model_usd"] = round(account.usd, 6)
    return facts
