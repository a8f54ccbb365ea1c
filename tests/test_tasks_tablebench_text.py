"""TableBench's text tasks: our rule on their traps, and the generators."""

from __future__ import annotations

import random

import pytest

from tasks import registry
from tasks.answers.rouge import rouge_l
from tasks.base import Sample
from tasks.tablebench.analysis_answers import label_of
from tasks.tablebench.answers import LONGEST, final_answer, values
from tests.support import table_solvers

FACTS, NUMBERS = "tablebench_fact_checking", "tablebench_numerical_reasoning"
ANALYSIS = "tablebench_data_analysis"
PREFIX = "tablebench_analysis_"


def _right(task_id: str, gold: str, answer: str, subset: str = "") -> bool:
    spec = registry.get(task_id)
    item_score = spec.scorer(Sample("x", subset or spec.subsets[0], "", gold), answer)
    assert bool(item_score.error) is not item_score.right
    return item_score.right


# -- our rule --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Final Answer: 5", "5"),
        ("Final Answer: 4\nNo, that is wrong.\nFinal Answer: 5", "5"),
        ("final answer： 5", "5"),
        ("**Final Answer: 5**", "5"),
        ("**Final Answer:** 5", "5"),
        ("Final Answer: **5**", "5"),
        ("Final Answer: $\\boxed{5}$", "5"),
        ("Final Answer:\n5", "5"),
        ("Final Answer: 5\nas asked: Final Answer: AnswerName1, AnswerName2...", "5"),
        ('It ends with "Final Answer: AnswerName1, AnswerName2..." form, no other form.', None),
        ("Final Answer: CorrelationRelation, CorrelationCoefficient.", None),
        ("Final Answer: Answer.", None),
        ("Final Answer: <your detailed answer>", None),
        ("<think>Final Answer: 4</think>Final Answer: 5", "5"),
        ("Final Answer: 5<think>Final Answer: 4", "5"),
        ("<think>Final Answer: 5", None),
        ("5", None),
        ("Final Answer: ", None),
    ],
)
def test_the_last_stated_final_answer_counts(text: str, found: str | None) -> None:
    assert final_answer(text) == found


def test_a_final_line_may_be_long() -> None:
    text = " ".join(f"word{n}" for n in range(300))
    assert final_answer(f"Final Answer: {text}") == text


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("1,234.5, Ann; Bob", ["1234.5", "Ann", "Bob"]),
        ("1860,1866", ["1860", "1866"]),
        ("1982,Limerick", ["1982", "Limerick"]),
        ("1,234,567", ["1234567"]),
        ("２０， Ann", ["20", "Ann"]),
        ("Ann.", ["Ann"]),
        (" , ,", []),
    ],
)
def test_values_of_an_answer(answer: str, found: list[str]) -> None:
    assert values(answer) == found


@pytest.mark.parametrize("task_id", [FACTS, NUMBERS])
@pytest.mark.parametrize(
    ("gold", "said", "right"),
    [
        ("1234.5", "1,234.50", True),
        ("1234.5", "-1234.5", False),
        ("1234.5", "- 1,234.5", False),
        ("1234.5", "−1234.5", False),
        ("12.6", "12,6", False),
        ("12", "12%", True),
        ("12%", "12", True),
        ("36.22%.", "36.22 %", True),
        ("12%", "0.12", False),
        ("12%", "-12%", False),
        ("5000", "$5,000", True),
        ("5000", "US$ 5000.00", True),
        ("-5", "-$5", True),
        ("5", "-$5", False),
        ("5578 pts", "-5578 pts", False),
        ("10.5 kg", "10,5 kg", False),
        ("2009, 5578 pts", "2009, 5578 PTS", True),
        ("Real Betis, Real Madrid B", "real betis, real madrid b.", True),
        ("Real Betis, Real Madrid B", "Real Betis", False),
        ("Real Betis", "Real Betis, Real Madrid B", False),
        ("Offaly, Carlow", "Carlow, Offaly", False),
        ("1982,Limerick", "1982, Limerick", True),
        ("rideau - vanier", "Rideau-Vanier", True),
        ("1:45.61", "1:45.61", True),
        ("1:45.61", "1:45.62", False),
        ("two", "2", True),
        ("5118195, 1218.56", "5,118,195, 1,218.56", True),
        ("5118195, 1218.56", "5118195, -1218.56", False),
    ],
)
def test_exact_answers(task_id: str, gold: str, said: str, right: bool) -> None:
    assert _right(task_id, gold, f"steps\nFinal Answer: {said}") is right


