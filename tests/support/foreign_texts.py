"""Foreign texts for a search: valid ones of every format that is read, and what spoiling leaves of them."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from memory.journal.events import Event, encode
from tests.support.run_records import lesson, run_info

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        ["", "\ud800", "\0", "../x", "/etc/passwd", "1e999", "NaN", "\u202e", "{}", "e01", "base"]
    )
)


def json_of(names: SearchStrategy[str]) -> SearchStrategy[Any]:
    """JSON-like values whose objects have fields of these names."""
    return st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(names | st.text(max_size=5), inner, max_size=5)
        ),
        max_leaves=12,
    )


def written(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def spoilt(whole: SearchStrategy[bytes]) -> SearchStrategy[bytes]:
    """A valid text, or one that was cut, doubled, or has other bytes somewhere in it."""
    change = st.tuples(st.integers(0, 400), st.integers(0, 40), st.binary(max_size=8))
    return st.one_of(
        whole,
        st.tuples(whole, change).map(
            lambda made: made[0][: made[1][0]] + made[1][2] + made[0][sum(made[1][:2]) :]
        ),
        st.tuples(whole, st.integers(0, 400)).map(lambda made: made[0][: made[1]]),
        st.binary(max_size=60),
    )


DEEP = st.sampled_from([b"[" * 50_000, b'{"a":' * 50_000, b"[" * 900 + b"]" * 900, b"1" * 6000])


TOML = """name = "colours"
description = "Name a colour."
prompt = "{question}"
metric = "exact_match"
"""
SETTINGS = [
    "name",
    "prompt",
    "metric",
    "answer",
    "tolerance",
    "labels",
    "score_range",
    "judge",
    "sources",
    "x",
]
TOML_VALUES = st.sampled_from(
    [
        '"a"',
        "1",
        "-1e400",
        "nan",
        "inf",
        "[]",
        '["a"]',
        "{}",
        "{a=1}",
        "true",
        '"{"',
        '"{a.b}"',
        "[[1]]",
        "2020-01-01",
        '"""',
        "'''",
        "0x1f",
        "[1, 'a']",
        '"\\u0000"',
        "99999999999999999999999999",
    ]
)
toml_lines = st.lists(st.tuples(st.sampled_from(SETTINGS), TOML_VALUES), max_size=4).map(
    lambda lines: (TOML + "".join(f"{name} = {value}\n" for name, value in lines)).encode()
)

ROW_NAMES = st.sampled_from(
    ["prompt", "answer", "messages", "role", "content", "data", "question", "text", "id"]
)
rows = st.lists(json_of(ROW_NAMES), max_size=4)
json_texts = st.one_of(
    rows.map(lambda held: b"\n".join(map(written, held))),
    rows.map(written),
    json_of(ROW_NAMES).map(written),
    rows.map(lambda held: b"[" + b",\n ".join(map(written, held)) + b"\n"),
    DEEP,
)
cells = st.text(alphabet='ab,;\t"\n\r|\0é\u2028 1.', max_size=12)
tables = st.lists(st.lists(cells, max_size=4), max_size=5).map(
    lambda held: "\n".join(",".join(row) for row in held).encode()
)

MODEL_LINES = st.lists(
    st.sampled_from(
        [
            "[default]",
            "[teacher]",
            "[judge]",
            "[roles.planner]",
            "[limits]",
            '[prices."openai:a"]',
            "[prices]",
            "[x]",
            'model = "openai:a"',
            'model = "a"',
            "model = 1",
            'base_url = "http://h/v1"',
            'base_url = "http://[::"',
            'base_url = "http://h:99999999"',
            'api_key_env = "A_KEY"',
            'fallbacks = ["openai:b", {model = 3}]',
            "temperature = nan",
            "seconds = -1",
            "input = inf",
            'output = "x"',
            "input_usd = 1",
            "a = 1",
            "= 3",
            "x",
        ]
    ),
    max_size=6,
).map(lambda lines: "\n".join(lines).encode())

