"""The playbook: the rule-based policy, made of the five roles' rules as they stand in their modules."""

from __future__ import annotations

from roles.data_curator import write_recipe
from roles.diagnostician import diagnose
from roles.evaluator import assess
from roles.planner import plan
from roles.training_engineer import draft_training

audited = True
"""Its Planner and its Diagnostician act on what audits of the sources find."""

__all__ = ["assess", "audited", "diagnose", "draft_training", "plan", "write_recipe"]
