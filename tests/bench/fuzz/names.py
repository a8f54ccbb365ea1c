"""Targets that read short texts: options, ids, addresses, names, requests, files of the kernel."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graph.policy_names import check_policy, knows
from graph.run import find_run
from graph.server.doorkeeper import Doorkeeper
from graph.server.requests import admitted
from graph.server.settings import server_settings
from graph.settings import RunSettings, make_settings, parse_duration
from graph.task_names import on_disk
from memory.budget.prices import PriceTable
from tasks.custom.hub_id import hub_id, looks_like_file
from tasks.errors import HarnessFault, did_you_mean
from tasks.registry import get
from tests.bench.fuzz.target import Target
from tests.bench.fuzz.text import encoded, joined, json_value, parts_of, text_of
from tools.chat.models import ModelSpec, split_name
from tools.models.download import is_hub_id
from tools.models.export.hub import repo_of
from tools.models.named import public_name
from tools.process import machine
from tools.process.environment import child_environment
from tools.process.prefork import JsonLines
from tools.workspace import Workspace, make_run_id


def _duration(folder: Path, content: bytes) -> None:
    seconds = parse_duration(text_of(content))
    assert 0 < seconds < math.inf, seconds


def _settings(folder: Path, content: bytes) -> None:
    """Settings as a request, a file of settings or Python hands them in."""
    name, value = parts_of(content, 2)
    read = json_value(value)
    made = make_settings(**{"task": "aime25", str(json_value(name)): read})
    assert made.budget_seconds < math.inf
    admitted(made, server_settings({}))
    RunSettings.model_validate_json(made.model_dump_json())


def _names(folder: Path, content: bytes) -> None:
    text = text_of(content)
    found = hub_id(text)
    if found is not None:
        assert hub_id(found.text) is not None
        assert "/" not in found.name
    looks_like_file(text)
    is_hub_id(text)
    public_name(text)
    on_disk(text)
    did_you_mean(text[:200], ["aime25", "FinanceIQ_gen"])


def _raising(function: Any) -> Any:
    return lambda folder, content: function(text_of(content))


def _policy(name: str) -> None:
    check_policy(name)
    knows(name)


def _model_name(folder: Path, content: bytes) -> None:
    name, url = parts_of(content, 2)
    split_name(name)
    ModelSpec(name=name, base_url=url)


def _run_name(folder: Path, content: bytes) -> None:
    from datetime import UTC, datetime

    text = text_of(content)
    made = make_run_id(text, 0, datetime(2026, 1, 1, tzinfo=UTC))
    assert "/" not in made and made.isprintable(), made
    find_run(text, folder)


def _inside(folder: Path, content: bytes) -> None:
    space = Workspace(folder)
    found = space.inside(text_of(content))
    assert found.resolve().is_relative_to(folder.resolve())


def _environment(folder: Path, content: bytes) -> None:
    origins, hosts, allow = parts_of(content, 3)
    given = {
        "FTDOJO_SERVER_ORIGINS": origins,
        "FTDOJO_SERVER_HOSTS": hosts,
        "FTDOJO_SERVER_ALLOW": allow,
        "FTDOJO_SERVER_TOKEN": hosts,
    }
    server_settings(given)
    child_environment(given, {})


def _request(folder: Path, content: bytes) -> None:
    """The headers of a request, as the server's own parser hands them on: bytes."""
    host, origin, token = content.split(b"\x1f", 2) if content.count(b"\x1f") >= 2 else (content, b"", b"")
    settings = server_settings({"FTDOJO_SERVER_TOKEN": "secret-token"})
    headers = [(b"host", host), (b"origin", origin), (b"authorization", token), (b"x-api-key", token)]
    scope = {"type": "http", "headers": headers, "method": "POST", "path": "/", "root_path": ""}
    refused = Doorkeeper(None, settings)._refusal(scope)  # type: ignore[arg-type]
    assert refused is not None or b"secret-token" in token
    assert refused is None or "\n" not in str(refused[1])


def _prices(folder: Path, content: bytes) -> None:
    found = json_value(text_of(content))
    if isinstance(found, dict):
        PriceTable.of_mapping(found)


def _kernel(folder: Path, content: bytes) -> None:
    """Files of /proc and of control groups, where a kernel writes something else than ours."""
    held = {
        name: getattr(machine, name)
        for name in ("CPUINFO", "CGROUP", "STAT", "VMSTAT", "OWN_CGROUP", "STATUS")
    }
    try:
        for name in held:
            setattr(machine, name, folder / name)
            if name != "CGROUP":
                (folder / name).write_bytes(content)
        for name in ("memory.max", "memory.current", "memory.events", "memory/memory.oom_control"):
            place = folder / "CGROUP" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        machine.bfloat16_units()
        machine.available_gib()
        machine.process_seconds()
        machine.memory_kills()
        machine.peak_gib_since()
    finally:
        for name, value in held.items():
            setattr(machine, name, value)


