"""Generated chart questions: right answers are right, decoys wrong, plans that are not followed refuted."""

from __future__ import annotations

import random

import pytest

from tasks.mini.items import to_sample
from tasks.synthetic import Item
from tasks.tablebench import visualization as task
from tasks.tablebench.charts import compare, static_check
from tests.support import solvers
from tests.support.unsandboxed_scripts import run_all
from tools.evaluation.score_answers import judge_all

TABLE = {"columns": ["team", "wins", "goals"], "data": [["Ann", 12, 3.5], ["Bob", 7, 4.0], ["Eve", 9, 1.0]]}


def items(count: int) -> list[Item]:
    return [task.MINI.generator.draw(random.Random(index), index) for index in range(count)]


def test_generated_charts_are_right_and_their_decoys_wrong() -> None:
    drawn = items(24)
    samples = [to_sample(task.MINI, item) for item in drawn]
    gold, _ = judge_all(task.SPEC, samples, [task.render(i.answer, i.reasoning) for i in drawn], run_all)
    assert [item.answer for item, item_score in zip(drawn, gold, strict=True) if not item_score.right] == []
    rng = random.Random(1)
    bad, _ = judge_all(
        task.SPEC, samples, [task.render(task.MINI.generator.wrong(rng, item), "") for item in drawn], run_all
    )
    assert not [item.answer for item, item_score in zip(drawn, bad, strict=True) if item_score.right]


def test_a_plan_that_the_code_does_not_follow_is_refuted() -> None:
    for item in items(200):
        prompt = task.MINI.prompt_of(item)
        assert static_check.check(prompt, task.render(item.answer, item.reasoning)) is True
        assert static_check.check(prompt, task.render(item.answer, "")) is None
        for decoy in item.decoys:
            assert static_check.check(prompt, task.render(decoy, item.reasoning)) is False, decoy


@pytest.mark.parametrize(
    ("code", "item_score"),
    [
        ("plt.bar(df['team'], df['wins'])", None),
        ("plt.bar(df['team'], df['losses'])", False),
        ("df['d'] = df['wins'] - df['goals']\nplt.bar(df['team'], df['d'])", None),
        ("df = df.rename(columns={'wins': 'w'})\nplt.bar(df['team'], df['w'])", None),
        ("plt.plot(df['team'], df['wins'])", False),
        ("df.plot(kind='bar')", None),
        ("plt.bar(df['team'], df['wins']", False),
    ],
)
def test_a_published_prompt_is_checked_as_far_as_code_can_be_read(code: str, item_score: bool | None) -> None:
    prompt = f"[TABLE] \n{TABLE!r}\n\nLet's get start!\nQuestion: Please draw a bar chart of wins."
    assert static_check.check(prompt, f"```python\n{code}\n```") is item_score


def test_the_stated_series_of_a_generated_chart_follow_from_its_question() -> None:
    """Computed a second time, from the question and the table alone."""
    for item in items(200):
        assert compare.references_of(item.gold) == solvers.visualization(item.columns), item.columns[
            "question"
        ]
