"""A failure is told by its first cause, without the places where things lie on a machine."""

from __future__ import annotations

import pytest

from tools.process.root_cause import root_cause, without_paths


def test_the_first_traceback_counts_and_not_what_it_brought_about() -> None:
    log = (
        "\x1b[31mINFO\x1b[0m start\n10%|#   |\r20%|##  |\n"
        "[rank1]: Traceback (most recent call last):\n"
        '[rank1]:   File "/opt/run/sft.py", line 8, in train\n'
        "[rank1]:     loss.backward()\n"
        "[rank1]:     ~~~~~^^^^^\n"
        "[rank1]: torch.OutOfMemoryError: CUDA out of memory.\n"
        "Traceback (most recent call last):\n"
        '  File "/opt/run/launch.py", line 3, in <module>\n'
        "ChildFailedError: rank 1 failed\n"
    )
    expected = 'File "sft.py", line 8, in train\nloss.backward()\ntorch.OutOfMemoryError: CUDA out of memory.'
    assert root_cause(log) == expected


def test_a_chain_of_exceptions_is_told_by_its_cause() -> None:
    log = (
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    int('x')\n"
        "ValueError: invalid literal\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        'Traceback (most recent call last):\n  File "b.py", line 2, in g\n    f()\nRuntimeError: g failed\n'
    )
    assert root_cause(log).splitlines()[-1] == "ValueError: invalid literal"
    assert "RuntimeError" not in root_cause(log)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("", ""),
        ("one\ntwo\nthree", "three"),
        (
            "a\n0 errors so far\nWARNING: error_rate\nb\nfatal: disk quota\nc\nexit 1",
            "b\nfatal: disk quota\nc",
        ),
        ("x\nthe step failed\ny\nKilled\nz", "y\nKilled\nz"),
        (
            "Traceback (most recent call last):\n  File 'a', line 1\n    cut()",
            "  File 'a', line 1\n    cut()",
        ),
    ],
)
def test_without_a_traceback_the_line_that_looks_most_like_a_cause_counts(log: str, expected: str) -> None:
    assert root_cause(log) == expected


def test_a_root_cause_is_short_and_holds_no_folder() -> None:
    assert len(root_cause("ValueError: " + "x" * 5000)) <= 600
    told = without_paths('File "/home/ann/runs/r1/train.py" and C:\\Users\\ann\\x.py or ~/secret/key.txt')
    assert told == 'File "train.py" and x.py or key.txt'
    assert without_paths("F/C=C/F at https://example.org/a/b and 1/2/3") == (
        "F/C=C/F at https://example.org/a/b and 1/2/3"
    )
