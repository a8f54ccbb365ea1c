"""Charts as answers: what is captured, when it is right, and what the released evaluator makes of it."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tasks.base import ItemScore, Sample, Script, ScriptResult
from tasks.tablebench import visualization as task
from tasks.tablebench import visualization_released as released
from tasks.tablebench.charts import script as chart_script
from tasks.tablebench.charts import static_check
from tests.support.gold_answers import plotting_code
from tests.support.growth import grows_quadratically
from tests.support.real_rows import data_root
from tests.support.unsandboxed_scripts import run_all
from tools.evaluation.score_answers import judge_all

TABLE = {"columns": ["team", "wins", "goals"], "data": [["Ann", 12, 3.5], ["Bob", 7, 4.0], ["Eve", 9, 1.0]]}
IMPORTS = "import numpy as np\nimport pandas as pd\nimport matplotlib.pyplot as plt\n"
HEAD = f"{IMPORTS}df = pd.read_csv('table.csv')\n"
WINS = "y_references = [[12, 7, 9]]"
CHANGES = "y_references = [[12, -5, 2]]"
TWO_AXES = "_, (a, b) = plt.subplots(2)\na.bar([0, 1, 2], df.goals)\nb.bar([0, 1, 2], df.wins)"
BOTH = "y_references = [[12, 7, 9], [3.5, 4.0, 1.0]]"


def sample(answer: str = WINS, chart_type: str | None = "bar", question: str = "Draw it.") -> Sample:
    row = {"qtype": "Visualization", "table": TABLE, "question": question, "answer": answer}
    return task.sample_of(row | ({"chart_type": chart_type} if chart_type else {}), task.SUBSET)


def block(code: str) -> str:
    return f"```python\n{HEAD}{code}\nplt.show()\n```"


def scored(item: Sample, *answers: str) -> list[tuple[ItemScore, dict[str, Any]]]:
    """Each answer's item_score and what the released evaluator gives it."""
    items = [item] * len(answers)
    item_scores, results = judge_all(task.SPEC, items, answers, run_all)
    return [
        (item_score, dict(released.evaluate(task.SUBSET, [item], [answer], [result])))
        for item_score, answer, result in zip(item_scores, answers, results, strict=True)
    ]


def passed(pairs: list[tuple[ItemScore, dict[str, Any]]]) -> list[tuple[bool, bool]]:
    """(right by our rule, passed by the released one)."""
    return [(item_score.right, metrics["Pass@1"] == 100.0) for item_score, metrics in pairs]


BAR_CODES = {
    "by position": ("plt.bar(df['team'], df['wins'])", True),
    "lists": ("plt.bar(list(df['team']), df['wins'].tolist())", True),
    "a float array": ("plt.bar(df['team'], df['wins'].values.astype(float))", True),
    "an integer array": ("plt.bar(df['team'], df['wins'].values)", False),
    "keywords": ("plt.bar(x=df['team'], height=df['wins'])", False),
    "an axes method": ("fig, ax = plt.subplots()\nax.bar(df['team'], df['wins'])", False),
    "barh": ("plt.barh(df['team'], df['wins'])", False),
    "DataFrame.plot": ("df.plot(x='team', y='wins', kind='bar')", False),
    "DataFrame.plot.barh": ("df.plot.barh(x='team', y='wins')", False),
    "Series.plot": ("df.set_index('team')['wins'].plot.bar()", False),
    "one bar a call": ("for i, r in df.iterrows():\n    plt.bar(r['team'], r['wins'])", False),
    "a mean line": ("plt.bar(df['team'], df['wins'])\nplt.axhline(df['wins'].mean())", True),
    "saved, then shown": ("plt.bar(df['team'], df['wins'])\nplt.savefig('x.png')", True),
    "closed before the end": ("plt.bar(df['team'], df['wins'])\nplt.show()\nplt.close()", True),
    "a left process": ("plt.bar(df['team'], df['wins'])\nimport sys\nsys.exit()", False),
}


def test_bars_count_however_they_are_drawn() -> None:
    answers = [block(code) for code, _ in BAR_CODES.values()]
    wanted = [(True, by_released) for _, by_released in BAR_CODES.values()]
    assert dict(zip(BAR_CODES, passed(scored(sample(), *answers)), strict=True)) == dict(
        zip(BAR_CODES, wanted, strict=True)
    )


