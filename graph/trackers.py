"""Trackers of ``--report-to``: whether each is installed, and which variables its client may see.

A child of this program has no credentials (``tools.process.environment``). Where a tracker is asked for, the
variables of that tracker alone are let through to it.
"""

from __future__ import annotations

import netrc
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from graph.extras import missing
from tasks.errors import InputError
from tools.training.tracking import Tracking
from tools.workspace import Workspace

PACKAGES = {
    "tensorboard": ("tensorboard", "tensorboardX"),
    "trackio": ("trackio",),
    "wandb": ("wandb",),
    "mlflow": ("mlflow",),
}
"""By the name of ``report_to``: the packages of which one must be there."""
PREFIXES = {"tensorboard": "TENSORBOARD_", "trackio": "TRACKIO_", "wandb": "WANDB_", "mlflow": "MLFLOW_"}
"""Of the variables that are a tracker's own."""
LOGGING_DIR = "TENSORBOARD_LOGGING_DIR"
WANDB_SERVER = "https://api.wandb.ai"


def require_trackers(names: Iterable[str]) -> None:
    """Check that the packages of the trackers are there.

    Raises:
        InputError: one is not.
    """
    for name in names:
        packages = PACKAGES[name]
        if len(missing(packages)) == len(packages):
            extra = "'ft-dojo[tracking]'" if name == "tensorboard" else packages[0]
            fix = f"pip install {extra}, or leave --report-to out"
            raise InputError(f"--report-to {name}", f"needs {packages[0]}, not installed here", fix)


def tracker_variables(names: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of children that the trackers may see beside what every child sees.

    Weights & Biases without a key would refuse to start: it writes to the disk instead.
    """
    wanted = tuple(names)
    kept = {
        name: value
        for tracker in wanted
        for name, value in environ.items()
        if name.startswith(PREFIXES[tracker])
    }
    if "wandb" in wanted and not (kept.get("WANDB_MODE") or _wandb_key(environ)):
        kept["WANDB_MODE"] = "offline"
    return kept


def _wandb_key(environ: Mapping[str, str]) -> bool:
    """Whether ``WANDB_API_KEY`` or a line of the netrc file (``wandb login``) gives a key."""
    if environ.get("WANDB_API_KEY"):
        return True
    path = Path(environ.get("NETRC") or Path.home() / ".netrc").expanduser()
    host = urlsplit(environ.get("WANDB_BASE_URL") or WANDB_SERVER).hostname or ""
    try:
        return netrc.netrc(path).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def tracking_of(
    names: tuple[str, ...], task: str, workspace: Workspace, experiment: str, environ: Mapping[str, str]
) -> Tracking | None:
    """Where the figures of one experiment's training go; None where nobody asked for them."""
    if not names:
        return None
    run = workspace.run_dir.name
    events = workspace.run_dir / "tensorboard" / experiment
    if chosen := environ.get(LOGGING_DIR):
        events = Path(chosen).expanduser().absolute() / run / experiment
    return Tracking(names, task, f"{run}/{experiment}", str(workspace.run_dir), str(events))
