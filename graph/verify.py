"""Verification of a run from its folder or archive: opens what it rests on, and calls the checks.

Checks stand in ``tools.verification``; here the settings, the task and the base model are found, and what the
summary, the report and the model card say is held against the journal.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from graph.beginning import run_info
from graph.documents import check_documents, once
from graph.session import SETTINGS_FILE, read_settings
from graph.settings import RunSettings
from graph.task_names import load_options, load_task, on_disk
from graph.unchanged import foundations_of
from memory.journal.evidence import accepted_changes, subjects_on_record
from memory.journal.examine import Examined, examine
from memory.journal.history import BASE
from memory.journal.log import Journal
from tasks.base import Sample, Source, TaskData, TaskSpec
from tasks.errors import FtDojoError, InputError, or_fault
from tasks.load import load
from tools.contamination.check import Decontaminator
from tools.curation.profile import answered_rows
from tools.evaluation.confirmation import split_validation
from tools.evaluation.generate import never_asked
from tools.models.base_model import BaseModel, resolve_base_model, token_counter
from tools.process.worker import Worker
from tools.sealed_test import SealedTest
from tools.verification import archive, signature
from tools.verification.data_sets import Curator, check_data
from tools.verification.descent import CHAMPION, check_descent
from tools.verification.figures import check_figures
from tools.verification.files import check_files
from tools.verification.finding import Finding
from tools.verification.foundations import differences
from tools.verification.predictions import check_predictions
from tools.verification.rerun import check_rerun
from tools.workspace import Workspace

JOURNAL = "journal.jsonl"
FIRST_LINE = (
    "task",
    "edition",
    "base_model",
    "policy",
    "seed",
    "budget_seconds",
    "max_rows",
    "test_digest",
    "data_digest",
    "split",
    "parameters",
)
"""What a journal's first line says that can be computed again; the rest are places, a name and a moment."""


@dataclass(frozen=True)
class Wish:
    """What is asked for beside the checks that are always made."""

    rerun: int = 0
    """Test items that are answered again."""
    signer: Path | None = None
    """The public key that must have signed."""
    head: str = ""
    """The head that was kept outside the run's folder."""


@dataclass(frozen=True)
class Verified:
    """What the checks of a run found."""

    run: str
    head: str
    findings: tuple[Finding, ...]
    accepted: tuple[str, ...] = ()
    """What had changed when a person let the run go on."""

    @property
    def differences(self) -> tuple[str, ...]:
        """All differences, a line each."""
        return tuple(line for finding in self.findings for line in finding.differences)


@dataclass
class Opened:
    """A run under verification: what could be opened of it."""

    run_dir: Path
    examined: Examined
    journal: Journal
    settings: RunSettings
    workspace: Workspace
    spec: TaskSpec | None = None
    """As it is loaded now, before lengths were settled."""
    data: TaskData | None = None
    test: SealedTest | None = None
    base: BaseModel | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def run_spec(self) -> TaskSpec:
        """The task with the answer budget of the run."""
        assert self.spec is not None
        lengths = self.journal.lengths
        return self.spec if lengths is None else replace(self.spec, max_new_tokens=lengths.max_new_tokens)

    def splits(self) -> dict[str, tuple[Sample, ...]]:
        """Items by the names that evaluations give them."""
        assert self.data is not None and self.test is not None
        search, confirmation = split_validation(self.data.validation)
        found = {"validation": search, "confirmation": confirmation}
        return (
            found
            if self.journal.ended is None
            else found | {"test": self.test.for_verification(self.journal)}
        )


def verify(place: Path, wish: Wish) -> Verified:
    """Check a run.

    Args:
        place: its folder, or an archive of it.
        wish: what else is asked for.

    Raises:
        InputError: it is no run, or a key is none.
    """
    with _unpacked(place) as run_dir:
        opened = _open(run_dir)
        _check(opened, "chain", lambda: _chain(opened, wish.head))
        _check(opened, "files", lambda: check_files(opened.journal, opened.workspace))
        if _inputs(opened, foreign=place.is_file()):
            _all_checks(opened, wish)
        _check(opened, "documents", lambda: _documents(opened))
        opened.findings.append(_signature(opened, wish.signer))
        journal = opened.journal
        return Verified(journal.info.run, journal.head, tuple(opened.findings), accepted_changes(journal))


@contextmanager
def _unpacked(place: Path) -> Iterator[Path]:
    if not place.is_file():
        yield place
        return
    with TemporaryDirectory(prefix="ftdojo-verify-") as folder:
        yield archive.open_archive(place, Path(folder))


