"""FT-Dojo as an environment of verifiers, in a virtual environment of its own (``FTDOJO_VERIFIERS``)."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import ftdojo
from tests.conftest import ROOT
from tests.support.seats import seat_at, seat_settings, usable
from tools.verbs.referee import VERBS

PYTHON = os.environ.get("FTDOJO_VERIFIERS", "")


@pytest.mark.skipif(not PYTHON, reason="FTDOJO_VERIFIERS names no Python that has verifiers")
def test_a_rollout_of_verifiers_is_a_run_and_its_reward_what_was_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with seat_at(monkeypatch, tmp_path / "look") as seat:
        source = usable(lambda verb, given: seat.ask(verb, given).plain())[0]
    (runs := tmp_path / "runs").mkdir()
    settings = seat_settings(runs).model_dump_json()
    door = tmp_path / "door"
    command = [sys.executable, "-W", "ignore", "-m", "tests.support.scripted_server", settings]
    door.write_text(
        f"#!/bin/sh\ncd {ROOT} && PYTHONPATH={ROOT} exec {shlex.join(command)}\n", encoding="utf-8"
    )
    door.chmod(0o755)
    path = os.pathsep.join((str(ROOT / "examples"), str(ROOT / "tests" / "support")))
    done = subprocess.run(
        [PYTHON, str(ROOT / "tests" / "support" / "verifiers_rollout.py"), str(door), source],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["errors"] == []
    assert set(told["said"]["tools"].split()) == {"read_rules", *VERBS}
    assert told["said"]["read_rules"].startswith("You fine-tune one base model")
    assert told["said"]["sample_rows"].startswith("refused: ")
    (run_dir,) = (path.parent for path in runs.glob("*/run.json"))
    journal = ftdojo.journal(run_dir)
    assert (journal.test_reads, told["state"]["run"]) == (1, journal.info.run)
    assert told["rewards"] == {"confirmed_gain": ftdojo.trajectory(run_dir)["reward"]}
    assert told["metrics"]["submitted"] == told["metrics"]["experiments"] == 1.0
