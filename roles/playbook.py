"""The playbook: the rule-based policy, made of the five roles' rules as they stand in their modules."""

from __future__ import annotations

from roles.data_curator import write_recipe
from roles.diagnostician import diagnose
from roles.evaluator import assess
from roles.planner import plan
from roles.training_engineer import draft_training

__all__ = ["assess", "diagnose", "draft_training", "plan", "write_recipe"]