@pytest.mark.parametrize(
    ("gold", "said", "right"),
    [
        ("Strong positive correlation, 0.81", "strong positive correlation (0.80)", True),
        ("Strong positive correlation, 0.81", "0.81, Strong positive correlation.", True),
        ("Strong positive correlation, 0.81", "not a strong positive correlation, 0.81", False),
        ("Strong positive correlation, 0.81", "Strong negative correlation, 0.81", False),
        ("Strong positive correlation, 0.81", "Weak positive correlation, 0.81", False),
        ("Strong positive correlation, 0.81", "Strong positive correlation, -0.81", False),
        ("Strong positive correlation, 0.81", "Strong positive correlation, 0.70", False),
        ("Strong positive correlation, 0.81", "Strong positive correlation", False),
        ("Strong positive correlation, 0.81", "0.81", False),
        ("Strong positive correlation, 0.81", "Strong positive correlation, 0.81, 0.2", False),
        ("Strong positive correlation, 0.81", "positive or negative, strong, 0.81", False),
        ("No correlation, -0.03", "No correlation, -0.03", True),
        ("No correlation, -0.03", "No correlation, 0.03", False),
        ("No correlation, -0.03", "No strong correlation, -0.03", False),
        ("Strong negative correlation, -1", "Strong negative correlation, −1.00", True),
        # The label that the prompt prescribes for the coefficient is right as well.
        ("Strong positive correlation, 0.63", "Weak positive correlation, 0.63", True),
        ("Strong positive correlation, 0.63", "Strong positive correlation, 0.63", True),
    ],
)
def test_correlations_need_label_and_number(gold: str, said: str, right: bool) -> None:
    assert _right(ANALYSIS, gold, f"Final Answer: {said}", PREFIX + "correlationanalysis") is right


@pytest.mark.parametrize("subset", ["trendforecasting", "statisticalanalysis"])
@pytest.mark.parametrize(
    ("gold", "said", "right"),
    [
        ("955608", "955,608", True),
        ("955608", "1,050,000", True),
        ("955608", "1,060,000", False),
        ("18.90%", "18.9", True),
        ("18.90%", "0.189", False),
        ("28.74, 1249884", "28.74, $1,249,884", True),
        ("28.74, 1249884", "28.74, 1", False),
        ("28.74, 1249884", "28.74", False),
        ("24.22, 22.26", "mean 24.22, standard deviation 22.26", True),
        ("24.22", "not 24.22", False),
        ("24.22", "24.22 to 99", False),
        ("308", '{"code": -1e+308}', False),
        ("308", "1e+308", False),
        ("2015", "2010-2015", False),
        ("24.22", "-24.22", False),
        ("24.22", "minus 24.22", False),
        ("tondo, 39868.49", "Tondo, 39868.49%", True),
        ("tondo, 39868.49", "binondo, 39868.49", False),
        ("Increasing trend", "**increasing trend**", True),
        ("Increasing trend", "Increasing", True),
        ("Increasing trend", "Decreasing trend", False),
        ("Increasing trend", "5", False),
        ("10", "11", True),
        ("0", "0.0", True),
        ("0", "0.01", False),
    ],
)
def test_forecasts_and_statistics_compare_every_value(subset: str, gold: str, said: str, right: bool) -> None:
    assert _right(ANALYSIS, gold, f"Final Answer: {said}", PREFIX + subset) is right


@pytest.mark.parametrize(
    ("gold", "said", "right"),
    [
        ("innings, runs scored", "Runs scored, innings", True),
        ("innings, runs scored", "'innings' and 'runs scored'", True),
        ("innings, runs scored", "innings", False),
        ("innings, runs scored", "innings, runs scored, balls faced", False),
        ("No clear impact", "no clear impact.", True),
        ("No clear impact", "wins", False),
        ("wins", "No clear impact", False),
        ("Negative impact", "Negtive impact", True),
        ("Positive impact", "positive", True),
        ("Positive impact", "Negative impact", False),
        ("Positive impact", "No positive impact", False),
    ],
)
def test_impacts_are_sets_of_factors(gold: str, said: str, right: bool) -> None:
    assert _right(ANALYSIS, gold, f"Final Answer: {said}", PREFIX + "impactanalysis") is right


def _value(gold: str, said: str) -> float:
    sample = Sample("x", PREFIX + "other", "", gold)
    return registry.get(ANALYSIS).scorer(sample, f"Final Answer: {said}").value


def test_free_answers_are_graded_by_rouge_l() -> None:
    gold = "Yes, a strong positive correlation (0.99) indicates that viewers influence the rating."
    assert _value(gold, gold) == 1.0
    assert _value(gold, gold.upper()) == 1.0
    assert _value(gold, "Viewers cost a fortune") == pytest.approx(2 * 1 / (4 + 13))
    assert 0.5 < _value(gold, "Yes, a positive correlation (0.99) indicates that viewers matter.") < 1
    long = " ".join(f"word{n}" for n in range(1500))
    assert rouge_l(long, long, LONGEST) == 1.0
    assert 0 < rouge_l("word1 " * 500_000, long, LONGEST) < 0.01


