"""The MCP door: what a client is offered, and who may be one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.doors import TOKEN, Door, open_door
from tools.verbs.referee import VERBS

pytest.importorskip("mcp")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with (
        pytest.MonkeyPatch.context() as patch,
        open_door("mcp-http", patch, tmp_path_factory.mktemp("runs")) as opened,
    ):
        yield opened


def test_a_client_is_offered_every_verb_with_its_arguments(door: Door) -> None:
    tools = door.client(lambda client: client.list_tools()).tools
    assert tuple(tool.name for tool in tools) == VERBS
    for tool in tools:
        assert tool.input_schema["additionalProperties"] is False
        for name, argument in tool.input_schema["properties"].items():
            assert argument["description"], (tool.name, name)


def test_card_rules_status_journal_and_report_are_resources(door: Door) -> None:
    listed = door.client(lambda client: client.list_resources()).resources
    texts = {}
    for resource in listed:
        read = door.client(lambda client, uri=resource.uri: client.read_resource(uri))
        texts[str(resource.uri)] = read.contents[0].text
    assert "untouched base model scores" in texts["ftdojo://task"]
    assert "read once" in texts["ftdojo://rules"]
    assert "s left" in texts["ftdojo://status"]
    assert "evaluation base" in texts["ftdojo://journal"]
    assert texts["ftdojo://report"].startswith("<!doctype html>")


def test_another_resource_is_refused(door: Door) -> None:
    with pytest.raises(Exception, match="no such resource"):
        door.client(lambda client: client.read_resource("file:///etc/passwd"))


def test_the_house_rules_are_a_prompt(door: Door) -> None:
    prompt = door.client(lambda client: client.get_prompt("house_rules"))
    assert "plan_experiment" in prompt.messages[0].content.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Bearer {TOKEN}", "Host": "evil.example"}, 421),
        ({"Authorization": f"Bearer {TOKEN}", "Origin": "http://evil.example"}, 403),
    ],
)
def test_a_request_without_the_token_or_from_another_site_is_refused(
    door: Door, headers: dict[str, str], status: int
) -> None:
    import httpx2

    body: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"Accept": "application/json, text/event-stream"}
    answer = httpx2.post(door.url, json=body, headers=accept | headers)
    assert answer.status_code == status
    assert str(door.run_dir) not in answer.text
    assert status != 401 or "send the header Authorization: Bearer TOKEN" in answer.text


def test_the_tokens_scheme_is_read_in_any_case_as_http_has_it(door: Door) -> None:
    import httpx2

    body: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"Accept": "application/json, text/event-stream"}
    answer = httpx2.post(door.url, json=body, headers=accept | {"Authorization": f"bearer {TOKEN}"})
    assert answer.status_code != 401


def test_scripts_are_read_from_the_agents_folder_alone(door: Door) -> None:
    folder = door.run_dir / "agent"
    outside = door.run_dir / "outside.py"
    outside.write_text("def transform(row):\n    return row\n")
    (folder / "link.py").symlink_to(outside)
    (folder / "hard.py").hardlink_to(outside)
    (folder / "sub").mkdir()
    (folder / "dir.py").mkdir()
    (folder / "sub" / "clean.py").write_text("def transform(row):\n    return row\n")
    source = door.ask("list_sources", {})["facts"]["sources"][0]["name"]
    door.ask("plan_experiment", {"hypothesis": "h", "sources": [source]})

    def run_with(file: str) -> Any:
        script = {"op": "script_file", "purpose": "nothing", "file": file}
        return door.ask("run_data_recipe", {"experiment": "e01", "operations": [script]})

    for file in (
        "link.py",
        "hard.py",
        "../outside.py",
        str(outside),
        "journal.jsonl",
        "missing.py",
        "sub",
        "dir.py",
    ):
        said = run_with(file)
        assert not said["ok"], file
        assert said["text"].startswith("refused: file "), (file, said["text"])
        assert str(Path(door.run_dir).parent) not in said["text"].replace(str(outside), "")
    assert "sandbox" in (said := run_with("sub/clean.py"))["text"] or said["ok"]


def test_a_line_that_is_no_message_is_answered_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists too deep for the SDK's reader: it says nothing of them, and a client would wait for ever."""
    from mcp.shared.exceptions import MCPError

    hill: list[Any] = []
    for _ in range(220):
        hill = [hill]
    with open_door("mcp-stdio", monkeypatch, tmp_path) as door:
        with pytest.raises(MCPError, match="refused: the line is no message"):
            door.client(lambda client: client.call_tool("list_sources", {"x": hill}))
        assert door.ask("read_status", {})["ok"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_releases_the_run_and_ends_a_door_whose_client_says_nothing(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    import anyio

    from graph.doors.mcp_server import leave_on_signal

    said: list[Any] = []

    class Opened:
        def close(self) -> None:
            said.append("closed")

    def end(code: int) -> None:
        said.append(code)
        raise KeyboardInterrupt  # as nothing goes on behind os._exit

    monkeypatch.setattr("os._exit", end)

    async def door() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(leave_on_signal, Opened())
            await anyio.wait_all_tasks_blocked()
            signal.raise_signal(number)

    with pytest.raises(BaseException):  # noqa: B017, PT011 - what ends the process here
        anyio.run(door)
    assert said == ["closed", 128 + number]
