"""What every test gets: a home of its own, quiet libraries, and no way to write into the user's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

import ftdojo
import tools.process.worker
from tests.support.claimed_run import Claimed, make_claimed_run
from tests.support.distribution import scheduler, sharers_first
from tests.support.shared_fork_server import lease_or_own

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("MPLBACKEND", "agg")

ROOT = Path(__file__).parent.parent
# The same commit gives the same verdict: examples are drawn from the test, not from the clock.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None, database=None)
# Longer, and elsewhere each time: `pytest --timeout 0 --hypothesis-profile many --hypothesis-seed 7 -k NAME`.
hypothesis.settings.register_profile(
    "many",
    max_examples=20_000,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("same")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    sharers_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return scheduler(config.rootpath)(config, log) if config.option.dist == "loadfile" else None


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory and runs go to the test's own folder, whatever the code under test forgets to say."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("FTDOJO_HOME", str(home / "ftdojo"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))


@pytest.fixture(scope="session", autouse=True)
def _shared_fork_server() -> Iterator[None]:
    """Children of all tests are forked from one process that has torch and TRL loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tools.process.worker, "_Server", lease_or_own)
        yield


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """An empty folder for runs."""
    path = tmp_path / "runs"
    path.mkdir()
    return path


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Claimed:
    """A run of one experiment that ended with a confirmed champion; tests change copies of it."""
    made = make_claimed_run(tmp_path_factory.mktemp("finished"))
    assert ftdojo.Run.open(made.run_dir).confirmed, "the run has to end with a champion for what follows"
    return made


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT
