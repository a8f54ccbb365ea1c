"""Repairs of a source's answers: one rule that turns all of them into right ones, found and applied.

A source whose labels a good model contradicts need not be wrong: it may name the classes otherwise, count
in another unit, write dates in another order or wrap its answers. Where the model's answers follow from the
labels by one simple rule, the rule is worth more than the model: it also holds on the rows that the model
gets wrong. A rule is fitted on half of the rows and believed by what it does to the other half.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import isfinite

from memory.recipe import Repair
from tasks.base import TaskSpec
from tools.curation.operations import Context, Example, Kept
from tools.curation.targets import rationale_of

Pair = tuple[str, str]
"""A source's label, and a model's answer to the same prompt."""

LEAST_PAIRS = 20
"""Rows with an answer, under which no rule is looked for."""
LEAST_AGREEMENT = 0.5
"""Of the other half of the rows, what a rule must make agree with the model at least."""
OF_RIGHT_ANSWERS = 0.8
"""And of the share of validation items that the model gets right: its mistakes no rule explains."""
LEAST_GAIN = 0.3
"""And what it must add to the agreement as it was: a few odd cases are no reason to rewrite a source."""
MOST_LABELS = 40
LEAST_SEEN = 2
"""Rows that a label needs in the fitted half to be given a new name."""
_FIELD = re.compile(r"[^\W\d_]+|\d+")
_PLACE = re.compile(r"\{(\d+)\}")
_CASES: dict[str, Callable[[str], str]] = {"lower": str.lower, "upper": str.upper, "title": str.title}


def find_repair(source: str, pairs: Sequence[Pair], right: float) -> Repair | None:
    """The rule that best explains a model's answers from a source's labels; None where none does.

    Args:
        source: the source's name.
        pairs: (label, answer) of sampled rows, both as the task's parser reads them.
        right: share (0.0 to 1.0) of validation items that the model gets right.
    """
    if len(pairs) < LEAST_PAIRS:
        return None
    mixed = random.Random(0).sample(pairs, len(pairs))  # rows may come in an order of their own
    fitted, held = mixed[::2], mixed[1::2]
    as_it_was = _share(label == answer for label, answer in held)
    wanted = max(LEAST_AGREEMENT, OF_RIGHT_ANSWERS * right, as_it_was + LEAST_GAIN)
    found: list[tuple[float, Repair]] = []
    for fit in (_case, _affix, _reorder, _scale, _relabel):
        repair = fit(source, fitted)
        if repair is not None:
            found.append((_share(repaired(repair, label) == answer for label, answer in held), repair))
    # Of rules that do equally well the first is the simplest, and says most about rows not seen.
    share, best = max(found, key=lambda each: each[0], default=(0.0, None))
    return best if share >= wanted else None


def repair_rows(rows: Sequence[Example], op: Repair, context: Context) -> Kept:
    """The source's answers by the rule, in the task's format; its rows that the rule does not fit go."""
    kept, rewritten, unfit = [], 0, 0
    for row in rows:
        new = row if row.source != op.source else _repaired_row(row, op, context.spec)
        if new is None:
            unfit += 1
            continue
        rewritten += new.answer != row.answer
        kept.append(new)
    note = f"{op.source}: {words(op)}; {rewritten:,} answers rewritten"
    return Kept(kept, note + (f", {unfit:,} that it does not fit" if unfit else ""))


def _repaired_row(row: Example, op: Repair, spec: TaskSpec) -> Example | None:
    extracted = spec.extract(row.answer)
    answer = repaired(op, row.answer if extracted is None else extracted)
    if answer is None:
        return None
    reasoning = "" if op.rule == "scale" else row.reasoning or rationale_of(spec, row.answer)
    return row._replace(answer=spec.render(answer, reasoning), reasoning=reasoning and row.reasoning)


def repaired(op: Repair, answer: str) -> str | None:
    """The answer by the rule; None where the rule does not fit it."""
    text = answer.strip()
    match op.rule:
        case "relabel":
            return op.labels.get(text)
        case "case":
            return _CASES[op.case](text)
        case "affix":
            return _with_affix(op, text)
        case "scale":
            number = _number(text)
            return None if number is None else f"{number * op.factor:.{op.decimals}f}"
        case "reorder":
            return _reordered(op, text)


def words(op: Repair) -> str:
    """What the rule does, in a few words."""
    match op.rule:
        case "relabel":
            return "other names: " + ", ".join(f"{old} is {new}" for old, new in sorted(op.labels.items()))
        case "case":
            return f"{op.case} case"
        case "affix":
            off, on = ("…".join(ends) for ends in (op.strip, op.add))
            return f"{off!r} taken off, {on!r} put on"
        case "scale":
            return f"times {op.factor:g}"
        case "reorder":
            return f"fields in the order {op.template}"


def _with_affix(op: Repair, text: str) -> str | None:
    before, after = op.strip
    if not (text.startswith(before) and text.endswith(after) and len(text) > len(before) + len(after)):
        return None
    return op.add[0] + text[len(before) : len(text) - len(after)] + op.add[1]


def _reordered(op: Repair, text: str) -> str | None:
    fields = _FIELD.findall(text)
    if len(fields) != len(op.widths):
        return None
    padded = [
        part.zfill(width) if part.isdigit() else part for part, width in zip(fields, op.widths, strict=True)
    ]

    def field(found: re.Match[str]) -> str:
        return padded[int(found[1])] if int(found[1]) < len(padded) else ""

    return _PLACE.sub(field, op.template)


def _case(source: str, pairs: Sequence[Pair]) -> Repair | None:
    named = [name for name, change in _CASES.items() if _share(change(a) == b for a, b in pairs) >= 0.5]
    return Repair(source=source, rule="case", case=named[0]) if named else None


def _affix(source: str, pairs: Sequence[Pair]) -> Repair | None:
    """What stands around the answer in most labels, or around the label in most answers."""
    seen: Counter[tuple[bool, str, str]] = Counter()
    for label, answer in pairs:
        for strips, inner, outer in ((True, answer, label), (False, label, answer)):
            place = outer.find(inner) if inner else -1
            if place >= 0 and inner != outer:
                seen[strips, outer[:place], outer[place + len(inner) :]] += 1
    if not seen:
        return None
    strips, before, after = seen.most_common(1)[0][0]
    return Repair(source=source, rule="affix", **{"strip" if strips else "add": (before, after)})


def _scale(source: str, pairs: Sequence[Pair]) -> Repair | None:
    """The commonest ratio of answer to label, to four digits, as a factor or as one over a factor."""
    numbers = [(_number(label), _number(answer)) for label, answer in pairs]
    ratios = [answer / label for label, answer in numbers if label and answer and answer / label > 0]
    if not ratios:
        return None
    common = Counter(f"{ratio:.2g}" for ratio in ratios).most_common(1)[0][0]
    alike = sorted(ratio for ratio in ratios if f"{ratio:.2g}" == common)
    ratio = alike[len(alike) // 2]
    factor = 1 / float(f"{1 / ratio:.3g}") if ratio < 1 else float(f"{ratio:.3g}")
    places = Counter(len(answer.strip().partition(".")[2]) for _, answer in pairs).most_common(1)[0][0]
    return Repair(source=source, rule="scale", factor=factor, decimals=min(places, 12))


def _reorder(source: str, pairs: Sequence[Pair]) -> Repair | None:
    """For each field of the answers, the field of the labels that is most often the same."""
    counts = Counter((len(_FIELD.findall(a)), len(_FIELD.findall(b))) for a, b in pairs)
    size, wanted = counts.most_common(1)[0][0]
    alike = [(_FIELD.findall(a), b) for a, b in pairs if len(_FIELD.findall(a)) == size]
    alike = [(fields, b) for fields, b in alike if len(_FIELD.findall(b)) == wanted]
    if not 1 < wanted <= size:
        return None
    order = []
    for place in range(wanted):
        same = [sum(_same(a[i], _FIELD.findall(b)[place]) for a, b in alike) for i in range(size)]
        order.append(max(range(size), key=lambda i: (same[i], i == place)))
    if len(set(order)) < wanted:
        return None
    between = Counter(tuple(_FIELD.split(b)) for _, b in alike).most_common(1)[0][0]
    template = between[0] + "".join(
        f"{{{field}}}{text}" for field, text in zip(order, between[1:], strict=True)
    )
    widths = [1] * size
    for place, field in enumerate(order):
        widths[field] = min(len(_FIELD.findall(b)[place]) for _, b in alike)
    return Repair(source=source, rule="reorder", template=template, widths=tuple(widths))


def _relabel(source: str, pairs: Sequence[Pair]) -> Repair | None:
    """A name for each label, no name for two of them."""
    seen: dict[str, Counter[str]] = {}
    for label, answer in pairs:
        seen.setdefault(label.strip(), Counter())[answer] += 1
    if len(seen) > MOST_LABELS:
        return None
    names = {
        label: found.most_common(1)[0][0] for label, found in seen.items() if found.total() >= LEAST_SEEN
    }
    if len(names) < 2 or len(set(names.values())) < len(names):
        return None
    return Repair(source=source, rule="relabel", labels=names)


def _same(one: str, other: str) -> bool:
    return one == other or (one.isdigit() and other.isdigit() and int(one) == int(other))


def _number(text: str) -> float | None:
    try:
        found = float(text.strip().replace(",", ""))
    except ValueError:
        return None
    return found if isfinite(found) else None


def _share(passes: Iterable[bool]) -> float:
    found = list(passes)
    return sum(found) / len(found) if found else 0.0