@pytest.mark.parametrize(
    ("chart_type", "reference", "code", "by_released"),
    [
        ("bar", BOTH, "plt.bar(df.team, df.wins)\nplt.bar(df.team, df.goals, bottom=df.wins)", True),
        ("bar", BOTH, "df.plot(x='team', kind='bar', stacked=True)", False),
        ("bar", BOTH, TWO_AXES, False),
        ("bar", BOTH, "plt.bar(df.team, df.wins)\nplt.figure()\nplt.bar(df.team, df.goals)", True),
        ("line", WINS, "plt.plot(df.team, df.wins, 'o-')", True),
        ("line", WINS, "plt.plot(df.wins)", False),
        ("line", WINS, "plt.plot(df.team, df.wins)\nplt.scatter(df.team, df.wins)", False),
        ("line", WINS, "df.plot.line(x='team', y='wins')", False),
        ("line", WINS, "plt.errorbar(df.team, df.wins, yerr=1, capsize=3)", False),
        ("scatter", WINS, "plt.scatter(df.goals, df.wins)", True),
        ("scatter", WINS, "plt.plot(df.goals, df.wins, 'o')", True),
        ("scatter", WINS, "df.plot.scatter('goals', 'wins')", False),
        ("pie", WINS, "plt.pie(df.wins, autopct='%1.1f%%', startangle=90, counterclock=False)", False),
        ("pie", WINS, "plt.gca().pie(df.wins / df.wins.sum())", False),
        ("area", WINS, "plt.fill_between(range(3), df.wins)", False),
        ("area", BOTH, "plt.stackplot(range(3), df.wins, df.goals)", False),
        ("waterfall", CHANGES, "plt.bar(range(3), [12, -5, 2], bottom=[0, 12, 7])", True),
        (
            "radar",
            WINS,
            "v = df.wins.tolist()\nv += v[:1]\na = list(np.linspace(0, 6, 3)) + [0]\n"
            "ax = plt.subplot(polar=True)\nax.plot(a, v)\nax.fill(a, v, alpha=0.2)",
            False,
        ),
        (
            "radar",
            WINS,
            "v = [*df.wins, df.wins[0]]\na = np.linspace(0, 2 * np.pi, 4)\nax = plt.subplot(polar=True)\n"
            "ax.plot(a, v)\nax.fill(a, v)",
            False,
        ),
        ("radar", WINS, "plt.subplot(polar=True)\nplt.plot([0, 2, 4], df.wins)", True),
    ],
)  # fmt: skip
def test_every_kind_of_chart_is_read_off_the_axes(
    chart_type: str, reference: str, code: str, by_released: bool
) -> None:
    assert passed(scored(sample(reference, chart_type), block(code))) == [(True, by_released)]


def test_wrong_charts_say_what_is_wrong() -> None:
    wrong = {
        "plt.plot(df.team, df.wins)": "wrong_kind",
        "plt.bar(df.team, df.goals)": "wrong_values",
        "plt.bar(df.team, df.wins + 0.02)": "wrong_values",
        "plt.bar(df.team[::-1], df.wins[::-1])": "wrong_order",
        "plt.bar(df.team[:2], df.wins[:2])": "wrong_count",
        "plt.bar(df.team, df.wins)\nplt.bar(df.team, df.goals)": "wrong_count",
        "plt.bar(df.team, df.wins * np.nan)": "wrong_values",
        "x = 1": "no_chart",
        "plt.bar(df.team, df.losses)": "raises AttributeError",
        "plt.bar(df.team, df.wins)\n1 / 0": "raises ZeroDivisionError",
        "plt.bar(df.team, df.wins": "raises SyntaxError",
        "plt.bar(df.team, df.wins)\nimport os\nos._exit(0)": "not_executed",
        "plt.bar(df.team, df.wins)\nimport os\nos.kill(os.getpid(), 9)": "killed",
    }
    found = scored(sample(), *map(block, wrong))
    assert {code: item_score.error for code, (item_score, _) in zip(wrong, found, strict=True)} == wrong
    assert all(not item_score.right and item_score.value == 0.0 for item_score, _ in found)


