"""What counts as forgetting too much, and what a run says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.cli.summary import summary_lines
from graph.result import result_of
from graph.settings import make_settings
from memory.claim import claim, forgetting_text
from memory.explained import Explained, explained_share
from memory.forgetting import Divergence, Forgetting, GeneralAnswers, TaskChange
from memory.journal.log import Journal
from memory.records import Experiment
from tasks.errors import InputError
from tests.support.run_records import comparison, evaluation, plan, run_info
from tools.checks.champion import candidate_of, outcome_of


def divergence(mean: float, half: float = 0.1) -> Divergence:
    low, high = mean - half, mean + half
    return Divergence(mean=mean, low=low, high=high, prompts=56, tokens=2000, same=0.8)


def task(low: float, high: float) -> TaskChange:
    delta = (low + high) / 2
    return TaskChange(
        task="sums", metric="acc", base=50.0, score=50.0 + delta, delta=delta, low=low, high=high, n=100
    )


@pytest.mark.parametrize(
    ("found", "beyond"),
    [
        (Forgetting(general=divergence(0.3), budget=0.5), False),
        (Forgetting(general=divergence(0.45), budget=0.5), True),  # the interval reaches over it
        (Forgetting(general=divergence(9.0), budget=None), False),
        (Forgetting(general=None, budget=0.5, tasks=(task(-8.0, -1.0),)), True),
        (Forgetting(general=None, budget=0.5, tasks=(task(-8.0, 1.0),)), False),
        (Forgetting(general=divergence(0.1), budget=0.5, tasks=(task(-8.0, -1.0),)), True),
    ],
)
def test_the_whole_interval_has_to_keep_to_the_budget_and_no_task_to_get_worse(
    found: Forgetting, beyond: bool
) -> None:
    assert found.beyond is beyond
    assert Forgetting.model_validate(found.model_dump(mode="json")) == found


def experiment(number: int, delta: float, over: str, forgot: float | None) -> Experiment:
    id = f"e{number:02d}"
    forgetting = None if forgot is None else Forgetting(general=divergence(forgot), budget=0.5)
    done = Experiment(
        id=id, number=number, plan=plan(id), comparison=comparison(id, over, delta), forgetting=forgetting
    )
    return done.model_copy(update={"outcome": outcome_of(done)})


def test_what_forgot_too_much_is_not_kept_and_no_candidate() -> None:
    done = [
        experiment(1, 20.0, "base", 2.0),
        experiment(2, 8.0, "base", 0.2),
        experiment(3, 9.0, "base", None),
    ]
    assert [each.outcome for each in done] == ["discarded", "kept", "kept"]
    assert candidate_of(done[:1]) is None
    found = candidate_of(done[:2])
    assert found is not None
    assert found.id == "e02"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A run in which the only better model forgot too much."""
    made = Journal.create(tmp_path / "journal.jsonl", run_info())
    general = GeneralAnswers(right=20, asked=28, prompts=56)
    made.append("evaluation", evaluation(10.0), "base")
    made.note(general.text(), general=general.model_dump(mode="json"))
    made.append("plan", plan("e01"), "e01")
    made.append("evaluation", evaluation(30.0), "e01")
    made.append("comparison", comparison("e01", "base", 20.0), "e01")
    made.append("forgetting", Forgetting(general=divergence(2.0), budget=0.5), "e01")
    made.finish("e01", "discarded")
    made.append("candidate_chosen", {"candidate": "base"})
    made.append("champion_chosen", {"champion": "base"})
    return made


def test_a_run_says_which_model_it_did_not_keep_and_what_that_had_cost(journal: Journal) -> None:
    assert [each.id for each in journal.over_budget] == ["e01"]
    assert journal.general is not None and journal.general.measurable
    text = forgetting_text(journal)
    assert "e01 was +20.0 over base" in text
    assert "2.00 nats a token [1.90, 2.10]" in text
    result = result_of(journal, None, None)
    assert result["forgetting"]["over_budget"] == ["e01"]
    assert "forgot more than its budget" in result["confirmation"]["text"]
    assert any(line.startswith("forgetting: e01 was") for line in summary_lines(result))
    journal.append("test_comparison", comparison("base", "base", 0.0), "base")
    assert "E01 was +20.0 over base" in claim(journal)[1]


def test_a_base_without_general_answers_is_told_and_runs_of_earlier_versions_say_nothing(
    tmp_path: Path,
) -> None:
    made = Journal.create(tmp_path / "journal.jsonl", run_info())
    assert forgetting_text(made) == ""
    assert "forgetting" not in result_of(made, None, None)
    nothing = GeneralAnswers(right=0, asked=28)
    made.note(nothing.text(), general=nothing.model_dump(mode="json"))
    assert "answers 0 of 28" in forgetting_text(made)


def test_an_ablation_and_who_explains_whom_are_read_from_the_journal(journal: Journal) -> None:
    assert journal.without == frozenset()
    journal.note("an ablation", without=["tpe", "repair"])
    assert journal.without == {"tpe", "repair"}
    found = Explained(source="other", base_loss=3.0, loss=2.0, rows=24)
    journal.note("read", "e01", explained=[found.model_dump(mode="json")])
    assert journal.explained == {"e01": {"other": found}}


def test_the_share_explained_is_of_what_a_source_teaches_about_itself() -> None:
    own = Explained(source="s", base_loss=3.0, loss=1.0, rows=24)
    other = Explained(source="s", base_loss=3.0, loss=2.5, rows=24)
    assert explained_share(other, own) == pytest.approx(0.25)
    assert explained_share(other, other.model_copy(update={"loss": 3.5})) == 0.0


def test_the_budget_is_a_number_or_off() -> None:
    assert make_settings(task="aime25").forgetting_budget == 1.5
    assert make_settings(task="aime25", forgetting_budget="off").forgetting_budget is None
    assert make_settings(task="aime25", forgetting_budget="0.25").forgetting_budget == 0.25
    assert make_settings(task="aime25", do_no_harm="gsm8k, mmlu").do_no_harm == ("gsm8k", "mmlu")
    for wrong in ("-1", "nan", "much"):
        with pytest.raises(InputError, match="forgetting_budget"):
            make_settings(task="aime25", forgetting_budget=wrong)