def test_rouge_l_is_that_of_the_rouge_score_package() -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer, rng = RougeScorer(["rougeL"]), random.Random(4)
    for _ in range(200):
        gold, said = (
            " ".join(rng.choices(["a", "b", "c", "1", "-3", "Yes,", "No."], k=rng.randint(0, 90)))
            for _ in "ab"
        )
        assert rouge_l(said, gold, LONGEST) == pytest.approx(scorer.score(gold, said)["rougeL"].fmeasure)


@pytest.mark.parametrize(
    ("gold", "said"),
    [
        ("Yes, a positive correlation (0.59) says so.", "No, a positive correlation (0.59) says so."),
        ("A correlation of 0.59 says so.", "A correlation of -0.59 says so."),
        ("A positive correlation says so.", "A negative correlation says so."),
        ("No anomalies are detected in the table.", "Three anomalies are detected in the table."),
        ("The two anomalies are in the table.", "No anomalies are detected in the table."),
    ],
)
def test_the_opposite_of_a_free_answer_is_worth_nothing(gold: str, said: str) -> None:
    assert rouge_l(said, gold, LONGEST) > 0.4
    assert _value(gold, said) == 0.0


def test_labels_follow_the_published_scale() -> None:
    assert [label_of(x) for x in (0.3, -0.31, 0.7, 0.71, -1.0)] == [
        "No correlation",
        "Weak negative correlation",
        "Weak positive correlation",
        "Strong positive correlation",
        "Strong negative correlation",
    ]


def test_a_row_counts_once_in_the_mean_of_views() -> None:
    spec = registry.get(ANALYSIS)
    subsets = [PREFIX + name for name in ("trendforecasting", "other", "other")]
    samples = [Sample(name, subset, "", "7") for name, subset in zip("aab", subsets, strict=True)]
    item_scores = [
        spec.scorer(s, f"Final Answer: {said}") for s, said in zip(samples, ("7", "9", "7"), strict=True)
    ]
    score = spec.aggregate(samples, item_scores)
    assert (score.value, score.n, len(score.subsets)) == (100.0, 2, 2)
    assert spec.aggregate(samples[1:2], item_scores[1:2]).value == 0.0


# -- generators ------------------------------------------------------------------------------------

SOLVERS = {FACTS: table_solvers.fact_checking, ANALYSIS: table_solvers.data_analysis}


@pytest.mark.parametrize("task_id", SOLVERS)
def test_generated_truth_holds_when_worked_out_again(task_id: str) -> None:
    miniature, spec, rng = registry.synthetic(task_id), registry.get(task_id), random.Random(8)
    kinds = set()
    for index in range(300):
        item = miniature.generator.draw(rng, index)
        sample = Sample("x", item.subset, miniature.prompt_of(item), item.gold)
        assert SOLVERS[task_id](item.columns) == item.answer
        wrong = miniature.generator.wrong(rng, item)
        assert not spec.scorer(sample, spec.render(wrong, "")).right, (item.answer, wrong)
        kinds.add((item.subset, item.columns["qsubtype"]))
    assert len(kinds) == {FACTS: 2, ANALYSIS: 7}[task_id]


@pytest.mark.parametrize("task_id", SOLVERS)
def test_no_answer_can_be_guessed(task_id: str) -> None:
    """The most frequent answer of a subset is right for less than half of its items."""
    miniature, rng = registry.synthetic(task_id), random.Random(9)
    items = [miniature.generator.draw(rng, index) for index in range(600)]
    for subset in registry.get(task_id).subsets:
        answers = [item.answer for item in items if item.subset == subset]
        assert max(map(answers.count, answers)) < 0.3 * len(answers), subset


def test_steps_are_checked_against_the_table() -> None:
    spec = registry.get(FACTS)
    table = {"columns": ["name", "city", "wins"], "data": [["Ann", "Rome", 12], ["Bob", "Oslo", 7]]}
    prompt = spec.build_prompt({"table": table, "question": "Which name has 7 wins?"}) or ""
    for steps, answer, item_score in (
        ("Ann 12, Bob 7. 7: Bob.", "Bob", True),
        ("Ann 12, Bob 7. 7: Ann.", "Ann", False),
        ("Ann 7, Bob 7. 7: Ann.", "Ann", False),
        ("12 Ann, 7 Bob. 7 Bob.", "Bob", True),
        ("12 Ann, 7 Bob. 7 Ann.", "Ann", False),
        ("Oslo Bob.", "Bob", True),
        ("Oslo Ann.", "Ann", False),
        ("Bob wins 7.", "Bob", True),
        ("Bob wins 12.", "Bob", False),
        ("Ann 12, Bob 7. 7: Bob.", "Eve", False),
        ("It is plain to see.", "Bob", None),
    ):
        assert spec.verify(prompt, spec.render(answer, steps)) is item_score, steps
    assert spec.verify("Which city is it?", spec.render("Bob", "Bob 7.")) is None
    assert spec.verify(prompt.replace("}", ""), spec.render("Bob", "Bob 7.")) is None
