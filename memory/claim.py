"""Claim of a run: what its sealed test showed, in one honest sentence, and the levels that need no model.

The report's headline, the summary and the model card say the same, because it is made here, from the journal.
A gain over the base model is not called one while giving every item the commonest answer would do as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from memory.journal.log import BASE, Journal
from memory.records import Comparison

SIGNIFICANT = 0.05
"""Two-sided level of the claim that the reader sees."""
LARGE_SHARE = 0.5
"""Share of replies from which it is told which one answer they are."""
Tone = Literal["gained", "open", "worse"]


def claim(journal: Journal) -> tuple[Tone, str]:
    """What the run showed, as (tone, one sentence)."""
    final = final_comparison(journal)
    if final is None:
        return "open", _not_tested(journal)
    if final.challenger == BASE:
        tested, over = journal.confirmation, _over_budget(journal)
        nothing = f"{over} So" if over else "No experiment beat the base model, so"
        why = f"{tested.text()}. So" if tested else nothing
        return "open", f"{why[0].upper()}{why[1:]} the base model stands and nothing is claimed."
    base, champion = journal.test_evaluation(BASE), journal.test_evaluation(final.challenger)
    drawn = f" of {champion.drawn_from}" if champion and champion.drawn_from else ""
    items = f"{final.n}{drawn} sealed test items" + (", drawn at random: time was short" if drawn else "")
    facts = f"{_spread(final.delta, final.low, final.high, final.p_value)}, {items}"
    scores = f"from {base.score.value:.1f} to {champion.score.value:.1f}" if base and champion else ""
    if final.p_value >= SIGNIFICANT:
        return "open", f"No gain was shown: the score went {scores}, which chance can explain ({facts})."
    if final.delta <= 0:
        return "worse", f"The model got worse: {scores} ({facts}); keep the base model."
    if (empty := _no_better_than_one_answer(journal, f"the score went {scores} ({facts})")) is not None:
        return "open", empty
    said = (journal.baselines or {}).get("one_answer")
    more = (
        f" It gives one answer, {said['answer']!r}, to {_percent(said['share'])} of the items."
        if said
        else ""
    )
    return "gained", f"The model got better: {scores} ({facts}).{more}"


def _over_budget(journal: Journal) -> str:
    """That a model was ahead and forgot too much; empty where none was."""
    found = journal.over_budget
    if not found:
        return ""
    best = max(found, key=lambda e: e.comparison.delta if e.comparison else 0.0)
    assert best.comparison is not None and best.forgetting is not None
    return (
        f"{best.id} was {best.comparison.delta:+.1f} over {best.comparison.champion} on validation and "
        f"forgot more than its budget ({best.forgetting.text()})."
    )


def forgetting_text(journal: Journal) -> str:
    """What the champion's training cost beside the task, or why nothing is known of it; empty in runs of
    earlier versions."""
    champion, base = journal.champion_id(), journal.general
    found = journal.forgetting(champion) if champion != BASE else None
    over = _over_budget(journal)
    told = f"{champion} lies {found.text()}" if found else ""
    if not told and base is not None and not base.measurable:
        told = base.text()
    return " ".join(part for part in (f"{told}." if told else "", over) if part)


def _no_better_than_one_answer(journal: Journal, gain: str) -> str | None:
    """The sentence for a champion that does not beat the commonest answer alone; None for one that does.

    Runs of earlier versions made no paired test against it: theirs go by the two scores.
    """
    levels = journal.baselines
    champion = journal.test_evaluation(journal.champion_id())
    if levels is None or champion is None or (score := majority_score(levels)) is None:
        return None
    paired = levels.get("against_majority")
    sign = 1.0 if champion.score.higher_is_better else -1.0
    delta = float(paired["delta"]) if paired else sign * (champion.score.value - score)
    significant = paired is None or float(paired["p_value"]) < SIGNIFICANT
    if delta > 0 and significant:
        return None
    tested = (
        f", {_spread(delta, paired['low'], paired['high'], paired['p_value'])} against it" if paired else ""
    )
    alone = f"{levels['majority']['answer']!r} to every item would score {score:.1f}{tested}"
    if one := levels.get("one_answer"):
        start = "The champion only repeats one answer"
        share = f": it says {one['answer']!r} to {_percent(one['share'])} of the items"
    else:
        start = "Worse than" if paired and significant else "No better than"
        start, share = f"{start} the commonest answer alone", _share_of_commonest(levels)
    return f"{start}{share}; {alone}. Against the base model {gain}."


def _share_of_commonest(levels: Mapping[str, Any]) -> str:
    said = levels.get("commonest")
    if not said or said["share"] < LARGE_SHARE:
        return ""
    return f": the champion says {said['answer']!r} to {_percent(said['share'])} of the items"


def levels_text(journal: Journal) -> tuple[str, ...]:
    """Sentences on answering without a model; empty where the sealed test was not read."""
    levels = journal.baselines
    if levels is None:
        return ()
    lines = [f"On the sealed test {majority_text(levels)}, and chance {chance_text(levels)}."]
    champion, score = journal.test_evaluation(journal.champion_id()), majority_score(levels)
    said = levels.get("one_answer")
    if said is not None:
        lines.append(
            f"The champion gives one answer, {said['answer']!r}, to {_percent(said['share'])} of the items."
        )
    elif share := _share_of_commonest(levels):
        lines.append(f"T{share[3:]}.")
    if paired := levels.get("against_majority"):
        spread = _spread(paired["delta"], paired["low"], paired["high"], paired["p_value"])
        lines.append(f"Against the commonest answer alone the champion has {spread}.")
    elif champion is not None and score is not None and champion.score.value <= score and said is None:
        lines.append("The champion scores no more than that answer alone.")
    if beside := journal.served_baseline:
        lines.append(f"Beside: {beside['text']}.")
    return (*lines, *_judge_lines(journal))


def _judge_lines(journal: Journal) -> list[str]:
    """How the judge did on known answers, where there was one, and what of the sealed test it left out."""
    if journal.judge is None:
        return []
    lost = [each for each in journal.unjudged if each["split"] == "test"]
    return [
        f"J{journal.judge['text'][1:]}.",
        *(f"Sealed test, {e['experiment']}: {e['text']}." for e in lost),
    ]


def majority_score(levels: Mapping[str, Any]) -> float | None:
    """What the commonest answer alone scores; None where that is not defined."""
    majority = levels.get("majority")
    return float(majority["score"]) if majority and majority.get("score") is not None else None


def majority_text(levels: Mapping[str, Any]) -> str:
    """``the commonest answer alone ('no') would score 95.0``."""
    score = majority_score(levels)
    if score is None:
        return f"the commonest answer alone {_undefined(levels, 'majority')}"
    return f"the commonest answer alone ({levels['majority']['answer']!r}) would score {score:.1f}"


def chance_text(levels: Mapping[str, Any]) -> str:
    """``90.5``, or that there is no such level and why."""
    chance = levels.get("chance")
    return f"{float(chance):.1f}" if chance is not None else _undefined(levels, "chance")


def _undefined(levels: Mapping[str, Any], level: str) -> str:
    why = (levels.get("undefined") or {}).get(level, "")
    return f"is not defined ({why})" if why else "is not defined"


def p_text(p_value: float) -> str:
    """``p = 0.034``, or ``p < 0.0001`` where more digits mean nothing."""
    text = "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.2g}"
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def final_comparison(journal: Journal) -> Comparison | None:
    """The paired comparison on the sealed test; None before it was read."""
    data = journal.stage(journal.champion_id(), "test_comparison")
    return None if data is None else Comparison.model_validate(data)


def ending(journal: Journal) -> str:
    """How the run ended and why, in words; ``unfinished`` while it has not."""
    if journal.ended is None:
        return "unfinished"
    reason = str(journal.ended.get("reason") or "")
    return _outcome(journal.ended) + (f": {reason}" if reason else "")


def _not_tested(journal: Journal) -> str:
    ended = journal.ended
    state = "The run is unfinished" if ended is None else f"The run ended as {_outcome(ended)}"
    champion = journal.best()
    if champion is None or champion.evaluation is None or journal.base_evaluation is None:
        return f"{state} and the sealed test was not read: nothing is claimed yet."
    before, after = journal.base_evaluation.score.value, champion.evaluation.score.value
    return (
        f"{state} and the sealed test was not read: nothing is claimed yet. "
        f"On validation, which chose the champion, the score went from {before:.1f} to {after:.1f}."
    )


def _outcome(ended: Mapping[str, Any]) -> str:
    return str(ended.get("outcome") or "ended").replace("_", " ")


def _spread(delta: float, low: float, high: float, p_value: float) -> str:
    return f"{delta:+.1f} points, 95% interval {low:+.1f} to {high:+.1f}, {p_text(p_value)}"


def _percent(share: float) -> str:
    return f"{100 * float(share):.0f}%"
