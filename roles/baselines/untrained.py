"""The untrained baseline: the base model as it came."""

from __future__ import annotations

from roles.stopping import Stop
from tools.dojo import Dojo


class Untrained:
    """Trains nothing."""

    def plan(self, dojo: Dojo, experiment: str) -> Stop:
        """The end of the run, before a first experiment."""
        return Stop("this baseline is the base model as it came; nothing is trained")
