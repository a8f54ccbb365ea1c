"""Output of ``ftdojo export``: the champion in the form that others load, tried before it is called done."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from graph.cli.finished import FinishedRun
from graph.cli.printable import json_text, say
from memory.journal.log import BASE
from tasks.errors import ExperimentFailed, InputError, or_input_error
from tools.evaluation.spot_check import Checked, spot_check
from tools.models import gguf
from tools.models.export import hub, llama_cpp, ollama, vllm
from tools.models.export.card import model_card
from tools.models.load import load_tokenizer
from tools.models.named import public_name
from tools.models.recorded_base import name_base
from tools.process.worker import Worker

KINDS = ("gguf", "ollama", "vllm")
PRELOAD = ("torch", "transformers")
SECONDS = 3600.0
"""Longest time for writing the weights."""


@dataclass(frozen=True)
class Wish:
    """What is asked for."""

    to: str
    """A folder, ``hub:ORG/NAME``, ``gguf``, ``ollama`` or ``vllm``."""
    out: Path | None = None
    """Where files of the last three go; ``export/`` in the run's folder by default."""
    adapter: bool = False
    dtype: str = "bfloat16"
    converter: str = ""
    public: bool = False


@dataclass
class Done:
    """What was made."""

    to: str
    place: str
    bytes: int = 0
    checked: Checked | None = None
    next_step: str = ""
    """What to type now."""
    facts: dict[str, Any] = field(default_factory=dict)


def export_run(
    console: Console, run_dir: Path, wish: Wish, as_json: bool, worker: Worker | None = None
) -> None:
    """Export the champion of a run and print what came of it.

    Args:
        console: for the progress.
        run_dir: the run's folder.
        wish: what is asked for.
        as_json: print JSON instead of text.
        worker: where children come from; one of its own by default.

    Raises:
        InputError: there is nothing to export, or what was written does not answer as the champion did.
    """
    _refuse_unused(wish)
    run = FinishedRun.open(run_dir)
    if run.champion == BASE:
        wrong = "nothing beat the base model, so there is nothing to export"
        raise InputError(f"run {run_dir.name}", wrong, f"the base is {run.base.path}")
    if wish.to.startswith(hub.PREFIX):
        hub.repo_of(wish.to)
        if wish.adapter and public_name(run.base.name) is None:
            wrong = f"its base is on this machine alone ({run.base.path})"
            raise InputError("--adapter", wrong, "leave --adapter out: the merged model needs no base")
    own = worker or Worker(preload=PRELOAD)
    try:
        with console.status(f"exporting {run.champion} of {run_dir.name}"):
            done = _Export(run, wish, own).make()
    except ExperimentFailed as failed:
        last = (failed.log_tail.strip().splitlines() or [failed.message])[-1]
        raise InputError(
            f"--to {wish.to}", f"the export does not load or answer ({last})", "see above"
        ) from failed
    finally:
        if worker is None:
            own.close()
    if as_json:
        say(json_text(asdict(done)))
        return
    say(f"{run.champion} of {run_dir.name}: {done.place}, {done.bytes / 1e6:,.1f} MB")
    if done.checked:
        say(f"checked: {done.checked.text()}")
    if done.next_step:
        say(done.next_step)


def _refuse_unused(wish: Wish) -> None:
    """Refuse a flag that the form has no use for: nobody would learn that it did nothing.

    Raises:
        InputError: naming it.
    """
    unused = {
        "--out": wish.out is not None and wish.to not in KINDS,
        "--adapter": wish.adapter and wish.to in ("gguf", "ollama"),
        "--dtype": wish.adapter and wish.dtype != Wish.dtype,
        "--converter": bool(wish.converter) and wish.to != "gguf",
        "--public": wish.public and not wish.to.startswith(hub.PREFIX),
    }
    if flags := [flag for flag, given in unused.items() if given]:
        what = "an adapter" if flags == ["--dtype"] else f"--to {wish.to}"
        raise InputError(", ".join(flags), f"{what} has no use for it", "leave it out")


