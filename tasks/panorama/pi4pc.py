"""PANORAMA PI4PC: which paragraph of a reference speaks most to a patent claim?

Source: LG-AI-Research/PANORAMA on the Hugging Face Hub, PI4PC; mini edition: generated.
Licence: CC-BY-NC-4.0 for the published rows; generated rows Apache-2.0.
Metric: gold hit rate, the share of answers that name a gold paragraph, in percent.
Example: "Claim 1: A pump with a gear. a fan. [12] a gear. [36] ..." -> {"reason": "gear: 36.", "answer": 36}
Pitfall: the published parser reads 9.7 as paragraph 9, true as 1, and in prose the first number it meets, be
    it a patent's; here the last stated answer counts and must be a whole number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from tasks.answers import extract as read
from tasks.answers.metrics import accuracy
from tasks.base import ItemScore, Published, Row, Sample, Score, TaskSpec
from tasks.columns import opened
from tasks.panorama import pi4pc_mini, released
from tasks.panorama.assets import PANORAMA
from tasks.panorama.claims import claim_lines, claimed, elements_in, inside, joined, stated_value, told
from tasks.splits import content_id
from tasks.synthetic import SyntheticEdition

SUBSET = "panorama_pi4pc"
HEADER = 'Which paragraph is the most relevant to the claim? Reply in JSON with "answer": its number.'
_WHOLE = re.compile(r"0{0,9}(\d{1,9})(?:\.0{1,9})?", re.ASCII)
_STATED = re.compile(
    r"(?i:paragraph|answer|key|see)[^\w\n]{0,6}(?i:is|number|no)?[^\w\n]{0,4}(\d{1,9})(?![\w.]\d)"
)
_PARAGRAPH = re.compile(r"^(.+) \[(\d{1,9})\][ ]*$", re.MULTILINE)
_FOUND = re.compile(r"[a-z]+: [\d, none]+\.")


def build_prompt(row: Row) -> str | None:
    """Claim, reference, paragraphs and the question; None when the columns are others."""
    lines, options = claim_lines(row), opened(row.get("options"))
    reference = opened(row.get("prior_art_specification"))
    if lines is None or not isinstance(options, dict) or not options or not isinstance(reference, dict):
        return None
    lines += [f"Reference: {text}" for text in (*told(reference), claimed(reference)) if text]
    lines += [f"{joined([text])} [{key}]" for key, text in options.items()]
    return "\n".join([*lines, HEADER])


def key_of(text: str) -> str | None:
    """The whole number that the last stated JSON answer is, in brackets or not; None for anything else."""
    whole = _WHOLE.fullmatch(inside(stated_value(text) or ""))
    return str(int(whole.group(1))) if whole else None


def scorer(sample: Sample, answer: str) -> ItemScore:
    """Right when the JSON answer is the number of a gold paragraph."""
    said = key_of(answer)
    if said is None:
        return ItemScore(False, 0.0, None, "no_json" if _STATED.search(answer[-2000:]) else "unparseable")
    if said in str(sample.gold).split(", "):
        return ItemScore(True, 1.0, said)
    if said in [str(key) for key in sample.meta.get("silver", ())]:
        return ItemScore(False, 0.0, said, "silver_paragraph")
    known = said in [str(key) for key in sample.meta.get("keys", ())]
    return ItemScore(False, 0.0, said, "other_paragraph" if known else "no_such_paragraph")


def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
    """The gold hit rate with its Wilson interval."""
    return accuracy(samples, item_scores, "gold_hit_rate")


def render(answer: str, reasoning: str) -> str:
    """The published JSON object with the first of the paragraphs; ``reason`` only where there is one."""
    first = answer.split(", ")[0]
    said = int(first) if first.isdecimal() else first
    fields = {"reason": reasoning.strip(), "answer": said} if reasoning.strip() else {"answer": said}
    return json.dumps(fields, ensure_ascii=False)


def extract(text: str) -> str | None:
    """The number in JSON, alone, or named as the paragraph by a sentence."""
    said = key_of(text)
    if said is not None:
        return said
    text = read.without_thinking(text)[-2000:]
    bare = _WHOLE.fullmatch(inside(text))
    if bare:
        return str(int(bare.group(1)))
    stated = _STATED.findall(text)
    return str(int(stated[-1])) if stated else None


def verify(prompt: str, target: str) -> bool | None:
    """Whether a chain-of-thought answer is right in itself: the elements where it says, and the paragraph
    that follows.

    None when nothing is worked out, or when claim and paragraphs cannot be read from the prompt.
    """
    said, found = extract(target), _FOUND.findall(target[-2000:])
    prompt = prompt[: read.WINDOW]
    claims = [line for line in prompt.split("\n") if line.lower().startswith("claim")]
    claim = elements_in(claims[0]) if len(claims) == 1 else []
    paragraphs = {key: elements_in(text) for text, key in _PARAGRAPH.findall(prompt)}
    if said is None or not found or not claim or not paragraphs or not all(paragraphs.values()):
        return None
    return " ".join(found) == pi4pc_mini.reason_of(claim, paragraphs) and said == pi4pc_mini.best(
        claim, paragraphs
    )


def to_sample(row: Row, subset: str) -> Sample:
    """An evaluation item; raises ValueError when a column is missing."""
    prompt = build_prompt(row)
    if prompt is None:
        raise ValueError(
            "the columns claim_number, context, prior_art_specification and options are missing or malformed"
        )
    gold = [str(key).strip() for key in opened(row.get("gold_answers")) or []]
    if not gold or not all(key.isdigit() for key in gold):
        raise ValueError("the column gold_answers holds no paragraph numbers")
    silver = [str(key) for key in opened(row.get("silver_answers")) or []]
    keys = [str(key) for key in opened(row.get("options"))]
    return Sample(content_id(prompt), subset, prompt, ", ".join(gold), {"silver": silver, "keys": keys})


def subsets_of(row: Row) -> tuple[str, ...]:
    """The one subset, for a row with the paragraphs of one reference."""
    return (SUBSET,) if "prior_art_specification" in row and "options" in row else ()


MINI = SyntheticEdition(pi4pc_mini, "panorama_pi4pc", build_prompt, render)

SPEC = TaskSpec(
    id=MINI.task_id,
    domain="patents",
    title="PANORAMA PI4PC: paragraph identification",
    description="Name the paragraph of a reference that is the most relevant to a patent claim.",
    answer_format='JSON {"reason": "...", "answer": N} with N a paragraph\'s number; "reason" may be absent',
    metric="gold_hit_rate",
    licence="CC-BY-NC-4.0 (published rows); generated rows Apache-2.0",
    source="LG-AI-Research/PANORAMA, PI4PC; mini: generated from the seed",
    pitfall="published: 9.7 is paragraph 9 and any number in prose counts; here a whole number in JSON",
    subsets=(SUBSET,),
    max_new_tokens=48,
    scorer=scorer,
    aggregate=aggregate,
    render=render,
    extract=extract,
    verify=verify,
    build_prompt=build_prompt,
    mini=MINI,
    answer_column="gold_answers",
    reasoning_column="reason",
    published=Published(
        PANORAMA.only("PI4PC"), (PANORAMA.only("PI4PC"),), subsets_of, to_sample, released.paragraphs
    ),
)
