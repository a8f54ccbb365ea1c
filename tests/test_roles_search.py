"""The search policy: which case decides, what the bandit learns, and what is written down of it."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

from memory.records import Experiment, Plan
from roles.search.outlook import Outlook, improvement, no_forecast, outlook
from roles.search.policy import Candidate, plateau, search_policy, told
from roles.search.tree import choose
from roles.stopping import Stop
from tests.support.run_records import comparison, evaluation
from tests.support.source_world import SourceWorld

BELIEF = Outlook(mean=2.0, sd=1.0, spread=3.0, seconds=20.0, seen=0)


def plan(move: str, init_from: str = "e01", **changes: Any) -> Plan:
    fields = {
        "experiment": "e09",
        "parent": None if init_from == "base" else init_from,
        "hypothesis": f"{move} helps",
        "reason": "a rule",
        "change": "hyperparameters",
        "expected_gain": 4.0,
        "sources": ("pool",),
        "max_seconds": 20.0,
        "init_from": init_from,
        "move": move,
    }
    return Plan.model_validate(fields | changes)


def done(number: int, move: str, delta: float, outcome: str = "", **changes: Any) -> Experiment:
    id = f"e{number:02d}"
    return Experiment(
        id=id,
        number=number,
        plan=plan(move, **changes).model_copy(update={"experiment": id}),
        evaluation=evaluation(50.0 + delta),
        comparison=comparison(id, "e01", delta),
        outcome=outcome or ("kept" if delta > 2 else "discarded"),
    )


def candidate(move: str, mean: float = 2.0, sd: float = 0.01, **changes: Any) -> Candidate:
    seconds = changes.pop("seconds", 20.0)
    return Candidate(plan(move, **changes), Outlook(mean, sd, 3.0, seconds, 0))


def chosen(candidates: list[Candidate], history: tuple[Experiment, ...], seed: int = 0) -> str:
    found = search_policy(candidates, history, 200.0, random.Random(seed)).chosen
    return found.plan.move if found else "end"


FIRST = done(1, "improve", 10.0)


def test_sources_are_compared_to_the_end_before_anything_is_built_on_one():
    looks = [candidate("improve", 9.0), candidate("draft", 0.5, steps=60, init_from="base")]
    assert chosen(looks, (FIRST,)) == "draft"


def test_the_first_long_training_is_the_one_that_the_rules_put_first():
    assert chosen([candidate("improve", 1.0), candidate("draft", 9.0)], ()) == "improve"


def test_what_failed_is_mended_before_its_idea_is_given_up():
    assert chosen([candidate("improve", 9.0), candidate("repair", 1.0)], (FIRST,)) == "repair"


def test_a_suspect_is_asked_when_asking_is_cheap():
    suspect = candidate("ablate", 0.5, tests="e01", seconds=20.0)
    assert chosen([candidate("improve", 9.0), suspect], (FIRST,)) == "ablate"
    dear = candidate("ablate", 0.5, tests="e01", seconds=90.0)
    assert chosen([candidate("improve", 9.0), dear], (FIRST,)) == "improve"


def test_the_highest_gain_per_second_wins_where_all_is_known():
    slow, quick = candidate("draft", 8.0, seconds=90.0), candidate("improve", 4.0, seconds=20.0)
    assert chosen([slow, quick], (FIRST,)) == "improve"
    assert chosen([candidate("draft", 8.0, seconds=20.0), quick], (FIRST,)) == "draft"


def test_what_is_uncertain_gets_its_turn_and_the_same_seed_the_same_choice():
    sure, open_ = candidate("improve", 2.0, 0.01), candidate("combine", 1.5, 3.0)
    found = [chosen([sure, open_], (FIRST,), seed) for seed in range(40)]
    assert 8 < found.count("combine") < 32
    assert found == [chosen([sure, open_], (FIRST,), seed) for seed in range(40)]


def test_a_plateau_changes_the_kind_of_move():
    flat = (FIRST, done(2, "improve", -1.0), done(3, "improve", 0.0))
    assert plateau(flat) == {"improve"}
    assert chosen([candidate("improve", 9.0), candidate("combine", 1.0)], flat) == "combine"
    assert chosen([candidate("improve", 9.0)], flat) == "improve"
    assert not plateau((FIRST, done(2, "improve", -1.0), done(3, "combine", 0.0)))
    assert not plateau((done(2, "improve", -1.0), FIRST))


def test_where_nothing_is_worth_its_time_the_rest_of_the_budget_confirms():
    poor = Candidate(plan("improve"), Outlook(-3.0, 0.1, 0.5, 20.0, 6))
    choice = search_policy([poor], (FIRST,), 200.0, random.Random(0))
    assert choice.chosen is None
    assert "confirms" in choice.case


def belief(plan: Plan, history: list[Experiment], forecast: Any = no_forecast) -> Outlook:
    """About a plan, where the incumbent e01 stands at 50 and all else at 40."""
    facts: Any = SimpleNamespace(
        dojo=None,
        history=tuple(history),
        champion_score=50.0,
        score_of=lambda id: 50.0 if id == "e01" else 40.0,
        initial_checkpoint="e01",
        line=("e01",),
    )
    return outlook(facts, plan, forecast)


def test_experiments_of_a_kind_teach_what_the_next_one_of_it_brings():
    good = [done(n, "improve", 15.0) for n in (2, 3, 4)]
    bad = [done(n, "improve", -2.0) for n in (2, 3, 4)]
    before, after, worse = (belief(plan("improve"), history) for history in ([], good, bad))
    assert worse.mean < before.mean < after.mean
    assert after.sd < before.sd
    assert belief(plan("combine"), good).seen == 0
    assert belief(plan("improve", "e07"), good).seen == 0


def test_a_learned_forecast_takes_the_place_of_the_rules_guess():
    forecast = SimpleNamespace(gain=7.5, sd=0.5, seconds=33.0)
    found = belief(plan("improve"), [], lambda dojo, each: forecast)
    assert (found.mean, found.sd, found.seconds) == pytest.approx((7.5, 0.5, 33.0))
    behind = belief(plan("improve", "e07"), [], lambda dojo, each: forecast)
    assert behind.mean == pytest.approx(-2.5)  # it starts ten points behind the incumbent


def test_expected_improvement_counts_what_is_kept_alone():
    assert improvement(-2.0, 0.0) == 0.0
    assert improvement(3.0, 0.0) == 3.0
    assert improvement(0.0, 1.0) == pytest.approx(0.3989, abs=1e-4)


def test_the_reason_holds_the_numbers_and_the_others_are_on_record():
    first, second = Candidate(plan("improve"), BELIEF), Candidate(plan("combine"), BELIEF)
    choice = search_policy([first, second], (FIRST,), 200.0, random.Random(1))
    made = told(choice, [first, second])
    assert made is not None
    assert "+2.0 +/- 1.0 points in 20 s, none of its kind tried" in made.reason
    assert "Beside it" in made.reason
    (other,) = made.alternatives
    assert {made.move, other.move} == {"improve", "combine"}
    assert other.expected_gain == pytest.approx(BELIEF.gain, abs=1e-3)


def context(world: SourceWorld, experiment: str = "e09") -> Any:
    return SimpleNamespace(
        dojo=world.dojo(),
        experiment=experiment,
        history=(FIRST,),
        champion_score=99.9,
        score_of=lambda id: 99.9,
        initial_checkpoint="e01",
        line=("e01",),
    )


def test_the_search_stops_in_words_and_proposes_nothing_where_nothing_is_proposed():
    world = SourceWorld(looks={"a": 1.0}, long={"a": 1.0})
    assert choose(context(world), []) is None
    stop = choose(context(world), [plan("improve", expected_gain=0.0)])
    assert isinstance(stop, Stop)
    assert "improve" in stop.reason


def test_a_whole_run_compares_sources_first_and_ends_on_the_good_one():
    world = SourceWorld(
        looks={"swapped": 3.0, "clean": 39.0, "cut": 0.0},
        long={"swapped": 4.0, "clean": 70.0, "cut": 0.0},
        search="tree",
    )
    plans = world.run()
    assert [bool(each.steps) for each in plans[:3]] == [True] * 3
    longer = [each for each in plans if not each.steps]
    assert longer[0].sources == ("clean",)
    assert {each.move for each in longer} > {"improve"}
    best = max(world.history, key=lambda e: e.evaluation.score.value if e.evaluation else 0.0)
    assert best.plan.sources == ("clean",)


def test_a_resumed_run_makes_the_same_choices():
    def sources(seed: int) -> list[tuple[Any, ...]]:
        world = SourceWorld(
            looks={"one": 30.0, "two": 28.0, "three": 12.0},
            long={"one": 60.0, "two": 55.0, "three": 58.0},
            search="tree",
        )
        return [(each.move, each.sources, each.init_from) for each in world.run()]

    assert sources(0) == sources(0)
