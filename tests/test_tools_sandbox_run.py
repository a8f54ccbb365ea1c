"""The sandbox: hostile scripts under every isolation that works here, as root and as an ordinary user."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from tasks.base import Script
from tasks.errors import HarnessFault, InputError
from tests.support.hostile_scripts import PRELUDE, QUICK, STUBBORN
from tools.sandbox import client, landlock, run, seccomp
from tools.sandbox import folder as script_folder

PROJECT = Path(__file__).resolve().parent.parent
NOBODY = 65534
ISOLATIONS = ("bubblewrap", "landlock")
USERS = ("root", "user")
SETTINGS = [(isolation, user) for isolation in ISOLATIONS for user in USERS] + [("landlock-old", "user")]
BY_NAME = {hostile.name: hostile for hostile in (*QUICK, *STUBBORN)}


@pytest.fixture(scope="module", autouse=True)
def _reports_are_dropped() -> Iterator[None]:
    yield
    report.cache_clear()


@functools.cache
def report(isolation: str, user: str) -> dict[str, Any]:
    """What ``run_hostile_scripts`` found; made once for all tests of a setting."""
    if user == "root" and os.geteuid() != 0:
        pytest.skip("started as an ordinary user: root cannot be tried")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o777)
        inner = [
            sys.executable,
            "-B",
            str(PROJECT / "tests" / "support" / "run_hostile_scripts.py"),
            isolation,
            folder,
        ]
        command = inner if user == "root" or os.geteuid() != 0 else as_nobody(inner)
        ran = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=170, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def as_nobody(command: list[str]) -> list[str]:
    """The command as another user, for whom the interpreter's closed parent folders are opened."""
    bubblewrap, setpriv = shutil.which("bwrap"), shutil.which("setpriv")
    if not bubblewrap or not setpriv:
        pytest.skip("to become an ordinary user, the tests need bwrap and setpriv")
    view = [bubblewrap, "--dev-bind", "/", "/", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    needed = [Path(path) for path in dict.fromkeys([sys.prefix, sys.base_prefix, str(PROJECT)])]
    closed: set[Path] = set()
    for path in needed:
        above = [parent for parent in reversed(path.parents) if not parent.stat().st_mode & 0o001]
        closed.update(above[:1])
    for folder in sorted(closed):
        view += ["--perms", "0755", "--tmpfs", str(folder)]
        for path in needed:
            if folder in path.parents:
                between = [parent for parent in reversed(path.parents) if folder in parent.parents]
                view += [part for parent in between for part in ("--perms", "0755", "--dir", str(parent))]
                view += ["--ro-bind", str(path), str(path)]
    return [*view, "--", setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]


@pytest.fixture(params=SETTINGS, ids=lambda setting: "-".join(setting), scope="module")
def found(request: pytest.FixtureRequest) -> dict[str, Any]:
    isolation, user = request.param
    made = report(isolation, user)
    if "none" in made:
        pytest.skip(made["none"])
    assert (made["uid"] == 0) == (user == "root")
    return made


def test_there_are_enough_hostile_scripts() -> None:
    assert len(BY_NAME) == len(QUICK) + len(STUBBORN) >= 25


def test_an_attempt_that_fails_by_its_own_error_is_told_from_one_that_is_stopped() -> None:
    attempts = "must_fail(os.listdir, '/no/such'); must_fail(lambda: no_name); must_fail(c, 'no_call', 1)"
    code = PRELUDE.replace("@PARENT@", "1") + attempts
    ran = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in ran.stdout.splitlines()] == ["MISWRITTEN", "MISWRITTEN"]


