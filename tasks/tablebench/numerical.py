"""TableBench numerical reasoning: a question about one table, answered by a number or a name.

Source: Multilingual-Multimodal-NLP/TableBench (Hugging Face Hub), TableBench_TCoT.jsonl; mini: generated.
Licence: Apache-2.0 as stated by the source; generated rows Apache-2.0.
Metric: exact match of the final answer, in percent.
Example: {"columns":["name","wins"],"data":[["Ann",12],["Bob",7]]}, "How many more wins does Ann have than
    Bob?" -> "Ann 12, Bob 7. 12-7=5.", next line "Final Answer: 5"
Pitfall: the published rule drops all punctuation, so that -5 passes for 5, and takes the first "Final
    Answer:", even one inside an echoed instruction; here the sign counts, 1,234 is 1234, and the last line
    decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tasks.answers import extract as read
from tasks.answers.arithmetic import steps_of
from tasks.answers.metrics import accuracy
from tasks.base import ItemScore, Published, Row, Sample, Score, TaskSpec
from tasks.synthetic import SyntheticEdition
from tasks.tablebench import answers as tables
from tasks.tablebench import numerical_mini, released
from tasks.tablebench.assets import TABLEBENCH, TABLEINSTRUCT

SUBSET = "tablebench_numerical"
QTYPE = "NumericalReasoning"


def build_prompt(row: Row) -> str | None:
    """The published ``instruction``, or one built from table and question; None for another ``qtype``."""
    return tables.published_prompt(row, QTYPE, numerical_mini.INSTRUCTION)


def scorer(sample: Sample, answer: str) -> ItemScore:
    """Right when the last final-answer line states the gold values, in order."""
    return tables.judge_final(sample, answer, _miss)


def _miss(said: str, gold: str) -> str:
    number, right = tables.number(said), tables.number(gold)
    if (number is None) != (right is None):
        return "name_for_number" if number is None else "number_for_name"
    if number is None or right is None:
        return "wrong_name"
    if number.lstrip("-") == right.lstrip("-"):
        return "wrong_sign"
    return "near_miss" if abs(float(number) - float(right)) <= 2 else "wrong_number"


def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
    """Exact match with its Wilson interval."""
    return accuracy(samples, item_scores, "exact_match")


def extract(text: str) -> str | None:
    """The final-answer line, a JSON ``answer``, what a sentence states, a short text, or the last number."""
    return tables.answer_in(text, longest=60)


def verify(prompt: str, target: str) -> bool | None:
    """Whether the written equations hold and lead to the answer; None when there are none."""
    head, final, _ = target.rpartition("Final Answer")
    steps = steps_of(head if final else target)
    if steps is None:
        return None
    answer = extract(target)
    number = read.canonical_number(answer) if answer else None
    return steps.right and (number is None or number == str(steps.last))


MINI = SyntheticEdition(numerical_mini, "tablebench_numerical_reasoning", build_prompt, tables.render)

SPEC = TaskSpec(
    id=MINI.task_id,
    domain="tables",
    title="TableBench: numerical reasoning",
    description="Answer a question about one table by a number or a name, as short as possible.",
    answer_format='worked steps in free form, then a last line "Final Answer: X"',
    metric="exact_match",
    licence="Apache-2.0 (source); generated rows Apache-2.0",
    source="Multilingual-Multimodal-NLP/TableBench; mini: generated from the seed",
    pitfall="published: a negated number passes, the first final line counts; here sign and last line count",
    subsets=(SUBSET,),
    max_new_tokens=64,
    scorer=scorer,
    aggregate=aggregate,
    render=tables.render,
    extract=extract,
    verify=verify,
    build_prompt=build_prompt,
    mini=MINI,
    answer_column="answer",
    reasoning_column="reasoning",
    published=Published(
        TABLEBENCH,
        (TABLEINSTRUCT,),
        partial(tables.subsets_of, QTYPE, SUBSET),
        partial(tables.to_sample, build_prompt),
        released.exact_match,
        max_new_tokens=4096,
    ),
)