def _open(run_dir: Path) -> Opened:
    """The run's own folder; nothing is written.

    Raises:
        InputError: it is no run of FT-Dojo.
    """
    examined = examine(run_dir / JOURNAL)
    journal = Journal(run_dir / JOURNAL, list(examined.events), None, examined.chain)
    settings = read_settings(run_dir)
    carried = {
        "task": archive.carried(run_dir, archive.TASK),
        "base_model": archive.carried(run_dir, archive.BASE),
    }
    found = {name: str(path) for name, path in carried.items() if path is not None}
    return Opened(run_dir, examined, journal, settings.model_copy(update=found), Workspace(run_dir))


def _check(opened: Opened, name: str, check: Callable[[], Finding]) -> None:
    """One check; what it cannot read is a difference, not the end of the others."""
    try:
        with or_fault(name):
            opened.findings.append(check())
    except FtDojoError as error:
        line = " ".join(str(error).split())
        opened.findings.append(Finding(name, "could not be made to its end", (f"{name}: {line}",)))


def _chain(opened: Opened, kept: str) -> Finding:
    examined, lines = opened.examined, len(opened.examined.events)
    found = [f"journal: {fault}" for fault in examined.faults]
    head = opened.journal.head
    if not examined.chain.begun:
        found.append("journal: no chain (a run of an earlier version): nothing vouches for its lines")
    elif examined.chained < lines:
        found.append(
            f"journal: {lines - examined.chained} of {lines} lines are of an earlier version, without chain"
        )
    if kept and kept != head:
        at = [number for number, digest in enumerate(examined.digests, start=1) if digest == kept]
        where = f"it is that of line {at[0]} of {lines}" if at else "no line has it"
        found.append(f"journal: its head is {head}, and the one that was kept is {kept} ({where})")
    return Finding("chain", f"{lines} lines, head {head}", tuple(found))


def _inputs(opened: Opened, foreign: bool) -> bool:
    """Open the task, its rows and the base model; False where that cannot be done, which is a difference."""

    def read() -> Finding:
        settings, info = opened.settings, opened.journal.info
        task = settings.task
        if foreign and task.startswith("lm-eval:") and on_disk(task.removeprefix("lm-eval:")):
            wrong = "its task is a file of lm-evaluation-harness, which may run code of its author"
            raise InputError(task, wrong, "unpack the archive, and verify the folder if you trust it")
        opened.spec = load_task(task, info.edition)
        opened.base = resolve_base_model(settings.base_model, settings.allow_pickle)
        opened.data = load(opened.spec, info.edition, info.seed, load_options(settings))  # type: ignore[arg-type]
        opened.test = SealedTest.seal(opened.data.load_test)
        return _foundations(opened)

    _check(opened, "foundations", read)
    return opened.test is not None and opened.base is not None


def _foundations(opened: Opened) -> Finding:
    assert opened.spec and opened.data and opened.test and opened.base
    settings, info = opened.settings, opened.journal.info
    now = foundations_of(settings, opened.spec, opened.data, opened.test.digest, opened.base, whole=True)
    found = differences(subjects_on_record(opened.journal), now)
    agent = "agent" if any("door" in event.data for event in opened.journal.events) else None
    began = datetime.fromisoformat(info.started)
    first = run_info(
        settings, opened.spec, opened.workspace, opened.data, opened.base, opened.test, began, agent
    )
    for name in FIRST_LINE:
        if (was := getattr(info, name)) != (value := getattr(first, name)):
            found.append(f"the journal's first line: {name} is {was}, and the run's own is {value}")
    found += [*_versions(opened), *_asked_twice(opened.run_dir / SETTINGS_FILE)]
    subjects = ", ".join(foundation.about for foundation in now)
    return Finding("foundations", f"{subjects} computed again", tuple(found))


def _asked_twice(file: Path) -> list[str]:
    """A key that stands twice in the settings, of which a reader may see the other one."""
    try:
        json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        return [f"settings: {file.name}: {error}"]
    return []


def _versions(opened: Opened) -> list[str]:
    """Versions that the first line names, against those of all libraries, as they were recorded first."""
    recorded = (event.data for event in opened.journal.events if event.data.get("about") == "packages")
    parts = dict(next(recorded, {}).get("parts") or {})
    return [
        f"the journal's first line: {name} is {version}, and the run's own is {parts[name]}"
        for name, version in opened.journal.info.versions.items()
        if name in parts and parts[name] != version.partition("+")[0] and parts[name] != version
    ]


