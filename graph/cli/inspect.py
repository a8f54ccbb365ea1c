"""Screen of ``ftdojo inspect``: what was understood of the data, and what the model will see."""

from __future__ import annotations

import json

from rich.console import Console
from rich.text import Text

from graph.session import load_task
from tasks.errors import InputError
from tasks.formats.declared import Declared
from tools.contamination.check import Decontaminator
from tools.curation.inspection import Inspection, SourceFacts, inspect_data
from tools.models.base_model import resolve_base_model
from tools.sealed_test import SealedTest

SHOWN_CHARACTERS = 400


def print_inspection(console: Console, data: str, base_model: str, declared: Declared, as_json: bool) -> None:
    """Read the data, measure it against the base model, and print both.

    Raises:
        InputError: the data or the model cannot be read.
    """
    spec = load_task(data, "user", declared)
    if spec.data is None:
        raise InputError(
            data, "a task that comes with FT-Dojo is not inspected", f"see `ftdojo tasks {data}`"
        )
    test = SealedTest.seal(spec.data.load_test)
    items = test.n
    facts = inspect_data(
        spec, resolve_base_model(base_model), Decontaminator.build(spec.data.validation, test), items
    )
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
    console.print(Text(f"base model {facts.base_model}, {limit}"))
    console.print()
    for line in facts.understood:
        console.print(Text(f"  {line}"))


def _source(console: Console, source: SourceFacts, facts: Inspection) -> None:
    console.print()
    some = f" ({source.measured:,} measured)" if source.measured < source.rows else ""
    console.print(Text(f"{source.name}: {source.rows:,} rows{some}", style="bold"))
    _line(
        console,
        "tokens",
        _lengths(source.tokens) + (f"; {source.too_long} do not fit" if source.too_long else ""),
    )
    _line(console, "of the answer", _lengths(source.target_tokens))
    _line(console, "repeats", f"{source.repeated_share:.0%} exact, {source.nearly_repeated_share:.0%} nearly")
    leaks = ", ".join(f"{count} {rule}" for rule, count in source.contaminated.items())
    _line(console, "would be removed as leaks", leaks or "none")
    if source.labels:
        _line(console, "answers", ", ".join(f"{label} {share:.0%}" for label, share in source.labels.items()))
    _line(
        console,
        "writing",
        ", ".join(f"{name} {share:.0%}" for name, share in source.scripts.items()) or "none",
    )
    if source.personal:
        held = ", ".join(f"{kind} in {count} rows" for kind, count in source.personal.items())
        console.print(Text(f"  warning: personal data: {held}", style="yellow"))
    for number, row in enumerate(source.shown, 1):
        console.print()
        sizes = (
            f"{row.prompt_tokens} tokens of prompt, {row.target_tokens} of target (marked: it carries loss)"
        )
        console.print(Text(f"  row {number} as the model sees it: {sizes}", style="dim"))
        shown = Text("  " + _cut(row.prompt).replace("\n", "\n  "))
        shown.append(Text("⟦" + _cut(row.target).replace("\n", "\n  ") + "⟧", style="bold green"))
        console.print(shown)


def _line(console: Console, name: str, text: str) -> None:
    console.print(Text(f"  {name}: {text}"))


def _lengths(percentiles: dict[str, int]) -> str:
    names = {"50": "half up to", "90": "90% up to", "99": "99% up to", "100": "longest"}
    return ", ".join(f"{names[p]} {count:,}" for p, count in percentiles.items()) or "none"


def _cut(text: str) -> str:
    if len(text) <= SHOWN_CHARACTERS:
        return text
    return text[: SHOWN_CHARACTERS // 2] + " … " + text[-SHOWN_CHARACTERS // 2 :]
