"""Watched abilities: what a run's training may not harm, and by how much."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_BUDGET = 0.5
"""Nats per token that a champion may lie from its base along the base's general answers.

About as far as weights of 2 bits take a model from itself: llama.cpp's table for Llama 3 8B
(tools/perplexity/README.md) has 0.45 for Q2_K, whose perplexity is half as high again, and 1.4 to 2.3 for
1-bit formats, at four to nine times the perplexity. How far real fine-tunings go was not measured here."""
TASK_ITEMS = 100
"""Items of a chosen task that are scored, for the base and for each candidate."""


@dataclass(frozen=True)
class Watched:
    """What is measured beside a run's own task."""

    budget: float | None = None
    """Nats per token that may be forgotten; None where forgetting is told and forbids nothing."""
    tasks: tuple[str, ...] = ()
    """Tasks of lm-evaluation-harness that must not get worse."""
