"""TableBench visualization as the released evaluator scores it, defects included.

It runs the last block that is delimited as ```` ```python ```` and nothing else, for 10
seconds, and records the second positional argument of ``plt.bar``, ``plt.plot`` and
``plt.scatter``: no axes methods, no pie, no barh, no keyword arguments, no
``DataFrame.plot``. An integer NumPy array or a ``sys.exit`` ends the run without a
record. A record passes when it has as many series as the reference, each of the same
length, and no difference exceeds 0.01, which NaN never does. The kind of chart is not
looked at. A flat reference is a list of numbers where series are expected: numbers are
compared with nothing, so that as many series as values pass. A reference with
``np.nan`` cannot be parsed, and the answer counts as not executed.

Assumed, as no measurement tells: series are compared in the order of drawing, and a
code block of blank lines is not parsed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

from tasks.base import Metrics, Sample, ScriptResult
from tasks.tablebench.charts.compare import TOLERANCE
from tasks.tablebench.charts.script import report_of

LIMIT_SECONDS = 10.0
_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def code_of(answer: str) -> str | None:
    """The last block delimited as ``python``, inside a ``<think>`` block too."""
    found = _BLOCK.findall(answer)
    return found[-1] if found and found[-1].strip() else None


def evaluate(
    subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Sequence[ScriptResult | None]
) -> Metrics:
    """``Pass@1``, ``ECR@1`` and ``Parse@1`` in percent; the first two None where code cannot be run."""
    n = max(1, len(samples))
    parsed = 100 * sum(code_of(answer) is not None for answer in answers) / n
    if any(result is not None and result.status == "refused" for result in results):
        return {"Pass@1": None, "ECR@1": None, "Parse@1": parsed}
    records = [
        _record(str(sample.gold), answer, result)
        for sample, answer, result in zip(samples, answers, results, strict=True)
    ]
    executed = [record for record in records if record is not None]
    passed = sum(passes(reference, series) for reference, series in executed)
    return {"Pass@1": 100 * passed / n, "ECR@1": 100 * len(executed) / n, "Parse@1": parsed}


def _record(gold: str, answer: str, result: ScriptResult | None) -> tuple[list[Any], list[Any]] | None:
    """(reference, recorded series); None where the released run fails."""
    if code_of(answer) is None or result is None or result.status != "ok":
        return None
    record = report_of(result).get("released")
    if not isinstance(record, dict) or record.get("executed") is not True:
        return None
    series, seconds = record.get("series"), record.get("seconds")
    if not isinstance(series, list) or not isinstance(seconds, float) or seconds > LIMIT_SECONDS:
        return None
    try:
        reference = ast.literal_eval(gold.partition("=")[2].strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return (reference, series) if isinstance(reference, list) else None


def passes(reference: list[Any], series: list[Any]) -> bool:
    """The released comparison; a recorded value that is no number passes nothing."""
    if len(reference) != len(series):
        return False
    for wanted, drawn in zip(reference, series, strict=True):
        if not isinstance(wanted, list):
            continue
        if not isinstance(drawn, list) or len(wanted) != len(drawn):
            return False
        if not all(isinstance(value, int | float) for value in drawn):
            return False
        if any(abs(want - have) > TOLERANCE for want, have in zip(wanted, drawn, strict=True)):
            return False
    return True