def _devices(folder: Path, content: bytes) -> None:
    machine.visible([("0", "GPU-a1"), ("1", "GPU-a2")], text_of(content))


def _message(folder: Path, content: bytes) -> None:
    """What comes over the pipe of a child process."""
    lines = JsonLines.__new__(JsonLines)  # without descriptors: what was read is at hand
    lines.buffer = bytearray(content)
    for _ in range(20):
        if (message := lines.take()) is None:
            return
        assert isinstance(message, dict)


IDS = encoded(
    "org/name",
    "hf://datasets/gsm8k:main:train+test",
    "org/name@main:config:train",
    "../data/rows.csv",
    "~/x",
    "ftdojo-mini",
    "smollm2-135m",
    "org/name@0123456789abcdef0123456789abcdef01234567",
    "lm-eval:gsm8k",
    "C:\\data\\x",
)


def _targets() -> Iterator[Target]:
    durations = encoded("90s", "5m", "1h30m", "1.5 h", "300", "2d", "1e3", "\u0665m")
    yield Target("duration", ("graph/settings.py:parse_duration",), _duration, durations)
    asked = {
        "budget_seconds": 60,
        "seed": 3,
        "policy": "llm",
        "task": "gsm8k",
        "max_usd": 1.5,
        "sources": ["a"],
        "base_model": "org/name",
        "report_to": ["none"],
        "edition": "mini",
        "do_no_harm": "x",
    }
    yield Target(
        "settings of a run",
        ("graph/settings.py:make_settings", "graph/server/requests.py:admitted"),
        _settings,
        tuple(joined(name, json.dumps(value)) for name, value in asked.items()),
    )
    yield Target(
        "ids and paths", ("tasks/custom/hub_id.py:hub_id", "tools/models/download.py:is_hub_id"), _names, IDS
    )
    yield Target("id of a task", ("tasks/registry.py:get",), _raising(get), IDS)
    yield Target("repository", ("tools/models/export/hub.py:repo_of",), _raising(repo_of), IDS)
    policies = encoded(
        "playbook", "llm:openai:x", "planner=random+evaluator=a.b:c", "mcp:./agent.py", "oracle-source:a"
    )
    yield Target("policy", ("graph/policy_names.py:check_policy",), _raising(_policy), policies)
    models = (
        joined("openai:gpt-x", "http://127.0.0.1:8000/v1"),
        joined("ollama:qwen:7b", "https://[::1]:9/"),
    )
    yield Target("name of a language model", ("tools/chat/models.py:split_name",), _model_name, models)
    yield Target("name of a run", ("tools/workspace.py:make_run_id", "graph/run.py:find_run"), _run_name, IDS)
    paths = encoded("data/a.jsonl", "../x", "/etc/passwd", "a/../../b", "~", "experiments/e01/model")
    yield Target(
        "path in a run",
        ("tools/workspace.py:Workspace",),
        _inside,
        paths,
        raises=(HarnessFault,),
    )
    served = (
        joined(
            "https://smith.langchain.com, http://[::1]:3000", "dojo.example.org,[::1]", "models_file,task"
        ),
        joined("http://[", "a/b", "x"),
    )
    yield Target(
        "environment of the server", ("graph/server/settings.py:server_settings",), _environment, served
    )
    heads = (
        b"localhost:2024\x1fhttp://localhost:2024\x1fBearer secret-token",
        b"evil.example\x1f\x1f",
        b"[::1]:2024\x1fnull\x1fbearer x",
    )
    yield Target("headers of a request", ("graph/server/doorkeeper.py:Doorkeeper",), _request, heads)
    prices = encoded('{"openai:a": {"input_usd": 1, "output_usd": 2.5, "cached_usd": 0.1}}', '{"a": 1}')
    yield Target("prices", ("memory/budget/prices.py:PriceTable",), _prices, prices)
    kernel = (
        b"max\n",
        b"1073741824\n",
        b"low 0\nhigh 0\noom 1\noom_kill 2\n",
        b"0::/a/b\n4:memory:/c\n",
        b"1 (py) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 12345 20\n",
        b"VmHWM:\t  1024 kB\n",
        b"flags\t: fpu avx512_bf16\n",
    )
    yield Target("files of the kernel", ("tools/process/machine.py:memory_kills",), _kernel, kernel)
    yield Target(
        "CUDA_VISIBLE_DEVICES", ("tools/process/machine.py:visible",), _devices, encoded("0,1", "GPU-a", "")
    )
    pipe = (b'{"result": {"a": 1}}\n', b'{"exit": 0, "cpu_seconds": 1}\n{"error": "x"}\n')
    yield Target(
        "message of a child",
        ("tools/process/prefork.py:JsonLines",),
        _message,
        pipe,
        raises=(ConnectionError,),
    )


TARGETS = tuple(_targets())
