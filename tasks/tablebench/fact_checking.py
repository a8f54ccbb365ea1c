"""TableBench fact checking: a question about one table whose answer stands in it.

Source: Multilingual-Multimodal-NLP/TableBench on the Hugging Face Hub, qtype FactChecking; mini: generated.
Licence: Apache-2.0 as stated by the source; generated rows Apache-2.0.
Metric: exact match of the final answer, in percent.
Example: {"columns":["name","city","wins"],"data":[["Ann","Rome",12],["Bob","Oslo",7]]}, "From which city does
    the one with more wins come, Bob or Ann?" -> "Bob 7, Ann 12. More: Ann. Ann Rome.", next line
    "Final Answer: Rome"
Pitfall: the published rule drops all punctuation, so that -69 passes for 69, and takes the first "Final
    Answer:", even one inside an echoed instruction; here the sign counts, and the last line decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tasks.answers.metrics import accuracy
from tasks.base import ItemScore, Published, Row, Sample, Score, TaskSpec
from tasks.synthetic import SyntheticEdition
from tasks.tablebench import answers as tables
from tasks.tablebench import fact_checking_mini, released
from tasks.tablebench.assets import TABLEBENCH, TABLEINSTRUCT

SUBSET = "tablebench_fact_checking"
QTYPE = "FactChecking"


def build_prompt(row: Row) -> str | None:
    """The published ``instruction``, or one built from table and question; None for another ``qtype``."""
    return tables.published_prompt(row, QTYPE, fact_checking_mini.INSTRUCTION)


def scorer(sample: Sample, answer: str) -> ItemScore:
    """Right when the last final-answer line states the gold values, in order."""
    return tables.judge_final(sample, answer, _miss)


def _miss(said: str, gold: str) -> str:
    stated, right = tables.values(said), tables.values(gold)
    if len(stated) != len(right):
        return "too_few_values" if len(stated) < len(right) else "too_many_values"
    number, wanted = tables.number(said), tables.number(gold)
    if number is not None and wanted is not None:
        return "wrong_sign" if number.lstrip("-") == wanted.lstrip("-") else "wrong_number"
    if (number is None) != (wanted is None):
        return "name_for_number" if number is None else "number_for_name"
    return "wrong_name"


def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
    """Exact match with its Wilson interval."""
    return accuracy(samples, item_scores, "exact_match")


def extract(text: str) -> str | None:
    """The final-answer line, a JSON ``answer``, what a sentence states, or a short text as it is."""
    return tables.answer_in(text, longest=60)


def verify(prompt: str, target: str) -> bool | None:
    """Whether what the steps quote stands in the table and the answer among it; None without quotes."""
    head, final, _ = target.rpartition("Final Answer")
    if not final:
        return None
    held = tables.quotes_hold(prompt, head)
    answer = extract(target)
    if held is None or answer is None:
        return None
    return held and all(value in head for value in tables.values(answer))


MINI = SyntheticEdition(fact_checking_mini, "tablebench_fact_checking", build_prompt, tables.render)

SPEC = TaskSpec(
    id=MINI.task_id,
    domain="tables",
    title="TableBench: fact checking",
    description="Look up in one table what is asked: a number, a name or several, as short as possible.",
    answer_format='worked steps in free form, then a last line "Final Answer: X" or "Final Answer: X, Y"',
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
