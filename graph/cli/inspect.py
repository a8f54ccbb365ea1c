"""Screen of ``ftdojo inspect``: what was understood of the data, and what the model will see."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from graph.task_names import load_task
from tasks.errors import InputError, or_input_error
from tasks.formats.declared import Declared
from tools.contamination.check import Decontaminator
from tools.curation.inspection import Inspection, SourceFacts, inspect_data
from tools.curation.profile import answered_rows
from tools.models.base_model import resolve_base_model
from tools.models.chat_template import LossOn
from tools.models.check import look
from tools.sealed_test import SealedTest

SHOWN_CHARACTERS = 400
NAME_CELLS = 22
"""Cells of the terminal for a name at the left; a longer one is wrapped."""


@dataclass(frozen=True)
class Looked:
    """With which model the data is looked at."""

    base_model: str
    allow_pickle: bool = False
    loss_on: LossOn = "auto"


def print_inspection(console: Console, data: str, looked: Looked, declared: Declared, as_json: bool) -> None:
    """Look at the base model, read the data, measure it against the model, and print both.

    Raises:
        InputError: the data or the model cannot be read.
    """
    spec = load_task(data, "user", declared)
    if spec.data is None:
        raise InputError(
            data, "a task that comes with FT-Dojo is not inspected", f"see `ftdojo tasks {data}`"
        )
    model = resolve_base_model(looked.base_model, looked.allow_pickle)
    with or_input_error(looked.base_model, "it cannot be looked at", "copy its files again"):
        notes = look(model, looked.allow_pickle).notes
    test = SealedTest.seal(spec.data.load_test)
    rows = answered_rows([source for source in spec.data.sources if not source.replay], spec)
    decontaminator = Decontaminator.build(spec.data.validation, test, rows)
    facts = inspect_data(spec, model, decontaminator, test.n, notes, looked.loss_on)
    if as_json:
        console.print_json(json.dumps(facts.as_json(), ensure_ascii=False))
        return
    _heading(console, facts)
    for source in facts.sources:
        _source(console, source, facts)


def _heading(console: Console, facts: Inspection) -> None:
    limit = f"{facts.positions:,} positions" if facts.positions else "no limit of positions"
    items = f"{facts.validation} validation items, {facts.test} sealed test items"
    console.print(Text(f"{facts.task}: metric {facts.metric}, {items}", style="bold"))
    console.print(Text(f"base model {facts.base_model}, {limit}", style="dim"))
    for note in facts.base_model_notes:
        console.print(Text(f"  {note}", style="yellow"))
    console.print()
    console.print(_named_lines([_parted(line) for line in facts.understood]))


def _parted(line: str) -> tuple[str, str]:
    """(the table or the matter that a line is about, what it says)."""
    name, mark, said = line.partition(": ")
    return (name, said) if mark else ("", line)


def _named_lines(lines: Sequence[tuple[str, str]]) -> Table:
    """Names at the left, each once, and beside them what is said, wrapped in its own column."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="cyan", max_width=NAME_CELLS, overflow="fold")
    grid.add_column(overflow="fold", ratio=1)
    before = ""
    for name, said in lines:
        grid.add_row(Text("" if name == before else name), Text(said))
        before = name
    return grid


def _source(console: Console, source: SourceFacts, facts: Inspection) -> None:
    console.print()
    some = f" ({source.measured:,} measured)" if source.measured < source.rows else ""
    kind = ", general rows against forgetting (replay)" if source.replay else ""
    console.print(Text(f"{source.name}: {source.rows:,} rows{some}{kind}", style="bold"))
    if source.tokens:
        console.print(_lengths(source))
    if source.too_long:
        limit = f"{source.too_long} rows have more tokens than the model has positions ({facts.positions:,})"
        console.print(Text(f"warning: {limit}", style="yellow"))
    leaks = ", ".join(f"{count} {rule}" for rule, count in source.contaminated.items())
    lines = [
        ("repeats", f"{source.repeated_share:.0%} exact, {source.nearly_repeated_share:.0%} nearly"),
        ("leaks", f"would be removed: {leaks}" if leaks else "none"),
    ]
    if source.labels:
        shown = ", ".join(f"{_one_line(label)} {share:.0%}" for label, share in source.labels.items())
        lines.append(("answers", shown))
    scripts = ", ".join(f"{name} {share:.0%}" for name, share in source.scripts.items())
    console.print(_named_lines([*lines, ("writing", scripts or "none")]))
    if source.personal:
        held = ", ".join(f"{kind} in {count} rows" for kind, count in source.personal.items())
        console.print(Text(f"warning: personal data: {held}", style="yellow"))
    for remark in source.remarks:
        console.print(Text(remark, style="dim"))
    for number, row in enumerate(source.shown, 1):
        console.print()
        sizes = f"{row.prompt_tokens:,} tokens, then ⟦{row.target_tokens:,} that carry loss⟧"
        console.print(Text(f"row {number} as the model sees it: {sizes}", style="dim"))
        shown_row = Text("", overflow="fold")
        for text, trained in row.pieces:
            cut = _cut(text)
            shown_row.append(f"⟦{cut}⟧" if trained else cut, style="bold green" if trained else None)
        console.print(Padding(shown_row, (0, 0, 0, 2)))


def _lengths(source: SourceFacts) -> Table:
    """Tokens of whole rows and of answers alone, by percentile."""
    names = {"50": "half up to", "90": "90% up to", "99": "99% up to", "100": "longest"}
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("tokens", style="cyan", no_wrap=True)
    for percentile in source.tokens:
        table.add_column(names[percentile], justify="right", no_wrap=True)
    for name, counts in (("of a row", source.tokens), ("of its answer", source.target_tokens)):
        table.add_row(name, *(f"{count:,}" for count in counts.values()))
    return table


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str) -> str:
    if len(text) <= SHOWN_CHARACTERS:
        return text
    return text[: SHOWN_CHARACTERS // 2] + " … " + text[-SHOWN_CHARACTERS // 2 :]
