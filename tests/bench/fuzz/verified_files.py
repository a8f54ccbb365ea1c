"""Targets that read what a verification looks at: archives of runs, working files, the keys of signers."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

from graph.verify import _asked_twice
from memory.journal.log import Journal
from memory.records import Experiment
from tests.bench.fuzz.run_files import LINES, fresh, one
from tests.bench.fuzz.target import Target
from tests.support import foreign_texts as foreign
from tools.verification.archive import open_archive
from tools.verification.signature import _allowed
from tools.verification.working_files import working_differences
from tools.workspace import Workspace


def _archive(folder: Path, content: bytes) -> None:
    home = folder / "archive"
    file, inside = home / "run.tar", home / "in"
    shutil.rmtree(home, ignore_errors=True)
    inside.mkdir(parents=True)
    file.write_bytes(content)
    try:
        open_archive(file, inside)
    finally:
        assert {path.name for path in home.iterdir()} == {"run.tar", "in"}
        for path in inside.rglob("*"):
            assert path.resolve().is_relative_to(inside.resolve()), path


def _signers(folder: Path, content: bytes) -> None:
    (folder / "signers").write_bytes(content)
    assert _allowed(folder / "signers").count("\n") <= content.count(b"\n") + content.count(b"\r") + 50


def _working(folder: Path, content: bytes) -> None:
    """The settings of a run and what its steps left, as a verification holds them against the journal."""
    run = fresh(folder)
    journal = Journal.open(run / "journal.jsonl", write=False)
    for experiment in journal.experiments():
        own = run / "experiments" / experiment.id
        for file in (own / "plan.json", own / "model" / "training.json", _card_of(run, experiment)):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    (run / "run.json").write_bytes(content)
    working_differences(journal, Workspace(run), set())
    _asked_twice(run / "run.json")


def _card_of(run: Path, experiment: Experiment) -> Path:
    name = experiment.card.path if experiment.card else "data/none.jsonl"
    return run / name.replace(".jsonl", ".card.json")


def _tar(kind: str, **members: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{kind}") as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            entry = tarfile.TarInfo(name.replace("__", "/"))
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))
        for name, target in (("run/link", "/etc/passwd"), ("run/up", "../../x")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            if "linked" in members:
                archive.addfile(link)
    return out.getvalue()


def _archives() -> tuple[bytes, ...]:
    plain = {"run__journal.jsonl": foreign.STARTED, "run__run.json": b"{}"}
    return (
        *(_tar(kind, **plain) for kind in ("", "gz", "xz", "bz2")),
        _tar("", **plain, linked=b""),
        _tar("", **{"..__x": b"x", "__etc__x": b"x", "run__journal.jsonl": b""}),
    )


def _targets() -> Iterator[Target]:
    yield one("archive of a run", "tools/verification/archive.py:open_archive", _archive, *_archives())
    plan = b'{"plan": {"learning_rate": 1.0, "seed": 0}, "model_dir": "m", "learning_rate": 2, "rows": 9}'
    yield one(
        "working files", "tools/verification/working_files.py:working_differences", _working, plan, *LINES
    )
    key = b"ann ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ ann@x\n# c\n"
    yield one("signers", "tools/verification/signature.py:_allowed", _signers, key, key[4:])


TARGETS = tuple(_targets())