@pytest.mark.parametrize("name", BY_NAME)
def test_a_hostile_script_is_stopped(found: dict[str, Any], name: str) -> None:
    hostile, result = BY_NAME[name], found["results"][name]
    said = result["stdout"] + result["stderr"]
    assert "ESCAPED" not in said
    assert "MISWRITTEN" not in said
    assert "SEALED-TEST-ROW" not in said + result["returned"]
    assert "FORGED" not in result["stdout"] + result["returned"]
    assert "the driver ended" not in said
    assert result["status"] in hostile.ends, said[-500:]
    assert hostile.says in said
    assert len(result["stdout"]) <= 20_000 and len(result["stderr"]) <= 20_000
    assert len(result["returned"]) <= 1_000_000


def test_nothing_reached_the_outside(found: dict[str, Any]) -> None:
    assert found["breaches"] == {"reached": [], "changed": [], "alive": [], "left": []}


def test_honest_scripts_work_before_and_after(found: dict[str, Any]) -> None:
    results = found["results"]
    for name in ("honest_first", "honest_last"):
        assert results[name]["status"] == "ok", results[name]["stderr"]
        assert results[name]["stdout"] == "drawn\n"
        assert json.loads(results[name]["returned"]) == {"heights": [3.0, 5.0]}
    assert [results[name]["status"] for name in ("earlier", "later")] == ["ok", "ok"]
    assert results["honest_small"]["stdout"] == "alive\n"


def works() -> None:
    if run.active().name == "none":
        pytest.skip(run.active().detail)


def test_results_say_how_a_script_ended() -> None:
    works()
    results = run.run_many(
        [
            Script("print('é' * 3)"),
            Script("print(1)\nraise ValueError('wrong')"),
            Script("import sys; sys.exit('no')"),
            Script("import sys; print('x' * 50_000); print('y' * 50_000, 'end', file=sys.stderr)"),
            Script(
                "import os\nprint(sorted(os.environ))\nprint(open('a b.txt').read())", {"a b.txt": "1\r\n"}
            ),
            Script("if __name__ == '__main__':\n    print(__name__)"),
        ]
    )
    assert [result.status for result in results] == ["ok", "error", "error", "ok", "ok", "ok"]
    assert results[0].stdout == "ééé\n"
    # The traceback shows the script's own lines and nothing of ours.
    assert "raise ValueError('wrong')" in results[1].stderr and "script_child" not in results[1].stderr
    assert results[2].stderr == "no\n"
    assert len(results[3].stdout) == len(results[3].stderr) == 20_000
    assert results[3].stderr.endswith("end\n")
    assert "'HOME'" in results[4].stdout and "FTDOJO_HOME" not in results[4].stdout
    assert results[4].stdout.endswith("1\n\n")
    assert results[5].stdout == "__main__\n"


def test_a_dead_driver_costs_one_script(monkeypatch: pytest.MonkeyPatch) -> None:
    works()
    ask = client.DriverProcess.ask

    def ask_and_kill(self: client.DriverProcess, script: Script) -> Any:
        if script.code.endswith("# die"):
            self.server.kill()
        return ask(self, script)

    monkeypatch.setattr(client.DriverProcess, "ask", ask_and_kill)
    results = run.run_many(
        [Script("print(1)"), Script("import time; time.sleep(60)  # die"), Script("print(3)")]
    )
    assert [result.status for result in results] == ["ok", "killed", "ok"]
    assert "the driver ended" in results[1].stderr
    assert results[2].stdout == "3\n"


def test_a_silent_driver_is_ended_with_its_script(monkeypatch: pytest.MonkeyPatch) -> None:
    works()
    before = set(psutil.Process().children())  # workers of other tests
    monkeypatch.setattr(client, "GRACE_SECONDS", 0.5)
    stop = "import os, signal, time; time.sleep(60)"
    exchange = client.DriverProcess._exchange

    def silenced(self: client.DriverProcess, request: dict[str, Any], seconds: float) -> Any:
        if request.get("code") == stop:
            seconds = 0.3  # as if the driver hung: no answer comes in time
        return exchange(self, request, seconds)

    monkeypatch.setattr(client.DriverProcess, "_exchange", silenced)
    results = run.run_many([Script(stop), Script("print(2)")])
    assert [result.status for result in results] == ["killed", "ok"]
    assert set(psutil.Process().children()) <= before


