"""PANORAMA NOC4PC: is a patent claim allowable, anticipated (102) or obvious (103)?

Source: LG-AI-Research/PANORAMA on the Hugging Face Hub, NOC4PC; mini edition: generated.
Licence: CC-BY-NC-4.0 for the published rows; generated rows Apache-2.0.
Metric: macro-F1 over the labels ALLOW, 102 and 103, in percent.
Example: "Claim 1: A pump with a gear and a cam. D1: A lamp with a cam, a fan and a rod. D2: A cart with
    a gear, a seal and a tank." -> {"reason": "D1: cam. D2: gear. Missing: none.", "code": "103"}
Pitfall: the published score leaves unparseable answers out, which rewards silence on hard claims, and reads
    any number that contains 102 as that code; here an unparseable answer is wrong and the JSON field decides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from tasks.answers import extract as read
from tasks.answers.metrics import macro_f1
from tasks.base import ItemScore, Published, Row, Sample, Score, TaskSpec
from tasks.columns import opened, pluck
from tasks.panorama import noc4pc_mini, released
from tasks.panorama.assets import PANORAMA
from tasks.panorama.claims import claim_lines, claimed, joined, told
from tasks.splits import content_id
from tasks.synthetic import SyntheticEdition

LABELS = noc4pc_mini.LABELS

HEADER = 'Is the claim allowable over the references? Reply in JSON with "code": ALLOW, 102 or 103.'
_LABEL = re.compile(r"(?<![\w.])(ALLOW|102|103)(?![\w])")
_CUT_CODE = re.compile(r"""["']code["']\s{0,9}:\s{0,9}["']?(ALLOW|102|103)(?!\w)""")
_ALLOWED = re.compile(r"\b(not\s+|cannot\s+be\s+|never\s+)?allow(?:ed|able)?\b", re.IGNORECASE)
_CLAIM = re.compile(r"^claim \d+:.*? (?:with|having) (.+)$", re.MULTILINE)
_REFERENCE = re.compile(r"^d(\d):.*? (?:with|having) (.+)$", re.MULTILINE)
_FOUND = re.compile(r"D(\d): ([a-z, ]+)\.")
_MISSING = re.compile(r"Missing: ([a-z, ]+)\.")
_PART = re.compile(r"\ba ([a-z]+)")


def build_prompt(row: Row) -> str | None:
    """Claim and cited passages of a row in the published columns (nested, or kept as JSON strings)."""
    lines, cited = claim_lines(row), opened(row.get("prior_art_specifications"))
    if lines is None or not isinstance(cited, list):
        return None
    references = [opened(reference) for reference in cited]
    lines += [f"D{i}: {_passages(held)}" for i, held in enumerate(references, 1) if isinstance(held, dict)]
    return "\n".join([*lines, HEADER])


def _passages(reference: dict[str, Any]) -> str:
    """The reference's title, abstract and claims where they say something, then its cited paragraphs."""
    cited = opened(reference.get("paragraphs")) or []
    texts = [joined([p.get("content", "")]) for p in cited if isinstance(p, dict)]
    said = [*told(reference), claimed(reference), *texts]
    return " ".join(text for text in said if text) or joined([reference.get("abstract", "")])


def _label(text: str) -> str | None:
    """The label in the JSON field ``code``, cut off or not, or as the whole answer."""
    value = read.json_field(text, ("code",))
    if value is not None:
        value = value.strip().upper().removesuffix("ED")
        return value if value in LABELS else None
    text = read.without_thinking(text)
    cut = _CUT_CODE.findall(text)
    if cut:
        return str(cut[-1])
    bare = text.strip().strip("\"'`*.").upper()
    return bare if bare in LABELS else None


def scorer(sample: Sample, answer: str) -> ItemScore:
    """Right when the JSON field ``code`` holds the gold label."""
    said = _label(answer)
    if said is None:
        return ItemScore(False, 0.0, None, "no_code" if _LABEL.search(answer[-2000:]) else "unparseable")
    gold = str(sample.gold)
    if said == gold:
        return ItemScore(True, 1.0, said)
    return ItemScore(False, 0.0, said, f"{gold}_as_{said}")


