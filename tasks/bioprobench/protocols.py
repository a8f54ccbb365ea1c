"""BioProBench, whole protocols: put shuffled steps in order (ORD), write a protocol (GEN).

Source: bowenxian/BioProBench on the Hugging Face Hub, `ORD_test.json` and `GEN_test.json`; no mini edition.
Licence: CC BY 4.0 by its card on the Hub; the repository of its code says CC BY-NC 4.0.
Metric: exact order (ORD), the F of ROUGE-L against the reference steps (GEN), in percent.
Example: "0. Dry the gel 1. Pour the gel" -> "[ANSWER_START][1, 0][ANSWER_END]"
Pitfall: a step may stand twice in a protocol, so orders are compared by the texts that they name; ROUGE-L
    rewards shared words, not a protocol that works.

The prompts are in our own words, as the released ones are not on record; the answer marks are theirs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from tasks.answers import extract as read
from tasks.answers.metrics import accuracy
from tasks.answers.rouge import rouge_l
from tasks.base import ItemScore, Published, Row, Sample, Score, TaskSpec
from tasks.bioprobench import released
from tasks.bioprobench.assets import BIOPROBENCH
from tasks.bioprobench.steps import END, LONGEST, START, marked, render, text_of, texts_of, unverified
from tasks.splits import content_id

ORD, GEN = "bioprobench_ord", "bioprobench_gen"
SHOWN = 2_000
"""Characters of an answer that an item score keeps."""

_ORDER = re.compile(r"\[\s{0,9}(\d{1,3}(?:\s{0,9},\s{0,9}\d{1,3}){0,199})\s{0,9}\]")
_NUMBER = re.compile(r"\d{1,3}")
_BARE_ORDER = re.compile(r"\d{1,3}(?:\s{0,9},\s{0,9}\d{1,3}){1,199}")


# -- ORD: the order of the steps --------------------------------------------------------------------


def ord_prompt(row: Row) -> str | None:
    """The title and the numbered steps in the wrong order; None without the published columns."""
    try:
        question, steps = text_of(row, "question"), texts_of(row, "wrong_steps")
    except ValueError:
        return None
    numbered = "\n".join(f"{place}. {step}" for place, step in enumerate(steps))
    return (
        f"{question}\n\n{numbered}\n\nWrite the numbers of the steps in the correct order, as a list such as "
        f"[2, 0, 1], between {START} and {END}."
    )


def places(wrong: Sequence[str], correct: Sequence[str]) -> list[int]:
    """Where each step of the correct order stands in the wrong one; raises ValueError on other steps."""
    left = list(enumerate(wrong))
    order = []
    for step in correct:
        found = next((pair for pair in left if pair[1] == step), None)
        if found is None:
            raise ValueError("`correct_steps` are not the steps of `wrong_steps`")
        left.remove(found)
        order.append(found[0])
    if left:
        raise ValueError("`correct_steps` are fewer than `wrong_steps`")
    return order


def ord_sample(row: Row, subset: str) -> Sample:
    """The item of a published row; raises ValueError where a column is missing."""
    prompt, wrong, correct = ord_prompt(row), texts_of(row, "wrong_steps"), texts_of(row, "correct_steps")
    if prompt is None:
        raise ValueError("there is no text in `question`")
    return Sample(content_id(prompt), subset, prompt, json.dumps(places(wrong, correct)), {"steps": wrong})


def order_in(text: str) -> str | None:
    """The last list of numbers of the marked answer, else of the whole text, in JSON; None without one."""
    said = marked(text)
    bare = (read.without_thinking(text) if said is None else said)[-LONGEST:]
    found = [match.group(1) for match in _ORDER.finditer(bare)]
    whole = _BARE_ORDER.fullmatch(bare.strip())
    if not found and whole is None:
        return None
    listed = found[-1] if found else bare
    return json.dumps([int(number) for number in _NUMBER.findall(listed)])


def ord_scorer(sample: Sample, answer: str) -> ItemScore:
    """Right when the numbers name every step once, in the correct order."""
    said = order_in(answer)
    if said is None:
        return ItemScore(False, 0.0, None, "unparseable")
    steps, order, gold = sample.meta["steps"], json.loads(said), json.loads(sample.gold)
    if sorted(order) != list(range(len(steps))):
        return ItemScore(False, 0.0, said, "not_every_step_once")
    right = [steps[place] for place in order] == [steps[place] for place in gold]
    return ItemScore(right, float(right), said, "" if right else "wrong_order")


def ord_overall(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
    """The share of exact orders with its Wilson interval."""
    return accuracy(samples, item_scores, "exact_match")


# -- GEN: a protocol in words -----------------------------------------------------------------------


def gen_prompt(row: Row) -> str | None:
    """The published role, question and instruction; None without those columns."""
    try:
        asked, how = text_of(row, "input"), text_of(row, "instruction")
    except ValueError:
        return None
    role = str(row.get("system_prompt") or "").strip()
    parts = [role, asked, how, f"Write the protocol between {START} and {END}."]
    return "\n\n".join(part for part in parts if part)


def gen_sample(row: Row, subset: str) -> Sample:
    """The item of a published row; raises ValueError where a column is missing."""
    prompt, steps = gen_prompt(row), row.get("output")
    if prompt is None:
        raise ValueError("there is no text in `input` or `instruction`")
    steps = [steps] if isinstance(steps, str) else steps
    if not isinstance(steps, list) or not any(isinstance(step, str) and step.strip() for step in steps):
        raise ValueError("there is no text in `output`")
    return Sample(
        content_id(prompt), subset, prompt, "\n".join(map(str, steps)), {"kind": str(row.get("type"))}
    )


def protocol_in(text: str) -> str | None:
    """The marked protocol, else the whole text; None where it holds no word."""
    said = marked(text) or read.without_thinking(text).strip()[:LONGEST]
    return said if re.search(r"[A-Za-z0-9]", said) else None


def gen_scorer(sample: Sample, answer: str) -> ItemScore:
    """The item's value is ROUGE-L; right means that the words are those of the reference."""
    said = protocol_in(answer)
    if said is None:
        return ItemScore(False, 0.0, None, "unparseable")
    value = rouge_l(said, str(sample.gold), LONGEST)
    right = value >= 1 - 1e-9
    error = "" if right else "close" if value >= 0.5 else "far" if value > 0 else "unrelated"
    return ItemScore(right, value, said[:SHOWN], error)


