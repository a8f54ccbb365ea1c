"""Tools that show and try out data: sources, their rows, recipes and scripts. Nothing is written or recorded.

No answer holds a row, or a line of a card, that matches a validation or test item.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field

from memory.recipe import DataRecipe, Decontaminate, Filter, Map, Select
from memory.recipe_draft import (
    CODE_CHARACTERS,
    MOST_OPERATIONS,
    DraftOperation,
    PlainDraftOperation,
    ScriptDraft,
    ScriptEdit,
)
from memory.records import Plan
from tasks.errors import InputError, boundary, did_you_mean
from tools.chat.untrusted_text import delimited, one_line
from tools.checks.recipe import drafted_recipe
from tools.checks.script_reference import whole_script
from tools.checks.teacher_cost import teacher_cost
from tools.curation.answer_lengths import answer_lengths
from tools.curation.operations import Example
from tools.curation.profile import SourceProfile
from tools.curation.run import dry_run
from tools.curation.safe_rows import row_texts, shown_rows
from tools.curation.script import ScriptTrial
from tools.curation.script import try_script as run_trial
from tools.dojo import Dojo
from tools.toolkit.answers import TrialFailed

TRIED_ROWS = 2_000
"""Raw rows that a recipe is tried on."""
SCRIPT_ROWS = 300
"""Raw rows that a script's 100 rows are drawn from."""
SCRIPT_FAILURES = 5
"""Failed tries after which a decision has to do without a script."""
CARD_CHARACTERS = 500
COLUMN_CHARACTERS = 500
ROW_CHARACTERS = 600
SHOWN_ROWS = 2
Columns = dict[str, dict[str, str]]
Operations = Annotated[list[DraftOperation], Field(max_length=MOST_OPERATIONS)]
PlainOperations = Annotated[list[PlainDraftOperation], Field(max_length=MOST_OPERATIONS)]


def source_tools(dojo: Dojo) -> list[Callable[..., str]]:
    """The functions, bound to one run; tries of scripts are counted from here on."""
    return [*_looking(dojo), _trying_recipes(dojo), _trying_scripts(dojo), _costing(dojo)]


def _looking(dojo: Dojo) -> list[Callable[..., str]]:
    def list_sources() -> str:
        """List the raw data sources of the task: rows, licence, and the first lines of their cards."""
        return "\n\n".join(
            f"## {one_line(name)} ({profile.rows:,} rows, {one_line(profile.licence)})\n"
            + delimited(profile.card_excerpt, "data card", CARD_CHARACTERS)
            for name, profile in dojo.profiles().items()
        )

    def profile_source(source: str) -> str:
        """Measure one source: columns, token lengths, empty, duplicate, parseable, leaking shares, samples.

        Args:
            source: a source's name, as list_sources gives it.
        """
        profile = _profile(dojo, source)
        figures = profile.model_dump_json(indent=1, exclude={"samples", "card_excerpt"})
        rows = [delimited(row, "row", ROW_CHARACTERS) for row in profile.samples]
        return "\n\n".join([figures, delimited(profile.card_excerpt, "data card", CARD_CHARACTERS), *rows])

    def sample_rows(
        source: str,
        rows: Annotated[int, Field(ge=1, le=8)] = 3,
        seed: Annotated[int, Field(ge=0, le=1_000_000)] = 0,
    ) -> str:
        """Show raw rows of one source, column by column; rows of the validation or test set are left out.

        Args:
            source: a source's name, as list_sources gives it.
            rows: how many.
            seed: another number shows other rows.
        """
        columns = _profile(dojo, source).suggested_columns
        raw = dojo.pool[source].rows
        shown = [
            delimited(
                "\n".join(f"{path}: {_cut(text)}" for path, text in row_texts(row).items()),
                f"row {position} of {source}",
                4 * ROW_CHARACTERS,
            )
            for position, row in shown_rows(raw, rows, columns, dojo.spec, dojo.decontaminator, seed)
        ]
        return "\n\n".join(shown) or "this source has no row that may be shown"

    return [list_sources, profile_source, sample_rows]


