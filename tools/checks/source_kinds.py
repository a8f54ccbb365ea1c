"""Which sources can be used, and what kind each one is: judged by profile, never by name.

Three kinds are told apart, since they teach different things:

* ``chain_of_thought``: answers come with written steps. Small models learn far more from
  these (Ho et al. 2022, arXiv 2212.10071; Hsieh et al. 2023, arXiv 2305.02301).
* ``direct``: a bare answer.
* ``unusable``: no prompt and answer to be found, hardly any answer the task's
  parser can read, or prompts unlike the task's.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Literal

from memory.lesson import Kind as UsableKind
from tools.curation.profile import SourceProfile

Kind = Literal["chain_of_thought", "direct", "unusable"]
USABLE: tuple[UsableKind, ...] = ("chain_of_thought", "direct")
IN_WORDS: dict[str, str] = {"chain_of_thought": "chain-of-thought", "direct": "direct", "all": "all"}
"""How a kind is called in a sentence."""

MINIMUM_PARSEABLE = 0.5
MINIMUM_ON_DOMAIN = 0.5
MINIMUM_ROWS = 30
CHAIN_OF_THOUGHT_SHARE = 0.5
SHOWN_COLUMNS = 8
"""Columns that are named where none can be used."""


def kind_of(profile: SourceProfile) -> Kind:
    """The kind of one source, by its profile alone."""
    distinct = profile.rows * (1.0 - profile.duplicate_share)
    if not profile.suggested_columns or distinct < MINIMUM_ROWS:
        return "unusable"
    if profile.parseable_share < MINIMUM_PARSEABLE or profile.on_domain_share < MINIMUM_ON_DOMAIN:
        return "unusable"
    return "chain_of_thought" if profile.reasoning_share >= CHAIN_OF_THOUGHT_SHARE else "direct"


def can_be_audited(profile: SourceProfile) -> bool:
    """Whether a model's answers may be held against a source's labels: usable, or so but for its answers."""
    return kind_of(profile.model_copy(update={"parseable_share": 1.0})) != "unusable"


def why_unusable(profile: SourceProfile) -> str:
    """The reason in a few words, for the plan and the report."""
    if not profile.rows:
        return "none of its rows can be used"
    if not profile.suggested_columns:
        columns = ", ".join(column.path for column in profile.columns[:SHOWN_COLUMNS]) or "no columns"
        return f"no prompt and answer columns found (it has {columns})"
    if profile.parseable_share < MINIMUM_PARSEABLE:
        return f"only {profile.parseable_share:.0%} of its answers can be parsed"
    if profile.on_domain_share < MINIMUM_ON_DOMAIN:
        return f"only {profile.on_domain_share:.0%} of its prompts resemble the task's"
    distinct = round(profile.rows * (1.0 - profile.duplicate_share))
    return f"too few distinct rows ({distinct} of at least {MINIMUM_ROWS})"


def by_kind(profiles: Mapping[str, SourceProfile]) -> dict[Kind, tuple[str, ...]]:
    """Source names by kind, the most useful first: more distinct, verified, parseable rows."""
    groups: dict[Kind, list[str]] = {"chain_of_thought": [], "direct": [], "unusable": []}
    for name in sorted(profiles, key=lambda name: -_worth(profiles[name])):
        groups[kind_of(profiles[name])].append(name)
    return {kind: tuple(names) for kind, names in groups.items()}


def usable_kinds(profiles: Mapping[str, SourceProfile]) -> tuple[UsableKind, ...]:
    """Of which kinds there is a source that can be used."""
    groups = by_kind(profiles)
    return tuple(kind for kind in USABLE if groups[kind])


def _worth(profile: SourceProfile) -> float:
    """Distinct readable rows, discounted for what the task can refute."""
    distinct = profile.rows * (1.0 - profile.duplicate_share) * profile.parseable_share
    return distinct * (1.0 - profile.refuted_share)


def distrusted(agreement: Mapping[str, float], rows: int, right: float) -> tuple[str, ...]:
    """Sources whose labels a model contradicts more often than it is wrong on validation.

    The model answers a sample of each source. Where the labels are right it agrees about as often as it
    is right on validation, and where many are wrong it agrees clearly less (the idea of confident learning,
    Northcutt et al. 2021, arXiv 1911.00068, at the level of whole sources). What the model agrees with most
    sets no norm: it may have learned the faults of the largest source. A source is distrusted when the gap
    exceeds two standard errors of a difference of shares, and a quarter of what is expected.

    Args:
        agreement: share (0.0 to 1.0) of sampled rows on which model and label agree.
        rows: sampled rows per source.
        right: share (0.0 to 1.0) of validation items that the model gets right.
    """
    if len(agreement) < 2:
        return ()
    expected = min(right, max(agreement.values()))
    spread = 2 * sqrt(2 * max(expected * (1 - expected), 0.05) / rows)
    gap = max(spread, expected / 4)
    return tuple(sorted(name for name, share in agreement.items() if expected - share > gap))
