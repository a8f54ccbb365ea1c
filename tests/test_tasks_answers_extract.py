"""Answers out of text, in the forms that models really write."""

from __future__ import annotations

import pytest

from tasks.answers import extract as read


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("\\boxed{3} then \\boxed{4}", "4"),
        ("\\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),
        ("\\boxed{7} and \\boxed{8", "7"),
        ("\\boxed{}", None),
        ("<think>\\boxed{1}", None),
        ("thought</think>\\boxed{2}", "2"),
        ("\\boxed{5}<think>or \\boxed{6}</think>", "5"),
    ],
)
def test_boxed(text: str, found: str | None) -> None:
    assert read.boxed(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Final Answer: 3\nso\nFinal Answer: 19", "19"),
        ("**Final Answer:** 19", "19"),
        ("**final answer: Ann**\n", "Ann"),
        ("Final Answer：7", "7"),
        ("Final Answer: 4\nFinal Answer:", "4"),
        ("the end", None),
    ],
)
def test_final_answer(text: str, found: str | None) -> None:
    assert read.final_answer(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"output": "CCO"}', "CCO"),
        ('```json\n```json\n{"output": "CCO",\n}\n```\n```', "CCO"),
        ('{"output": "CCO"} no: {"output": "CCN"}', "CCN"),
        ('{"output": "CCO"} or {"output": "CC', "CCO"),
        ("{'output': 'CCO'", "CCO"),
        ('{"output": "F/C=C\\\\F"}', "F/C=C\\F"),
        ('{"output": 3}', "3"),
        ('{"output": true}', "true"),
        ('{"output": ["CCO"]}', "CCO"),
        ('{"output": {"output": "CCO"}}', "CCO"),
        ('{"output": null}', None),
        ('{"input": "CCO"}', None),
        ('<think>{"output": "CCO"}</think>', None),
        ('{"output": ' + "9" * 5000 + "}", None),
    ],
)
def test_json_field(text: str, found: str | None) -> None:
    assert read.json_field(text, ("output",)) == found


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("(c)", "C"),
        ("90-30=60。答案：B", "B"),
        ("答案：Ｂ", "B"),
        ("答案是 **D**。GDP rose. I hope so", "D"),
        ("先选A，再想，答案：C", "C"),
        ("the answer is b.", "B"),
        ("Answer: a bond", None),
        ("B. A bond is a loan", "B"),
        ("Because GDP", None),
        ("选项（d）", "D"),
        ("答案不是B，而是C", "C"),
        ("Option Z", None),
        ("Ⅰ、Ⅱ", None),
        ("The answer is not B", None),
        ("不是B", None),
        ("B is wrong", None),
        ("B项错误", None),
        ("It is B, not A", "B"),
        ("选B，不选A", "B"),
        ("Answer: A. Wait, B", "B"),
        ("答案是A？不，是B", "B"),
        ("答案：A。更正：C", "C"),
        ("The answer is B, since answer A is wrong", "B"),
        ("答案：B\n因为A不对", "B"),
        ("A or B", None),
        ("答案：A、B", None),
        ("The answer is A or C", None),
        ("A B C D", None),
        ("The answer is B and I hope so", "B"),
        ("The answer is C or a bond", "C"),
        ("B and A is wrong", "B"),
        ("All of A, C and D are wrong. B", "B"),
        ("B. A nice question", "B"),
    ],
)
def test_choice_letter(text: str, letter: str | None) -> None:
    assert read.choice_letter(text) == letter


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234.50", "1234.5"),
        ("037", "37"),
        ("-0", "0"),
        ("+5.0", "5"),
        ("−7", "-7"),
        ("$12", "12"),
        ("45\\%", "45"),
        ("70^\\circ", "70"),
        ("x = 9", "9"),
        ("１２", "12"),
        ("3 4", None),
        ("1,23", None),
        ("two", None),
        ("1e999", None),
        ("9" * 60, None),
    ],
)
def test_canonical_number(text: str, number: str | None) -> None:
    assert read.canonical_number(text) == number


def test_last_number() -> None:
    assert read.last_number("14 pens and 1,200 books.") == "1200"
    assert read.last_number("from 3 to -5") == "-5"
    assert read.last_number("#### 12") == "12"
    assert read.last_number("none") is None


def test_smiles_in_prose() -> None:
    assert read.smiles("The new molecule is CC(=O)O.") == "CC(=O)O"
    assert read.smiles("CCO or rather [N+](=O)([O-])CC") == "[N+](=O)([O-])CC"
    assert read.smiles("No molecule here") is None


def test_said_answer() -> None:
    assert read.said_answer("The answer is 12.") == "12"
    assert read.said_answer("The result is 3. No, the answer is **4**.") == "4"


def test_thinking_is_dropped_closed_or_not() -> None:
    assert read.without_thinking("a<think>b</think>c<think>d") == "ac"
    assert read.without_thinking("b</think>c") == "c"
