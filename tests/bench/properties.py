"""Properties with many examples: ``python -m tests.bench.properties --examples 20000 --seed 1 [NAME...]``.

The suite runs a hundred examples of each property, the same ones every time. Here each runs as many as are
asked for, others with every seed. A name selects the properties that hold it. Prints one line a property:
examples run, seconds, and what was found; ends with 1 where one failed.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import hypothesis
import typer

MODULES = (
    "test_tasks_answers_gold_properties",
    "test_tasks_answers_gold",
    "test_tasks_formats_properties",
    "test_tasks_formats_order_properties",
    "test_tasks_custom_split_properties",
)


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Parts of the names of properties.")] = None,
    examples: int = 20_000,
    seed: int = 1,
) -> None:
    """Run them one after another."""
    hypothesis.settings.register_profile(
        "many",
        max_examples=examples,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("many")
    failed = False
    for name, test in _properties():
        if not names or any(part in name for part in names):
            failed |= not _run(name, test, seed)
    raise SystemExit(failed)


def _properties() -> Iterator[tuple[str, Any]]:
    for module in MODULES:
        for name, found in vars(importlib.import_module(f"tests.{module}")).items():
            if name.startswith("test_") and hypothesis.is_hypothesis_test(found):
                yield name, found


def _run(name: str, test: Any, seed: int) -> bool:
    count = 0
    inner: Callable[..., Any] = test.hypothesis.inner_test

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        return inner(*arguments, **named)

    test.hypothesis.inner_test = counted
    started, found = time.monotonic(), "nothing found"
    try:
        hypothesis.seed(seed)(test)()
    except Exception as error:  # whatever a property raises is what it found
        notes = "\n".join(getattr(error, "__notes__", ()))
        found = f"FAILED: {error!r:.2000}\n{notes}"
    seconds = time.monotonic() - started
    typer.echo(f"{name}: {count:,} examples, {seconds:.0f} s, seed {seed}: {found}")
    return found == "nothing found"


if __name__ == "__main__":
    typer.run(main)
