"""Decontamination measured: planted leaks found, false alarms on clean rows, cost, what each rule adds.

    python -m tools.bench.contamination [--rows N] [--items N] [--real-rows DIR] [--marginal] [--json]

Leaks of every kind are planted by ``tools.bench.leaks``, whose edits share no code
with the detector. Indexed: the validation and test items of every mini edition (seed 0), and
the published rows under ``DIR``. Clean: new rows from the same generators; of published
rows, each half is guarded against the other. A clean row that is by chance an item in other
writing (the same options in another order, the same molecule) is a *coincidence*: an independent
key finds those, and they are counted apart, for the detector is right to take them.

``--marginal`` prints instead, for each rule, the leaks that it alone finds and the false alarms that it alone
raises: a rule that adds nothing costs rows and readers.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tasks import registry
from tasks.answers.metrics import wilson
from tasks.errors import InputError
from tasks.load import load
from tasks.official.rows import read_rows
from tasks.splits import draw_unique, fingerprint, seeded
from tools.bench.leaks import KINDS, Leak, coincidence_key
from tools.contamination.check import RULES, Decontaminator, Item, Match, guarded

ROWS, ITEMS = 2000, 100
SIZES = (10_000, 30_000, 100_000)


class Indexed(NamedTuple):
    """One set of items with its decontaminator."""

    name: str
    items: list[Item]
    decontaminator: Decontaminator
    keys: frozenset[str]
    """``coincidence_key`` of every item."""


class Count(NamedTuple):
    """Found of so many."""

    found: int
    n: int

    def text(self) -> str:
        """``98.5% [97.1, 99.2]``."""
        low, high = wilson(self.found / max(1, self.n), self.n)
        return f"{100 * self.found / max(1, self.n):.2f}% [{100 * low:.2f}, {100 * high:.2f}]"


def index_of(name: str, items: Sequence[Item]) -> Indexed:
    """The items with a decontaminator over them."""
    keys = frozenset(coincidence_key(prompt) for _, prompt, _ in items)
    return Indexed(name, list(items), Decontaminator(items), keys)


def mini_items(task: str, seed: int = 0) -> list[Item]:
    """Validation and test of a mini edition; this bench measures no model, so it may read them."""
    data = load(registry.get(task), "mini", seed)
    return [*guarded("validation", data.validation), *guarded("test", data.load_test())]


def clean_rows(task: str, count: int, items: Sequence[Item]) -> list[tuple[str, str]]:
    """(prompt, answer) of new rows; fewer where the generator has no more."""
    mini = registry.synthetic(task)
    taken = {fingerprint(prompt) for _, prompt, _ in items}
    rng = seeded(task, "clean rows of the bench")
    rows: list[tuple[str, str]] = []
    while len(rows) < count:
        try:
            drawn = draw_unique(mini.generator.draw, mini.prompt_of, rng, min(100, count - len(rows)), taken)
        except ValueError:
            break
        rows += [(mini.prompt_of(item), mini.render(item.answer, item.reasoning)) for item in drawn]
    return rows


def real_items(folder: Path) -> list[Item]:
    """One item per published row that a task can read; of rows with one id in several files, the first.

    Raises:
        InputError: no such folder, or a file that is none of the upstream formats.
    """
    if not folder.is_dir():
        raise InputError(f"--real-rows {folder}", "there is no such folder", "name one with published rows")
    items: dict[str, Item] = {}
    ids: set[str] = set()
    files = (path for path in sorted(folder.rglob("*")) if path.suffix in (".json", ".jsonl", ".csv"))
    for path in files:
        for number, row in enumerate(read_rows(path)):
            if row.get("id") and str(row["id"]) in ids:
                continue
            ids.add(str(row.get("id")))
            prompts = [prompt for task in registry.TASKS if (prompt := task.build_prompt(row))]
            if prompts:  # a table's row also reads as a bare question: the task that uses most of it counts
                prompt = max(prompts, key=len)
                item = (f"test:{path.stem}-{number}", prompt, str(row.get("answer", "")))
                items.setdefault(fingerprint(prompt), item)
    return list(items.values())


def recall(sets: Sequence[Indexed], most: int) -> tuple[dict[str, Count], dict[str, Counter[str]]]:
    """Found leaks by kind, over at most ``most`` items of each set, and the rules that found them."""
    counts = {kind: Count(0, 0) for kind in KINDS}
    rules: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for group, kind, leak in _planted(sets, most):
        match = group.decontaminator.check(leak.prompt, leak.answer)
        counts[kind] = Count(counts[kind].found + (match is not None), counts[kind].n + 1)
        rules[kind][match.rule if match else "missed"] += 1
    return counts, rules


def _planted(sets: Sequence[Indexed], most: int) -> Iterator[tuple[Indexed, str, Leak]]:
    """Every kind of leak from at most ``most`` items of each set."""
    for group in sets:
        for kind, plant in KINDS.items():
            rng = seeded(group.name, kind)
            items = group.items if len(group.items) <= most else rng.sample(group.items, most)
            for _, prompt, gold in items:
                if leak := plant(rng, prompt, gold):
                    yield group, kind, leak


class Marginal(NamedTuple):
    """What one rule adds to the others."""

    found: int
    """Leaks that it finds, whether others do or not."""
    alone: int
    """Leaks that no other rule finds."""
    kinds: Counter[str]
    """Those by kind."""


def marginal(sets: Sequence[Indexed], most: int) -> tuple[dict[str, Marginal], int]:
    """For each rule its ``Marginal``, and the leaks that any rule finds."""
    found, alone, everything = Counter[str](), {rule: Counter[str]() for rule in RULES}, 0
    for group, kind, leak in _planted(sets, most):
        rules = {match.rule for match in group.decontaminator.matches(leak.prompt, leak.answer)}
        everything += bool(rules)
        found.update(rules)
        if len(rules) == 1:
            alone[rules.pop()][kind] += 1
    return {rule: Marginal(found[rule], alone[rule].total(), alone[rule]) for rule in RULES}, everything


def marginal_alarms(
    checked: Sequence[tuple[Indexed, Sequence[tuple[str, str]]]],
) -> dict[str, tuple[int, int]]:
    """For each rule its false alarms, and those that no other rule raises."""
    raised, alone = Counter[str](), Counter[str]()
    for group, rows in checked:
        for prompt, answer in rows:
            rules = {match.rule for match in group.decontaminator.matches(prompt, answer)}
            if rules and coincidence_key(prompt) not in group.keys:
                raised.update(rules)
                alone.update(rules if len(rules) == 1 else ())
    return {rule: (raised[rule], alone[rule]) for rule in RULES}


def alarms(group: Indexed, rows: Sequence[tuple[str, str]]) -> tuple[Count, int, Counter[str]]:
    """False alarms, coincidences among the rows, and the rules that raised the alarms."""
    coincidences, wrong = 0, Counter[str]()
    for prompt, answer in rows:
        match: Match | None = group.decontaminator.check(prompt, answer)
        if match is None:
            continue
        if coincidence_key(prompt) in group.keys:
            coincidences += 1
        else:
            wrong[match.rule] += 1
    return Count(wrong.total(), len(rows) - coincidences), coincidences, wrong


def speed(tasks: Sequence[str], sizes: Sequence[int]) -> list[tuple[str, int, int, float]]:
    """(task, items, rows, CPU seconds) with a new decontaminator for each size, so that nothing is
    remembered."""
    from tasks.repeats.signature import sign

    found = []
    for task in tasks:
        items = mini_items(task)
        rows = clean_rows(task, max(sizes), items)
        for size in sorted({min(size, len(rows)) for size in sizes}):
            sign.cache_clear()
            decontaminator = Decontaminator(items)
            started = time.process_time()
            for prompt, answer in rows[:size]:
                decontaminator.check(prompt, answer)
            found.append((task, len(decontaminator), size, time.process_time() - started))
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables; ``--json`` prints the same figures as one object."""
    parser = argparse.ArgumentParser(prog="bench_decontaminate", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="clean rows per task")
    parser.add_argument("--items", type=int, default=ITEMS, help="planted leaks per kind and task")
    parser.add_argument("--real-rows", type=Path, help="folder with published rows")
    parser.add_argument("--speed-tasks", nargs="*", default=["aime25", "tablebench_numerical_reasoning"])
    parser.add_argument("--sizes", nargs="*", type=int, default=list(SIZES), help="rows of the speed test")
    parser.add_argument("--marginal", action="store_true", help="only the table of what each rule adds")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    sets = [index_of(task, mini_items(task)) for task in registry.ids()]
    real = real_items(args.real_rows) if args.real_rows else []
    if args.marginal:
        sys.stdout.write(_marginal_report(sets, real, args))
        return
    clean = {group.name: alarms(group, clean_rows(group.name, args.rows, group.items)) for group in sets}
    if real:
        half = index_of("published rows", real[::2])
        clean[half.name] = alarms(half, [(prompt, gold) for _, prompt, gold in real[1::2]])
    counts, rules = recall(sets, args.items)
    real_counts, _ = recall([index_of("published rows", real)] if real else [], 10**9)
    timed = speed(args.speed_tasks, args.sizes)
    if args.json:
        report = {
            "recall": {kind: count._asdict() for kind, count in counts.items()},
            "recall_published": {kind: count._asdict() for kind, count in real_counts.items()},
            "rules": {kind: dict(found) for kind, found in rules.items()},
            "clean": {
                name: {**c._asdict(), "coincidences": t, "rules": dict(r)}
                for name, (c, t, r) in clean.items()
            },
            "speed": [
                dict(zip(("task", "items", "rows", "cpu_seconds"), line, strict=True)) for line in timed
            ],
        }
        sys.stdout.write(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        return
    tables = (_recall_table(counts, rules, real_counts), _clean_table(clean), _speed_table(timed))
    sys.stdout.write("\n".join(tables) + "\n")


def _marginal_report(sets: Sequence[Indexed], real: Sequence[Item], args: argparse.Namespace) -> str:
    checked = [(group, clean_rows(group.name, args.rows, group.items)) for group in sets]
    whole = [index_of("published rows", real)] if real else []
    if real:
        rest = [(prompt, gold) for _, prompt, gold in real[1::2]]
        checked.append((index_of("published rows", real[::2]), rest))
    minis, published = marginal(sets, args.items), marginal(whole, 10**9)
    raised = marginal_alarms(checked)
    if args.json:
        rules = {
            rule: {
                "published": published[0][rule]._asdict(),
                "mini": minis[0][rule]._asdict(),
                "false_alarms": dict(zip(("raised", "alone"), raised[rule], strict=True)),
            }
            for rule in RULES
        }
        found = {"published_found": published[1], "mini_found": minis[1], "rules": rules}
        return json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    return _marginal_table(published, minis, raised)


def _marginal_table(
    published: tuple[dict[str, Marginal], int],
    minis: tuple[dict[str, Marginal], int],
    raised: dict[str, tuple[int, int]],
) -> str:
    lines = [
        f"| rule | of {published[1]:,} published leaks found | found by it alone | kinds | "
        f"of {minis[1]:,} mini leaks by it alone | false alarms | by it alone |",
        "|---|---:|---:|---|---:|---:|---:|",
    ]
    for rule in RULES:
        there, here = published[0][rule], minis[0][rule]
        share = 100 * there.alone / max(1, published[1])
        kinds = ", ".join(f"{kind} {number:,}" for kind, number in there.kinds.most_common(4)) or "-"
        alone = f"{there.alone:,} ({share:.2f}%)"
        lines.append(
            f"| {rule} | {there.found:,} | {alone} | {kinds} | {here.alone:,} "
            f"({100 * here.alone / max(1, minis[1]):.2f}%) | {raised[rule][0]} | {raised[rule][1]} |"
        )
    return "\n".join(lines) + "\n"


def _recall_table(counts: dict[str, Count], rules: dict[str, Counter[str]], real: dict[str, Count]) -> str:
    lines = ["| leak | mini: n | found (95% Wilson) | found by | published: n | found (95% Wilson) |"]
    lines += ["|---|---:|---|---|---:|---|"]
    for kind, count in counts.items():
        by = ", ".join(f"{rule} {number:,}" for rule, number in rules[kind].most_common())
        there = real[kind]
        line = [kind, f"{count.n:,}", count.text() if count.n else "-", by or "-"]
        lines.append("| " + " | ".join([*line, f"{there.n:,}", there.text() if there.n else "-"]) + " |")
    return "\n".join(lines) + "\n"


def _clean_table(clean: dict[str, tuple[Count, int, Counter[str]]]) -> str:
    lines = [
        "| clean rows of | n | falsely taken (95% Wilson) | by | coincidences, taken |",
        "|---|---:|---|---|---:|",
    ]
    everything = Count(sum(c.found for c, _, _ in clean.values()), sum(c.n for c, _, _ in clean.values()))
    by_all = sum((rules for _, _, rules in clean.values()), Counter[str]())
    whole = (everything, sum(coincidences for _, coincidences, _ in clean.values()), by_all)
    for name, (count, coincidences, rules) in [*clean.items(), ("all", whole)]:
        by = ", ".join(f"{rule} {number}" for rule, number in rules.most_common()) or "-"
        lines.append(f"| {name} | {count.n:,} | {count.found}: {count.text()} | {by} | {coincidences} |")
    return "\n".join(lines) + "\n"


def _speed_table(timed: Sequence[tuple[str, int, int, float]]) -> str:
    lines = ["| rows of | guarded items | rows | CPU s | s per 100,000 rows | exponent |"]
    lines += ["|---|---:|---:|---:|---:|---:|"]
    first: dict[str, tuple[int, float]] = {}
    for task, items, rows, seconds in timed:
        base_rows, base_seconds = first.setdefault(task, (rows, seconds))
        grown = rows > base_rows
        power = f"{math.log(seconds / base_seconds) / math.log(rows / base_rows):.2f}" if grown else "-"
        cost = 100_000 * seconds / max(1, rows)
        lines.append(f"| {task} | {items} | {rows:,} | {seconds:.1f} | {cost:.0f} | {power} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
