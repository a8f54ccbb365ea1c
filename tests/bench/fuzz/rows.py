"""Targets that read data files: tables of every format, rows of every layout, cards, task folders."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tasks.custom.cards import card_of
from tasks.custom.data_task import data_task
from tasks.custom.files import read_file, read_path, read_tables
from tasks.custom.metrics.objects import object_reader
from tasks.custom.metrics.programs import scorer_program
from tasks.custom.read_rows import read_table, source_of
from tasks.custom.split_rows import split_rows
from tasks.custom.tables import part_of
from tasks.custom.task_file import fill, read_task_file
from tasks.formats.conversation import Unreadable
from tasks.formats.declared import Declared
from tasks.formats.detect import detect
from tasks.formats.exports import plain_row
from tasks.formats.markers import completed_turns, split_turns
from tasks.formats.nesting import unnested
from tasks.formats.python_literals import python_literal
from tasks.formats.turns import messages_of, tools_of, turns_in
from tasks.formats.values import answers_of, opened, parse_json, reach
from tasks.formats.values import text_of as text_of_value
from tasks.official.files import MANIFEST, read_manifest
from tasks.official.rows import read_rows
from tests.bench.fuzz.target import Read, Target
from tests.bench.fuzz.text import encoded, joined, parts_of, text_of
from tests.support import foreign_texts as foreign
from tests.support import workbooks

CHAT = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
LAYOUTS: tuple[dict[str, object], ...] = (
    {"prompt": "What is 2+2?", "answer": "4"},
    {"instruction": "Add", "input": "2, 2", "output": "4"},
    CHAT,
    {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}], "system": "s"},
    {"question": "Which?", "choices": ["a", "b", "c"], "answer": 1},
    {"question": "Which?", "A": "x", "B": "y", "C": "z", "D": "w", "answerKey": "B"},
    {"question": "Who?", "context": "Ann ran.", "answers": {"text": ["Ann"], "answer_start": [0]}},
    {"text": "Ann lives in Oslo", "label": "place", "spans": [{"start": 13, "end": 17, "label": "LOC"}]},
    {"tokens": ["Ann", "ran"], "ner_tags": [1, 0], "id": "7"},
    {"text": "### Human: Hi ### Assistant: Hello"},
    {"prompt": "Human: Hi\n\nAssistant:", "completion": " Hello"},
    {"prompt": "p", "chosen": "good", "rejected": "bad"},
    {
        "data": {"text": "t"},
        "annotations": [{"result": [{"value": {"choices": ["x"]}, "from_name": "a", "type": "choices"}]}],
    },
    {"request": {"messages": CHAT["messages"]}, "response": {"choices": [{"message": {"content": "ok"}}]}},
    {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "content": "1"},
            {"role": "assistant", "content": "One", "weight": 1},
        ],
        "tools": '[{"name": "f", "parameters": {}}]',
    },
    {"a": {"b": {"c": 1.10}}, "list": "['x', 'y']", "meta": {"id": 5}, "when": "2020-01-31T00:00:00Z"},
)
"""One row of each layout that is known."""


def _lines(rows: tuple[dict[str, object], ...] = LAYOUTS, times: int = 3) -> bytes:
    return b"".join(
        json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows for _ in range(times)
    )


def _table_of(suffix: str) -> Read:
    def read(folder: Path, content: bytes) -> None:
        file = folder / f"rows{suffix}"
        file.write_bytes(content)
        table = read_file(file)
        rows = list(table.rows)
        assert len(rows) == len(table.rows) > 0
        source_of(read_table(table))

    return read


def _packed(folder: Path, content: bytes) -> None:
    packed = content if content[:1] == b"\x1f" else gzip.compress(content, 1)
    _table_of(".json.gz")(folder, packed)


def _published(suffix: str) -> Read:
    def read(folder: Path, content: bytes) -> None:
        file = folder / f"published{suffix}"
        file.write_bytes(content)
        read_rows(file, {})
        read_rows(file)

    return read


@cache
def _columnar(suffix: str) -> bytes:
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table(
        {
            "prompt": ["a", "b", None],
            "answer": ["1", "2", "3"],
            "n": pyarrow.array([1, 2, 3], pyarrow.int32()),
            "tags": [["x"], [], ["y", "z"]],
        }
    )
    out = io.BytesIO()
    if suffix == ".parquet":
        parquet.write_table(table, out)
    else:
        with pyarrow.ipc.new_file(out, table.schema) as writer:
            writer.write_table(table)
    return out.getvalue()


def _one_row(folder: Path, content: bytes) -> None:
    """Rows as parsed values, without the file around them."""
    rows = []
    for line in text_of(content).split("\n")[:30]:
        try:
            row = parse_json(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            rows.append(row)
    if not rows:
        return
    form = detect(rows)
    form.tally(rows)
    for row in rows:
        form.read(row)
        form.columns  # noqa: B018
        unnested(row)
        try:
            plain_row(row)
            for value in row.values():
                text_of_value(value)
                answers_of(value)
                turns = turns_in(value)
                if turns is not None:
                    messages_of(turns, {})
                tools_of(value)
        except Unreadable:
            pass
        reach(row, "answers.text.0")
        fill("{question} {answer}", row)


def _texts(folder: Path, content: bytes) -> None:
    text = text_of(content)
    split_turns(text)
    completed_turns(text, "yes")
    opened(text)
    with suppress(ValueError):  # what it promises
        python_literal(text)
    part_of(text[:80])
    split_rows(text.split("\n")[:40])


def _template(folder: Path, content: bytes) -> None:
    template, row = parts_of(content, 2)
    declared = Declared(template, "answer")
    declared.columns  # noqa: B018
    try:
        values = json.loads(row)
    except (ValueError, RecursionError):
        values = {"question": row}
    if isinstance(values, dict):
        declared.lacks(values)
        fill(template, values)


def _task(folder: Path, content: bytes) -> None:
    (folder / "task.toml").write_bytes(content)
    read_task_file(folder / "task.toml")


def _folder(folder: Path, content: bytes) -> None:
    """A folder with a table, a card and another format beside them."""
    home = folder / "data"
    home.mkdir(exist_ok=True)
    (home / "train.jsonl").write_bytes(content)
    (home / "train.md").write_bytes(content)
    card_of(str(home / "train.jsonl"), home)
    for table in read_tables(home / "train.jsonl"):
        table.rows.labels  # noqa: B018
    read_path(home)
    data_task(home / "train.jsonl")


def _schema(folder: Path, content: bytes) -> None:
    (folder / "schema.json").write_bytes(content)
    reader = object_reader((), folder / "schema.json")
    reader.read('{"a": 1, "b": ["x"]}')


def _scorer(folder: Path, content: bytes) -> None:
    (folder / "scorer.py").write_bytes(content)
    scorer_program(folder / "scorer.py", 0.0, 1.0)


def _manifest(folder: Path, content: bytes) -> None:
    (folder / MANIFEST).write_bytes(content)
    read_manifest(folder)


CSV = (
    b"question,answer\nWhat is 2+2?,4\nWho?,Ann\n",
    b'\xef\xbb\xbf"q";"a"\n"x ""y""";"1,5"\n"z\nw";"2"\n',
    "frage,antwort\nWie groß?,1\u00bd\n".encode("latin-1", "replace"),
    "q\ta\nx\t1\ny\t2\n".encode("utf-16"),
    b"# exported\nsep=,\nq,a\n1,2\n",
    b"q,a,\n1,2,3,4\n\n5\n",
)
JSON = (
    _lines(),
    _lines(times=1),
    json.dumps(LAYOUTS[:6]).encode(),
    json.dumps({"train": [LAYOUTS[0]] * 3, "test": [LAYOUTS[0]]}).encode(),
    json.dumps({"data": [LAYOUTS[0]] * 2, "version": 1}).encode(),
    json.dumps({"columns": ["q", "a"], "data": [["x", 1], ["y", 2]]}).encode(),
    b'{"a": 1}\n{"a": NaN}\nnonsense\n{"a": 1e999}\n',
    '[{"a": "\\ud800"}, {"a": "\u202e"}]'.encode(),
)
TOMLS = (
    foreign.TOML.encode(),
    foreign.TOML.encode() + b'tolerance = 0.5\nlabels = ["a", "b"]\nscore_range = [0, 2]\n',
    foreign.TOML.replace("exact_match", "judge").encode()
    + b'[judge]\nmodel = "openai:gpt-x"\nleast_right = 0.9\n',
    foreign.TOML.replace("exact_match", "regex").encode() + b'pattern = "(a+)"\n',
)


