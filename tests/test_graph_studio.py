"""The graph behind ``langgraph dev``, driven over HTTP as Studio drives it."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import ftdojo
from tests.support.loopback_chat import ChatServer
from tests.support.scripted_llm import scripted_reply
from tests.support.small_run import make_task_and_model, run_arguments
from tests.support.studio_server import studio

pytest.importorskip("langgraph_cli", reason="langgraph-cli is not installed")
sdk = pytest.importorskip("langgraph_sdk", reason="langgraph-sdk is not installed")

KEY = "sk-of-the-server-0123456789"
OWN = {
    "OPENAI_API_KEY": KEY,
    "FTDOJO_SERVER_ALLOW": "task,base_model,runs_dir,memory",
}
"""What the server's owner has settled: what the tests' own runs need, and a key that must not travel."""
REJECT = {"verdict": "reject", "note": "enough"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="module")
def scripted() -> Iterator[ChatServer]:
    """The language model of the server's owner."""
    with ChatServer(scripted_reply) as server:
        yield server


@pytest.fixture(scope="module")
def address(folder, scripted) -> Iterator[str]:
    models = folder / "models.toml"
    models.write_text(f'[default]\nmodel = "openai:scripted"\nbase_url = "{scripted.base_url}"\n')
    with studio(folder, OWN | {"FTDOJO_SERVER_MODELS": str(models)}) as address:
        yield address


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
    assert 1_000_000 in [each.get("maximum") for each in context["max_rows"]["anyOf"]]


def test_the_picture_has_every_node_and_gate(client, assistant):
    names = {node["id"] for node in client.assistants.get_graph(assistant)["nodes"]}
    gates = {"approve_plan", "approve_data", "approve_train"}
    assert gates | {"planner", "data_curator", "curate", "training_engineer", "train", "finish"} <= names


def test_a_roles_node_opens_into_the_agent_that_decides_where_a_language_model_does(client, assistant):
    found = client.assistants.get_graph(assistant, xray=True)["nodes"]
    names = {node["id"] for node in found}
    roles = ("planner", "data_curator", "training_engineer", "evaluator", "diagnostician")
    assert {f"{role}:{part}" for role in roles for part in ("model", "tools")} <= names
    assert {"prepare", "approve_plan", "curate", "train", "finish"} <= names
    assert "Decide nothing" not in json.dumps(found)
    assert set(client.assistants.get_subgraphs(assistant)) == set(roles)


@pytest.mark.timeout(400)
def test_what_a_language_model_looks_at_streams_as_a_subgraph_of_its_role(
    client, assistant, folder, scripted
):
    place = folder / "asked"
    place.mkdir()
    context = run_arguments(make_task_and_model(place), place / "runs", approve=["plan"], policy="llm")
    context["budget_seconds"] = context.pop("budget")
    thread = client.threads.create()["thread_id"]
    how = {"context": context, "stream_mode": ["updates"], "stream_subgraphs": True}
    parts = list(client.runs.stream(thread, assistant, input={}, **how))
    assert not [part.data for part in parts if part.event == "error"]
    within = [part.data for part in parts if part.event.startswith("updates|planner:")]
    steps = [name for data in within for name in data]
    assert steps.count("model") == 2 and steps.count("tools") == 1
    asked = next(data["model"]["messages"][0] for data in within if "model" in data)
    answer = next(data["tools"]["messages"][0] for data in within if "tools" in data)
    assert answer["name"] == asked["tool_calls"][0]["name"] and answer["content"]
    planned = next(part.data for part in parts if part.event == "updates" and "planner" in part.data)
    said = f"planner: openai:scripted decided in 2 calls, looked with {answer['name']}"
    assert said in planned["planner"]["happened"]
    assert KEY not in json.dumps([part.data for part in parts])
    # The agent leaves no checkpoint: the thread waits at the gate, and knows of no other place.
    assert _question(client, thread)["stage"] == "plan"
    state = client.threads.get_state(thread, subgraphs=True)
    assert state["next"] == ["approve_plan"] and "|" not in json.dumps(state["checkpoint"])


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


def test_what_a_person_gets_wrong_comes_back_as_one_sentence_that_says_what_would_do(client, assistant):
    from tests.bench.studio_api import WRONG, errors

    told = list(errors(client, assistant))[1::2]
    assert len(told) == len(WRONG) and not any("\n" in each for each in told)
    sentences = (
        "aime25",
        "not a duration",
        "at least 30 s",
        "base_url",
        "max_experiments",
        "seed: ",
        "budget?",
    )
    for sentence, said in zip(sentences, told, strict=True):
        assert said.strip().startswith("InputError: ") and sentence in said


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