def test_a_value_within_the_tolerance_is_right() -> None:
    assert scored(sample(), block("plt.bar(df.team, df.wins + 0.009)"))[0][0].right


def test_code_that_takes_too_long_is_a_timeout() -> None:
    script = task.script(sample(), block("while True: pass"))
    assert script is not None
    (result,) = run_all([script], wall_seconds=1.5)
    assert task.judge_result(sample(), block("while True: pass"), result).error == "timeout"


@pytest.mark.parametrize(
    "answer",
    [
        f"```py\n{HEAD}plt.bar(df.team, df.wins)\n```",
        f"```Python\n{HEAD}plt.bar(df.team, df.wins)\n```",
        f"```\n{HEAD}plt.bar(df.team, df.wins)\n```",
        f"```python3\n{HEAD}plt.bar(df.team, df.wins)\n```",
        f"```python\n{HEAD}plt.bar(df.team, df.wins)\nplt.show()",
        f"{HEAD}plt.bar(df.team, df.wins)",
        f"This draws it:\n{HEAD}plt.bar(df.team, df.wins)",
        f"```\n```python\n{HEAD}plt.bar(df.team, df.wins)```",
        f"<think>```python\nplt.bar([1], [2])\n```</think>\n```py\n{HEAD}plt.bar(df.team, df.wins)\n```",
    ],
)
def test_code_is_found_in_any_fence_where_the_released_rule_finds_none_or_another(answer: str) -> None:
    ((item_score, metrics),) = scored(sample(), answer)
    assert item_score.right
    assert metrics["Pass@1"] == (100.0 if answer.startswith("```\n```python") else 0.0)


def test_the_last_block_of_code_counts() -> None:
    right, wrong = block("plt.bar(df.team, df.wins)"), block("plt.bar(df.team, df.goals)")
    pairs = scored(sample(), f"{wrong}\nNo:\n{right}", f"{right}\nNo:\n{wrong}")
    assert passed(pairs) == [(True, True), (False, False)]
    output = f"{right}\nIt prints:\n```\n12\n```"
    assert passed(scored(sample(), output)) == [(True, True)]


def test_code_inside_an_unclosed_think_block_is_no_answer_but_runs_for_the_released_rule() -> None:
    ((item_score, metrics),) = scored(sample(), f"<think>{block('plt.bar(df.team, df.wins)')}")
    assert (item_score.right, item_score.parsed, item_score.error) == (False, None, "no_code")
    assert metrics == {"Pass@1": 100.0, "ECR@1": 100.0, "Parse@1": 100.0}


def test_a_flat_reference_accepts_the_right_chart_and_the_released_rule_any_three_series() -> None:
    flat = sample("y_references = [12, 7, 9]")
    right = block("plt.bar(df.team, df.wins)")
    three = block("for _ in range(3):\n    plt.bar([1], [0])")
    assert passed(scored(flat, right, three)) == [(True, False), (False, True)]
    split = sample("y_references = [12, 7, 9, 3.5, 4.0, 1.0]", "line")
    both = block("plt.plot(df.team, df.wins)\nplt.plot(df.team, df.goals)")
    assert passed(scored(split, both)) == [(True, False)]


def test_missing_points_are_read_where_the_released_rule_cannot() -> None:
    item = sample("y_references = [[12, np.nan, 9]]", "line")
    gap = block("plt.plot(df.team, df.wins.where(df.wins != 7).tolist())")
    left_out = block("d = df[df.wins != 7]\nplt.plot(d.team, d.wins.tolist())")
    filled = block("plt.plot(df.team, df.wins.tolist())")
    pairs = scored(item, gap, left_out, filled)
    assert [item_score.right for item_score, _ in pairs] == [True, True, False]
    assert {metrics["ECR@1"] for _, metrics in pairs} == {0.0}
    bars = block("plt.bar(df.team, df.wins.where(df.wins != 7).fillna(0))")
    assert scored(sample("y_references = [[12, nan, 9]]"), bars)[0][0].right


