"""A run that is killed, filled up, stopped, moved or copied: what it tells, what it keeps, how it goes on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import ftdojo
from tests.bench.faults import judged
from tests.support.fault_injection import NOTHING, CheapRuns, Plan, Trial, cheap_runs

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FTDOJO_HOME", str(folder / "home"))
        yield cheap_runs(folder, patch, max_experiments=2)


@pytest.fixture(scope="module")
def undisturbed(runs: CheapRuns) -> Trial:
    found, folder = runs.begin("undisturbed", NOTHING)
    assert found.code == 0, found.told
    shutil.rmtree(folder)
    return found


def point(undisturbed: Trial, part: str, *, last: bool = False) -> int:
    """The number of the first (or last) write whose words hold ``part``."""
    numbers = [number for number, what in enumerate(undisturbed.points, start=1) if part in what]
    assert numbers, part
    return numbers[-1 if last else 0]


def stopped(runs: CheapRuns, name: str, plan: Plan) -> tuple[Trial, Path]:
    """A run that was struck, and its folder."""
    found, folder = runs.begin(name, plan)
    assert found.code != 0
    (run_dir,) = (path.parent for path in folder.glob("*/run.json"))
    return found, run_dir


@pytest.mark.parametrize("part", ["e01/model.tmp", "e02/.validation.jsonl", "test-1.jsonl", "champion.tmp"])
def test_a_kill_loses_and_doubles_nothing_and_comes_to_the_same_champion(
    runs: CheapRuns, undisturbed: Trial, part: str
) -> None:
    found = judged(
        runs, f"kill-{part.replace('/', '-')}", Plan("kill", point(undisturbed, part)), undisturbed
    )
    assert found.first.code == -9
    assert found.wrong == ()


@pytest.mark.parametrize("part", ["e02/model.tmp", "e01/.validation.jsonl", "test-1.jsonl", "champion.tmp"])
def test_a_disk_that_is_full_stops_the_run_fails_no_experiment_and_goes_on_with_space(
    runs: CheapRuns, undisturbed: Trial, part: str
) -> None:
    name = f"full-{part.replace('/', '-')}"
    found = judged(runs, name, Plan("ENOSPC", point(undisturbed, part), lasting=True), undisturbed)
    assert found.wrong == ()
    assert found.first.code == 2
    for told in ("disk of", "full", "free", "needed", "ftdojo resume"):
        assert told in found.first.told
    assert "\n" not in found.first.told


@pytest.mark.parametrize("fault", ["EROFS", "EMFILE", "EIO"])
def test_other_faults_of_the_machine_stop_the_run_in_a_line_that_says_what_to_mend(
    runs: CheapRuns, undisturbed: Trial, fault: str
) -> None:
    plan = Plan(fault, point(undisturbed, "e02/validation"), lasting=True)  # type: ignore[arg-type]
    found = judged(runs, fault, plan, undisturbed)
    assert found.wrong == ()
    assert found.first.code in (1, 2)
    assert "\n" not in found.first.told


def test_a_signal_stops_the_run_and_says_how_to_go_on(runs: CheapRuns, undisturbed: Trial) -> None:
    found = judged(runs, "term", Plan("SIGTERM", point(undisturbed, "e02/validation")), undisturbed)
    assert found.wrong == ()
    assert found.first.code == 143
    assert "go on with `ftdojo resume " in found.first.told


def test_a_signal_before_the_first_step_names_the_run_that_has_begun(
    runs: CheapRuns, undisturbed: Trial
) -> None:
    written = [n for n, what in enumerate(undisturbed.points, start=1) if "journal.jsonl" in what]
    found = judged(runs, "early", Plan("SIGTERM", written[4]), undisturbed)  # among what the run rests on
    assert found.wrong == ()
    assert found.first.code == 143
    assert "go on with `ftdojo resume " in found.first.told


def test_a_copy_goes_on_by_itself_and_its_original_is_untouched(runs: CheapRuns, undisturbed: Trial) -> None:
    _, original = stopped(runs, "copied", Plan("kill", point(undisturbed, "e02/validation")))
    copies = runs.folder / "copies"
    copy = copies / "another-name"
    shutil.copytree(original, copy)
    before = contents(original)
    assert runs.go_on(copies, NOTHING).code == 0
    assert contents(original) == before
    assert ftdojo.journal(copy).ended is not None
    assert (copy / "champion" / "model.safetensors").is_file()
    assert ftdojo.journal(original).ended is None
    assert runs.go_on(original.parent, NOTHING).code == 0  # and so does the original


def test_a_run_that_was_moved_and_renamed_goes_on_at_the_step_it_was_at(
    runs: CheapRuns, undisturbed: Trial
) -> None:
    _, old = stopped(runs, "moved", Plan("kill", point(undisturbed, "e02/validation")))
    place = runs.folder / "elsewhere"
    place.mkdir()
    new = place / "renamed"
    os.rename(old, new)
    events = len(ftdojo.journal(new).events)
    found = runs.go_on(place, NOTHING)
    assert found.code == 0
    assert not old.exists()
    assert [e.kind for e in ftdojo.journal(new).events[events:]].count("plan") == 0
    assert found.summary["final_test"] == undisturbed.summary["final_test"]


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            status = path.stat()
            found[str(path.relative_to(folder))] = (status.st_size, status.st_mtime_ns)
    return found
