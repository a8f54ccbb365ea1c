"""Recipes: every operation counts what it does, and three promises hold whatever a recipe says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from memory.recipe import (
    Cap,
    DataCard,
    DataRecipe,
    Decontaminate,
    Deduplicate,
    Filter,
    Map,
    Mix,
    Normalise,
    Operation,
    SampleRows,
    Select,
    Verify,
)
from tasks.base import Source
from tasks.errors import ExperimentFailed
from tasks.registry import get
from tests.support.mini_editions import mini, sealed, source
from tools.contamination.check import Decontaminator, guarded
from tools.curation.operations import largest_remainder, tidy
from tools.curation.run import cache_key, rows_of, run_recipe
from tools.workspace import Workspace

SPEC = get("aime25")
GUARD = Decontaminator(
    [("test:x", "A shop sells 14 pens on Monday and 23 on Tuesday. How many is that?", "37")]
)
THINGS = ("pens", "cups", "keys", "maps", "eggs")


def question(n: int) -> str:
    return f"Tom has {n} {THINGS[n % 5]} and finds {n + 3} more. How many does he have?"


def rows(start: int, stop: int, right: bool = True) -> tuple[dict[str, Any], ...]:
    return tuple({"q": question(n), "a": str(2 * n + 3 + (not right))} for n in range(start, stop))


POOL = {
    "small": Source("small", "", rows(10, 40)),
    "large": Source("large", "", rows(100, 400)),
    "worked": Source(
        "worked",
        "",
        tuple({**row, "how": f"{n}+{n + 3}={2 * n + 3}."} for n, row in enumerate(rows(500, 520), 500)),
    ),
    "empty": Source("empty", "", ()),
}
PLAIN = {"prompt": "q", "answer": "a"}


def recipe(*operations: Operation, names: tuple[str, ...] = ("small", "large"), seed: int = 0) -> DataRecipe:
    columns = {name: PLAIN | ({"reasoning": "how"} if name == "worked" else {}) for name in names}
    return DataRecipe(operations=(Select(sources=names), Map(columns=columns), *operations), seed=seed)


@pytest.fixture
def workspace(runs_dir: Path) -> Workspace:
    return Workspace.create(runs_dir, "r")


def curate(
    workspace: Workspace, made: DataRecipe, pool: Mapping[str, Source] = POOL, **options: Any
) -> DataCard:
    return run_recipe(
        made, pool, SPEC, options.pop("decontaminator", GUARD), workspace, lambda text: len(text), **options
    )


def written(workspace: Workspace, card: DataCard) -> list[dict[str, Any]]:
    return [json.loads(line) for line in workspace.inside(card.path).read_text(encoding="utf-8").splitlines()]


def test_a_row_is_as_long_as_it_is_trained_on_with_what_the_template_adds(tmp_path: Path):
    bare, told = (
        curate(Workspace.create(tmp_path, f"with-{added}"), recipe(), template_tokens=added)
        for added in (0, 28)
    )
    assert told.mean_tokens == pytest.approx(bare.mean_tokens + 28)
    assert told.longest_tokens == bare.longest_tokens + 28


def test_rows_keep_their_words_and_their_place(workspace: Workspace):
    card = curate(workspace, recipe())
    found = written(workspace, card)
    assert card.rows == len(found) == 330
    assert card.rows_by_source == {"large": 300, "small": 30}
    for row in found:
        raw = POOL[row["source"]].rows[row["row"]]
        assert (row["prompt"], row["answer"]) == (raw["q"], raw["a"])


def test_a_reasoning_column_goes_before_the_answer_in_the_tasks_format(workspace: Workspace):
    card = curate(workspace, recipe(names=("worked",)))
    assert written(workspace, card)[0]["answer"] == "500+503=1003. \\boxed{1003}"
    assert card.reasoning_share == 1.0


def test_messages_are_read_by_their_turns(workspace: Workspace):
    turns = [{"role": "user", "content": question(7)}, {"role": "assistant", "content": "\\boxed{17}"}]
    pool = {"chat": Source("chat", "", ({"messages": turns},))}
    columns = {"chat": {"prompt": "messages.0.content", "answer": "messages.1.content"}}
    card = curate(workspace, DataRecipe(operations=(Select(sources=("chat",)), Map(columns=columns))), pool)
    assert written(workspace, card)[0] == {
        "prompt": question(7),
        "answer": "\\boxed{17}",
        "source": "chat",
        "row": 0,
    }


def test_filters_drop_what_they_say(workspace: Workspace):
    bad = ({"q": "", "a": "1"}, {"q": question(3), "a": "nobody knows"}, {"q": question(4) * 9, "a": "5"})
    pool = {"s": Source("s", "", (*rows(10, 12), *bad))}
    columns = Map(columns={"s": PLAIN})
    card = curate(
        workspace,
        DataRecipe(
            operations=(
                Select(sources=("s",)),
                columns,
                Filter(rule="nonempty"),
                Filter(rule="parseable"),
                Filter(rule="length", maximum=200),
            )
        ),
        pool,
    )
    steps = [(step.op, step.rows_in, step.rows_out) for step in card.steps]
    assert steps[2:] == [("filter nonempty", 5, 4), ("filter parseable", 4, 3), ("filter length", 3, 2)]
    assert card.steps[2].removed_by_source == {"s": 1}


def test_the_reasoning_filter_keeps_worked_answers(workspace: Workspace):
    card = curate(workspace, recipe(Filter(rule="reasoning"), names=("small", "worked")))
    assert card.rows_by_source == {"worked": 20}


def test_the_domain_filter_keeps_prompts_like_the_validation_ones(workspace: Workspace):
    chat = tuple({"q": f"Name the capital of country {n}, please.", "a": "1"} for n in range(30))
    pool = {"small": POOL["small"], "chat": Source("chat", "", chat)}
    made = recipe(Filter(rule="on_domain"), names=("small", "chat"))
    card = curate(workspace, made, pool, domain_prompts=[question(n) for n in range(900, 960)])
    assert card.rows_by_source == {"small": 30}
    with pytest.raises(ExperimentFailed, match="no validation prompts"):
        curate(workspace, made, pool)


def test_normalise_tidies_and_writes_answers_in_the_tasks_format(workspace: Workspace):
    answers = ("The answer is 12.", "5+7=12. The answer is 12.", "5+7=12. \\boxed{12}", "12")
    pool = {"s": Source("s", "", tuple({"q": f"  {question(n)} ", "a": a} for n, a in enumerate(answers)))}
    made = DataRecipe(
        operations=(Select(sources=("s",)), Map(columns={"s": PLAIN}), Normalise(answer_format=True))
    )
    card = curate(workspace, made, pool)
    found = [row["answer"] for row in written(workspace, card)]
    assert found == ["\\boxed{12}", "5+7=12. \\boxed{12}", "5+7=12. \\boxed{12}", "\\boxed{12}"]
    assert written(workspace, card)[0]["prompt"] == question(0)
    assert "3 answers" in card.steps[-1].note


def test_tidy_keeps_indentation_and_joins_accents():
    assert tidy("cafe\u0301  au\u00a0lait \r\n\n\n\n    indented  \n") == "café au lait\n\n    indented"


def test_repeats_keep_the_first_and_contradictions_go(workspace: Workspace):
    pool = {
        "first": Source("first", "", rows(10, 14)),
        "again": Source("again", "", (*rows(10, 12), *rows(12, 13, right=False), *rows(90, 91))),
    }
    names = ("first", "again")
    card = curate(workspace, recipe(Deduplicate(near=False), names=names), pool)
    assert card.rows_by_source == {"first": 3, "again": 1}
    assert card.steps[-1].note == "2 repeats, 2 rows that contradict another"
    kept = curate(workspace, recipe(Deduplicate(near=False, conflicts=False), names=names), pool)
    assert kept.rows_by_source == {"first": 4, "again": 2}


def test_a_contradiction_that_the_task_can_settle_keeps_the_right_row(workspace: Workspace):
    right = {"q": "Add 14 and 23. What is it?", "a": "\\boxed{37}", "how": "14+23=37."}
    wrong = {"q": "Add 14 and 23. What is it?", "a": "\\boxed{38}", "how": "14+23=38."}
    pool = {"worked": Source("worked", "", (wrong, right))}
    card = curate(workspace, recipe(Deduplicate(), names=("worked",)), pool)
    assert [row["row"] for row in written(workspace, card)] == [1]


def test_verify_drops_what_the_task_refutes_and_strict_also_the_undecided(workspace: Workspace):
    corrupted_rationale = {"q": question(600), "a": "1204", "how": "600+603=1204."}
    pool = {
        "worked": Source("worked", "", (*POOL["worked"].rows, corrupted_rationale)),
        "small": POOL["small"],
    }
    names = ("worked", "small")
    assert curate(workspace, recipe(Verify(), names=names), pool).rows_by_source == {
        "small": 30,
        "worked": 20,
    }
    strict = curate(workspace, recipe(Verify(strict=True), names=names), pool)
    assert strict.rows_by_source == {"worked": 20}
    assert strict.steps[-1].note == "20 right, 1 wrong, 30 undecided"


def test_a_mix_has_exact_shares_up_to_what_is_there(workspace: Workspace):
    card = curate(workspace, recipe(Mix(weights={"small": 1, "large": 3}), Cap(rows=80)))
    assert card.rows_by_source == {"large": 60, "small": 20}
    scarce = curate(workspace, recipe(Mix(weights={"small": 1, "large": 1})))
    assert scarce.rows_by_source == {"large": 165, "small": 30}
    assert "small 30 of 165 wanted" in scarce.steps[-1].note
    alone = curate(workspace, recipe(Mix(weights={"small": 1})))
    assert alone.rows_by_source == {"small": 30}


def test_largest_remainders_sum_to_the_total():
    split = largest_remainder({"a": 1, "b": 1, "c": 1}, 100)
    assert split == {"a": 34, "b": 33, "c": 33}
    assert sum(largest_remainder({"a": 0.37, "b": 0.13, "c": 0.5}, 1999).values()) == 1999


def test_the_limit_holds_even_without_a_cap(workspace: Workspace):
    card = curate(workspace, recipe(), max_rows=50)
    assert card.rows == 50
    assert card.steps[-1].op == "limit"
    assert curate(workspace, recipe(Cap(rows=9999)), max_rows=60).rows == 60


def test_a_seed_gives_the_same_rows_and_another_seed_others(workspace: Workspace, tmp_path: Path):
    elsewhere = Workspace.create(tmp_path / "b", "r")
    first, again = (curate(w, recipe(SampleRows(rows=40))) for w in (workspace, elsewhere))
    other = curate(workspace, recipe(SampleRows(rows=40), seed=1))
    assert first.data_sha256 == again.data_sha256 != other.data_sha256
    assert first.path == again.path


def test_a_result_is_found_again_and_a_damaged_one_is_rebuilt(workspace: Workspace):
    first = curate(workspace, recipe(Cap(rows=20)))
    assert not first.cached
    again = curate(workspace, recipe(Cap(rows=20)))
    assert again.cached
    assert again.model_copy(update={"cached": False, "wall_seconds": first.wall_seconds}) == first
    path = workspace.inside(first.path)
    path.write_text(path.read_text()[:-20])
    rebuilt = curate(workspace, recipe(Cap(rows=20)))
    assert not rebuilt.cached
    assert rebuilt.data_sha256 == first.data_sha256
    workspace.inside(first.path.replace(".jsonl", ".card.json")).write_text("{")
    assert not curate(workspace, recipe(Cap(rows=20))).cached


def test_the_key_covers_rows_guard_limit_and_recipe():
    base = cache_key(recipe(), POOL, SPEC, GUARD, 100)
    changed = {**POOL, "small": Source("small", "", rows(10, 41))}
    assert cache_key(recipe(), {**POOL, "worked": Source("worked", "", ())}, SPEC, GUARD, 100) == base
    others = {
        cache_key(recipe(), changed, SPEC, GUARD, 100),
        cache_key(recipe(), POOL, SPEC, Decontaminator([]), 100),
        cache_key(recipe(), POOL, SPEC, GUARD, 101),
        cache_key(recipe(seed=1), POOL, SPEC, GUARD, 100),
        cache_key(recipe(), POOL, SPEC, GUARD, 100, ["a prompt"]),
    }
    assert len(others | {base}) == 6


LEAK = Source(
    "leaky",
    "",
    (
        *rows(10, 15),
        {"q": "please, A SHOP sells 14 pens on Monday and 23 on Tuesday. How many is that", "a": "37"},
    ),
)


def test_a_set_with_a_test_row_does_not_come_out(workspace: Workspace):
    with pytest.raises(ExperimentFailed) as failed:
        curate(workspace, recipe(names=("leaky",)), {"leaky": LEAK})
    assert failed.value.code == "contaminated"
    assert "1 of 6 rows" in failed.value.message
    assert "'leaky' match test (near)" in failed.value.message
    assert "leaky:5 (near)" in failed.value.message
    assert "pens" not in failed.value.message
    assert not list(workspace.inside("data").iterdir())


def test_decontaminate_drops_it_and_keeps_its_text_out_of_the_files(workspace: Workspace):
    card = curate(workspace, recipe(Decontaminate(), names=("leaky",)), {"leaky": LEAK})
    assert card.rows == 5
    assert card.steps[-1].removed_by_source == {"leaky": 1}
    assert card.steps[-1].note == "1 near test"
    named = workspace.inside(card.path).with_suffix(".removed.jsonl").read_text(encoding="utf-8").splitlines()
    found = {"op": "decontaminate", "step": 3, "source": "leaky", "row": 5, "rule": "near", "item": "test:x"}
    shared = "the question but for a light edit; words of the common template were not counted"
    assert [json.loads(line) for line in named] == [found | {"shared": shared}]
    everything = "".join(path.read_text(encoding="utf-8") for path in workspace.inside("data").iterdir())
    assert "Tuesday" not in everything


def test_removed_rows_are_shown_by_example(workspace: Workspace):
    card = curate(workspace, recipe(Cap(rows=20)))
    shown = workspace.inside(card.path).with_suffix(".removed.jsonl").read_text(encoding="utf-8").splitlines()
    examples = [json.loads(line) for line in shown]
    assert 1 <= len(examples) <= 5
    assert {"op", "source", "row", "prompt", "answer"} <= examples[0].keys()


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (recipe(names=("smal",)), "no source 'smal'; did you mean small"),
        (DataRecipe(operations=(Map(columns={}), Select(sources=("small",)))), "starts with select"),
        (DataRecipe(operations=(Select(sources=("small",)), Cap(rows=1))), "holds one map"),
        (recipe(Select(sources=("large",))), "before the map"),
        (
            DataRecipe(operations=(Select(sources=("small",)), Map(columns={}))),
            "'small' needs the columns `prompt` and `answer`",
        ),
        (
            DataRecipe(
                operations=(
                    Select(sources=("small",)),
                    Map(columns={"small": {"prompt": "q", "answer": "aa"}}),
                )
            ),
            "no row of 'small' has 'aa'; did you mean a",
        ),
        (recipe(Mix(weights={"small": 0})), "weights must be positive"),
    ],
)
def test_a_recipe_that_cannot_run_says_what_to_change(workspace: Workspace, made: DataRecipe, message: str):
    with pytest.raises(ExperimentFailed, match="bad_recipe") as failed:
        curate(workspace, made)
    assert message in failed.value.message


def test_an_empty_result_names_the_operation_that_emptied_it(workspace: Workspace):
    with pytest.raises(ExperimentFailed) as failed:
        curate(workspace, recipe(Verify(strict=True), Cap(rows=5)))
    assert failed.value.code == "empty_data"
    assert "verify removed the last 330 rows" in failed.value.message
    with pytest.raises(ExperimentFailed, match="empty_data"):
        curate(workspace, recipe(names=("empty",)))


def test_rows_for_looking_at_are_neither_written_nor_gated(workspace: Workspace):
    found = rows_of(recipe(SampleRows(rows=3), names=("leaky",)), {"leaky": LEAK}, SPEC, GUARD)
    assert len(found) == 3
    assert all(isinstance(prompt, str) and isinstance(answer, str) for prompt, answer in found)


def test_a_whole_recipe_cleans_the_minis_pool(workspace: Workspace):
    data = mini("aime25")
    decontaminator = Decontaminator(
        [*guarded("validation", data.validation), *guarded("test", sealed("aime25"))]
    )
    chosen = {d: source("aime25", d) for d in ("clean", "leak", "duplicates", "off_format")}
    from tools.curation.columns import suggest_columns

    made = DataRecipe(
        operations=(
            Select(sources=tuple(s.name for s in chosen.values())),
            Map(columns={s.name: suggest_columns(s.rows[:100], SPEC) for s in chosen.values()}),
            Filter(rule="parseable"),
            Normalise(answer_format=True),
            Deduplicate(),
            Decontaminate(),
            Cap(rows=1500),
        )
    )
    pool = {s.name: s for s in data.sources}
    card = run_recipe(
        made, pool, SPEC, decontaminator, workspace, len, domain_prompts=[s.prompt for s in data.validation]
    )
    by_defect = {d: card.rows_by_source.get(s.name, 0) for d, s in chosen.items()}
    assert by_defect["leak"] <= 370
    assert by_defect["duplicates"] <= 290
    assert card.rows <= 1500
    ends = Counter(row["answer"].endswith("}") for row in written(workspace, card))
    assert ends == {True: card.rows}