def _all_checks(opened: Opened, wish: Wish) -> None:
    """The checks that need the task and its rows."""
    journal, workspace = opened.journal, opened.workspace
    try:
        with or_fault("items"):
            spec, splits = opened.run_spec, opened.splits()
    except FtDojoError as error:
        opened.findings.append(Finding("items", "cannot be had", (f"items: {' '.join(str(error).split())}",)))
        return
    assert opened.data and opened.test and opened.base
    data, base = opened.data, opened.base
    own = [source for source in data.sources if not source.replay]
    # A server has limits of its own, and solved rows before a question make it longer.
    as_base = not opened.settings.eval_server and opened.settings.policy != "few-shot"
    limits = partial(never_asked, base.path, base.positions, spec.max_new_tokens) if as_base else None
    _check(opened, "predictions", lambda: check_predictions(journal, workspace, spec, splits, limits))
    _check(opened, "figures", lambda: check_figures(journal, workspace, spec, splits))
    _check(opened, "data", lambda: check_data(journal, workspace, _curator(opened, spec, own)))
    _check(opened, "descent", lambda: check_descent(journal, workspace, base))
    if wish.rerun:
        _check(opened, "rerun", lambda: _rerun(opened, wish.rerun, splits.get("test", ()), base))


def _curator(opened: Opened, spec: TaskSpec, own: Sequence[Source]) -> Curator:
    """What a run curates with."""
    assert opened.data and opened.test and opened.base
    lengths, validation = opened.journal.lengths, opened.data.validation
    return Curator(
        spec=spec,
        pool={source.name: source for source in opened.data.sources},
        decontaminator=Decontaminator.build(validation, opened.test, answered_rows(own, spec)),
        domain_prompts=[sample.prompt for sample in split_validation(validation)[0]],
        count_tokens=token_counter(opened.base),
        max_rows=opened.journal.info.max_rows,
        max_length=lengths.max_length if lengths else None,
        template_tokens=lengths.template_tokens if lengths else 0,
    )


def _rerun(opened: Opened, count: int, samples: tuple[Sample, ...], base: BaseModel) -> Finding:
    if not samples:
        return Finding("rerun", "nothing", unchecked=("rerun: the run has not read its test",))
    champion = opened.journal.champion_id()
    models = {BASE: base.path}
    if champion != BASE:
        models[champion] = opened.workspace.inside(CHAMPION)
    with TemporaryDirectory(prefix="ftdojo-verify-") as folder:
        worker = Worker()
        try:
            log_path = Path(folder) / "rerun.log"
            return check_rerun(models, samples, opened.run_spec, opened.workspace, worker, count, log_path)
        finally:
            worker.close()


def _documents(opened: Opened) -> Finding:
    validation = opened.data.validation if opened.data else ()
    spec = opened.run_spec if opened.spec else None
    return check_documents(opened.journal, opened.examined, opened.run_dir, validation, spec)


def _signature(opened: Opened, signer: Path | None) -> Finding:
    run, head = opened.journal.info.run, opened.journal.head
    if not signature.signed(opened.workspace):
        if signer is not None:
            return Finding("signature", "none", ("signature: the run is not signed",))
        told = (
            "signature: the run is not signed, so whoever rewrites journal and files together is not noticed"
        )
        return Finding("signature", "none", unchecked=(told,))
    key, found = signature.signer_of(opened.workspace, run, head, signer)
    if found or signer is not None:
        return Finding("signature", f"by {key or 'nobody'}", tuple(f"signature: {line}" for line in found))
    told = f"signature: made with {key}; whose key that is, --signer FILE checks"
    return Finding("signature", f"by {key}", unchecked=(told,))


def sign_run(run_dir: Path, key: Path) -> Path:
    """Sign a run that has ended with the user's own SSH key; the signature's file.

    Raises:
        InputError: it has not ended, or the key cannot be used.
    """
    journal = Journal.open(run_dir / JOURNAL, write=False)
    if journal.ended is None:
        raise InputError(f"run {run_dir.name}", "has not ended", "`ftdojo resume` ends it")
    agent = os.environ.get("SSH_AUTH_SOCK", "")
    return signature.sign(Workspace(run_dir), journal.info.run, journal.head, key.expanduser(), agent)


def archive_run(run_dir: Path, target: Path) -> int:
    """Write an archive of a run that has ended; the number of files in it.

    Raises:
        InputError: it has not ended, or the file cannot be written.
    """
    journal = Journal.open(run_dir / JOURNAL, write=False)
    if journal.ended is None:
        raise InputError(f"run {run_dir.name}", "has not ended", "`ftdojo resume` ends it")
    settings = read_settings(run_dir)
    places: dict[str, Any] = {
        name: Path(getattr(settings, name)).expanduser().resolve()
        if on_disk(str(getattr(settings, name)))
        else None
        for name in ("task", "base_model")
    }
    return archive.write_archive(Workspace(run_dir), target.expanduser().resolve(), *places.values())