def test_nan_passes_the_released_rule_alone() -> None:
    nan = block("plt.bar(df.team, [float('nan')] * 3)")
    assert passed(scored(sample(), nan)) == [(False, True)]


def test_the_released_rule_looks_at_no_kind() -> None:
    line = block("plt.plot(df.team, df.wins)")
    assert passed(scored(sample(), line)) == [(False, True)]
    # In one published row the column says line and the question asks for a stacked bar chart.
    either = sample(chart_type="line", question="Please draw a stacked bar chart of wins.")
    bars = block("plt.bar(df.team, df.wins)")
    assert passed(scored(either, line, bars)) == [(True, True), (True, True)]


def test_the_released_metrics_of_several_answers() -> None:
    answers = [
        block("plt.bar(df.team, df.wins)"),
        block("plt.bar(df.team, df.goals)"),
        block("1 / 0"),
        "```py\nplt.show()\n```",
    ]
    items = [sample()] * 4
    _, results = judge_all(task.SPEC, items, answers, run_all)
    assert released.evaluate(task.SUBSET, items, answers, results) == {
        "Pass@1": 25.0,
        "ECR@1": 50.0,
        "Parse@1": 75.0,
    }


def test_a_run_of_more_than_ten_seconds_is_not_executed_for_the_released_rule() -> None:
    report = {"own": None, "released": {"executed": True, "series": [[12, 7, 9]], "seconds": 10.5}}
    answer = block("plt.bar(df.team, df.wins)")
    for seconds, ecr in ((10.5, 0.0), (9.5, 100.0)):
        report["released"] = {"executed": True, "series": [[12, 7, 9]], "seconds": seconds}
        result = ScriptResult("ok", returned=json.dumps(report))
        assert released.evaluate(task.SUBSET, [sample()], [answer], [result])["ECR@1"] == ecr


def test_nothing_is_said_about_code_that_could_not_be_run() -> None:
    answer, refused = block("plt.bar(df.team, df.wins)"), ScriptResult("refused")
    item_score = task.judge_result(sample(), answer, refused)
    assert (item_score.right, item_score.scored, item_score.error) == (False, False, "not_executed")
    assert task.scorer(sample(), answer).scored is False
    assert task.scorer(sample(), "no code here").scored is True
    metrics = released.evaluate(task.SUBSET, [sample()], [answer], [refused])
    assert metrics == {"Pass@1": None, "ECR@1": None, "Parse@1": 100.0}


@pytest.mark.parametrize(
    "returned",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        '{"own": 3}',
        '{"own": {"error": "", "series": 3}}',
        '{"own": {"error": "", "series": [{"kind": "bar"}]}}',
        '{"own": {"error": "", "series": [{"kind": "bar", "values": ["12", "7", "9"]}]}}',
        '{"own": {"error": "", "series": [{"kind": "bar", "values": [true, 7, 9]}]}}',
        '{"own": {"error": "", "series": [{"kind": "bar", "values": [Infinity, NaN, 1e999]}]}}',
        '{"own": {"error": "", "series": [{"kind": "bar", "values": [' + "9" * 5_000 + "]}]}}",
    ],
)
def test_a_forged_or_broken_report_is_wrong(returned: str) -> None:
    answer = block("plt.bar(df.team, df.wins)")
    item_score = task.judge_result(sample(), answer, ScriptResult("ok", returned=returned))
    assert (item_score.right, item_score.error in ("not_executed", "wrong_values")) == (False, True)
    released.evaluate(task.SUBSET, [sample()], [answer], [ScriptResult("ok", returned=returned)])


