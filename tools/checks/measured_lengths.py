"""Token lengths of a run's rows and items, as its tokenizer counts them: what the limits are chosen from."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.errors import boundary
from tools.curation.profile import examples_of
from tools.curation.targets import formatted
from tools.dojo import Dojo
from tools.training.token_lengths import Record, TokenLengths, sample_with_longest, token_lengths


def rows_of_sources(dojo: Dojo, names: Sequence[str]) -> list[Record]:
    """Every row of these sources as a training set holds it, its answer in the task's format."""
    profiles = dojo.profiles()
    return [
        row._replace(answer=formatted(dojo.spec, row.answer)).record()
        for name in names
        for row in examples_of(dojo.pool[name], profiles[name].suggested_columns, dojo.spec)
    ]


def measured_lengths(dojo: Dojo, rows: Sequence[Record]) -> TokenLengths:
    """Tokens of (a sample of) these rows, and of the validation prompts and references.

    Raises:
        ExperimentFailed: the tokenizer fails on them.
    """
    items = (*dojo.validation, *dojo.confirmation)
    golds = [item.gold for item in items if isinstance(item.gold, str)]
    with dojo.ledger.measure("data"), boundary("data", "measuring lengths"):
        return token_lengths(
            sample_with_longest(rows, dojo.seed),
            [item.asked for item in items],
            [dojo.spec.render(gold, "") for gold in golds],
            dojo.base_model.path,
            dojo.worker,
            dojo.workspace.run_dir / "lengths.log",
        )
