"""Targets that read parts of an answer or a question: letters, numbers, molecules, charts, repeated texts."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import pairwise
from pathlib import Path

from tasks.answers import arithmetic, equality, extract, gold, letters, rouge, stops, values
from tasks.answers.metrics import token_f1
from tasks.base import ScriptResult, SubsetLost
from tasks.chemcot import mol_und_released, smiles_answer
from tasks.custom.guess import guess_budget, guess_metric
from tasks.repeats.groups import exact_groups
from tasks.repeats.signature import sign
from tasks.splits import content_id, fingerprint, item_id
from tasks.tablebench.charts import compare, script, static_check
from tests.bench.fuzz.answers import HOSTILE, REPLIES
from tests.bench.fuzz.target import Target
from tests.bench.fuzz.text import encoded, joined, parts_of, text_of
from tools.contamination.check import Decontaminator
from tools.contamination.reordered import order_free


def _parts(folder: Path, content: bytes) -> None:
    text = text_of(content)
    extract.without_thinking(text)
    extract.boxed(text)
    extract.final_answer(text)
    extract.said_answer(text)
    extract.json_field(text, ("answer", "output"))
    extract.choice_letter(text)
    extract.canonical_number(text)
    extract.last_number(text)
    extract.smiles(text)
    letters.chosen_letter(text, ("answer",), "ABCDEFGH")
    values.count(text)
    values.yes_no(text)
    values.denies(text)
    arithmetic.steps_of(text)
    arithmetic.broken(random.Random(0), text)
    equality.answer_text(text)
    stops.cut_at_stop(text, ("\n\n", "###"))


def _two_texts(folder: Path, content: bytes) -> None:
    said, right = parts_of(content, 2)
    equality.same_answer(said, right)
    assert 0.0 <= token_f1(said, right) <= 1.0
    assert 0.0 <= rouge.rouge_l(said, right, 400) <= 1.0
    fingerprint(said)
    item_id(said)
    content_id(right)
    sign(said)


@cache
def _guard() -> Decontaminator:
    items = [
        ("validation:a", "Which of these is red? A. rose B. sky C. grass", "A"),
        ("test:b", '[TABLE] {"columns": ["a"], "data": [["x"], ["y"]]} How many rows?', "2"),
        (
            "test:c",
            "Ann has 12 apples and gives 5 to Bob. How many are left, and who has more of them now?",
            "7",
        ),
    ]
    return Decontaminator(items)


def _contaminated(folder: Path, content: bytes) -> None:
    prompt, answer = parts_of(content, 2)
    order_free(prompt)
    _guard().check(prompt, answer)
    exact_groups([prompt, answer])


def _numbers(folder: Path, content: bytes) -> None:
    lines = text_of(content).split("\n")
    form = gold.number_format(lines)
    held = [found for line in lines[:20] if (found := gold.read_gold(line, form)) is not None]
    for one in held:
        gold.same_quantity(one, held[0], 0.5)
        assert not math.isnan(one.value)
    gold.last_quantity(lines[-1], form)


def _guess(folder: Path, content: bytes) -> None:
    answers = text_of(content).split("\n")[:50]
    guess_metric(answers, answers)
    guess_budget(answers)


def _molecules(folder: Path, content: bytes) -> None:
    from tasks.answers.smiles import canonical
    from tools.contamination.smiles import canonical_text

    text = text_of(content)
    canonical(text)
    canonical_text(text)
    smiles_answer.stated_smiles(text, ("output",))
    with suppress(SubsetLost):
        mol_und_released.what_is_said(text, "ring_count")


def _charts(folder: Path, content: bytes) -> None:
    prompt, text = parts_of(content, 2)
    code = script.code_of(text) or text
    script.parsed(code)
    static_check.reading_of(code)
    static_check.table_columns(prompt)
    static_check.check(prompt, text)
    compare.kinds_named(prompt[:20], text)
    script.report_of(ScriptResult("ok", 0, "", "", text))
    with suppress(ValueError):  # what it promises
        compare.references_of(text)


def _targets() -> Iterator[Target]:
    lines = encoded("1,234.5\n2.0\n$ 3", "1.234,5 kg\n12 %", "1/2\n\u00bd\n1e5\n-\u221e\nnan", "1 2 3\n1'000")
    yield Target("parts of an answer", ("tasks/answers/extract.py:boxed",), _parts, (*REPLIES, *HOSTILE))
    yield Target(
        "two texts compared",
        ("tasks/answers/equality.py:same_answer", "tasks/splits.py:fingerprint"),
        _two_texts,
        tuple(joined(text_of(a), text_of(b)) for a, b in pairwise(REPLIES)),
    )
    yield Target(
        "rows held against items",
        ("tools/contamination/check.py:Decontaminator", "tools/contamination/reordered.py:order_free"),
        _contaminated,
        (
            joined("Which of these is red? B. sky A. rose C. grass", "A"),
            joined('[TABLE] {"columns": ["a"], "data": [["y"], ["x"]]} How many rows?', "2"),
            joined(
                "Tom has 12 apples and gives 5 to Eve. How many are left, and who has more of them now?", "7"
            ),
            joined("| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n[1] one\n[2] two", "CCO"),
        ),
    )
    yield Target(
        "numbers of a column",
        ("tasks/answers/gold.py:number_format", "tasks/answers/gold.py:read_gold"),
        _numbers,
        (*lines, *REPLIES),
    )
    yield Target(
        "answers of a column",
        ("tasks/custom/guess.py:guess_metric",),
        _guess,
        (
            *lines,
            *encoded(
                "A\nB\nC\nA",
                "red\nblue\nred\nred",
                '{"a": 1}\n{"a": 2}',
                "a, b\nb, c",
                *map(text_of, REPLIES),
            ),
        ),
    )
    yield Target(
        "molecules",
        ("tasks/answers/smiles.py:canonical", "tools/contamination/smiles.py:canonical_text"),
        _molecules,
        encoded(
            "CCO",
            "c1ccc2[nH]ccc2c1",
            "O=C(O)[C@@H](N)Cc1ccccc1.[Na+].[Cl-]",
            "C/C=C\\C",
            "[13CH4]>>[OH-]",
            "C1CC1%12CC%12",
            "[Cu+2:1]|c:1|",
            "the molecule CCO and c1ccccc1 react",
        ),
    )
    yield Target(
        "chart code",
        (
            "tasks/tablebench/charts/static_check.py:check",
            "tasks/tablebench/charts/compare.py:references_of",
        ),
        _charts,
        (
            joined('[TABLE] {"columns": ["a", "b"], "data": [["x", 1]]}', text_of(REPLIES[9])),
            joined("bar", "y_references = [[1, 2, np.nan]]"),
            joined("line", "```python\nfor i in range(3):\n    plt.plot(df['a'].head(3), label=f'{i}')\n"),
            joined("", '{"kinds": ["bar"], "series": [[1, 2]]}'),
        ),
    )


TARGETS = tuple(_targets())
