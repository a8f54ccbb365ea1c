"""A small card: a worker whose trainings have only so much memory, whatever the machine has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tasks.errors import Stage
from tools.process.worker import Usage, Worker


class SmallCard(Worker):
    """A worker on a machine whose training processes may hold ``mib`` more than they start with."""

    mib = 180

    def measure(
        self,
        function: str | Callable[[dict[str, Any]], dict[str, Any]],
        payload: Mapping[str, Any],
        timeout_seconds: float,
        log_path: Path,
        stage: Stage = "train",
        *,
        resident: bool = False,
        all_devices: bool = False,
    ) -> tuple[dict[str, Any], Usage]:
        """The job under a limit where it is one of training."""
        if isinstance(function, str) and function.startswith("tools.recipes.sft:"):
            payload = {"function": function, "payload": dict(payload), "mib": self.mib}
            function = "tests.support.worker_jobs:with_little_memory"
        kept = {"resident": resident, "all_devices": all_devices}
        return super().measure(function, payload, timeout_seconds, log_path, stage, **kept)