_TABLE = [["question", "answer"], ["a", 1.5], ["b", True], ["c", workbooks.date(45413)]]
SHEETS = (
    workbooks.xlsx({"train": _TABLE, "test": _TABLE, "Read me": [["about"], ["it"]]}),
    workbooks.ods({"S": [["question", "answer"], ["a", 1]]}),
    workbooks.xls([["question", "answer"], ["a", 1]]),
    workbooks.compound("EncryptedPackage", b"x"),
    b"question,answer\na,1\n",
)


def _file(
    name: str, entry: str, read: Read, seeds: tuple[bytes, ...], inputs: SearchStrategy[bytes] | None = None
) -> Target:
    return Target(
        name, (entry,), read, seeds, inputs, dear=name.startswith("rows.j") or name == "task folder"
    )


def _targets() -> Iterator[Target]:
    files = "tasks/custom/files.py:read_file"
    yield _file("rows.jsonl", files, _table_of(".jsonl"), JSON, foreign.json_texts)
    yield _file("rows.json", files, _table_of(".json"), JSON, foreign.json_texts)
    packed = tuple(gzip.compress(each, 1, mtime=0) for each in JSON)
    yield _file("rows.json.gz", "tasks/custom/text_files.py:open_binary", _packed, (*JSON, *packed))
    yield _file("rows.csv", "tasks/custom/csv_rows.py:read_csv", _table_of(".csv"), CSV, foreign.tables)
    yield _file("rows.tsv", "tasks/custom/csv_opening.py:opening_of", _table_of(".tsv"), CSV, foreign.tables)
    texts = (b"q\ta\n" + b"x\t1\n" * 6, _lines(LAYOUTS[:1], 6))
    yield _file("rows.txt", "tasks/custom/plain_text.py:table_suffix", _table_of(".txt"), texts)
    for suffix in (".parquet", ".arrow"):
        yield _file(f"rows{suffix}", files, _table_of(suffix), (_columnar(suffix), b"PAR1" + bytes(60)))
    yield Target(
        "rows.xlsx",
        ("tasks/custom/workbook.py:sheets_of", "tasks/custom/sheet_child.py:main"),
        _table_of(".xlsx"),
        SHEETS,
        allows=("subprocess.Popen", "os.posix_spawn", "os.fork", "os.remove"),
        dear=True,
    )
    readers: dict[str, tuple[bytes, ...]] = {
        ".jsonl": JSON,
        ".json": JSON,
        ".csv": CSV,
        ".parquet": (_columnar(".parquet"),),
    }
    for suffix, seeds in readers.items():
        yield _file(f"published{suffix}", "tasks/official/rows.py:read_rows", _published(suffix), seeds)
    yield _file("published manifest", "tasks/official/files.py:read_manifest", _manifest, (b'{"files": {}}',))
    yield Target(
        "layouts of rows",
        (
            "tasks/formats/detect.py:detect",
            "tasks/formats/exports.py:plain_row",
            "tasks/formats/values.py:reach",
        ),
        _one_row,
        (*(_lines((row,), 1) for row in LAYOUTS), *(_lines((row,), 4) for row in LAYOUTS), _lines(times=1)),
        st.lists(foreign.json_of(foreign.ROW_NAMES), max_size=4).map(
            lambda held: b"\n".join(map(foreign.written, held))
        ),
    )
    yield Target(
        "texts of rows",
        ("tasks/formats/markers.py:split_turns", "tasks/formats/python_literals.py:python_literal"),
        _texts,
        encoded(
            "### Human: Hi\n### Assistant: Hello ### Human: More",
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>",
            "[INST] Hi [/INST] Hello </s>",
            "['a' 'b']",
            "array(['a', 'b'], dtype=object)",
            "{'a': [1, 2.5, None, True], 'b': (3,)}",
            '[{"a": "\\u00e9"}]',
        ),
    )
    yield Target(
        "prompt template",
        ("tasks/custom/task_file.py:fill", "tasks/formats/declared.py:Declared"),
        _template,
        (joined("{question} {a.b.0} {{x}}", '{"question": "q", "a": {"b": [1]}}'), joined("{q!r:>10}", "x")),
    )
    yield _file("task.toml", "tasks/custom/task_file.py:read_task_file", _task, TOMLS, foreign.toml_lines)
    yield _file(
        "task folder", "tasks/custom/data_task.py:data_task", _folder, (_lines(LAYOUTS[:1], 12), *JSON)
    )
    yield _file(
        "answer schema",
        "tasks/custom/metrics/objects.py:object_reader",
        _schema,
        (
            b'{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}',
            b'{"$ref": "#/$defs/x", "$defs": {"x": {"pattern": "(a+)+$"}}}',
            b'{"$ref": "http://127.0.0.1:9/x.json"}',
        ),
    )
    yield _file(
        "scorer.py",
        "tasks/custom/metrics/programs.py:scorer_program",
        _scorer,
        (b"def score(answer, reference, row):\n    return 1.0\n", b"# -*- coding: latin-1 -*-\nscore = 1\n"),
    )


TARGETS = tuple(_targets())