def test_a_table_becomes_the_csv_that_pandas_reads_back() -> None:
    table = {
        "columns": ["Name", "Score, %", "Score, %"],
        "data": [["A\nB", "1,234", None], ['say "x"', 2.5, "−3"]],
    }
    row = {"table": json.dumps(table), "question": "Q", "answer": "y_references = [1]"}
    text = task.sample_of(row, task.SUBSET).meta["csv"]
    assert text == 'Name,"Score, %","Score, %"\n"A\nB","1,234",\n"say ""x""",2.5,−3\n'


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"answer": None}, "answer"),
        ({"answer": "y_references = 3"}, "answer"),
        ({"answer": "y_references = [['a']]"}, "answer"),
        ({"table": {"columns": []}}, "table"),
        ({"table": {"columns": ["a"], "data": [3]}}, "table"),
        ({"question": None}, "question"),
        ({"qtype": "FactChecking"}, "Visualization"),
    ],
)
def test_malformed_rows_name_the_column(change: Mapping[str, Any], named: str) -> None:
    row = {"qtype": "Visualization", "table": TABLE, "question": "Draw it.", "answer": WINS}
    with pytest.raises(ValueError, match=named):
        task.sample_of({**row, **change}, task.SUBSET)


def test_a_script_is_run_once_for_both_rules_where_they_find_the_same_code() -> None:
    script = task.script(sample(), block("plt.bar(df.team, df.wins)"))
    assert script is not None
    call = ast.parse(script.code).body[-1]
    assert isinstance(call, ast.Expr)
    assert isinstance(call.value, ast.Call)
    own, other = (ast.literal_eval(argument) for argument in call.value.args)
    assert own == other
    assert task.script(sample(), "nothing") is None


def test_code_of_odd_characters_is_carried_whole() -> None:
    code = "s = 'é−\\n' + \"'''\" + chr(0)\nplt.bar(df.team, df.wins)\nassert len(s) == 7, len(s)"
    assert scored(sample(), block(code), block("x = '\ud800'"))[0][0].right


def test_real_rows_are_read_and_their_gold_charts_are_right() -> None:
    path = data_root() / "tablebench" / "TableBench_TCoT.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if task.subsets_of(row)]
    assert len(rows) == 25
    samples = [task.sample_of(row, task.SUBSET) for row in rows]
    assert all(sample.meta["kinds"] for sample in samples)
    assert [len(sample.meta["kinds"]) for sample in samples].count(2) == 1
    assert all(static_check.table_columns(sample.prompt) is not None for sample in samples)
    gold = [task.render(plotting_code(sample), "") for sample in samples]
    item_scores, results = judge_all(task.SPEC, samples, gold, run_all)
    assert [
        sample.id for sample, item_score in zip(samples, item_scores, strict=True) if not item_score.right
    ] == []
    swapped = gold[1:] + gold[:1]
    wrong, _ = judge_all(task.SPEC, samples, swapped, run_all)
    assert not any(item_score.right for item_score in wrong)
    assert released.evaluate(task.SUBSET, samples, gold, results)["ECR@1"] == 100.0


@pytest.mark.parametrize("junk", ["```python\n", "```\n", "```", "import x\n", "plt.", "`"])
def test_reading_fences_does_not_grow_with_the_square_of_their_number(junk: str) -> None:
    def read(text: str) -> None:
        task.scorer(sample(), text)
        released.code_of(text)

    assert not grows_quadratically(read, junk)


def test_a_script_needs_the_sandbox_and_says_so() -> None:
    from tasks.errors import InputError
    from tools.evaluation import score_answers

    def refusing(scripts: Sequence[Script]) -> list[ScriptResult]:
        return [ScriptResult("refused") for _ in scripts]

    with pytest.raises(InputError, match="no sandbox works here") as caught:
        score_answers.score_answers(task.SPEC, [sample()], [block("plt.bar(df.team, df.wins)")], refusing)
    assert "\n" not in str(caught.value)


def test_only_a_prompt_that_gives_the_first_lines_may_be_answered_without_them() -> None:
    bare = "```python\nplt.bar(df['team'], df['wins'])\nplt.show()\n```"
    ((published, metrics),) = scored(sample(), bare)
    assert (published.error, metrics["ECR@1"]) == ("raises NameError", 0.0)
    row = {"table": TABLE, "question": "Draw a bar chart.", "answer": WINS, "instruction": "x [TABLE] y"}
    given = task.sample_of(row | {"instruction": f"{chart_script.GIVEN} [TABLE] y"}, task.SUBSET)
    assert passed(scored(given, bare, block("plt.bar(df['team'], df['wins'])"))) == [(True, True)] * 2
    assert scored(task.sample_of(row, task.SUBSET), bare)[0][0].error == "raises NameError"
