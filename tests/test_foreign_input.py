"""Every parser of foreign text gives a value or one line, never anything else, whatever it is given.

`make test` tries each with a hundred inputs, `make test-slow` with some thousands and prints how many. What a
search found is mended and stays below as an example by name.
"""

from __future__ import annotations

import ast
import gzip
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from graph.models_file import load_models
from graph.session import read_settings
from graph.settings import make_settings
from memory.experience.lessons import LessonBook
from memory.experience.transfer import import_lessons
from memory.journal.log import Journal
from roles.llm.reply_reading import read_reply
from roles.llm.schemas import PlanDecision, RecipeDecision
from tasks.custom.files import read_file
from tasks.custom.read_rows import read_table, source_of
from tasks.custom.task_file import read_task_file
from tasks.errors import InputError
from tests.support.foreign_texts import (
    DEEP,
    GGUF,
    MODEL_LINES,
    SCALARS,
    STARTED,
    chat,
    configs,
    ggufs,
    headers,
    journals,
    json_of,
    json_texts,
    lessons,
    sealed,
    spoilt,
    tables,
    toml_lines,
    written,
)
from tools.chat.json_objects import lenient, written_in
from tools.chat.untrusted_text import delimited
from tools.evaluation.judge.pairs import choice_of
from tools.models.adapter import read_adapter
from tools.models.base_model import resolve_base_model
from tools.models.gguf_header import check_header
from tools.models.weight_files import count_parameters, dtypes, find_weights
from tools.synthesis.checks import rating_of

ROOT = Path(__file__).parent.parent
QUICK, LONG = 100, 5000
COUNTED: dict[str, int] = {}


def _task(folder: Path, content: bytes) -> None:
    (folder / "task.toml").write_bytes(content)
    read_task_file(folder / "task.toml")


def _rows(suffix: str) -> Callable[[Path, bytes], None]:
    def read(folder: Path, content: bytes) -> None:
        file = folder / f"rows{suffix}"
        file.write_bytes(
            gzip.compress(content) if suffix.endswith("gz") and content[:1] != b"\x1f" else content
        )
        table = read_file(file)
        assert len(list(table.rows)) == len(table.rows) > 0
        source_of(read_table(table))

    return read


def _models(folder: Path, content: bytes) -> None:
    (folder / "models.toml").write_bytes(content)
    given = make_settings(policy="llm", models_file=str(folder / "models.toml"), teacher="openai:t")
    load_models(given, {"A_KEY": "k" * 20})


def _run_settings(folder: Path, content: bytes) -> None:
    (folder / "run.json").write_bytes(content)
    read_settings(folder)


def _reply(folder: Path, content: bytes) -> None:
    from langchain_core.messages import AIMessage

    text = content.decode("utf-8", "surrogatepass")
    written_in(text)
    choice_of(text)
    rating_of(text)
    delimited(text, "a reply")
    for schema in (PlanDecision, RecipeDecision):
        read_reply(AIMessage(content=text), schema, frozenset({"look_at_rows"}))
        broken = {"name": "plan", "args": text, "id": "1", "error": None, "type": "invalid_tool_call"}
        read_reply(AIMessage(content="", invalid_tool_calls=[broken]), schema, frozenset())
    with suppress(ValueError):  # what it promises; a RecursionError is none
        lenient(text)


def _journal(folder: Path, content: bytes) -> None:
    (folder / "journal.jsonl").write_bytes(content)
    Journal.open(folder / "journal.jsonl", write=False)


def _lessons(folder: Path, content: bytes) -> None:
    (folder / "memory").mkdir(exist_ok=True)
    for name in ("lessons.jsonl", "forgotten.jsonl"):
        (folder / "memory" / name).write_bytes(content)
    book = LessonBook(folder / "memory")
    list(book.all())
    book.forgotten()
    (folder / "in.jsonl").write_bytes(content)
    (folder / "memory" / "lessons.bad").unlink(missing_ok=True)
    import_lessons(book, folder / "in.jsonl")


