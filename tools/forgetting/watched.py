"""Watched abilities: what a run's training may not harm, and by how much."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_BUDGET = 1.5
"""Nats per token that a champion may lie from its base along the base's general answers.

About as far as weights of 1 bit take a model from itself, which breaks it: llama.cpp's table for Llama 3 8B
(tools/perplexity/README.md) has 0.45 for Q2_K and 1.4 to 2.3 for 1-bit formats, at four to nine times the
perplexity. A textbook fine-tuning stays below: 60 steps of full fine-tuning of SmolLM2-135M at 3.1e-4 on
worked answers moved it by 0.63 [0.52, 0.74] and gained 46.7 points, 110 steps by 0.84 [0.73, 0.95], so that
a budget of 0.5 would have thrown these models away. Longer trainings were not measured."""
TASK_ITEMS = 100
"""Items of a chosen task that are scored, for the base and for each candidate."""


@dataclass(frozen=True)
class Watched:
    """What is measured beside a run's own task."""

    budget: float | None = None
    """Nats per token that may be forgotten; None where forgetting is told and forbids nothing."""
    tasks: tuple[str, ...] = ()
    """Tasks of lm-evaluation-harness that must not get worse."""