def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
    """Macro-F1 over the three labels; unparseable answers are misses."""
    return macro_f1(samples, item_scores, LABELS)


def render(answer: str, reasoning: str) -> str:
    """The published JSON object; ``reason`` only where there is one."""
    fields = {"reason": reasoning.strip(), "code": answer} if reasoning.strip() else {"code": answer}
    return json.dumps(fields, ensure_ascii=False)


def extract(text: str) -> str | None:
    """The label in JSON, else the last code that a sentence names, else whether it says ``allowed``."""
    said = _label(text)
    if said is not None:
        return said
    text = read.without_thinking(text)
    named = _LABEL.findall(text)
    if named:
        return str(named[-1])
    allowed = list(_ALLOWED.finditer(text))
    return "ALLOW" if allowed and not allowed[-1].group(1) else None


def verify(prompt: str, target: str) -> bool | None:
    """Whether a chain-of-thought answer is right in itself: the elements it names are there, and the code
    follows.

    None when nothing is worked out, or when claim and references cannot be read from the prompt.
    """
    code, found = extract(target), dict(_FOUND.findall(target[-2000:]))
    if code is None or not found:
        return None
    prompt = re.sub(r"[ \t]+", " ", prompt[: read.WINDOW].lower())
    claims, cited = _CLAIM.findall(prompt), dict(_REFERENCE.findall(prompt))
    claim = _PART.findall(claims[0]) if len(claims) == 1 else []
    if not claim or not cited or set(found) - set(cited):
        return None
    held = {number: [part for part in claim if part in _PART.findall(text)] for number, text in cited.items()}
    named = {number: _named(text) for number, text in found.items()}
    missing = _MISSING.findall(target[-2000:])
    absent = [part for part in claim if not any(part in parts for parts in held.values())]
    return (
        all(set(named.get(number, [])) == set(parts) for number, parts in held.items())
        and (not missing or set(_named(missing[-1])) == set(absent))
        and code == noc4pc_mini.code_of(claim, list(held.values()))
    )


def _named(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip() not in ("", "none")]


def to_sample(row: Row, subset: str) -> Sample:
    """An evaluation item; raises ValueError when a column is missing."""
    prompt, gold = build_prompt(row), (pluck(row, "answer.code") or "").strip().upper()
    if prompt is None:
        raise ValueError(
            "the columns claim_number, context and prior_art_specifications are missing or malformed"
        )
    if gold not in LABELS:
        raise ValueError(f"the column answer holds the code {gold!r}, not one of {', '.join(LABELS)}")
    return Sample(content_id(prompt), subset, prompt, gold)


def subsets_of(row: Row) -> tuple[str, ...]:
    """The one subset, for a row with cited references."""
    return ("panorama_noc4pc",) if "prior_art_specifications" in row else ()


MINI = SyntheticEdition(noc4pc_mini, "panorama_noc4pc", build_prompt, render)

SPEC = TaskSpec(
    id=MINI.task_id,
    domain="patents",
    title="PANORAMA NOC4PC: novelty and obviousness",
    description="Is a claim allowable (ALLOW), anticipated by one reference (102) or obvious (103)?",
    answer_format='JSON {"reason": "...", "code": "ALLOW" | "102" | "103"}; "reason" may be absent',
    metric="macro_f1",
    licence="CC-BY-NC-4.0 (published rows); generated rows Apache-2.0",
    source="LG-AI-Research/PANORAMA, NOC4PC; mini: generated from the seed",
    pitfall="the published score drops unparseable answers; here they are wrong",
    subsets=("panorama_noc4pc",),
    max_new_tokens=48,
    scorer=scorer,
    aggregate=aggregate,
    render=render,
    extract=extract,
    verify=verify,
    build_prompt=build_prompt,
    mini=MINI,
    answer_column="answer.code",
    reasoning_column="answer.reason",
    published=Published(
        PANORAMA.only("NOC4PC"), (PANORAMA.only("NOC4PC"),), subsets_of, to_sample, released.novelty
    ),
)
