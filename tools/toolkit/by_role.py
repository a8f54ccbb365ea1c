"""Which tools each role sees: what its job needs, and no more.

Roles decide; the graph acts. So no role is given a tool that trains, evaluates, builds a data
set for good or writes a lesson, and none that could read the sealed test.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from memory.records import Role
from tools.dojo import Dojo
from tools.toolkit.all import functions_of
from tools.toolkit.answers import as_tools

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

TOOLS: Mapping[Role, tuple[str, ...]] = MappingProxyType(
    {
        "planner": (
            "list_sources",
            "profile_source",
            "read_experiment",
            "show_failures",
            "recall_experience",
        ),
        "data_curator": (
            "list_sources",
            "profile_source",
            "sample_rows",
            "read_recipe",
            "try_recipe",
            "try_script",
            "estimate_teacher",
        ),
        "training_engineer": ("read_experiment", "estimate_training", "loss_curve"),
        "evaluator": ("show_failures", "compare_models", "read_experiment"),
        "diagnostician": (
            "read_experiment",
            "read_recipe",
            "show_failures",
            "read_log",
            "audit_sources",
            "recall_experience",
        ),
        "teacher": (),
    }
)
NEEDS_TEACHER = frozenset({"estimate_teacher"})


def tools_for(role: Role, dojo: Dojo) -> list[BaseTool]:
    """The tools of one role for one decision: failed scripts are counted from here on."""
    functions = functions_of(dojo)
    hidden = NEEDS_TEACHER if dojo.teacher is None else frozenset()
    return as_tools([functions[name] for name in TOOLS[role] if name not in hidden])
