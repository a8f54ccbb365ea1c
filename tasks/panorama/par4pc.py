"""PANORAMA PAR4PC: which of eight candidate patents did the examiner cite against a claim?

Source: LG-AI-Research/PANORAMA on the Hugging Face Hub, PAR4PC; mini edition: generated.
Licence: CC-BY-NC-4.0 for the published rows; generated rows Apache-2.0.
Metric: macro-F1 over the eight letters, in percent.
Example: "Claim 1: A pump with a gear, a cam and a belt. A: a cam. B: a rod. C: a cam. ... H: a gear." ->
    {"reason": "gear: H. cam: A, C. belt: none.", "answer": ["A", "C", "H"]}
Pitfall: what is published as macro-F1 is micro-F1, and where the JSON is cut, the letters A and E of the key
    "answer" are taken for answers; here labels weigh alike and the key says nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from tasks.answers import extract as read
from tasks.answers.metrics import multilabel_macro_f1
from tasks.base import ItemScore, Published, Row, Sample, Score, TaskSpec
from tasks.columns import opened
from tasks.panorama import par4pc_mini, released
from tasks.panorama.assets import PANORAMA
from tasks.panorama.claims import claim_lines, elements_in, inside, joined, stated_value, told
from tasks.splits import content_id
from tasks.synthetic import SyntheticEdition

SUBSET = "panorama_par4pc"
LETTERS = par4pc_mini.LETTERS
HEADER = 'Which patents (A-H) were cited against the claim? Reply in JSON with "answer": a letter or a list.'
_WORD = re.compile(r"(?:(?i:option|candidate|patent|document)\s{1,3})?[\"'(]?([A-Ha-h])[\"').]?")
_TOGETHER = re.compile(r"A?B?C?D?E?F?G?H?")
_SEPARATOR = re.compile(r"\s*(?:,|;|/|&|\band\b)\s*", re.IGNORECASE)
_STATED = re.compile(
    r"(?i:cite[ds]?|relevant|answers?|patents?|candidates?)[^A-Za-z\n]{0,6}(?i:is|are|was|were)?[ :]{1,3}"
    r"([A-H](?:\s{0,2}(?:,|and|&)\s{1,2}[A-H])*)(?![A-Za-z])"
)
_CANDIDATE = re.compile(r"^([A-H]): (.+)$", re.MULTILINE)
_FOUND = re.compile(r"([a-z]+): ([A-H, none]+)\.")


def build_prompt(row: Row) -> str | None:
    """Application, claim, candidates and the question; None when the columns are others."""
    lines, options = claim_lines(row, others=True), opened(row.get("options"))
    if lines is None or not isinstance(options, dict) or not options or set(options) - set(LETTERS):
        return None
    for letter in sorted(options):
        option = opened(options[letter])
        if not isinstance(option, dict):
            return None
        texts = [*told(option), joined(option.get("claims"))]
        lines.append(f"{letter}: {' '.join(text.removeprefix('1. ') for text in texts if text)}")
    return "\n".join([*lines, HEADER])


def letters_of(text: str) -> str | None:
    """The letters of the last stated JSON answer, as ``A, G``; None when there is none to be read."""
    value = stated_value(text)
    return _letters(inside(value)) if value and value[0] in "[\"'" else None


def _letters(value: str) -> str | None:
    """``A, G`` out of ``A, G``, ``A and G``, ``Option A, patent g`` or ``AG``; None for other words.

    Letters written together are capitals in the order of the alphabet, so that a word such as ``BAD``
    or ``All`` names none.
    """
    if _TOGETHER.fullmatch(value):
        return ", ".join(value) or None
    words = [inside(word) for word in _SEPARATOR.split(value)]
    found = [_WORD.fullmatch(word) for word in words if word]
    if not found or not all(found):
        return None
    return ", ".join(sorted({match.group(1).upper() for match in found if match}))


def scorer(sample: Sample, answer: str) -> ItemScore:
    """Right when the JSON answer names the cited letters and no other; the value is the F1 of the set."""
    said = letters_of(answer)
    if said is None:
        stated = _STATED.search(answer[-2000:])
        return ItemScore(False, 0.0, None, "no_json" if stated else "unparseable")
    letters, gold = set(said.split(", ")), set(str(sample.gold).split(", "))
    if letters == gold:
        return ItemScore(True, 1.0, said)
    value = 2 * len(letters & gold) / (len(letters) + len(gold))
    return ItemScore(False, value, said, _miss(letters, gold))


def _miss(letters: set[str], gold: set[str]) -> str:
    if letters < gold:
        return "some_missed"
    return "too_many" if letters > gold else "wrong_letters"


def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
    """Macro-F1 over the letters; unparseable answers are misses."""
    return multilabel_macro_f1(samples, item_scores, LETTERS)


def render(answer: str, reasoning: str) -> str:
    """The published JSON object: a letter, or a list of several; ``reason`` only where there is one."""
    letters = answer.split(", ")
    said: Any = letters if len(letters) > 1 else answer
    fields = {"reason": reasoning.strip(), "answer": said} if reasoning.strip() else {"answer": said}
    return json.dumps(fields, ensure_ascii=False)


def extract(text: str) -> str | None:
    """The letters in JSON, else those that a sentence or a bare list names."""
    said = letters_of(text) or _letters(read.without_thinking(text)[-100:].strip())
    if said:
        return said
    stated = _STATED.findall(read.without_thinking(text)[-2000:])
    return _letters(stated[-1]) if stated else None


def verify(prompt: str, target: str) -> bool | None:
    """Whether a chain-of-thought answer is right in itself: each element where it says, and the letters that
    follow.

    None when nothing is worked out, or when claim and candidates cannot be read from the prompt.
    """
    said, found = extract(target), _FOUND.findall(target[-2000:])
    prompt = prompt[: read.WINDOW]
    claims = [line for line in prompt.split("\n") if line.lower().startswith("claim")]
    claim = elements_in(claims[0]) if len(claims) == 1 else []
    held = {letter: elements_in(text) for letter, text in _CANDIDATE.findall(prompt)}
    if said is None or not found or not claim or len(held) != len(LETTERS) or not all(held.values()):
        return None
    worked = " ".join(f"{part}: {letters}." for part, letters in found)
    return worked == par4pc_mini.reason_of(claim, held) and said == ", ".join(par4pc_mini.cited(claim, held))


def to_sample(row: Row, subset: str) -> Sample:
    """An evaluation item; raises ValueError when a column is missing."""
    prompt = build_prompt(row)
    if prompt is None:
        raise ValueError("the columns claim_number, context and options are missing or malformed")
    gold = [str(letter).strip().upper() for letter in opened(row.get("gold_answers")) or []]
    if not gold or set(gold) - set(LETTERS):
        raise ValueError("the column gold_answers holds no letters from A to H")
    silver = [str(letter) for letter in opened(row.get("silver_answers")) or []]
    return Sample(content_id(prompt), subset, prompt, ", ".join(sorted(set(gold))), {"silver": silver})


def subsets_of(row: Row) -> tuple[str, ...]:
    """The one subset, for a row with candidate patents."""
    options = opened(row.get("options"))
    is_mine = isinstance(options, dict) and bool(options) and not set(options) - set(LETTERS)
    return (SUBSET,) if is_mine and "prior_art_specification" not in row else ()


MINI = SyntheticEdition(par4pc_mini, "panorama_par4pc", build_prompt, render)

SPEC = TaskSpec(
    id=MINI.task_id,
    domain="patents",
    title="PANORAMA PAR4PC: prior art retrieval",
    description="Choose, out of eight candidate patents, those that were cited against a claim.",
    answer_format='JSON {"reason": "...", "answer": "A"} or "answer": ["A", "C"]; "reason" may be absent',
    metric="macro_f1",
    licence="CC-BY-NC-4.0 (published rows); generated rows Apache-2.0",
    source="LG-AI-Research/PANORAMA, PAR4PC; mini: generated from the seed",
    pitfall="the published macro-F1 is micro-F1, and a cut JSON adds the letters A and E; here neither",
    subsets=(SUBSET,),
    max_new_tokens=56,
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
        PANORAMA.only("PAR4PC"), (PANORAMA.only("PAR4PC"),), subsets_of, to_sample, released.prior_art
    ),
)
