"""Targets that read answers of a model whole: under every task, and under every metric of a task folder."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from tasks import registry
from tasks.base import ItemScore, Sample, ScriptResult, TaskSpec
from tasks.custom.metrics.choose import program_for, reader_for
from tasks.custom.metrics.patterns import PATTERN
from tasks.custom.metrics.programs import ROW, TESTS
from tasks.custom.task_file import METRICS, TaskFile
from tasks.errors import InputError
from tasks.mini.items import to_sample
from tests.bench.fuzz.target import Target
from tests.bench.fuzz.text import encoded, joined, parts_of, text_of
from tests.support.malformed_answers import malformed
from tools.curation import targets

REPLIES = encoded(
    "",
    "42",
    "The answer is **1,234.50 kg**.\n\nAnswer: $1.2 \\times 10^{3}$",
    "<think>Is it A? No, B.</think>\nFinal Answer: B",
    "So \\boxed{\\frac{3}{4}} and then \\boxed{{7}}.",
    '```json\n{"answer": "C", "reason": "because", "code": "102", "output": "CCO", "count": 3}\n```',
    "not A, but (C) or D; 答案：Ｂ。",
    '{"Major Product": "CC(=O)Oc1ccccc1C(=O)O.[Na+].[Cl-]", "choice": "A"}',
    "c1ccc2[nH]ccc2c1 \u2192 O=C(O)[C@@H](N)Cc1ccccc1",
    "```python\nimport matplotlib.pyplot as plt\nplt.bar(df['a'], df['b'])\nplt.show()\n```",
    "<table><tr><td>1</td></tr></table> Final Answer: Ann, 12; Bob, 3.5%",
    "12 + 30 = 42, 42 * 2 = 84, so 84 / 4 = 21\n#### 21",
    "1. wash\n2. dry\n[ANSWER_START][2, 0, 1][ANSWER_END]",
    "Yes, they match. \u202eoN",
    "1/2 cup, 3 \u00bd, 1e-7, 5:30 pm, 2020-01-31, \u2167, \u0661\u0662, -\u221e, 50\u202f000,25 \u20ac",
    "y_references = [[1, 2.5, np.nan], [3, 4, 5]]",
    "Weak negative correlation, -0.40",
)
"""In the forms that models use."""
HOSTILE = tuple(text.encode("utf-8", "surrogatepass") for text in malformed(60)[7:])


def _checked(score: ItemScore) -> None:
    assert 0.0 <= score.value <= 1.0 and math.isfinite(score.value), score
    assert score.parsed is None or isinstance(score.parsed, str)


@cache
def _samples(name: str) -> tuple[Sample, ...]:
    spec = registry.get(name)
    if spec.mini is None:
        return ()
    rng = random.Random(1)
    return tuple(to_sample(spec.mini, spec.mini.generator.draw(rng, index)) for index in range(6))


ROWS: dict[str, dict[str, object]] = {
    "aime24": {"problem": "How many? 2+2", "answer": "4", "solution": "2+2=4"},
    "bioprobench_ord": {
        "question": "Order.",
        "wrong_steps": ["b", "a", "c"],
        "correct_steps": ["a", "b", "c"],
        "title": "T",
    },
    "bioprobench_gen": {"system_prompt": "s", "instruction": "i", "input": "q", "output": ["a b c", "d e"]},
    "bioprobench_err": {
        "context": {"purpose": "p", "prior_step": "a", "next_step": "b"},
        "corrupted_text": "heat to 900 C",
        "corrected_text": "heat to 90 C",
        "is_correct": False,
    },
    "bioprobench_pqa": {"question": "How long? ____", "choices": ["1 h", "2 h", "3 h"], "answer": "2 h"},
}
"""Rows of tasks without a generator."""


@cache
def _rows(name: str) -> tuple[dict[str, object], ...]:
    spec = registry.get(name)
    if spec.mini is None:
        return (ROWS[name],)
    rng = random.Random(2)
    made = []
    for index in range(6):
        item = spec.mini.generator.draw(rng, index)
        made.append(dict(spec.mini.generator.with_answer(item, item.answer, item.reasoning)))
    return tuple(made)


def _read_answer(name: str) -> Target:
    spec = registry.get(name)

    def read(folder: Path, content: bytes) -> None:
        prompt, answer = parts_of(content, 2)
        said = spec.extract(answer)
        assert said is None or isinstance(said, str)
        verdict = spec.verify(prompt, answer)
        assert verdict is None or isinstance(verdict, bool)
        if said is not None:
            spec.render(said, answer)
        targets.formatted(spec, answer)
        targets.answer_key(spec, answer)
        samples = _samples(name) or _published(spec)
        for sample in samples[len(answer) % len(samples) :][:1]:
            _score(spec, sample, answer)

    seeds = []
    for sample in _samples(name) or _published(spec):
        shown = sample.gold if isinstance(sample.gold, str) else json.dumps(sample.gold)
        seeds += [joined(sample.prompt, spec.render(shown, "1 + 1 = 2")), joined(sample.prompt, shown)]
    seeds += [joined("", text_of(reply)) for reply in (*REPLIES, *HOSTILE)]
    entries = (_entry(spec.scorer), _entry(spec.extract))
    # math-verify's SymPy makes numbers and polynomials by code of its own, once for each kind of them.
    allows = ("exec",) if name.startswith("aime") else ()
    dear = name in ("aime24", "aime25", "chemcotbench_reaction")
    return Target(f"answer to {name}", entries, read, tuple(seeds), allows=allows, dear=dear)


def _entry(function: Any) -> str:
    whole = getattr(function, "func", function)  # of a partial
    return f"{whole.__module__.replace('.', '/')}.py:{whole.__name__}"


def _published(spec: TaskSpec) -> tuple[Sample, ...]:
    assert spec.published is not None
    return tuple(spec.published.sample(row, spec.subsets[0]) for row in _rows(spec.id))


def _score(spec: TaskSpec, sample: Sample, answer: str) -> None:
    _checked(spec.scorer(sample, answer))
    result = None
    if spec.script is not None and spec.judge_result is not None:
        spec.script(sample, answer)
        result = ScriptResult("ok", 0, "", answer[:4000], answer)
        _checked(spec.judge_result(sample, answer, result))
    if spec.published is not None:
        spec.published.evaluate(sample.subset, [sample], [answer], [result])


def _read_row(name: str) -> Target:
    spec = registry.get(name)
    assert spec.published is not None
    published = spec.published

    def read(folder: Path, content: bytes) -> None:
        try:
            row = json.loads(text_of(content))
        except (ValueError, RecursionError):
            return
        if not isinstance(row, dict):
            return
        spec.build_prompt(row)
        for subset in published.subsets_of(row) or spec.subsets[:1]:
            with suppress(ValueError):  # what it promises
                published.sample(row, subset)

    entries = (_entry(published.sample), _entry(spec.build_prompt))
    seeds = tuple(json.dumps(row, ensure_ascii=False).encode() for row in _rows(name))
    return Target(f"row of {name}", entries, read, seeds)


def _metric(metric: str) -> Target:
    fields: dict[str, object] = {"name": "t", "description": "d", "prompt": "{q}", "metric": metric}
    fields |= {"json_field": {"field": "a"}, "regex": {"pattern_column": "p"}}.get(metric, {})
    task = TaskFile.model_validate(fields)
    reader = reader_for(task, Path(), ["12.5", "1,000"] if metric == "number" else ["red", "blue"])

    def read(folder: Path, content: bytes) -> None:
        right, answer = parts_of(content, 2)
        held = {PATTERN: r"(\d+)\s*kg", TESTS: "assert f(1) == 2", ROW: {"q": right}}
        known = reader.gold(right)
        reader.extract(answer)
        other = reader.gold(answer)
        if known is not None and other is not None:
            reader.alike(known, other)
        if known is not None:
            _checked(reader.scorer(Sample("i", "s", "p", known, held), answer))
            reader.render(known, answer)
        if metric == "code":
            program = program_for(task, folder)
            assert program is not None
            sample = Sample("i", "s", "p", right, held)
            program.script(sample, answer)
            _checked(program.judge(sample, answer, ScriptResult("ok", 0, "", "", right)))

    golds = [
        "A",
        "red",
        "12.5 kg",
        '{"a": 1, "b": ["x", null]}',
        "a, b; c",
        "def f(x):\n    return x + 1",
        "21",
    ]
    seeds = [joined(right, text_of(reply)) for right in golds for reply in REPLIES]
    seeds += [joined(right, right) for right in golds]
    return Target(f"metric {metric}", ("tasks/custom/metrics/choose.py:reader_for",), read, tuple(seeds))


def _pattern(folder: Path, content: bytes) -> None:
    from tasks.custom.metrics.patterns import pattern_reader

    expression, answer = parts_of(content, 2)
    reader = pattern_reader(expression)
    _checked(reader.scorer(Sample("i", "s", "p", answer[:50], {}), answer[:200]))


def _targets() -> Iterator[Target]:
    for name in (*registry.ids(), *registry.extension_ids()):
        yield _read_answer(name)
        yield _read_row(name)
    for metric in METRICS:
        yield _metric(metric)
    yield Target(
        "pattern of a task",
        ("tasks/custom/metrics/patterns.py:pattern_reader",),
        _pattern,
        (
            joined(r"(\d+)\s*kg", "12 kg"),
            joined(r"(?<a>x+)+$", "x" * 30),
            joined(r"(a|b)*\1{3}[^c-z]", "abab"),
        ),
        raises=(InputError,),
    )


TARGETS = tuple(_targets())