def test_doctor_names_the_sandbox(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from graph.cli import doctor

    monkeypatch.setattr(doctor, "_CHECKS", (doctor._sandbox,))
    for found, state, said in (
        (
            run.Isolation("bubblewrap", "bubblewrap 1.0, scripts run as another user"),
            "ok",
            "bubblewrap 1.0",
        ),
        (run.Isolation("none", "why"), "note", "install bubblewrap"),
    ):
        monkeypatch.setattr(run, "active", lambda found=found: found)
        assert doctor.print_checks(Console(), as_json=True)
        (line,) = json.loads(capsys.readouterr().out)
        assert (line["name"], line["state"]) == ("sandbox", state)
        assert said in line["finding"] + line["advice"]


def test_without_isolation_nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run, "installed", lambda: None)
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    monkeypatch.setattr(run, "DriverProcess", None)
    for cached in (run.active, run.probe):
        cached.cache_clear()
    try:
        assert run.active().name == "none"
        result = run.run(Script(f"open({str(tmp_path / 'new')!r}, 'w')"))
    finally:
        for cached in (run.active, run.probe):
            cached.cache_clear()
    assert result.status == "refused"
    assert "install bubblewrap" in result.stderr and "bwrap is not installed" in result.stderr
    assert not (tmp_path / "new").exists()


def test_an_isolation_that_does_not_confine_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    if run.probe("landlock").name == "none":
        pytest.skip("no Landlock here")
    monkeypatch.setattr(client.bubblewrap, "SYSTEM_FOLDERS", ("/",))
    run.probe.cache_clear()
    try:
        assert "does not confine" in run.probe("landlock").detail
    finally:
        run.probe.cache_clear()


def test_a_driver_that_does_not_start_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.bubblewrap, "driver_command", lambda root: ["/bin/false"])
    with pytest.raises(HarnessFault, match="does not start"):
        run.run_many([Script("")], isolation="landlock")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc/passwd", "a\0b", "result.json", "x" * 300])
def test_inputs_have_plain_names(name: str) -> None:
    with pytest.raises(InputError, match="no name for a file"):
        run.run(Script("", {name: "x"}))


def test_inputs_are_bounded() -> None:
    with pytest.raises(InputError, match="over"):
        run.run(Script("", {"big": "x" * 2000}), limits=run.ScriptLimits(file_bytes=1000))


def test_the_filter_refuses_signals_to_others_where_landlock_cannot() -> None:
    program = seccomp.compile_filter(seccomp.own_signals(0))
    assert len(program) % 8 == 0 and len(program) // 8 < 4096  # BPF_MAXINSNS
    code = (
        "import ctypes, os, signal, sys\n"
        f"sys.path.insert(0, {str(PROJECT)!r})\n"
        "from tools.sandbox import landlock as l, seccomp as s\n"
        "l.forbid_new_privileges()\n"
        "s.load_filter(s.compile_filter(s.own_signals(os.getpid())))\n"
        "for act in (lambda: os.kill(os.getppid(), 0), lambda: os.kill(-1, 0), lambda: os.kill(1, 0)):\n"
        "    try: act()\n"
        "    except PermissionError: continue\n"
        "    print('ESCAPED')\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (-15, ""), ran.stderr


def test_a_deep_and_closed_tree_is_removed(tmp_path: Path) -> None:
    top = tmp_path / "scripts" / "top"
    out = script_folder.lay_out(top, {"a.txt": "1"}, None)
    here = os.getcwd()
    try:
        os.chdir(out)
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
        os.mkdir("closed", 0)
    finally:
        os.chdir(here)
    script_folder.remove(top)
    assert list((tmp_path / "scripts").iterdir()) == []
