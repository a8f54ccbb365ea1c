"""Metrics of a task folder: gold values read whole, right answers told apart, programs judged."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.answers.gold import CONTINENTAL, ENGLISH, NumberFormat, Quantity, read_gold
from tasks.base import ItemScore, TaskSpec
from tasks.custom.folder import load_folder
from tasks.custom.metrics.numbers import number_reader, quantity_text
from tasks.custom.metrics.overlap import chrf, overlap_reader
from tasks.errors import InputError
from tasks.tablebench.charts.compare import references_of
from tests.support.unsandboxed_scripts import run_all
from tools.evaluation.baselines import baselines, one_answer
from tools.evaluation.score_answers import score_answers


def make_task(folder: Path, settings: str, answers: Sequence[Any], **columns: Sequence[Any]) -> Path:
    (folder / "train").mkdir(parents=True, exist_ok=True)
    text = f'name = "t"\ndescription = "d"\nprompt = "What is {{q}}?"\n{settings}\n'
    (folder / "task.toml").write_text(text, encoding="utf-8")

    def rows(prefix: str) -> str:
        made = [
            {"q": f"{prefix} {n}", "answer": answer} | {name: values[n] for name, values in columns.items()}
            for n, answer in enumerate(answers)
        ]
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made)

    for name, prefix in (("validation", "v"), ("test", "t"), ("train/a", "a")):
        (folder / f"{name}.jsonl").write_text(rows(prefix), encoding="utf-8")
    return folder


def loaded(folder: Path, settings: str, answers: Sequence[Any], **columns: Sequence[Any]) -> TaskSpec:
    return load_folder(make_task(folder, settings, answers, **columns))


def score(spec: TaskSpec, place: int, reply: str) -> ItemScore:
    assert spec.data is not None
    (found,) = score_answers(spec, [spec.data.validation[place]], [reply], run_all)
    return found


@pytest.mark.parametrize(
    ("answers", "right", "wrong"),
    [
        ([7.3e-05, 2.5e-05], ["7.3e-05", "0.000073", "It is 7.3 x 10^-5."], ["7e-05", "5", "2.5e-05"]),
        (["5/8", "1/3"], ["5/8", "0.625", "so 10/16"], ["9/8", "8"]),
        (["1.234,5", "0,25"], ["1.234,5", "Answer: 1234,5"], ["1.234", "1,2345"]),
        (["12 %", "3 %"], ["12%", "It is 12 %."], ["13%", "2"]),
        (["10:30", "9:05"], ["10:30", "At 10:30."], ["9:05", "10"]),
        (["-5 dB", "5 dB"], ["-5 dB", "-5"], ["5 dB", "-5 V"]),
        (["$9,589", "$10"], ["9589", "$9,589"], ["9", "589"]),
    ],
)
def test_numbers_are_read_whole(
    tmp_path: Path, answers: list[Any], right: list[str], wrong: list[str]
) -> None:
    spec = loaded(tmp_path, 'metric = "number"', answers)
    assert [reply for reply in right if not score(spec, 0, reply).right] == []
    assert [reply for reply in wrong if score(spec, 0, reply).right] == []


def test_signs_and_operators_make_other_answers(tmp_path: Path) -> None:
    spec = loaded(tmp_path, 'metric = "exact_match"', ["x ≤ 7", "-7 V", "c | d"])
    assert score(spec, 0, "X ≤ 7.").right
    assert not score(spec, 0, "x ≥ 7").right
    assert not score(spec, 1, "7 V").right
    assert not score(spec, 2, "c & d").right


def test_any_of_several_answers_counts_and_the_first_is_trained_on(tmp_path: Path) -> None:
    spec = loaded(tmp_path, 'metric = "exact_match"', [["Bern", "Berne"], ["Rome", None], "Paris"])
    assert spec.data is not None
    assert [sample.gold for sample in spec.data.validation] == [["Bern", "Berne"], "Rome", "Paris"]
    assert score(spec, 0, "berne").right
    assert not score(spec, 0, "Rome").right
    assert [row["answer"] for row in spec.data.sources[0].rows] == ["Bern", "Rome", "Paris"]


def test_missing_answers_are_set_aside_and_named(tmp_path: Path) -> None:
    spec = loaded(tmp_path, 'metric = "exact_match"', ["a", math.nan, None, "b", " "])
    assert spec.data is not None
    assert [sample.gold for sample in spec.data.validation] == ["a", "b"]
    assert "3 of 5 rows set aside" in spec.data.understood[-1]
    assert "(lines 2, 3, 5)" in spec.data.understood[-1]


def test_a_split_without_any_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"validation.jsonl line 1: the column 'answer'.*empty"):
        loaded(tmp_path, 'metric = "exact_match"', [None, math.nan])


@pytest.mark.parametrize(
    ("settings", "answers", "told"),
    [
        ('metric = "token_f1"', ["man bites dog", "dog bites man"], ["'dog bites man'", "token_f1"]),
        ('metric = "rouge_l"', ["-3 dB", "3 dB"], ["'-3 dB'", "'3 dB'", "rouge_l"]),
        ('metric = "json"\nfields = ["a"]', [{"a": 1, "b": 2}, {"a": 2, "b": 2}], []),
        ('metric = "number"\ntolerance = 5.0', ["1", "2", "3"], ["'2'", "tolerance = 5"]),
        ('metric = "number"\ntolerance = 1.0', ["1", "2", "9", "14", "30"], []),
        (
            'metric = "regex"\npattern = "code (\\\\w)"',
            ["code ab", "code ac"],
            ["'code ab' and 'code ac'", "regex"],
        ),
        ('metric = "regex"\npattern = "code (\\\\w+)"', ["code ab", "code ac"], []),
        ('metric = "regex"\npattern = "(\\\\d)"', ["x", "y"], ["'x'", "regex", "calls it wrong"]),
    ],
)
def test_a_metric_that_is_blind_to_its_answers_is_refused(
    tmp_path: Path, settings: str, answers: list[Any], told: list[str]
) -> None:
    if not told:
        loaded(tmp_path, settings, answers)
        return
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, settings, answers)
    assert [part for part in told if part not in str(caught.value)] == [], str(caught.value)


def test_a_pattern_of_each_row_must_match(tmp_path: Path) -> None:
    settings = 'metric = "regex"\npattern_column = "re"'
    spec = loaded(tmp_path, settings, ["ab12", "zz"], re=["^ab[0-9]+$", "^z+$"])
    assert score(spec, 0, "Steps.\nAnswer: ab7").right
    assert not score(spec, 0, "abc").right
    with pytest.raises(InputError, match=r"'ab12' and 'zz'.*regex"):
        loaded(tmp_path, settings, ["ab12", "zz"], re=[".", "."])
    with pytest.raises(InputError, match=r"line 1.*no regular expression"):
        loaded(tmp_path, settings, ["ab12", "zz"], re=["(", "."])


def test_json_counts_fields_and_keeps_to_its_schema(tmp_path: Path) -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    tmp_path.joinpath("s.json").write_text(json.dumps(schema))
    spec = loaded(
        tmp_path, 'metric = "json"\njson_schema = "s.json"', [{"n": 1, "s": "a"}, {"n": 2, "s": "b"}]
    )
    assert score(spec, 0, 'So {"s": "A", "n": 1}').right
    assert score(spec, 0, '{"s": "z", "n": 1}').value == 0.5
    assert score(spec, 0, '{"s": "a", "n": "1"}').parsed is None
    tmp_path.joinpath("s.json").write_text('{"type": 7}')
    with pytest.raises(InputError, match="no JSON Schema"):
        load_folder(tmp_path)


def test_classes_have_macro_f1_and_a_figure_each(tmp_path: Path) -> None:
    spec = loaded(tmp_path, 'metric = "classification"', ["no", "no", "no", "yes"])
    assert spec.data is not None and spec.labels == ("no", "yes")
    samples = spec.data.validation
    found = spec.aggregate(samples, score_answers(spec, samples, ["no", "It is no.", "No", "no"]))
    assert found.subsets == {"no": pytest.approx(100 * 6 / 7, abs=1e-3), "yes": 0.0}
    assert found.value == pytest.approx(100 * 3 / 7)
    assert score(spec, 0, "yes or no").parsed is None


def test_code_has_to_pass_the_tests_of_its_row(tmp_path: Path) -> None:
    answers = ["def f(x):\n    return x + 1", "def f(x):\n    return 2 * x"]
    spec = loaded(
        tmp_path,
        'metric = "code"',
        answers,
        tests=["assert f(3) == 4", "def test_two():\n    assert f(3) == 6"],
    )
    assert score(spec, 0, f"Here:\n```python\n{answers[0]}\n```").right
    assert score(spec, 1, answers[1]).right
    assert score(spec, 0, answers[1]).error == "raises AssertionError"
    assert score(spec, 1, answers[0]).error == "raises AssertionError"
    assert score(spec, 0, "import sys\nsys.exit(0)").error == "raises SystemExit"
    assert score(spec, 0, "I cannot.").parsed is None
    assert spec.check_gold is not None and spec.data is not None
    spec.check_gold(spec.data.validation, lambda items, replies: score_answers(spec, items, replies, run_all))


def test_a_scorer_of_ones_own_is_held_to_its_range(tmp_path: Path) -> None:
    tmp_path.joinpath("scorer.py").write_text(
        "def score(answer, reference, row):\n"
        "    if answer == 'boom':\n        return 1 / 0\n"
        "    return 10.0 if answer == reference else 5.0 if answer == 'half' else 99\n"
    )
    spec = loaded(tmp_path, 'metric = "python"\nscore_range = [0, 10]', ["a", "b"])
    assert [score(spec, 0, reply).value for reply in ("a", "half")] == [1.0, 0.5]
    assert score(spec, 0, "b").error == "scorer_out_of_range"
    assert score(spec, 0, "boom").error.startswith("scorer raises ZeroDivisionError")
    tmp_path.joinpath("scorer.py").write_text("def score(answer, reference, row):\n    return 1.0\n")
    tmp_path.joinpath("task.toml").write_text(
        tmp_path.joinpath("task.toml").read_text().replace("[0, 10]", "[0, 1]")
    )
    blind = load_folder(tmp_path)
    assert blind.check_gold is not None and blind.data is not None
    with pytest.raises(InputError, match=r"'a' and 'b'.*calls them the same"):
        blind.check_gold(
            blind.data.validation, lambda items, replies: score_answers(blind, items, replies, run_all)
        )


def test_the_commonest_answer_and_chance_are_scored(tmp_path: Path) -> None:
    spec = loaded(tmp_path, 'metric = "exact_match"', ["no"] * 19 + ["yes"])
    assert spec.data is not None
    test = spec.data.load_test()
    found = baselines(spec, spec.data.validation, test)
    assert found is not None
    assert (found.answer, found.majority) == ("no", 95.0)
    assert 70.0 < found.chance < 100.0
    assert "'no') would score 95.0" in found.text()
    items = [{"parsed": "No"}] * 19 + [{"parsed": None}]
    assert one_answer(items, test) == {"answer": "No", "share": 0.95}
    assert one_answer([{"parsed": "no"}] * 10 + [{"parsed": "yes"}] * 10, test) is None


def test_chance_of_a_closed_list_is_one_in_as_many(tmp_path: Path) -> None:
    spec = loaded(tmp_path, 'metric = "choice_letter"', ["A", "B", "C", "D"] * 50)
    assert spec.data is not None
    found = baselines(spec, spec.data.validation, spec.data.load_test())
    assert found is not None
    assert found.chance == pytest.approx(25.0, abs=8.0)


def test_chrf_is_one_for_equal_texts_and_less_for_others() -> None:
    assert chrf("a red house", "a red house") == pytest.approx(1.0)
    assert 0.0 < chrf("a red mouse", "a red house") < 1.0
    assert chrf("", "a") == 0.0


FORMATS = st.sampled_from([ENGLISH, CONTINENTAL])
VALUES = st.one_of(
    st.fractions(-(10**9), 10**9, max_denominator=10**6),
    st.floats(allow_nan=False, allow_infinity=False).map(Fraction),
    st.decimals(allow_nan=False, allow_infinity=False, places=4).map(Fraction),
)


@given(VALUES, st.sampled_from(["", "%", "kg", "$"]), FORMATS)
def test_a_quantity_that_is_written_is_read_back(value: Fraction, unit: str, form: NumberFormat) -> None:
    quantity = Quantity(value, unit)
    text = quantity_text(quantity, form)
    found = read_gold(text, form)
    if len(text) <= 60 and not (unit in ("kg", "$") and "/" in text):
        assert found == quantity, text


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_a_reply_is_right_when_its_float_is_the_gold_float(gold: float, said: float) -> None:
    reader = number_reader([repr(gold)], 0.0)
    wanted, reply = reader.gold(repr(gold)), reader.read(f"Answer: {said!r}")
    assert wanted is not None and reply is not None
    assert reader.value(reply, wanted) == float(gold == said)


@given(st.text(max_size=200), st.sampled_from(["token_f1", "rouge_l", "chrf"]))
def test_overlap_is_whole_for_a_text_and_itself_and_never_raises(text: str, metric: str) -> None:
    reader = overlap_reader(metric)
    gold = reader.gold(text)
    if gold is not None and (said := reader.read(gold)) is not None and said.text == gold:
        assert reader.value(said, gold) >= 1.0 - 1e-9


def test_chart_references_may_be_written_as_amounts() -> None:
    assert references_of("y_references = [[$9,589, $1,200.5], [3, np.nan]]") == [
        [9589.0, 1200.5],
        [3.0, None],
    ]
    assert references_of("y_references = [['$9,589', '12%']]") == [[9589.0, 12.0]]
