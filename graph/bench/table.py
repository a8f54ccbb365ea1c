"""The bench's tables in Markdown: every task and policy, then what each policy comes to over all tasks."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from graph.bench.gap import ORACLE, Group, Interval, Start, grouped, mean_share, policies
from graph.bench.results import Result
from graph.bench.significance import Ranking, ranking

MARK = " *"
"""Behind a policy that knows which sources are good."""
Row = tuple[str, ...]
TASK_HEADS: Row = ("task", "policy", "score", "gap closed", "experiments", "seconds", "tokens", "US dollars")
ALL_HEADS: Row = (
    "policy",
    "tasks",
    "runs",
    "gap closed",
    "mean rank",
    "experiments",
    "seconds",
    "tokens",
    "US dollars",
)


@dataclass(frozen=True)
class Tables:
    """What a results file comes to."""

    by_task: tuple[Row, ...]
    overall: tuple[Row, ...]
    ranking: Ranking
    notes: tuple[str, ...]

    def text(self) -> str:
        """Both tables and the notes, as Markdown."""
        if not self.by_task:
            return "No results."
        return "\n\n".join(
            (
                markdown(ALL_HEADS, self.overall),
                self.ranking.text(),
                markdown(TASK_HEADS, self.by_task),
                *self.notes,
            )
        )


def tables(results: Iterable[Result], start: Start = "base") -> Tables:
    """The tables of some results.

    Args:
        results: as read from a file.
        start: from where the gap to the oracle goes.
    """
    results = list(results)
    groups = grouped(results)
    names = policies(groups)
    ranked = ranking(groups, names)
    by_task = [row for group in groups for row in _of_group(group, groups, start)]
    overall = [_of_all(name, groups, start, ranked) for name in names]
    return Tables(tuple(by_task), tuple(overall), ranked, tuple(_notes(results, groups, start)))


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def name_of(group: Group, groups: Sequence[Group]) -> str:
    """A group's task, with what sets it apart from other groups of the task."""
    own, name = group.setting, group.setting.task
    others = [each.setting for each in groups if each.setting.task == own.task]
    for field, text in (
        ("base_model", own.base_model),
        ("budget_seconds", f"{own.budget_seconds:g} s"),
        ("max_rows", f"{own.max_rows:,} rows"),
        ("edition", own.edition),
    ):
        if len({getattr(each, field) for each in others}) > 1:
            name += f", {text}"
    return name


def marked(policy: str) -> str:
    """The policy's name, marked where it knows."""
    return policy + MARK if ORACLE in policy else policy


def _of_group(group: Group, groups: Sequence[Group], start: Start) -> list[Row]:
    name, base = name_of(group, groups), group.base()
    rows: list[Row] = []
    if base is not None and "base" not in group.runs:
        rows.append((name, "(untrained)", base.text(), *("",) * 5))
    for policy, by_seed in group.runs.items():
        runs = list(by_seed.values())
        shares = list(group.shares(policy, start).values())
        closed = "no gap" if not shares else f"{statistics.mean(shares):.0%}"
        rows.append((name, marked(policy), _score_text(group.scores(policy), runs), closed, *_costs(runs)))
    return rows


def _score_text(score: Interval | None, runs: Sequence[Result]) -> str:
    """Score with its interval; where nothing was claimed, what the best training came to on validation."""
    assert score is not None  # the policy has runs here
    seeds = f", {score.runs} seeds" if score.runs > 1 else ""
    kept = [run for run in runs if run.champion == "base" and run.trained is not None]
    if not kept:
        return score.text() + seeds
    best = max(run.trained for run in kept if run.trained is not None)
    of = "the base" if len(kept) == len(runs) else f"the base in {len(kept)} of {len(runs)}"
    return f"{score.text()}{seeds} ({of}; best training {best:.1f} on validation)"


def _of_all(policy: str, groups: Sequence[Group], start: Start, ranked: Ranking) -> Row:
    mine = [group for group in groups if policy in group.runs]
    runs = [run for group in mine for run in group.runs[policy].values()]
    share = mean_share(mine, policy, start)
    rank = ranked.ranks.get(policy)
    return (
        marked(policy),
        str(len(mine)),
        str(len(runs)),
        share.text("%") if share else "no gap",
        f"{rank:.2f}" if rank is not None else "-",
        *_costs(runs),
    )


def _costs(runs: Sequence[Result]) -> Row:
    """Means: experiments, seconds, tokens, dollars."""

    def mean(values: Iterable[float]) -> float:
        return statistics.mean(values)

    tokens, usd = mean(run.tokens for run in runs), mean(run.usd for run in runs)
    experiments = mean(sum(run.experiments.values()) for run in runs)
    seconds = mean(run.seconds for run in runs)
    return f"{experiments:.1f}", f"{seconds:.0f}", f"{tokens:,.0f}", f"{usd:.4f}" if usd else "0"


def _notes(results: Sequence[Result], groups: Sequence[Group], start: Start) -> list[str]:
    budget = sum(run.cell.budget_seconds for run in results)
    spent, wall = sum(run.seconds for run in results), sum(run.wall_seconds for run in results)
    lanes = max((run.lanes for run in results), default=1)
    notes = [
        f"{len(results)} runs: budgets of {budget:.0f} s in all, of which {spent:.0f} s were spent; "
        f"{wall:.0f} s from start to result, loading included"
        + (f", {lanes} at a time" if lanes > 1 else "")
        + ". A score is that of the run's champion on the sealed test, or of the base where no gain was "
        "confirmed, with its 95% interval. The gap goes from "
        + ("the untrained base" if start == "base" else "all-data")
        + f" to {ORACLE} of the same seed."
    ]
    if any(ORACLE in policy for group in groups for policy in group.runs):
        notes.append("\\* is told which sources are good: no rival, but the mark to reach.")
    if told := [run.interference for run in results if run.interference is not None]:
        notes.append(
            f"Runs shared the machine: a fixed loop took up to {max(told):.2f} times as long with all lanes "
            "busy as alone, and so much less a budget holds."
        )
    machines = sorted({run.machine for run in results if run.machine})
    if len(machines) > 1:
        notes.append(f"Machines differ: {'; '.join(machines)}. A budget of seconds is another on each.")
    elif machines:
        notes.append(f"Machine: {machines[0]}.")
    return notes
