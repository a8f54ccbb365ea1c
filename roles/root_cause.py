"""Root causes for briefings: those that the tools tell, so that a role reads the same cause twice."""

from __future__ import annotations

from tools.process.root_cause import LONGEST, root_cause, without_paths

__all__ = ["LONGEST", "root_cause", "without_paths"]