def gen_overall(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
    """The mean of ROUGE-L with a conservative interval."""
    return accuracy(samples, item_scores, "rouge_l")


ORD_SPEC = TaskSpec(
    id=ORD,
    domain="biology",
    title="BioProBench ORD: the order of laboratory steps",
    description="Put the numbered steps of a biological laboratory protocol in the correct order.",
    answer_format=f"worked steps in free form, then {START}[2, 0, 1]{END}, each number once, from 0",
    metric="exact_match",
    licence=BIOPROBENCH.licence,
    source="bowenxian/BioProBench",
    pitfall="one step out of place makes the whole order wrong; the published Kendall's tau is graded",
    subsets=(ORD,),
    max_new_tokens=2048,
    scorer=ord_scorer,
    aggregate=ord_overall,
    render=render,
    extract=order_in,
    verify=unverified,
    build_prompt=ord_prompt,
    answer_column="answer",
    published=Published(
        BIOPROBENCH.only("ORD_test"),
        (BIOPROBENCH.only("ORD*"),),
        lambda row: (ORD,) if row.get("wrong_steps") is not None else (),
        ord_sample,
        released.order,
        max_new_tokens=2048,
        shuffled=False,
    ),
)

GEN_SPEC = TaskSpec(
    id=GEN,
    domain="biology",
    title="BioProBench GEN: write a laboratory protocol",
    description="Write the steps of a biological laboratory protocol in the form that is asked for.",
    answer_format=f"numbered steps between {START} and {END}",
    metric="rouge_l",
    licence=BIOPROBENCH.licence,
    source="bowenxian/BioProBench",
    pitfall="shared words, not a protocol that works: two good protocols may share few of them",
    subsets=(GEN,),
    max_new_tokens=4096,
    scorer=gen_scorer,
    aggregate=gen_overall,
    render=render,
    extract=protocol_in,
    verify=unverified,
    build_prompt=gen_prompt,
    answer_column="output",
    published=Published(
        BIOPROBENCH.only("GEN_test"),
        (BIOPROBENCH.only("GEN*"),),
        lambda row: (GEN,) if row.get("instruction") is not None and row.get("output") is not None else (),
        gen_sample,
        released.gen,
        max_new_tokens=4096,
        shuffled=False,
    ),
)
