"""Where the published rows for trials lie, if anywhere: never a part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import ROOT


def data_root() -> Path:
    """The folder with real rows in the upstream layout; skips the test where there is none."""
    named = os.environ.get("FTDOJO_REAL_ROWS")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real rows here: set FTDOJO_REAL_ROWS to a folder with them")
    return folder