def _weights(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    weights, _ = find_weights(folder)
    count_parameters(weights, {})
    dtypes(weights)


def _index(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors.index.json").write_bytes(content)
    find_weights(folder)


def _config(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    header = written({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    (folder / "tokenizer.json").write_text("{}")
    resolve_base_model(str(folder))


def _adapter(folder: Path, content: bytes) -> None:
    (folder / "adapter_config.json").write_bytes(content)
    read_adapter(folder)


def _gguf(folder: Path, content: bytes) -> None:
    (folder / "model.gguf").write_bytes(content)
    check_header(folder / "model.gguf")


@dataclass(frozen=True)
class Parser:
    """Who reads, and what is given to it."""

    inputs: SearchStrategy[bytes]
    read: Callable[[Path, bytes], None]


SHARDS = st.dictionaries(st.text(max_size=4), SCALARS, max_size=3).map(
    lambda held: written({"weight_map": held})
)
RUN_FIELDS = st.sampled_from(["task", "mind", "approve", "budget_seconds"])
ADAPTER_FIELDS = st.sampled_from(["peft_type", "base_model_name_or_path"])
PARSERS = {
    "task.toml": Parser(toml_lines, _task),
    "rows.jsonl": Parser(json_texts, _rows(".jsonl")),
    "rows.json": Parser(json_texts, _rows(".json")),
    "rows.json.gz": Parser(json_texts.map(gzip.compress), _rows(".json.gz")),
    "rows.csv": Parser(tables, _rows(".csv")),
    "rows.tsv": Parser(tables, _rows(".tsv")),
    "rows.parquet": Parser(st.just(b"PAR1" + bytes(60) + b"PAR1"), _rows(".parquet")),
    "rows.arrow": Parser(st.just(b"ARROW1" + bytes(60)), _rows(".arrow")),
    "models.toml": Parser(MODEL_LINES, _models),
    "run.json": Parser(json_of(RUN_FIELDS).map(written), _run_settings),
    "a reply": Parser(chat, _reply),
    "journal.jsonl": Parser(journals, _journal),
    "lessons.jsonl": Parser(lessons | DEEP, _lessons),
    "model.safetensors": Parser(headers, _weights),
    "shards": Parser(SHARDS | DEEP, _index),
    "config.json": Parser(configs | DEEP, _config),
    "adapter_config.json": Parser(json_of(ADAPTER_FIELDS).map(written) | DEEP, _adapter),
    "model.gguf": Parser(ggufs | st.just(GGUF), _gguf),
}


def holds(name: str, folder: Path, content: bytes) -> None:
    """A value or one line."""
    COUNTED[name] = COUNTED.get(name, 0) + 1
    told = ""
    try:
        PARSERS[name].read(folder, content)
    except InputError as error:
        told = str(error)
    assert "\n" not in told, told


def search(name: str, folder: Path, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(spoilt(PARSERS[name].inputs))
    def tried(content: bytes) -> None:
        holds(name, folder, content)

    tried()


@pytest.mark.parametrize("name", PARSERS)
def test_foreign_text_gives_a_value_or_one_line(name: str, tmp_path: Path) -> None:
    search(name, tmp_path, QUICK)
    assert COUNTED[name] >= 5


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", PARSERS)
def test_foreign_text_gives_a_value_or_one_line_however_long_it_is_tried(name: str, tmp_path: Path) -> None:
    before = COUNTED.get(name, 0)
    search(name, tmp_path, LONG)
    sys.stdout.write(f"{name}: {COUNTED[name] - before:,} inputs\n")


FOUND = [
    ("task.toml", b"x = " + b"[" * 5000),
    ("task.toml", b"x = " + b"1" * 5000),
    ("models.toml", b"x = " + b"[" * 5000),
    ("run.json", b"[" * 50_000),
    ("rows.json.gz", gzip.compress(b'{"prompt": "a", "answer": "b"}' * 50)[:20] + bytes(40)),
    ("journal.jsonl", STARTED + b"[" * 50_000 + b"\n" + STARTED),
    (
        "journal.jsonl",
        STARTED + sealed({"seq": 1, "time": 3, "kind": "note", "experiment": None, "data": []}),
    ),
    ("lessons.jsonl", b"[" * 50_000 + b"\n"),
    ("config.json", b"[" * 50_000),
    ("adapter_config.json", b"[" * 50_000),
    ("shards", written({"weight_map": {"a": "../../etc/passwd"}})),
    ("shards", written({"weight_map": {"a": 1, "b": 2}})),
    ("model.safetensors", struct.pack("<Q", 50_000) + b"[" * 50_000),
    ("model.safetensors", struct.pack("<Q", 8) + b'{"a":{}}' + bytes(64)),
    ("model.gguf", b"GGUF" + struct.pack("<IQQ", 3, 0, 2**62)),
]
"""What crashed a parser, or was believed by it."""


@pytest.mark.parametrize(
    ("name", "content"), FOUND, ids=lambda value: value[:16] if isinstance(value, str) else ""
)
def test_what_was_found_is_one_line_now(name: str, content: bytes, tmp_path: Path) -> None:
    holds(name, tmp_path, content)


def test_a_whole_gguf_header_is_taken(tmp_path: Path) -> None:
    _gguf(tmp_path, GGUF)
    for length in range(len(GGUF)):
        with pytest.raises(InputError):
            _gguf(tmp_path, GGUF[:length])


def _names(handler: ast.expr | None) -> set[str]:
    if handler is None:
        return {"BaseException"}
    parts = handler.elts if isinstance(handler, ast.Tuple) else [handler]
    return {ast.unparse(part) for part in parts}


@pytest.mark.parametrize("folder", ["graph", "roles", "tools", "memory", "tasks", "ftdojo"])
def test_who_expects_broken_json_expects_deep_json_as_well(folder: str) -> None:
    """The parsers of JSON and TOML raise a RecursionError for deep nesting, which is no ValueError."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        if "bench" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Try):
                continue
            calls = {
                ast.unparse(c.func) for part in node.body for c in ast.walk(part) if isinstance(c, ast.Call)
            }
            caught = {name for handler in node.handlers for name in _names(handler.type)}
            expects = caught & {"ValueError", "json.JSONDecodeError", "tomllib.TOMLDecodeError"}
            if calls & {"json.loads", "tomllib.loads"} and expects and "RecursionError" not in caught:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []
