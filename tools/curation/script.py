"""The Script operation: a transform that a role wrote, confined, tried on 100 rows, then run on all.

The code runs in ``tools.sandbox.run`` and nowhere else; where no isolation works, the operation is
refused. What comes back is a claim: it is checked here, row by row, and one wrong row fails the
whole script, with the first cause, its line in the code and the row it arose on.

Rows that match a validation or test item never enter the sandbox, so that no script can read
such an item, nor write one anew in words that decontamination would miss. A recipe must still
decontaminate after its last script (``tools.curation.run``), and its final look at the rows stays.

Each row is transformed on its own: large sets are cut into chunks with a process each, and
``random`` is seeded anew for every row, so that results do not depend on where the cuts fall.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory.recipe import Script as ScriptOperation
from tasks.base import Script, ScriptResult
from tasks.errors import ExperimentFailed, did_you_mean
from tools.chat.untrusted_text import one_line
from tools.contamination.check import Decontaminator, Match
from tools.curation import script_child
from tools.curation.operations import Context, Example, Kept
from tools.sandbox import run

TRIAL_ROWS = 100
OUTPUTS_PER_ROW = 20
MOST_OUTPUTS = 100_000
"""Rows that a script may make in all."""
MOST_CHARACTERS = 64_000_000
"""Of prompts and answers that a script may make in all."""
TEXT_CHARACTERS = 20_000
"""Of one prompt or answer, or twice the row that it was made of, if that is more."""
ROW_CHARACTERS = 100_000
"""Longer rows are no use to training and do not enter the sandbox."""
CHUNK_ROWS = 400
CHUNK_CHARACTERS = 150_000
"""Of the rows of one process: its answer, which is at most 1 MB, holds about as much again."""
ENOUGH_CHARACTERS = 200_000
"""Of output: then a process stops, and another one goes on from the next row."""
ROW_SECONDS = 5.0
CHUNKS_AT_ONCE = 4
MOST_SECONDS = 300.0
"""For all chunks together."""
LIMITS = run.ScriptLimits(cpu_seconds=20, wall_seconds=20.0, processes=8)
CAUSE_CHARACTERS = 600
KEYS = ("prompt", "answer", "source")
SHOWN = 3
"""Rows that a trial shows before and after."""

Rows = Sequence[Example]


@dataclass(frozen=True)
class ScriptTrial:
    """What a script did to some rows."""

    rows_in: int
    rows_out: int = 0
    dropped: int = 0
    """Input rows without an output."""
    changed: int = 0
    """Input rows whose outputs are not the row as it was; dropped ones are not counted."""
    examples: tuple[tuple[Example, tuple[Example, ...]], ...] = ()
    """Rows before and after, changed ones first."""
    made: tuple[Example, ...] = ()
    """Every row that came out."""
    problem: str = ""
    """The root cause of the failure; empty when the script may be used."""


def transform_rows(rows: Rows, op: ScriptOperation, context: Context) -> Kept:
    """Every row through the script: those it keeps, rewritten or split; matches of guarded items are dropped.

    Raises:
        ExperimentFailed: ``bad_script``, with the root cause.
        HarnessFault: the sandbox worked when it was tested, and does not start any more.
    """
    seed = context.rng.getrandbits(32)
    clean, matches = unguarded(rows, context.decontaminator)
    fitting = [row for row in clean if len(row.prompt) + len(row.answer) <= ROW_CHARACTERS]
    if len(fitting) > TRIAL_ROWS:
        _run(op.code, some(fitting), seed)
    made = _run(op.code, fitting, seed)
    dropped, changed = _counts(fitting, made)
    notes = [f"{changed:,} changed", f"{dropped:,} dropped"]
    notes += [f"{len(matches):,} matched a guarded item"] if matches else []
    notes += [f"{len(clean) - len(fitting):,} too long"] if len(fitting) < len(clean) else []
    note = f"{one_line(op.purpose, 120)}: {', '.join(notes)}".lstrip(": ")
    return Kept([row for outputs in made for row in outputs], note, matches)


def try_script(code: str, rows: Rows) -> ScriptTrial:
    """The script on at most 100 of the rows, a seeded sample; failures are told, not raised.

    Args:
        code: defines ``transform(row)``; see ``memory.recipe.Script``.
        rows: rows of which none matches a guarded item (see ``unguarded``).

    Raises:
        HarnessFault: the sandbox worked when it was tested, and does not start any more.
    """
    tried = some([row for row in rows if len(row.prompt) + len(row.answer) <= ROW_CHARACTERS])
    if not tried:
        return ScriptTrial(0, problem="there are no rows to try the script on")
    try:
        made = _run(code, tried, seed=0)
    except ExperimentFailed as failed:
        return ScriptTrial(len(tried), problem=failed.message)
    dropped, changed = _counts(tried, made)
    pairs = [(row, tuple(outputs)) for row, outputs in zip(tried, made, strict=True)]
    pairs.sort(key=lambda pair: (_same(*pair), not pair[1]))
    return ScriptTrial(
        rows_in=len(tried),
        rows_out=sum(map(len, made)),
        dropped=dropped,
        changed=changed,
        examples=tuple(pairs[:SHOWN]),
        made=tuple(row for outputs in made for row in outputs),
        problem=f"it drops all {dropped} rows" if dropped == len(tried) else "",
    )


def unguarded(
    rows: Rows, decontaminator: Decontaminator
) -> tuple[list[Example], dict[tuple[str, int], Match]]:
    """The rows that match no validation or test item, and the matches of the others by (source, row)."""
    clean: list[Example] = []
    matches: dict[tuple[str, int], Match] = {}
    for row in rows:
        match = decontaminator.check(row.prompt, row.answer)
        if match is None:
            clean.append(row)
        else:
            matches[row.source, row.row] = match
    return clean, matches


def some(rows: Rows, count: int = TRIAL_ROWS) -> list[Example]:
    """At most ``count`` rows: a sample that is always the same, in the old order."""
    if len(rows) <= count:
        return list(rows)
    return [rows[i] for i in sorted(random.Random(0).sample(range(len(rows)), count))]


def _counts(rows: Rows, made: Sequence[Sequence[Example]]) -> tuple[int, int]:
    """(input rows without an output, input rows with an output that differs from them)."""
    dropped = sum(not outputs for outputs in made)
    kept_as_is = sum(_same(row, outputs) for row, outputs in zip(rows, made, strict=True))
    return dropped, len(rows) - dropped - kept_as_is


def _same(row: Example, outputs: Sequence[Example]) -> bool:
    return [(o.prompt, o.answer) for o in outputs] == [(row.prompt, row.answer)]


# ---- running


def _run(code: str, rows: Rows, seed: int) -> list[list[Example]]:
    """The outputs of every row, in the order of the rows."""
    program = Path(script_child.__file__).read_text(encoding="utf-8")
    deadline = time.monotonic() + MOST_SECONDS
    waiting = _chunks(rows)
    done: dict[int, list[list[Example]]] = {}
    while waiting:
        batch, waiting = waiting[:CHUNKS_AT_ONCE], waiting[CHUNKS_AT_ONCE:]
        scripts = [Script(program, _files(code, rows[start:stop], seed)) for start, stop in batch]
        for (start, stop), result in zip(batch, run.run_many(scripts, limits=LIMITS), strict=True):
            done[start] = _outputs(result, rows[start:stop])
            if start + len(done[start]) < stop:  # a process stops when its answer grows large
                waiting.insert(0, (start + len(done[start]), stop))
        _check_totals(done)
        if waiting and time.monotonic() > deadline:
            passed = sum(map(len, done.values()))
            raise _bad(
                f"not done after {MOST_SECONDS:g} s, with {passed:,} of {len(rows):,} rows transformed: "
                "make the script quicker, or put a sample before it"
            )
    return [outputs for start in sorted(done) for outputs in done[start]]


def _chunks(rows: Rows) -> list[tuple[int, int]]:
    """(first, one after the last) of stretches that one process can answer for."""
    cuts, size = [0], 0
    for position, row in enumerate(rows):
        size += len(row.prompt) + len(row.answer)
        if position > cuts[-1] and (size > CHUNK_CHARACTERS or position - cuts[-1] >= CHUNK_ROWS):
            cuts.append(position)
            size = len(row.prompt) + len(row.answer)
    return [*zip(cuts, [*cuts[1:], len(rows)], strict=True)] if rows else []


def _files(code: str, rows: Rows, seed: int) -> dict[str, str]:
    given = [{"prompt": row.prompt, "answer": row.answer, "source": row.source} for row in rows]
    task = {
        "seed": seed,
        "row_seconds": ROW_SECONDS,
        "enough_characters": ENOUGH_CHARACTERS,
        "rows": given,
    }
    return {script_child.CODE: code, "rows.json": json.dumps(task)}


def _check_totals(done: Mapping[int, list[list[Example]]]) -> None:
    made = [row for outputs in done.values() for each in outputs for row in each]
    if len(made) > MOST_OUTPUTS:
        raise _bad(f"it makes more than {MOST_OUTPUTS:,} rows: make fewer per row, or put a sample before it")
    if sum(len(row.prompt) + len(row.answer) for row in made) > MOST_CHARACTERS:
        raise _bad(f"it makes more than {MOST_CHARACTERS:,} characters: put a sample before it")


# ---- reading what came of it


def _outputs(result: ScriptResult, rows: Rows) -> list[list[Example]]:
    """The checked outputs of the chunk's first rows; at least one row's."""
    if result.status == "refused":
        raise _bad(f"scripts cannot run here: {result.stderr}; use the typed operations instead")
    claim = _claim(result.returned)
    if isinstance(failed := claim.get("failed"), dict):
        raise _bad(_told(failed, rows))
    outputs = claim.get("outputs")
    if result.status != "ok" or not isinstance(outputs, list) or not 0 < len(outputs) <= len(rows):
        raise _bad(f"{_ended(result)}{_place(rows, claim.get('at'))}")
    return [_checked(given, rows, position) for position, given in enumerate(outputs)]


def _claim(text: str) -> dict[str, Any]:
    try:
        claim = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return claim if isinstance(claim, dict) else {}


def _told(failed: Mapping[str, Any], rows: Rows) -> str:
    """``ValueError: ... at line 3 (`x = int(y)`), on source 's', row 118``."""
    line, text, then = failed.get("line"), str(failed.get("text", "")), str(failed.get("then", ""))
    where = f" at line {line}" if isinstance(line, int) else ""
    quoted = f" (`{one_line(text, 120)}`)" if where and text else ""
    after = f"; it led to {one_line(then, 200)}" if then else ""
    return f"{one_line(str(failed.get('error')), 300)}{where}{quoted}{_place(rows, failed.get('row'))}{after}"


def _ended(result: ScriptResult) -> str:
    """How a script ended that left no result."""
    last = one_line(result.stderr.strip().rpartition("\n")[2].removeprefix("[sandbox] "), 300)
    if result.status == "timeout":
        return f"it was ended after {LIMITS.wall_seconds:g} s"
    if "of output" in last:
        return f"it prints without end ({last}): print nothing"
    if result.status == "ok":
        return f"it ended its process or replaced its result{f' ({last})' if last else ''}"
    return f"it was {'ended' if result.status == 'killed' else 'broken off'}: {last or result.status}"


def _place(rows: Rows, position: object) -> str:
    if not isinstance(position, int) or not 0 <= position < len(rows):
        return ""
    row = rows[position]
    return f", on source {one_line(row.source)!r}, row {row.row}"


def _checked(given: object, rows: Rows, position: int) -> list[Example]:
    """The outputs of one row as examples with the place of that row."""
    row = rows[position]
    if not isinstance(given, list):
        kind = _article(type(given).__name__)
        wanted = "not a dict, a list of dicts or None"
        raise _bad(f"transform returned {kind}, {wanted}{_place(rows, position)}")
    if len(given) > OUTPUTS_PER_ROW:
        many = f"transform returned {len(given)} rows for one, over {OUTPUTS_PER_ROW}"
        raise _bad(f"{many}{_place(rows, position)}")
    most = max(TEXT_CHARACTERS, 2 * (len(row.prompt) + len(row.answer)))
    for each in given:
        if wrong := _wrong(each, most):
            raise _bad(f"{wrong}{_place(rows, position)}")
    return [_example(each, row) for each in given]


def _wrong(each: object, most: int) -> str:
    """What is wrong with one output; empty when nothing is."""
    if not isinstance(each, dict):
        return f"transform returned a list with {_article(type(each).__name__)} in it, not a dict"
    if strange := [key for key in each if key not in KEYS]:
        return f"the key {one_line(str(strange[0]))!r} is not allowed: {did_you_mean(str(strange[0]), KEYS)}"
    for key in ("prompt", "answer"):
        if key not in each:
            return f"a returned dict has no {key!r}"
        text = each[key]
        if not isinstance(text, str):
            return f"the returned {key!r} is {_article(type(text).__name__)}, not a text"
        if not text.strip():
            return f"the returned {key!r} is blank: return None to drop a row"
        if len(text) > most:
            return f"the returned {key!r} has {len(text):,} characters, over {most:,}"
    return ""


def _example(each: Mapping[str, str], row: Example) -> Example:
    reasoning = row.reasoning if row.reasoning and row.reasoning in each["answer"] else ""
    return row._replace(prompt=each["prompt"], answer=each["answer"], reasoning=reasoning)


def _article(kind: str) -> str:
    return "nothing" if kind == "NoneType" else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _bad(message: str) -> ExperimentFailed:
    return ExperimentFailed("data", "bad_script", message[:CAUSE_CHARACTERS])
