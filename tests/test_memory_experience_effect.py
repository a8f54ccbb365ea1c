"""Effects of many lessons pooled: by precision, robust against wrong ones, wide where tasks differ."""

from __future__ import annotations

import pytest

from memory.experience.effect import Effect, effect_of


def pooled(points, errors=4.0, weights=1.0, runs=None, tasks=None, own=False) -> Effect:
    n = len(points)

    def each(value):
        return value if isinstance(value, list) else [value] * n

    runs = list(range(n)) if runs is None else runs
    found = effect_of(points, each(errors), each(weights), runs, runs if tasks is None else tasks, each(own))
    assert found is not None
    return found


def test_a_precise_finding_counts_for_more_than_a_vague_one():
    assert pooled([10.0, 0.0], errors=[2.0, 20.0], own=True).points > 9.0
    assert pooled([10.0, 0.0], errors=[20.0, 2.0], own=True).points < 1.0


def test_a_third_of_wrong_findings_is_outvoted():
    right, wrong = [19.0, 21.0, 20.0, 18.0, 22.0, 20.0], [-20.0, -19.0, -21.0]
    found = pooled(right + wrong)
    mean = sum(right + wrong) / 9
    assert mean < 7.0
    assert found.points > 12.0
    assert pooled([20.0] * 4 + [-20.0] * 6).points < 0.0


def test_what_holds_elsewhere_is_a_wider_guess_than_what_was_measured_at_home():
    elsewhere, home = pooled([12.0] * 4), pooled([12.0] * 4, own=True)
    assert elsewhere.error > 2 * home.error
    assert elsewhere.low < 0.0 < home.low


def test_findings_at_home_overrule_those_elsewhere():
    both = pooled([15.0] * 6 + [-10.0, -12.0], own=[False] * 6 + [True] * 2)
    assert both.points < -5.0
    assert (both.runs, both.tasks) == (8, 8)


def test_a_run_has_one_vote_however_much_it_says():
    loud = pooled([-20.0] * 50 + [10.0, 11.0, 9.0], runs=[0] * 50 + [1, 2, 3], tasks=[0] * 50 + [1, 2, 3])
    assert loud.runs == 4
    assert loud.points > 5.0


def test_a_claim_of_impossible_precision_is_not_believed():
    assert pooled([1000.0, 5.0, 6.0, 4.0, 5.0], errors=[1e-9, 4.0, 4.0, 4.0, 4.0]).points < 20.0


def test_weights_of_age_and_likeness_take_part_and_nothing_is_left_of_none():
    assert pooled([10.0, -10.0], weights=[1.0, 0.05], own=True).points > 5.0
    assert effect_of([1.0], [4.0], [0.0], [0], [0], [False]) is None
    assert effect_of([float("nan")], [4.0], [1.0], [0], [0], [False]) is None


def test_more_studies_that_agree_make_surer():
    few, many = pooled([8.0] * 3), pooled([8.0] * 30)
    assert many.probability > few.probability
    assert many.probability > 0.97


@pytest.mark.parametrize(("runs", "said"), [(1, "1 run of 1 task"), (3, "3 runs of 3 tasks")])
def test_an_effect_says_what_it_rests_on(runs, said):
    assert pooled([8.0] * runs).text().endswith(said)
