"""Profiles tell sources apart by their rows alone."""

from __future__ import annotations

import pytest

from tasks.base import Source
from tasks.registry import get
from tests.support.mini_editions import mini, sealed, source
from tools.contamination.check import Decontaminator, guarded
from tools.curation import profile as profiling
from tools.curation.columns import suggest_columns
from tools.curation.domain import Domain
from tools.curation.profile import SourceProfile, profile_source
from tools.curation.targets import answer_key, formatted, in_format, rationale_of

SPEC = get("aime25")


def ask(n: int) -> str:
    return f"Tom has {n} pens and finds {n + 3} more. How many does he have?"


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        ({"question": ask(1), "answer": "5"}, {"prompt": "*", "answer": "answer"}),
        (
            {"id": "7", "instruction": ask(1), "output": "It is 5."},
            {"prompt": "instruction", "answer": "output"},
        ),
        (
            {"query": ask(1), "gold": "5", "rationale": "1+4=5."},
            {"prompt": "query", "answer": "gold", "reasoning": "rationale"},
        ),
        (
            {"Problem": ask(1), "finalAnswer": "5", "cot_steps": "1+4=5."},
            {"prompt": "Problem", "answer": "finalAnswer", "reasoning": "cot_steps"},
        ),
        (
            {"messages": [{"role": "user", "content": ask(1)}, {"role": "assistant", "content": "5"}]},
            {"prompt": "messages.0.content", "answer": "messages.1.content"},
        ),
        (
            {
                "conversations": [
                    {"from": "system", "value": "Be brief."},
                    {"from": "human", "value": ask(1)},
                    {"from": "gpt", "value": "5"},
                ]
            },
            {"prompt": "conversations.1.value", "answer": "conversations.2.value"},
        ),
        ({"note": "hello"}, {}),
    ],
)
def test_columns_are_found_by_name_and_by_content(row, columns):
    assert suggest_columns([row] * 12, SPEC) == columns


def test_columns_without_telling_names_are_found_by_content():
    rows = [{"b2": str(2 * n + 3), "a1": ask(n)} for n in range(30)]
    assert suggest_columns(rows, SPEC) == {"prompt": "a1", "answer": "b2"}


def test_json_in_some_rows_of_a_prose_column_is_no_structure():
    rows = [
        {"instruction": ask(n), "output": '{"answer": "5"}' if n % 4 == 0 else "It is 5."} for n in range(40)
    ]
    assert suggest_columns(rows, SPEC) == {"prompt": "instruction", "answer": "output"}


@pytest.mark.parametrize(
    ("target", "rationale", "own_format", "rewritten"),
    [
        ("\\boxed{5}", "", True, "\\boxed{5}"),
        ("1+4=5. \\boxed{5}", "1+4=5.", True, "1+4=5. \\boxed{5}"),
        ("The answer is 5.", "", False, "\\boxed{5}"),
        ("1+4=5. The answer is 5.", "1+4=5.", False, "1+4=5. \\boxed{5}"),
        ("no number here", "", False, "no number here"),
    ],
)
def test_targets_are_taken_apart(target: str, rationale: str, own_format: bool, rewritten: str):
    assert rationale_of(SPEC, target) == rationale
    assert in_format(SPEC, target) is own_format
    assert formatted(SPEC, target) == rewritten


def test_json_targets_keep_their_reason():
    spec = get("panorama_noc4pc")
    target = '{"reason": "D1: gear, cam. D2: cam.", "code": "103"}'
    assert rationale_of(spec, target) == "D1: gear, cam. D2: cam."
    assert in_format(spec, target)
    assert answer_key(spec, target) == answer_key(spec, '{"code": "103"}')


def test_the_domain_is_what_validation_prompts_look_like():
    domain = Domain([ask(n) for n in range(50, 90)])
    same, other = domain.similarities([ask(7), "Name the capital of France."])
    assert same > domain.threshold > other
    assert domain.similarities([""]) == [0.0]


INSTRUCTION = (
    "You work at the desk of a small harbour. Read what a visitor wrote, think about what has to be done, "
    "and name the part of the house that must answer: berths, cargo, wages or repairs. One word only. "
)
NOTES = [
    f"The {thing} of our {ship} {state} {when}"
    for thing in ("anchor", "engine", "cabin", "ladder", "mast")
    for ship in ("ferry", "barge", "trawler", "tug")
    for state, when in (("leaks", "since Sunday"), ("cracked", "in the storm"), ("rusts", "below deck"))
]
KITCHEN = [f"Which spice suits {dish} and how long must it simmer?" for dish in ("lentils", "rice", "beans")]


@pytest.mark.parametrize("form", [INSTRUCTION + "Note: {}", "Note: {}\n" + INSTRUCTION, "{}"])
def test_an_instruction_in_every_prompt_is_no_domain(form: str):
    domain = Domain([form.format(note) for note in NOTES[::2]])
    same = domain.similarities([form.format(note) for note in NOTES[1::2]] + NOTES[1::2])
    other = domain.similarities([form.format(dish) for dish in KITCHEN] + KITCHEN)
    assert min(same) >= domain.threshold > max(other)


def profiled(defect: str) -> SourceProfile:
    data = mini("aime25")
    decontaminator = Decontaminator(
        [*guarded("validation", data.validation), *guarded("test", sealed("aime25"))]
    )
    return profile_source(source("aime25", defect), SPEC, data.validation, len, decontaminator)


def test_a_clean_source_looks_clean():
    found = profiled("clean")
    assert found.rows == 400
    assert found.suggested_columns == {"prompt": "*", "answer": "answer"}
    assert found.parseable_share == 1.0
    assert found.on_domain_share >= 0.95
    assert found.duplicate_share <= 0.05
    assert found.contaminated_share <= 0.01
    assert found.empty_share == 0.0
    assert len(found.samples) == 3
    assert all(len(sample) <= 300 for sample in found.samples)


def test_each_defect_shows_in_its_own_figure():
    assert profiled("off_domain").on_domain_share <= 0.05
    assert 0.7 <= profiled("duplicates").duplicate_share <= 0.85
    assert 0.38 <= profiled("leak").contaminated_share <= 0.42
    assert profiled("off_format").in_format_share <= 0.2
    worked = profiled("chain_of_thought")
    assert worked.reasoning_share >= 0.95
    assert worked.verified_share >= 0.7
    assert 0.0 < worked.refuted_share <= 0.1
    assert worked.mean_reasoning_tokens > 5


def test_a_source_without_question_and_answer_is_said_to_be_empty():
    data = mini("aime25")
    found = profile_source(
        Source("s", "A card. " * 200, ({"note": "x"},) * 5), SPEC, data.validation, len, Decontaminator([])
    )
    assert found.suggested_columns == {}
    assert found.empty_share == 1.0
    assert found.parseable_share == 0.0
    assert len(found.card_excerpt) <= 600
    assert found.columns[0].path == "note"


def test_profiles_are_the_same_each_time():
    assert profiled("clean") == profiled("clean")


def test_of_a_large_source_a_sample_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiling, "COUNTED_ROWS", 50)
    held = tuple({"question": ask(n), "answer": str(2 * n + 3)} for n in range(400))
    guard = Decontaminator([("test:x", ask(9), "21")])
    found = profile_source(Source("large", "", held), SPEC, sealed("aime25")[:20], len, guard)
    assert (found.rows, found.empty_share) == (400, 0.0)
    assert found.duplicate_share == 0.0
