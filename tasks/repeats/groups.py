"""Repeats and contradictions among rows, in near linear time.

An exact repeat has the same prompt by ``tasks.splits.fingerprint``. A near repeat is the
same question, lightly edited, and similar by at least the threshold (``tasks.repeats.similarity``);
what many rows share, such as a long instruction, is not counted (``tasks.repeats.template``).
The first of a group stands for it, so the order of the sources decides which copy is kept.

An editor's words that come and go are known in English and Chinese alone (``words/``). In other
languages a short question with such a word more is a question of its own, and its copy stays.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.repeats.signature import Signature, sign
from tasks.repeats.similarity import Index, anchored, names_in, same_question, similarity
from tasks.repeats.template import Template


class _Everything:
    """Holds every word: any swap of content words makes another question."""

    def __contains__(self, word: object) -> bool:
        return True


_EVERYTHING = _Everything()


def exact_groups(prompts: Sequence[str]) -> list[int]:
    """For each prompt, the position of the first one that is the same question word for word."""
    return _exact([sign(prompt) for prompt in prompts])


def near_groups(
    prompts: Sequence[str], threshold: float = 0.9, answers: Sequence[str] | None = None
) -> list[int]:
    """For each prompt, the position of the first one that it repeats, exactly or nearly.

    Args:
        prompts: the questions.
        threshold: share of words in common (0.0 to 1.0) from which a light edit counts.
        answers: where given, prompts that differ by a swapped content word are repeats
            when their answers agree; without, they are different questions.
    """
    signatures = [sign(prompt) for prompt in prompts]
    names = names_in(signatures)
    signatures = [anchored(signature, names) for signature in signatures]
    groups = _exact(signatures)
    template = Template(signatures)
    index, positions = Index(), list[int]()
    for position, signature in enumerate(signatures):
        if groups[position] != position:
            groups[position] = groups[groups[position]]
            continue
        for candidate in index.candidates(signature):
            earlier = positions[candidate]
            agree = answers is not None and answers[earlier] == answers[position]
            held = index[candidate]
            if template.another_question(held, signature, 1.0 - threshold):
                continue
            if _near(held, signature, threshold, agree):
                groups[position] = earlier
                break
        else:
            index.add(signature)
            positions.append(position)
    return groups


def repeated_share(groups: Sequence[int]) -> float:
    """Share (0.0 to 1.0) of the rows that repeat an earlier one."""
    return sum(group != position for position, group in enumerate(groups)) / len(groups) if groups else 0.0


def conflicting(groups: Sequence[int], answers: Sequence[str]) -> set[int]:
    """Positions of the rows whose group holds more than one answer: at least one of them is wrong."""
    first: dict[int, str] = {}
    pairs = zip(groups, answers, strict=True)
    split = {group for group, answer in pairs if first.setdefault(group, answer) != answer}
    return {position for position, group in enumerate(groups) if group in split}


def _exact(signatures: Sequence[Signature]) -> list[int]:
    first: dict[tuple[int, int], int] = {}
    marks = ((s.normal, 0 if s.one_case else s.codes) for s in signatures)
    return [first.setdefault(mark, position) for position, mark in enumerate(marks)]


def _near(earlier: Signature, later: Signature, threshold: float, agree: bool) -> bool:
    # In this order: most pairs are told apart by the cheap checks of the first.
    return same_question(earlier, later, _EVERYTHING, swaps=agree) and similarity(earlier, later) >= threshold
