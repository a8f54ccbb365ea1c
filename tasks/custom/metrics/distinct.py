"""Distinctness of gold answers: a metric that cannot tell them apart, or rejects them, starts no run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations

from tasks.answers.equality import answer_text
from tasks.base import ItemScore, Sample
from tasks.custom.metrics.reader import AnswerReader
from tasks.errors import InputError
from tasks.splits import answer_of, seeded

Score = Callable[[Sequence[Sample], Sequence[str]], Sequence[ItemScore]]
COMPARED = 40
"""Different gold answers that are held against each other; all pairs of them."""
COMPARED_BY_PROGRAM = 6
"""The same where each comparison runs a program."""
SHOWN = 60


def refuse_blind_metric(
    what: str,
    metric: str,
    samples: Sequence[Sample],
    reader: AnswerReader,
    score: Score,
    tolerance: float = 0.0,
    compared: int = COMPARED,
) -> None:
    """Raise InputError where ``metric`` rejects a gold answer or calls two different ones the same.

    Args:
        what: the file that the samples come from.
        metric: its name, for the message.
        samples: the items.
        reader: how their answers are written.
        score: scores replies to items; the metric's own function or, for programs, the sandbox.
        tolerance: of numbers; within it values may differ, as long as most do not.
        compared: how many different answers are held against each other.
    """
    _refuse_rejected(what, metric, samples, reader, score)
    _refuse_confused(what, metric, samples, reader, score, tolerance, compared)


def _refuse_rejected(
    what: str, metric: str, samples: Sequence[Sample], reader: AnswerReader, score: Score
) -> None:
    """Every right answer, as rendered for training and, where a reply may be bare, as it stands."""
    items, replies, written = [], [], []
    for sample in samples:
        for answer in _answers(sample):
            bare = [answer] if reader.read(answer) is not None else []
            for reply in dict.fromkeys((reader.render(answer, ""), *bare)):
                items.append(sample)
                replies.append(reply)
                written.append(answer)
    for sample, reply, answer, found in zip(items, replies, written, score(items, replies), strict=True):
        if not found.right:
            why = f" ({found.error})" if found.error else ""
            raise InputError(
                f"{what}, the answer {_shown(answer)} to {_shown(sample.prompt)}",
                f"metric = {metric!r} calls it wrong when a model replies with it{why}: {_shown(reply)}",
                "change the answer, the answer column or the metric",
            )


def _refuse_confused(
    what: str,
    metric: str,
    samples: Sequence[Sample],
    reader: AnswerReader,
    score: Score,
    tolerance: float,
    compared: int,
) -> None:
    distinct = {answer_text(answer_of(sample)): sample for sample in reversed(samples)}
    chosen = [distinct[key] for key in sorted(distinct)]
    if len(chosen) > compared:
        chosen = seeded("gold answers", metric).sample(chosen, compared)
    pairs = [
        (one, other)
        for one, other in permutations(chosen, 2)
        if not any(reader.alike(answer_of(one), right) for right in _answers(other))
    ]
    found = score([other for _, other in pairs], [reader.render(answer_of(one), "") for one, _ in pairs])
    confused = [pair for pair, item_score in zip(pairs, found, strict=True) if item_score.right]
    if not confused or (tolerance > 0 and 2 * len(confused) <= len(pairs)):
        return
    one, other = confused[0]
    close = f" within tolerance = {tolerance:g}" if tolerance > 0 else ""
    raise InputError(
        f"{what}, the answers {_shown(answer_of(one))} and {_shown(answer_of(other))}",
        f"they are different, and metric = {metric!r} calls them the same{close}",
        "lower the tolerance" if close else "choose a metric that tells them apart, such as exact_match",
    )


def _answers(sample: Sample) -> tuple[str, ...]:
    return tuple(sample.gold) if isinstance(sample.gold, list | tuple) else (answer_of(sample),)


def _shown(text: str) -> str:
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= SHOWN else f"{flat[:SHOWN]}...")
