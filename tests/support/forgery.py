"""A finished run that somebody changes: copies of it, and a journal written anew with its chain."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

Line = dict[str, Any]
DOCUMENTS = ("champion/README.md", "report.html")


@dataclass
class Copied:
    """A copy of a run with its task and base model beside it."""

    run_dir: Path
    task: Path
    base: Path

    @property
    def journal(self) -> Path:
        return self.run_dir / "journal.jsonl"

    def lines(self) -> list[Line]:
        return [json.loads(line) for line in self.journal.read_text(encoding="utf-8").splitlines()]

    def first(self, kind: str, experiment: str | None = None) -> Line:
        """The first line of a kind, of an experiment where one is named."""
        return next(
            line for line in self.lines() if line["kind"] == kind and experiment in (None, line["experiment"])
        )

    @property
    def champion(self) -> str:
        return str(self.first("champion_chosen")["data"]["champion"])

    def model(self, name: str = "") -> Path:
        """A file in the champion's folder of weights; the folder itself without a name."""
        return self.run_dir / "experiments" / self.champion / "model" / name

    def predictions(self, name: str = "test", experiment: str = "") -> Path:
        return self.run_dir / "experiments" / (experiment or self.champion) / f"{name}.jsonl"

    def data(self) -> Path:
        return self.run_dir / str(self.first("card", self.champion)["data"]["path"])

    # ---- writing

    def edit_line(self, kind: str, change: Callable[[Line], None], sealed: bool) -> None:
        """Change the first line of a kind in place; ``sealed`` gives it the checksum that belongs to it."""
        lines = self.lines()
        place = next(n for n, line in enumerate(lines) if line["kind"] == kind)
        change(lines[place])
        texts = self.journal.read_bytes().splitlines(keepends=True)
        kept = lines[place]["crc"]
        texts[place] = _text(lines[place], None if sealed else kept)
        self.journal.write_bytes(b"".join(texts))

    def rewrite(self, change: Callable[[list[Line]], list[Line] | None]) -> None:
        """Change lines and write the whole journal anew: numbers, names and checksums all fit."""
        lines = self.lines()
        lines = change(lines) or lines
        self.journal.write_bytes(chained(lines))

    def forge(self, change: Callable[[list[Line]], list[Line] | None]) -> None:
        """``rewrite``, and the documents with it: they name the new heads, and the journal knows them so.

        What a forger can do who follows no consequence of the change: figures in the documents stay.
        """
        lines = self.lines()
        old = dict(zip(heads(self.journal), lines, strict=True))
        before = {id(line): head for head, line in old.items()}
        lines = change(lines) or lines
        texts, new, head = [], {}, ""
        for number, line in enumerate(lines):
            files = line["data"].get("files") if line["kind"] == "evidence" else None
            for name in {*DOCUMENTS} & (files or {}).keys():
                files[name] = _renamed(self.run_dir / name, new)
            texts.append(_text(line | {"seq": number, "prev": head}, None))
            head = sha256(texts[-1].rstrip(b"\n")).hexdigest()
            new[before.get(id(line), "")] = head
        self.journal.write_bytes(b"".join(texts))
        _renamed(self.run_dir / "summary.json", new)

    def record(self, file: Path) -> None:
        """Let the journal name the file as it lies there now, and write the chain anew."""
        name, digest = file.relative_to(self.run_dir).as_posix(), sha256(file.read_bytes()).hexdigest()

        def change(lines: list[Line]) -> None:
            for line in lines:
                if line["kind"] == "evidence" and name in (line["data"].get("files") or {}):
                    line["data"]["files"][name] = digest

        self.rewrite(change)

    def settings(self, **changes: Any) -> None:
        file = self.run_dir / "run.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes), encoding="utf-8")


def copied(run_dir: Path, task: Path, base: Path, folder: Path) -> Copied:
    """The run in another folder, with copies of its task and base model under their own names."""
    found = Copied(folder / "runs" / run_dir.name, folder / task.name, folder / base.name)
    shutil.copytree(run_dir, found.run_dir)
    shutil.copytree(task, found.task)
    shutil.copytree(base, found.base)
    found.settings(task=str(found.task), base_model=str(found.base))
    return found


def chained(lines: list[Line]) -> bytes:
    """Lines as a journal that nobody changed."""
    head, texts = "", []
    for number, line in enumerate(lines):
        text = _text(line | {"seq": number, "prev": head}, None)
        head = sha256(text.rstrip(b"\n")).hexdigest()
        texts.append(text)
    return b"".join(texts)


def heads(journal: Path) -> list[str]:
    """The digest of every line."""
    return [sha256(line).hexdigest() for line in journal.read_bytes().splitlines()]


def _text(line: Line, crc: str | None) -> bytes:
    record = {name: value for name, value in line.items() if name != "crc"}
    text = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    record["crc"] = crc or f"{zlib.crc32(text.encode()):08x}"
    return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _renamed(file: Path, heads: dict[str, str]) -> str:
    """A document with new heads in place of old ones, where it is there; its digest."""
    if not file.is_file():
        return ""
    text = file.read_text(encoding="utf-8")
    for old, new in heads.items():
        text = text.replace(old, new) if old else text
    file.write_text(text, encoding="utf-8")
    return sha256(file.read_bytes()).hexdigest()


def edit_json(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a JSON file."""
    value = json.loads(file.read_text(encoding="utf-8"))
    change(value)
    file.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def edit_rows(file: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]] | None]) -> None:
    """Change a JSONL file."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    rows = change(rows) or rows
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    file.write_text(text, encoding="utf-8")


def flip_byte(file: Path, place: int = -3) -> None:
    """Change one byte near a file's end."""
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