def _trying_recipes(dojo: Dojo) -> Callable[..., str]:
    def try_recipe(operations: Operations) -> str:
        """Try a recipe without recording it: rows after each operation and by source, the lengths of their
        answers, two rows as examples.

        Runs on at most 2,000 raw rows, a sample of every source in the recipe; operations that
        ask the teacher are left out. The final recipe is your decision, not this call.

        Args:
            operations: in order, as your decision takes them; what it puts in is put in here, and what it
                refuses is refused. Select comes first where no experiment waits for its data.
        """
        whole = _recipe(dojo, operations)
        with dojo.ledger.measure("data"), boundary("data", "trying a recipe"):
            rows, steps = dry_run(
                whole,
                dojo.pool,
                dojo.spec,
                dojo.decontaminator,
                dojo.count_tokens,
                dojo.max_rows,
                [sample.prompt for sample in dojo.validation],
                TRIED_ROWS,
            )
        total = sum(len(dojo.pool[name].rows) for name in dict.fromkeys(whole.sources))
        tried = min(total, TRIED_ROWS)
        part = "all" if tried == total else f"{tried:,} of"
        head = f"tried on {part} {total:,} raw rows: {len(rows):,} rows left"
        lines = [f"{s.op}: {s.rows_in:,} -> {s.rows_out:,} {one_line(s.note, 160)}".rstrip() for s in steps]
        by_source: dict[str, int] = {}
        for row in rows:
            by_source[row.source] = by_source.get(row.source, 0) + 1
        counts = ", ".join(f"{one_line(name)} {count:,}" for name, count in by_source.items())
        examples = rows[:: max(1, len(rows) // SHOWN_ROWS)][:SHOWN_ROWS]
        lengths = _lengths(dojo, rows)
        shown = (_shown(row, "row") for row in examples)
        return "\n".join([head, *lines, f"by source: {counts}", *lengths, *shown])

    return _without_teacher(dojo, try_recipe)


def _without_teacher(dojo: Dojo, function: Callable[..., str]) -> Callable[..., str]:
    """The function as it is offered: in a run without a teacher no operation that asks one."""
    if dojo.teacher is None:
        function.__annotations__["operations"] = PlainOperations
    return function


def _recipe(dojo: Dojo, drafts: Operations) -> DataRecipe:
    """The recipe that a decision with these operations would come to, refused where that would be."""
    return drafted_recipe(dojo, _planned(dojo) or _imagined(dojo, drafts), drafts, dojo.seed)


def _planned(dojo: Dojo) -> Plan | None:
    """The plan whose data are still to be made."""
    experiment = dojo.journal.unfinished()
    made = experiment is None or dojo.journal.card(experiment) is not None
    return None if made or experiment is None else dojo.journal.plan(experiment)


def _imagined(dojo: Dojo, drafts: Operations) -> Plan:
    """A first experiment on the sources that the operations select.

    Raises:
        InputError: they select none, or one that there is not.
    """
    names = dict.fromkeys(name for op in drafts if isinstance(op, Select) for name in op.sources)
    if not names:
        first = one_line(next(iter(dojo.pool), "..."))
        fix = f'begin with {{"op": "select", "sources": ["{first}"]}}, or plan an experiment first'
        raise InputError("operations", "select no sources, and no experiment waits for its data", fix)
    for name in names:
        _profile(dojo, name)
    return Plan.first("trial", tuple(names), 1.0, rows=dojo.max_rows)


def _trying_scripts(dojo: Dojo) -> Callable[..., str]:
    failures = 0

    def try_script(
        sources: Annotated[list[str], Field(min_length=1, max_length=12)],
        code: Annotated[str, Field(max_length=CODE_CHARACTERS)] = "",
        columns: Columns | None = None,
        script_of: str = "",
        edits: Annotated[list[ScriptEdit] | None, Field(max_length=40)] = None,
    ) -> str:
        """Run a script on 100 rows in the sandbox: counts, lengths of answers, rows before and after, or why
        it fails.

        The code defines transform(row), where row is a dict of the texts prompt, answer and
        source; it returns such a dict, a list of at most 20 of them, or None to drop the row.
        Standard library only; no files, no network; rows do not see each other. A failed
        script may be mended and tried again, up to 5 failures in one decision.

        Args:
            sources: names of the sources whose rows it is tried on.
            code: Python source; leave out to try another's script.
            columns: what to map to prompt and answer, by source; by default the suggested columns.
            script_of: the experiment, or the recalled lesson, whose first script is tried in place of code.
            edits: exact replacements in that script.
        """
        nonlocal failures
        if failures >= SCRIPT_FAILURES:
            wrong = f"{failures} failed in this decision, and no further try is allowed"
            raise InputError("scripts", wrong, "write a recipe without a script")
        rows = _script_rows(dojo, sources, columns)
        draft = ScriptDraft(purpose="a trial", code=code, taken_from=script_of, edits=tuple(edits or ()))
        whole = whole_script(dojo, draft).code
        with dojo.ledger.measure("data"):
            trial = run_trial(whole, rows)
        failures += bool(trial.problem)
        if trial.problem:
            raise TrialFailed(_told_failure(trial, failures))
        return _told(trial, dojo)

    return try_script


def _costing(dojo: Dojo) -> Callable[..., str]:
    def estimate_teacher(operations: Operations) -> str:
        """Estimate what a recipe's teacher operations would ask and cost; nothing is sent or paid for.

        Counted on at most 2,000 raw rows; replies that are there already cost nothing.

        Args:
            operations: in order, as your decision takes them, with solve, rephrase, generate or judge.
        """
        if dojo.teacher is None:
            raise InputError("the teacher", "this run has none", "write a recipe without one")
        found = teacher_cost(dojo, _recipe(dojo, operations), TRIED_ROWS)
        lines = [f"teacher {dojo.teacher.name}; {_left(dojo)}"]
        for op, estimate in found:
            price = "no price known" if estimate.usd is None else f"about {estimate.usd:.4f} US dollars"
            lines.append(
                f"{op}: {estimate.calls:,} calls ({estimate.cached_calls:,} more are answered already), "
                f"{estimate.input_tokens:,} tokens in, at most {estimate.output_tokens:,} out, {price}"
            )
        return "\n".join(lines if found else [*lines, "this recipe asks the teacher nothing"])

    return estimate_teacher


def _left(dojo: Dojo) -> str:
    """What the caps leave."""
    spending = dojo.teacher.spending if dojo.teacher else None
    if spending is None or (spending.max_usd is None and spending.max_tokens is None):
        return "no cap on money or tokens"
    left = []
    if spending.max_usd is not None:
        left.append(f"{max(0.0, spending.max_usd - spending.usd):.4f} US dollars")
    if spending.max_tokens is not None:
        left.append(f"{max(0, spending.max_tokens - spending.tokens):,} tokens")
    return f"the caps leave {' and '.join(left)}"


def _script_rows(dojo: Dojo, sources: list[str], columns: Columns | None) -> list[Example]:
    """Mapped rows of the sources, without those that match a guarded item."""
    suggested = {name: dict(_profile(dojo, name).suggested_columns) for name in sources}
    recipe = DataRecipe(
        operations=(
            Select(sources=tuple(sources)),
            Map(columns={**suggested, **(columns or {})}),
            Filter(rule="nonempty"),
            Decontaminate(),
        )
    )
    with boundary("data", "reading rows for a script"):
        return dry_run(recipe, dojo.pool, dojo.spec, dojo.decontaminator, most_rows=SCRIPT_ROWS)[0]


def _told_failure(trial: ScriptTrial, failures: int) -> str:
    left = SCRIPT_FAILURES - failures
    more = f"{left} more failures are allowed" if left else "no further try is allowed in this decision"
    head = f"failed ({failures} of {SCRIPT_FAILURES}; {more}):"
    return f"{head}\n{delimited(trial.problem, 'root cause', 700)}"


def _told(trial: ScriptTrial, dojo: Dojo) -> str:
    counts = (
        f"{trial.rows_in} rows in, {trial.rows_out} out, {trial.changed} changed, {trial.dropped} dropped"
    )
    parts = [f"works: {counts}", *_lengths(dojo, trial.made)]
    for before, after in trial.examples:
        parts += [_shown(before, "before"), *(_shown(row, "after") for row in after[:2])]
        parts += [] if after else ["(dropped)"]
    return "\n".join(parts)


def _lengths(dojo: Dojo, rows: Sequence[Example]) -> list[str]:
    told = answer_lengths([row.answer for row in rows], dojo.count_tokens, dojo.spec.max_new_tokens)
    return [told] if told else []


def _shown(row: Example, label: str) -> str:
    text = f"prompt: {_cut(row.prompt)}\nanswer: {_cut(row.answer)}"
    return delimited(text, f"{label}, source {row.source}", 3 * COLUMN_CHARACTERS)


def _cut(text: str) -> str:
    return text if len(text) <= COLUMN_CHARACTERS else f"{text[: COLUMN_CHARACTERS - 1]}…"


def _profile(dojo: Dojo, name: str) -> SourceProfile:
    profiles = dojo.profiles()
    if name not in profiles:
        fix = did_you_mean(name, profiles)
        raise InputError(f"source {one_line(name)!r}", "is not in the pool", fix)
    return profiles[name]
