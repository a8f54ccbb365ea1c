"""Judges answers: by the task's own function, by what came of running them, or by its language model.

Tasks only say what is to be run (``TaskSpec.script``) and how to read what came of it
(``TaskSpec.judge_result``); it is run here, in the sandbox, and equal scripts once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from tasks.base import ItemScore, Sample, Script, ScriptResult, TaskSpec
from tasks.errors import InputError

WALL_SECONDS = 10.0
"""Time limit of one script, the released evaluator's."""
PRELOAD = ("pandas", "matplotlib.pyplot", "numpy", "matplotlib.backends.backend_agg", "pyarrow.pandas_compat")
"""Modules that the sandbox imports once for all scripts; the last two are what the first two load late."""
Runner = Callable[[Sequence[Script]], Sequence[ScriptResult]]


def in_sandbox(scripts: Sequence[Script], seconds: float = math.inf) -> Sequence[ScriptResult]:
    """Runs scripts in the sandbox; where none works here, every result is ``refused``.

    Raises:
        TimeoutError: all together took longer than so many seconds.
    """
    from tools.sandbox.run import ScriptLimits, run_many

    return run_many(scripts, limits=ScriptLimits(wall_seconds=WALL_SECONDS), preload=PRELOAD, seconds=seconds)


def score_answers(
    spec: TaskSpec, samples: Sequence[Sample], answers: Sequence[str], runner: Runner | None = None
) -> list[ItemScore]:
    """A item_score for each answer.

    Raises:
        InputError: the task runs code, and no isolation works here; or its judge cannot be asked.
    """
    return judge_all(spec, samples, answers, runner)[0]


def judge_all(
    spec: TaskSpec, samples: Sequence[Sample], answers: Sequence[str], runner: Runner | None = None
) -> tuple[list[ItemScore], list[ScriptResult | None]]:
    """Verdicts, and what came of each answer's script, which a released evaluator reads as well.

    Raises:
        InputError: the task runs code, and no isolation works here; or its judge cannot be asked.
    """
    if spec.judge is not None:
        if spec.judged_by is None:
            raise _no_judge(spec)
        return list(spec.judged_by(samples, answers)), [None] * len(samples)
    results = run_scripts(spec, samples, answers, runner)
    item_scores = []
    for sample, answer, result in zip(samples, answers, results, strict=True):
        if result is None or spec.judge_result is None:
            item_scores.append(spec.scorer(sample, answer))
        else:
            item_scores.append(spec.judge_result(sample, answer, result))
    return item_scores, results


def run_scripts(
    spec: TaskSpec, samples: Sequence[Sample], answers: Sequence[str], runner: Runner | None = None
) -> list[ScriptResult | None]:
    """What came of each answer's script; None where there is nothing to run. Equal scripts run once.

    Raises:
        InputError: the task runs code, and no isolation works here; or its judge cannot be asked.
    """
    if spec.script is None:
        return [None] * len(samples)
    scripts = [spec.script(sample, answer) for sample, answer in zip(samples, answers, strict=True)]
    keys = [script and (script.code, tuple(sorted(script.files.items()))) for script in scripts]
    distinct = {key: script for key, script in zip(keys, scripts, strict=True) if key and script}
    ran = (runner or in_sandbox)(list(distinct.values())) if distinct else []
    if any(result.status == "refused" for result in ran):
        raise _no_isolation(spec)
    found = dict(zip(distinct, ran, strict=True))
    return [found[key] if key else None for key in keys]


def check_runnable(spec: TaskSpec) -> None:
    """To be called before anything is generated or trained for a task.

    Raises:
        InputError: the task runs code, and no isolation works here; or its judge cannot be asked.
    """
    if spec.judge is not None and spec.judged_by is None:
        raise _no_judge(spec)
    if spec.script is None:
        return
    from tools.sandbox import run

    if run.active().name == "none":
        raise _no_isolation(spec)


def _no_judge(spec: TaskSpec) -> InputError:
    model = spec.judge.model if spec.judge else ""
    return InputError(
        f"task {spec.id}",
        f"its answers are judged by {model}, and nothing here can ask it",
        "score it by `ftdojo run`, with the model's key or address at hand",
    )


def _no_isolation(spec: TaskSpec) -> InputError:
    from tools.sandbox.run import FIX

    return InputError(
        f"task {spec.id}", "its answers are code, and no sandbox works here to run them in", FIX
    )
