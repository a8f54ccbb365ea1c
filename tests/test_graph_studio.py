"""The graph behind ``langgraph dev``, driven over HTTP as Studio drives it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import ftdojo
from tests.support.small_run import make_task_and_model, run_arguments

pytest.importorskip("langgraph_cli", reason="langgraph-cli is not installed")
sdk = pytest.importorskip("langgraph_sdk", reason="langgraph-sdk is not installed")

ROOT = Path(__file__).parent.parent
START_SECONDS = 120.0
KEY = "sk-of-the-server-0123456789"
OWN = {
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": str(ROOT),
    "OPENAI_API_KEY": KEY,
    "FTDOJO_SERVER_ALLOW": "task,base_model,runs_dir,memory",
}
"""What the server's owner has settled: what the tests' own runs need, and a key that must not travel."""
REJECT = {"verdict": "reject", "note": "enough"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="module")
def address(folder) -> Iterator[str]:
    """A server for the repository's langgraph.json, which writes into a folder of its own."""
    config = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))
    config["dependencies"] = [str(ROOT)]
    for graph in config["graphs"].values():
        graph["path"] = str(ROOT / graph["path"])
    config["http"]["app"] = str(ROOT / config["http"]["app"])
    (folder / "langgraph.json").write_text(json.dumps(config), encoding="utf-8")
    port = _free_port()
    command = [str(Path(sys.executable).parent / "langgraph"), "dev", "--no-browser", "--no-reload"]
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        cwd=folder,
        env=os.environ | OWN | {"FTDOJO_HOME": str(folder)},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/ok", process, folder / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        _stop(process)
        log.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text(errors="replace")[-3000:]
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(log.read_text(errors="replace")[-3000:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """The server and all that it started."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            break


@pytest.fixture
def client(address):
    with sdk.get_sync_client(url=address) as client:
        yield client


@pytest.fixture
def assistant(client) -> str:
    found = client.assistants.search()
    assert [each["graph_id"] for each in found] == ["ftdojo"]
    return str(found[0]["assistant_id"])


def test_the_forms_say_what_each_field_means_and_may_be(client, assistant):
    schemas = client.assistants.get_schemas(assistant)
    given = schemas["input_schema"]["properties"]
    assert list(given) == ["task", "budget", "base_model", "run_dir"] and "aime25" in given["task"]["enum"]
    context = schemas["context_schema"]["properties"]
    assert all(field["description"] for field in (*given.values(), *context.values()))
    assert {"playbook", "llm", "all-data", "tpe"} <= set(context["policy"]["examples"])
    assert context["approve"]["items"]["enum"] == ["plan", "data", "train"]
    assert {"type": "string"} in context["budget_seconds"]["anyOf"]
    assert context["max_rows"]["maximum"] == 1_000_000


def test_the_picture_has_every_node_and_gate(client, assistant):
    names = {node["id"] for node in client.assistants.get_graph(assistant)["nodes"]}
    gates = {"approve_plan", "approve_data", "approve_train"}
    assert gates | {"planner", "data_curator", "curate", "training_engineer", "train", "finish"} <= names


def test_a_foreign_page_or_name_gets_one_line_and_starts_nothing(address):
    for name, value in (("Origin", "https://evil.example"), ("Host", "evil.example")):
        for path, body in (("/threads", b"{}"), ("/assistants/search", b"{}"), ("/ok", None)):
            status, told, headers = _refused(address + path, body, {name: value})
            assert status == 403 and value in json.loads(told)["detail"]
            assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("route", ["/mcp", "/a2a/ftdojo", "/store/items"])
def test_doors_that_nobody_needs_are_closed(address, route):
    assert _refused(address + route, b"{}", {})[0] == 404


def _refused(url: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes, set[str]]:
    """Status, body and the names of headers of an answer that is an error."""
    request = urllib.request.Request(url, body, headers)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=120)
    with caught.value as answer:
        return answer.code, answer.read(), {name.lower() for name in answer.headers}


def test_a_request_that_names_an_address_a_path_or_a_model_is_refused_and_the_key_stays(
    client, assistant, folder
):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        asked = {"policy": "llm", "model": "openai:m", "base_url": url}
        file = folder / "theirs.toml"
        file.write_text(f'[default]\nmodel = "openai:m"\nbase_url = "{url}"\n')
        stored = client.assistants.create("ftdojo", context=asked)["assistant_id"]
        for which, context in (
            (assistant, asked),
            (stored, None),
            (assistant, {"policy": "llm", "models_file": str(file)}),
            (assistant, {"eval_server": url}),
            (assistant, {"baseline": f"{url}#m"}),
            (assistant, {"teacher": "openai:gpt-5"}),
        ):
            told = _error(client, which, input={}, context=context)
            assert "a request may not choose it" in told and "\n" not in told
        with pytest.raises(BlockingIOError):  # nobody has knocked
            listening.accept()
        client.assistants.delete(stored)


def _error(client, assistant: str, **how) -> str:
    """What the run of a thread of its own says when it fails."""
    thread = client.threads.create()["thread_id"]
    parts = client.runs.stream(thread, assistant, stream_mode=["updates"], **how)
    return next(str(part.data["message"]) for part in parts if part.event == "error")


@pytest.mark.timeout(400)
def test_start_stream_edit_resume_history_and_fork(client, assistant, folder):
    task_and_model = make_task_and_model(folder)
    context = run_arguments(task_and_model, folder / "runs", approve=["plan"], max_experiments=2)
    context["budget_seconds"] = context.pop("budget")
    thread = client.threads.create()["thread_id"]

    def go(**how) -> list:
        parts = list(client.runs.stream(thread, assistant, stream_mode=["updates", "custom"], **how))
        assert not [part.data for part in parts if part.event == "error"]
        return parts

    # start and stream, up to the first question
    parts = go(input={}, context=context)
    roles = [
        part.data["data"]["role"] for part in parts if part.event == "custom" and part.data["kind"] == "stage"
    ]
    assert roles[0] == "prepare" and roles[-1] == "planner"
    first = _question(client, thread)
    assert (first["stage"], first["experiment"], first["problem"]) == ("plan", "e01", "")

    # an answer that cannot be followed, then an edit; the experiment is trained and diagnosed
    go(command={"resume": {"verdict": "edit", "changes": {"rows": "few"}}})
    assert "rows" in _question(client, thread)["problem"]
    parts = go(command={"resume": {"verdict": "edit", "changes": {"rows": 24}}})
    updated = [name for part in parts if part.event == "updates" for name in part.data]
    walk = ["approve_plan", "data_curator", "approve_data", "curate", "training_engineer", "approve_train"]
    assert updated == [*walk, "train", "evaluator", "diagnostician", "planner", "__interrupt__"]
    run_dir = Path(client.threads.get_state(thread)["values"]["run_dir"])
    assert ftdojo.journal(run_dir).plan("e01").rows == 24

    # two rejections end the run in order
    go(command={"resume": REJECT})
    go(command={"resume": REJECT})
    done = client.threads.get_state(thread)["values"]
    assert done["ending"] == "stuck" and done["summary"]["test_reads"] == 1
    before = (run_dir / "journal.jsonl").read_bytes()

    # time travel: the history, a replay from after the first experiment, an edited state before it
    history = client.threads.get_history(thread, limit=100)
    after = _state(history, "planner", finished=1)
    go(input=None, checkpoint_id=after["checkpoint"]["checkpoint_id"])
    again = _question(client, thread)
    assert again["experiment"] == "e02" and again["run"].startswith(f"{run_dir.name}-fork-")
    go(command={"resume": {"verdict": "edit", "changes": {"hypothesis": "a fork knows better"}}})
    forked = Path(client.threads.get_state(thread)["values"]["run_dir"])
    assert forked.name == again["run"]
    journal = ftdojo.journal(forked)
    assert journal.plan("e02").hypothesis == "a fork knows better"
    assert [each.id for each in journal.experiments()] == ["e01", "e02"]

    planned = _state(history, "approve_plan", experiment="e01")
    draft = planned["values"]["draft"] | {"hypothesis": "edited in the past"}
    at = planned["checkpoint"]["checkpoint_id"]
    client.threads.update_state(thread, {"draft": draft}, as_node="planner", checkpoint_id=at)
    go(input=None)
    assert _question(client, thread)["does"]["hypothesis"] == "edited in the past"
    assert (run_dir / "journal.jsonl").read_bytes() == before


def _question(client, thread: str) -> dict:
    """What the thread waits for; JSON-plain, for it came as JSON."""
    interrupts = client.threads.get_state(thread)["tasks"][0]["interrupts"]
    return interrupts[0]["value"]


def _state(history: list[dict], node: str, **wanted) -> dict:
    """The earliest state before a node with these values."""
    found = [
        state
        for state in history
        if state["next"] == [node] and all(state["values"].get(key) == value for key, value in wanted.items())
    ]
    return found[-1]