class _Export:
    """One export, from the champion's weights to a checked directory."""

    def __init__(self, run: FinishedRun, wish: Wish, worker: Worker) -> None:
        self.run, self.wish, self.worker = run, wish, worker
        self.log = run.run_dir / "export.log"

    def make(self) -> Done:
        """Write, check, and only then put in place."""
        to = self.wish.to
        final, replace = self._place()
        with _staging(final) as staging:
            if to == "gguf":
                done = self._gguf(staging, final)
            else:
                done = self._directory(staging, final)
                if to == "ollama":
                    self._ollama(staging, final, done)
            if to.startswith(hub.PREFIX):
                pushed = hub.push(staging, hub.repo_of(to), self.wish.public)
                done.place, done.facts = pushed.url, done.facts | asdict(pushed)
                return done
            if replace:
                shutil.rmtree(final, ignore_errors=True)
            staging.rename(final)
        return done

    def _place(self) -> tuple[Path, bool]:
        """The final folder, and whether what is there may be replaced.

        Raises:
            InputError: it is taken.
        """
        to = self.wish.to
        named = self.wish.out if to in KINDS else None if to.startswith(hub.PREFIX) else Path(to)
        if named is None:
            return self.run.run_dir / "export" / to.partition(":")[0], True
        place = named.expanduser().resolve()
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise InputError(str(place), "is there already", "name a new folder")
        if place.is_dir():
            place.rmdir()
        return place, False

    def _directory(self, staging: Path, final: Path) -> Done:
        """The merged model or the adapter with its card, checked."""
        rank = self._adapter(staging) if self.wish.adapter else 0
        facts: dict[str, Any] = {"rank": rank} if rank else self._merged(staging)
        checked = self._check(staging)
        name = self._name()
        base = ""
        if rank:
            base = self._public_base()
            name_base(staging, base)
        card = model_card(self.run.journal, self.run.champion, self.run.spec, name, adapter=bool(rank))
        (staging / "README.md").write_text(card, encoding="utf-8")
        at = Path(name) if self.wish.to.startswith(hub.PREFIX) else final
        serve = vllm.serve(at, name, self.run.base.positions, facts.get("template", True), base, rank)
        step = f"serve it: {serve}" if self.wish.to == "vllm" else ""
        return Done(self.wish.to, str(final), _size(staging), checked, step, facts | {"vllm": serve})

    def _merged(self, folder: Path) -> dict[str, Any]:
        payload = {"model_dir": str(self.run.model_dir), "folder": str(folder), "dtype": self.wish.dtype}
        return self.worker.run("tools.models.export.merged:write", payload, SECONDS, self.log, "evaluate")

    def _adapter(self, folder: Path) -> int:
        payload = {
            "model_dir": str(self.run.model_dir),
            "base": str(self.run.base.path),
            "folder": str(folder),
        }
        made = self.worker.run("tools.models.export.merged:adapter", payload, SECONDS, self.log, "evaluate")
        if not made["rank"]:
            wrong = f"the champion is no single adapter of {self.run.base.name}: {made['why']}"
            raise InputError("--adapter", wrong, "leave --adapter out: the merged model is exported")
        return int(made["rank"])

    def _check(self, folder: Path) -> Checked:
        samples, recorded = self.run.validation()
        return spot_check(folder, samples, recorded, self.run.spec, self.worker, self.log)

    def _ollama(self, staging: Path, final: Path, done: Done) -> None:
        pieces = ollama.pieces(load_tokenizer(staging))
        text = ollama.modelfile(".", pieces, self.run.spec.max_new_tokens, self.run.base.positions)
        (staging / "Modelfile").write_text(text, encoding="utf-8")
        read = ollama.parse((staging / "Modelfile").read_text(encoding="utf-8"))
        if (read["from"], read["template"]) != (".", pieces.go_template()):
            raise InputError(str(final), "its Modelfile does not read back as it was written", ollama.FIX)
        done.facts["modelfile"] = read
        done.next_step = f"import it: ollama create {self._name()} -f {final / 'Modelfile'}"

    def _gguf(self, staging: Path, final: Path) -> Done:
        """The GGUF file, read back, unpacked again and asked."""
        outtype = "bf16" if self.wish.dtype == "bfloat16" else "f32"
        converter = llama_cpp.find(self.wish.converter)
        file = f"{self._name()}-{outtype}.gguf"
        merged = staging / "merged"
        facts = self._merged(merged)
        if converter is None:
            self._check(merged)
            left = final.with_name("merged")
            shutil.rmtree(left, ignore_errors=True)
            merged.rename(left)
            call = llama_cpp.how_to(left, final / file, outtype)
            wrong = f"no {llama_cpp.SCRIPT} here (--converter names it); the merged model lies in {left}"
            raise InputError("--to gguf", wrong, call)
        written = llama_cpp.convert(converter, merged, staging / file, outtype, self.log)
        shutil.rmtree(merged)
        with or_input_error(file, "it does not unpack again", "see export.log"):
            gguf.convert(written.file, staging / "unpacked")
        checked = self._check(staging / "unpacked")
        shutil.rmtree(staging / "unpacked")
        facts |= {"architecture": written.architecture, "tensors": written.tensors}
        facts["template"] = bool(written.template)
        step = f"run it: llama-cli -m {final / file} --jinja --temp 0"
        return Done(self.wish.to, str(final / file), written.bytes, checked, step, facts)

    def _name(self) -> str:
        if self.wish.to.startswith(hub.PREFIX):
            return hub.repo_of(self.wish.to)
        return f"{self.run.base.name}-{self.run.spec.id}".replace("/", "-").replace("_", "-").lower()

    def _public_base(self) -> str:
        """What others know the base by: its Hub id where it has one."""
        return public_name(self.run.base.name) or str(self.run.base.path)


@contextmanager
def _staging(final: Path) -> Iterator[Path]:
    """A folder beside the final one, gone in the end unless it was renamed."""
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f".{final.name}.", dir=final.parent, ignore_cleanup_errors=True
    ) as made:
        staging = Path(made) / "model"
        staging.mkdir()
        yield staging


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
