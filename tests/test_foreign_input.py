"""Every parser of foreign text gives a value or one line, never anything else, whatever it is given.

The parsers and what each is tried with stand in ``tests.bench.fuzz``, which searches; here each takes some of
its valid inputs, a few changed ones, the same every time, and what broke it once.
"""

from __future__ import annotations

import ast
import random
from pathlib import Path

import pytest

from tasks.errors import InputError
from tests.bench.fuzz.covered import NOT_FOREIGN, REACHED
from tests.bench.fuzz.found import FOUND
from tests.bench.fuzz.mutation import mutated
from tests.bench.fuzz.registry import TARGETS
from tests.bench.fuzz.target import Target, attempt
from tests.support.foreign_texts import GGUF
from tools.models.gguf_header import check_header

ROOT = Path(__file__).parent.parent
FOLDERS = ("graph", "roles", "tools", "memory", "tasks", "ftdojo")
TAKEN, CHANGED, OF_THE_DEAR = 4, 8, 1
DECODERS = {
    "json.loads",
    "json.load",
    "orjson.loads",
    "tomllib.loads",
    "ast.literal_eval",
    "ast.parse",
    "csv.reader",
    "csv.DictReader",
    "tarfile.open",
    "zipfile.ZipFile",
    "gzip.open",
    "struct.unpack",
    "urlsplit",
    "yaml.load_all",
    "expat.ParserCreate",
    "parquet.read_table",
    "pyarrow.ipc.open_file",
}
METHODS = (".model_validate_json", ".raw_decode")

# What Python says of odd code in a text (an escape that is none) is no fault of who reads it.
pytestmark = pytest.mark.filterwarnings("ignore")


def holds(target: Target, folder: Path, content: bytes) -> None:
    found = attempt(target, folder, content)
    assert found is None, f"{found.key}: {content[:200]!r}\n{found.told}"


@pytest.mark.parametrize("name", TARGETS)
def test_foreign_text_gives_a_value_or_one_line(name: str, tmp_path: Path) -> None:
    target, rng = TARGETS[name], random.Random(name)
    most = OF_THE_DEAR if target.dear else TAKEN
    for content in target.seeds[:: max(1, len(target.seeds) // most)][:most]:
        holds(target, tmp_path, content)
    for _ in range(OF_THE_DEAR if target.dear else CHANGED):
        holds(target, tmp_path, mutated(rng, target.seeds))


@pytest.mark.parametrize("place", range(len(FOUND)), ids=lambda place: FOUND[place][0])
def test_what_was_found_is_one_line_now(place: int, tmp_path: Path) -> None:
    name, content = FOUND[place]
    holds(TARGETS[name], tmp_path, content)


def test_a_broken_promise_is_found(tmp_path: Path) -> None:
    def read(folder: Path, content: bytes) -> None:
        raise InputError("a", "is wrong", "mend it") if content else KeyError("b")

    target = Target("x", (), read, (b"",))
    assert attempt(target, tmp_path, b"a") is None
    found = attempt(target, tmp_path, b"")
    assert found is not None
    assert found.key.startswith("KeyError")


def test_what_is_wrong_stands_on_one_line_whatever_a_library_says_of_it() -> None:
    told = InputError("a\nb.csv", "cannot be read (first\r\n  second\u2028third\n)", "mend it\n")
    assert str(told) == "a b.csv: cannot be read (first second third ); mend it"


def test_a_whole_gguf_header_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(GGUF)
    check_header(file)
    for length in range(len(GGUF)):
        file.write_bytes(GGUF[:length])
        with pytest.raises(InputError):
            check_header(file)


def test_targets_name_functions_that_exist() -> None:
    for target in TARGETS.values():
        for entry in target.entries:
            path, _, name = entry.partition(":")
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
            assert name in defined, f"{target.name}: {entry}"


def _decodes(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    if not any(word.rpartition(".")[2] in text for word in (*DECODERS, *METHODS)):
        return False
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)}
    return bool(calls & DECODERS) or any(call.endswith(METHODS) for call in calls)


def test_each_module_that_decodes_foreign_text_is_reached_by_a_target() -> None:
    left_out = ("tools/bench/", "tools/pretraining/", *NOT_FOREIGN)
    tried = {entry.partition(":")[0] for target in TARGETS.values() for entry in target.entries}
    decoding = {
        name
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if not (name := path.relative_to(ROOT).as_posix()).startswith(left_out) and _decodes(path)
    }
    assert sorted(decoding - tried - REACHED.keys()) == [], "add a target, or say here what reaches it"
    assert sorted(REACHED.keys() - decoding) == [], "no longer decodes anything"
    assert set(REACHED.values()) <= TARGETS.keys()


def _names(handler: ast.expr | None) -> set[str]:
    if handler is None:
        return {"BaseException"}
    parts = handler.elts if isinstance(handler, ast.Tuple) else [handler]
    return {ast.unparse(part) for part in parts}


@pytest.mark.parametrize("folder", FOLDERS)
def test_who_expects_broken_json_expects_deep_json_as_well(folder: str) -> None:
    """The parsers of JSON and TOML raise a RecursionError for deep nesting, which is no ValueError."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        if path.is_relative_to(ROOT / "tools" / "bench"):
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
