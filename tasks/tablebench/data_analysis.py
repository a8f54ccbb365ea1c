"""TableBench data analysis: a finding about one table, in five subsets by the kind of analysis.

Source: Multilingual-Multimodal-NLP/TableBench on the Hugging Face Hub, qtype DataAnalysis; mini: generated.
Licence: Apache-2.0 as stated by the source; generated rows Apache-2.0.
Metric: unweighted mean of five subsets, in percent: label and coefficient (correlation), all values within
    ten percent (trend, statistics), the set of factors (impact), ROUGE-L (other kinds of analysis).
Example: {"columns":["year","wins"],"data":[[2001,3],[2002,5],[2003,7]]}, "If the trend goes on, how many wins
    will there be in 2004?" -> "3, 5, 7. 7-5=2. 7+2=9.", next line "Final Answer: 9"
Pitfall: the published rule compares the first number alone, so that "Strong negative correlation, 0.81"
    passes for a positive one; here label, sign and every value count, and the last "Final Answer:" decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tasks.answers import extract as read
from tasks.answers.arithmetic import steps_of
from tasks.answers.metrics import mean_over_views
from tasks.answers.rouge import rouge_l
from tasks.base import ItemScore, Metrics, Published, Row, Sample, Score, ScriptResult, TaskSpec
from tasks.synthetic import SyntheticEdition
from tasks.tablebench import analysis_answers as analysis
from tasks.tablebench import answers as tables
from tasks.tablebench import data_analysis_mini as mini
from tasks.tablebench import released
from tasks.tablebench.assets import TABLEBENCH, TABLEINSTRUCT

QTYPE = "DataAnalysis"
SUBSETS = mini.SUBSETS
CORRELATION, TREND, STATISTICS, IMPACT, OTHER = SUBSETS
SHOWN = 300
"""Characters of the answer that an item score keeps."""

_RULES = {
    CORRELATION: analysis.correlation_error,
    TREND: analysis.values_error,
    STATISTICS: analysis.values_error,
    IMPACT: analysis.factors_error,
}
_RELEASED = {
    CORRELATION: released.within_ten_percent,
    TREND: released.within_ten_percent,
    STATISTICS: released.within_ten_percent,
    IMPACT: released.exact_match,
    OTHER: released.rouge,
}


def build_prompt(row: Row) -> str | None:
    """The published ``instruction``, or one built from table and question; None for another ``qtype``."""
    return tables.published_prompt(row, QTYPE, mini.instruction_for(str(row.get("qsubtype"))))


def subsets_of(row: Row) -> tuple[str, ...]:
    """The subset of the row's ``qsubtype``, if it has one, and ``other``, which holds every row of the task.

    Our own split and ``aggregate`` count a row once, in the first of them.
    """
    if row.get("qtype") != QTYPE:
        return ()
    own = mini.PREFIX + str(row.get("qsubtype", "")).lower()
    return (own, OTHER) if own in _RULES else (OTHER,)


def scorer(sample: Sample, answer: str) -> ItemScore:
    """The item_score by the rule of the sample's subset on the last final-answer line."""
    said = tables.final_answer(answer)
    if said is None:
        stated = read.last_number(answer) or read.said_answer(answer)
        return ItemScore(False, 0.0, None, "no_final_line" if stated else "unparseable")
    gold = str(sample.gold)
    if sample.subset == OTHER:
        return _graded(said, gold)
    error = _RULES[sample.subset](said, gold)
    return ItemScore(not error, float(not error), said[:SHOWN], error)


def _graded(said: str, gold: str) -> ItemScore:
    """ROUGE-L, and nothing for the opposite of what is right."""
    if analysis.contradicts(said, gold):
        return ItemScore(False, 0.0, said[:SHOWN], "contradicts")
    value = rouge_l(said, gold, tables.LONGEST)
    if value >= 1 - 1e-9:
        return ItemScore(True, 1.0, said[:SHOWN])
    return ItemScore(False, value, said[:SHOWN], "other_words" if value >= 0.5 else "far_from_reference")


def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
    """The unweighted mean of the subsets; ``other`` leaves out the rows that are in the subset of their
    kind."""
    kept = {sample.id for sample in samples if sample.subset != OTHER}
    pairs = [
        (sample, item_score)
        for sample, item_score in zip(samples, item_scores, strict=True)
        if sample.subset != OTHER or sample.id not in kept
    ]
    return mean_over_views([s for s, _ in pairs], [v for _, v in pairs], "mean_over_views")


def extract(text: str) -> str | None:
    """The final-answer line, a JSON ``answer``, what a sentence states, or a one-line text as it is."""
    return tables.answer_in(text, longest=tables.LONGEST)


def verify(prompt: str, target: str) -> bool | None:
    """Whether written equations hold and lead to the answer, and quotes stand in the table.

    None where the steps hold neither.
    """
    head, final, _ = target.rpartition("Final Answer")
    if not final:
        return None
    answer = extract(target) or ""
    checks = [_equations_hold(head, answer), tables.quotes_hold(prompt, head)]
    if all(check is None for check in checks):
        return None
    return False not in checks


def _equations_hold(steps: str, answer: str) -> bool | None:
    found = steps_of(steps)
    if found is None:
        return None
    if "correlation" in answer.lower():
        numbers = tables.numbers_in(answer)
        label = f"{analysis.label_of(numbers[0])}," if numbers else ""
        return found.right and answer.startswith(label)
    number = tables.number(answer)
    return found.right and (number is None or number == str(found.last))


def evaluate(
    subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Sequence[ScriptResult | None]
) -> Metrics:
    """The released evaluator of the subset."""
    return _RELEASED[subset](subset, samples, answers, results)


MINI = SyntheticEdition(mini, "tablebench_data_analysis", build_prompt, tables.render)

SPEC = TaskSpec(
    id=MINI.task_id,
    domain="tables",
    title="TableBench: data analysis",
    description="Work out a finding about one table: correlation, forecast, statistic, impact, description.",
    answer_format='worked steps in free form, then a last line "Final Answer: X" (label, values, sentence)',
    metric="mean_over_views",
    licence="Apache-2.0 (source); generated rows Apache-2.0",
    source="Multilingual-Multimodal-NLP/TableBench; mini: generated from the seed",
    pitfall="published: the first number decides, an opposite label passes; here label and every value count",
    subsets=SUBSETS,
    max_new_tokens=80,
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
        subsets_of,
        partial(tables.to_sample, build_prompt),
        evaluate,
        max_new_tokens=4096,
    ),
)
