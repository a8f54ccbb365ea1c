"""Inputs that broke a promise once, by target; each is mended and stays here."""

from __future__ import annotations

import gzip
import io
import struct

from tests.bench.fuzz.text import joined
from tests.support.foreign_texts import STARTED, sealed, written


def _arrow(offset: int, column: str) -> bytes:
    """An Arrow file in which a text or a list begins behind the file's end."""
    import pyarrow

    held = {"answer": ["1", "2", "3"], "tags": [["x"], [], ["y", "z"]]}
    table = pyarrow.table(held)
    out = io.BytesIO()
    with pyarrow.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)
    content = out.getvalue()
    whole = struct.pack("<iiii", *((0, 1, 2, 3) if column == "answer" else (0, 1, 1, 3)))
    assert content.count(whole) >= 1
    return content.replace(whole, struct.pack("<iiii", 0, offset, offset, 3), 1)


def _note(data: object, time: object = "t") -> bytes:
    return sealed({"seq": 1, "time": time, "kind": "note", "experiment": None, "data": data})


BLANKS = " " * 3000
FOUND: tuple[tuple[str, bytes], ...] = (
    ("task.toml", b"x = " + b"[" * 5000),
    ("task.toml", b"x = " + b"1" * 5000),
    ("models.toml", b"x = " + b"[" * 5000),
    ("models.toml", b'[default]\nmodel = "openai:a"\nbase_url = "http://\\f"\n'),
    ("run.json", b"[" * 50_000),
    ("rows.json.gz", gzip.compress(b'{"prompt": "a", "answer": "b"}' * 50)[:20] + bytes(40)),
    ("rows.csv", b"question,\0\na,b\n"),
    ("rows.tsv", b"\0"),
    ("rows.jsonl", b'{"question": [9], "": {"text": {}}}\n'),
    ("rows.arrow", _arrow(2049, "tags")),
    ("rows.arrow", _arrow(1 << 30, "answer")),
    ("rows.arrow", _arrow(128, "answer")),
    ("texts of rows", b"\x80"),
    ("two texts compared", joined("\ud800", "a")),
    ("prompt template", joined("{a.b.0" + "9" * 5000 + "}", '{"a": {"b": [1]}}')),
    ("answer schema", b"9"),
    ("answer to bioprobench_ord", joined("", "[1,\x1f2]")),
    ("answer to bioprobench_pqa", joined("", f"Final Answer: {BLANKS}B" + f"the answer is {BLANKS}B")),
    ("parts of an answer", joined(f"the result is {BLANKS}: {BLANKS}B")),
    ("pattern of a task", joined("(" * 600, "a")),
    ("decision", b"arguments: " + b"[" * 70 + b" " * 4000 + b"x"),
    ("values in a reply", b"{" * 64 + b" " * 20_000 + b"x"),
    ("values in a reply", b"<think " * 3000),
    ("values in a reply", b"x(h='" + b"\\frac{" * 2400),
    ("pattern of a task", joined("a{" + "9" * 5000 + "}", "a")),
    ("answer of a person", b'"a\nb"'),
    ("journal.jsonl", STARTED + b"[" * 50_000 + b"\n" + STARTED),
    ("journal.jsonl", STARTED + _note([], 3)),
    ("lessons.jsonl", b"[" * 50_000 + b"\n"),
    ("clocks.json", b'{"elapsed": 1' + b"0" * 400 + b"}"),
    ("run.json of a report", b"[]"),
    ("run.json of a report", b'{"sources": [1], "fallbacks": [1], "model": [2]}'),
    ("summary.json", b"[]"),
    ("summary.json", b"7"),
    ("calls.jsonl", b'{"arguments": 3}\n["plain"]\n{"verb"\n'),
    ("lines of a run", b"7\n"),
    ("progress of a child", b"7\n{\n[1]\n"),
    ("bench results", b"[" * 50_000),
    ("archive of a run", gzip.compress(b"x" * 2000)[:30]),
    ("archive of a run", b"\x1f\x8b\x08\x00"),
    ("config.json", b"[" * 50_000),
    ("config.json", b'{"architectures": true, "model_type": "a"}'),
    ("adapter_config.json", b"[" * 50_000),
    ("recorded base", b'{"relative": "' + b"a" * 300 + b'"}'),
    ("recorded base", b'{"relative": ["a"]}'),
    ("generation_config.json", b"[]"),
    ("generation_config.json", b"\xff"),
    ("index of shards", written({"weight_map": {"a": "../../etc/passwd"}})),
    ("index of shards", written({"weight_map": {"a": 1, "b": 2}})),
    ("index of shards", written({"weight_map": {"a": "\u00e5" * 200}})),
    ("model.safetensors", struct.pack("<Q", 50_000) + b"[" * 50_000),
    ("model.safetensors", struct.pack("<Q", 8) + b'{"a":{}}' + bytes(64)),
    ("model.gguf", b"GGUF" + struct.pack("<IQQ", 3, 0, 2**62)),
    ("duration", b"9" * 5000),
    ("settings of a run", joined("budget_seconds", "9" * 400)),
    ("ids and paths", b"~x"),
    ("ids and paths", b"a" * 300),
    ("name of a run", b"a" * 300),
    ("name of a run", b"\xed\xa0\x80"),
    ("path in a run", b"\0"),
    ("environment of the server", joined("http://[", "", "")),
    ("files of the kernel", b"oom_kill \nVmHWM\nflags \xff"),
    ("files of the kernel", b"VmHWM: x\n"),
    ("files of the kernel", "\u00b2".encode()),
    ("message of a child", b"7\n"),
    ("message of a child", b"\xff{\n"),
    ("rows.xml", b'<?xml version="1.0" encoding="latin-x"?><a/>'),
)