CHAT_PIECES = [
    "{",
    "}",
    "[",
    "]",
    '"',
    ":",
    ",",
    "```json\n",
    "```",
    "<think>",
    "</think>",
    "<function=plan>",
    "</function>",
    "<parameter=hypothesis>",
    "</parameter>",
    "<tool_call>",
    "PlanDecision(",
    ")",
    "None",
    "hypothesis",
    "sources",
    "rows",
    "'",
    "\\",
    "\\u",
    "//",
    "1",
    "1e5",
    "\n",
    " ",
    "\ud800",
    "é",
    "name",
    "arguments",
    "(" * 300,
    "[" * 300,
]
chat_texts = st.one_of(
    st.lists(st.sampled_from(CHAT_PIECES), max_size=30).map("".join),
    json_of(st.sampled_from(["hypothesis", "sources", "rows", "name", "arguments", "operations", "op"])).map(
        json.dumps
    ),
    st.text(max_size=60),
)

chat = chat_texts.map(lambda text: text.encode("utf-8", "surrogatepass"))

JOURNAL_DATA = json_of(st.sampled_from([*run_info().model_dump(), "outcome", "text"]))
events = st.lists(
    st.builds(
        Event,
        st.integers(0, 4),
        st.text(max_size=5),
        st.sampled_from(["run_started", "plan", "note", "finished", "reading", "x"]),
        st.sampled_from([None, "e01", "base", "../x"]),
        st.dictionaries(st.text(max_size=5), JOURNAL_DATA, max_size=3),
        st.none() | st.dictionaries(st.sampled_from(["elapsed", "x"]), st.floats(0, 9), max_size=2),
    ),
    max_size=4,
)
STARTED = encode(Event(0, "t", "run_started", None, run_info().model_dump(mode="json")))


def sealed(record: Any) -> bytes:
    """A line whose checksum is right, whatever it holds."""
    text = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(
        "utf-8", "replace"
    )
    crc = f"{zlib.crc32(text):08x}"
    whole = json.dumps({**record, "crc": crc}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return whole.encode("utf-8", "replace") + b"\n"


EVENT_FIELDS = st.sampled_from(["seq", "time", "kind", "experiment", "data", "clocks"])
forged = st.dictionaries(EVENT_FIELDS, JOURNAL_DATA, max_size=6).map(
    lambda held: sealed({"seq": 1, "time": "t", "kind": "note", "experiment": None, "data": {}} | held)
)
journals = st.one_of(
    events.map(lambda held: STARTED + b"".join(map(encode, held))),
    st.lists(forged, max_size=3).map(lambda held: STARTED + b"".join(held)),
    st.lists(forged, max_size=2).map(b"".join),
    DEEP.map(lambda deep: deep + b"\n" + STARTED),
)

LESSON = lesson().model_dump(mode="json")
lessons = st.dictionaries(
    st.sampled_from(sorted(LESSON)), json_of(st.sampled_from(["op", "sources"])), max_size=4
).map(lambda changed: written(LESSON | changed) + b"\n" + written(LESSON) + b"\n")

tensor = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["F32", "BF16", "x", 3, None]),
        "shape": st.lists(st.integers(-2, 10**12) | st.none(), max_size=3) | st.text(max_size=3),
        "data_offsets": st.lists(st.integers(-5, 100) | st.floats() | st.text(max_size=2), max_size=3),
    },
)
headers = st.dictionaries(st.text(max_size=5) | st.just("__metadata__"), tensor | SCALARS, max_size=4).map(
    lambda held: (lambda text: struct.pack("<Q", len(text)) + text + bytes(64))(written(held))
)

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 8,
    "hidden_size": 4,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "max_position_embeddings": 16,
}
config_names = st.sampled_from(
    [
        *CONFIG,
        "text_config",
        "rope_scaling",
        "auto_map",
        "torch_dtype",
        "head_dim",
        "num_key_value_heads",
        "quantization_config",
        "tie_word_embeddings",
    ]
)
configs = st.dictionaries(config_names, json_of(config_names), max_size=4).map(
    lambda held: written(CONFIG | held)
)

GGUF = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
GGUF += struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 4, 2) + bytes(8)
GGUF += struct.pack("<Q", 1) + b"t" + struct.pack("<I", 1) + bytes(8 + 4 + 8)
numbers = st.sampled_from([0, 1, 2, 8, 9, 255, 2**31, 2**62, 2**64 - 1])
ggufs = st.tuples(numbers, numbers, st.binary(max_size=40), numbers).map(
    lambda held: (
        b"GGUF" + struct.pack("<IQQ", 3, held[0], held[1]) + held[2] + struct.pack("<Q", held[3]) + held[2]
    )
)
