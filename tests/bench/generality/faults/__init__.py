"""Faults of training sources, each a small function that says what it does; ``FAULTS`` has them by name."""

from tests.bench.generality.faults import answers, labels, prompts, row_sets
from tests.bench.generality.faults.registry import FAULTS, Fault, Scene

__all__ = ["FAULTS", "Fault", "Scene", "answers", "labels", "prompts", "row_sets"]
