"""A million rows as a user may have them: ``python -m tests.bench.million_rows [--rows N] [--keep DIR]``.

Writes the same made-up rows as JSONL and as Parquet (0.7 kB a row, 2 kB for the fifth that are chats of
several turns; two in a thousand broken in JSONL, as many without an answer in both), and for each file prints
seconds, seconds of processor time, and peak memory of

* ``inspect``: ``ftdojo inspect FILE``, the command itself;
* ``start``: all that a run does before its first step, the split and the decontamination index included;
* ``curation``: after such a start, the profile of the source and the playbook's first recipe on it.

Each is a process of its own. Memory is that of the process and its children, read ten times a second:
``private`` is what they alone hold (``RssAnon``), ``resident`` counts pages of mapped files too, which the
system takes back when it needs them. Wall-clock says little on a machine that others use, so processor time
stands beside it.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

_WORDS = (
    "order invoice refund parcel courier address password account login device charger battery screen update"
    " store customer ticket warranty serial number email phone delay damage missing replacement credit card"
    " payment failed twice since morning yesterday please help because need travel friday team office"
    " branch manager return label printed wrong size colour model version error code restart network router"
)
WORDS = _WORDS.split()
BROKEN = 0.002
WITHOUT_ANSWER = 0.002
SEVERAL_TURNS = 0.2
READ_EVERY = 0.1
"""Seconds between two readings of memory."""
INSPECT = """
import sys
from graph.cli.app import main
sys.argv = ["ftdojo", "inspect", {data!r}]
main()
"""
START = """
from graph.session import start
from graph.settings import RunSettings
session = start(RunSettings(task={data!r}, runs_dir={runs!r}, memory="off"))
dojo = session.dojo
rows = sum(len(source.rows) for source in dojo.pool.values())
for line in dojo.spec.data.understood:
    print(line)
print(f"{{len(dojo.validation)}} validation items, {{dojo.test.n}} of the test, {{rows:,}} rows to train on")
"""
CURATION = """
from roles.data_curator import write_recipe
from roles.planner import plan
dojo.profiles()
card = dojo.curate("e01", write_recipe(dojo, plan(dojo, "e01")))
for step in card.steps:
    print(f"{{step.op}}: {{step.rows_out:,}} of {{step.rows_in:,}} ({{step.note}})")
print(f"{{card.rows:,}} rows curated")
"""
CLOSE = """
session.close()
"""
STEPS = {"inspect": INSPECT, "start": START + CLOSE, "curation": START + CURATION + CLOSE}


def main(
    rows: Annotated[int, typer.Option(help="Rows in each file.")] = 1_000_000,
    keep: Annotated[Path | None, typer.Option(help="A folder in which the files stay.")] = None,
    only: Annotated[str, typer.Option(help="inspect, start or curation; all of them by default.")] = "",
) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        typer.echo(
            "| file | step | seconds | CPU s | private GiB | resident GiB |\n|---|---|---|---|---|---|"
        )
        for path in written(folder, rows):
            for step in (only,) if only else STEPS:
                code = STEPS[step].format(data=str(path), runs=str(folder / "runs"))
                typer.echo(_line(path, step, code, folder / f"{path.name}.{step}.txt"))


def written(folder: Path, rows: int) -> tuple[Path, Path]:
    """The JSONL and the Parquet file, made where they are not there yet."""
    lines, columns = folder / f"{rows}.jsonl", folder / f"{rows}.parquet"
    if not lines.exists():
        with lines.open("w", encoding="utf-8") as file:
            broken = random.Random(1)
            for row in made_rows(rows):
                text = json.dumps(row, ensure_ascii=False)
                file.write((text[: len(text) // 2] if broken.random() < BROKEN else text) + "\n")
    if not columns.exists():
        _write_parquet(columns, rows)
    return lines, columns


def made_rows(count: int) -> Iterator[dict[str, Any]]:
    """Rows of a help desk: a chat each, an id, a label and a date beside it."""
    rng = random.Random(0)
    for number in range(count):
        turns = [{"role": "system", "content": "You are the help desk of a shop. Answer in short sentences."}]
        for _ in range(3 if rng.random() < SEVERAL_TURNS else 1):
            turns.append({"role": "user", "content": _text(rng, 35, 60)})
            turns.append({"role": "assistant", "content": _text(rng, 25, 50)})
        if rng.random() < WITHOUT_ANSWER:
            turns[-1]["content"] = ""
        yield {
            "id": f"ticket-{number:07}",
            "messages": turns,
            "queue": rng.choice(("billing", "delivery", "technical")),
            "minutes": round(rng.random() * 90, 1),
        }


def _text(rng: random.Random, least: int, most: int) -> str:
    words = rng.choices(WORDS, k=rng.randint(least, most))
    return " ".join(words).capitalize() + f" {rng.randint(1000, 9_999_999)}."


def _write_parquet(path: Path, rows: int) -> None:
    import pyarrow
    import pyarrow.parquet as parquet

    writer, batch = None, []
    for number, row in enumerate(made_rows(rows), 1):
        batch.append(row)
        if len(batch) == 50_000 or number == rows:
            table = pyarrow.Table.from_pylist(batch)
            writer = writer or parquet.ParquetWriter(path, table.schema)
            writer.write_table(table)
            batch.clear()
    if writer:
        writer.close()


def _line(path: Path, step: str, code: str, log: Path) -> str:
    """One line of the table; what the step printed is kept in ``log``."""
    started, before = time.perf_counter(), _children_cpu()
    with log.open("w", encoding="utf-8") as file:
        child = subprocess.Popen([sys.executable, "-c", code], stdout=file, stderr=subprocess.STDOUT)
        private, resident = _peaks(child)
    seconds, cpu = time.perf_counter() - started, _children_cpu() - before
    failed = f" (exit code {child.returncode}, see {log.name})" if child.returncode else ""
    return f"| {path.suffix} | {step}{failed} | {seconds:.1f} | {cpu:.1f} | {private:.2f} | {resident:.2f} |"


def _children_cpu() -> float:
    """Processor seconds of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peaks(child: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Most private and most resident memory of a process and its children, in GiB."""
    private, resident = 0, 0
    while child.poll() is None:
        try:
            process = psutil.Process(child.pid)
            found = [_memory(one.pid) for one in (process, *process.children(recursive=True))]
        except psutil.NoSuchProcess:
            break
        private, resident = max(private, sum(p for p, _ in found)), max(resident, sum(r for _, r in found))
        time.sleep(READ_EVERY)
    return private / 2**20, resident / 2**20


def _memory(pid: int) -> tuple[int, int]:
    """Private and resident KiB of one process; zeros once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0, 0
    held = {name: rest.split() for name, _, rest in (line.partition(":") for line in status.splitlines())}
    return int(held.get("RssAnon", ["0"])[0]), int(held.get("VmRSS", ["0"])[0])


if __name__ == "__main__":
    typer.run(main)
