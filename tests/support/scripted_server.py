"""``ftdojo mcp`` at a run whose children are played: over its own streams, or with ``--http`` on loopback.

Takes the settings as JSON.
"""

from __future__ import annotations

import sys

import pytest

from graph.cli.mcp import serve
from graph.doors.seat import open_seat
from graph.settings import RunSettings
from tests.support.cheap_run import quick_children

if __name__ == "__main__":
    settings = RunSettings.model_validate_json(sys.argv[1])
    with pytest.MonkeyPatch.context() as patch:
        quick_children(patch, settings.task)
        serve(lambda: open_seat(settings, door="MCP"), http="--http" in sys.argv, port=0)
