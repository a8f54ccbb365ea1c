"""The server's door: who is turned away, and what a request for a run may choose."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from langgraph.types import Command

from graph.build import build_graph
from graph.server.doorkeeper import Doorkeeper
from graph.server.requests import FREE, RequestedRuns, ServedGraph, admitted, check_context, check_input
from graph.server.settings import ServerSettings, server_settings
from graph.settings import RunSettings, make_settings
from tasks.errors import InputError

TOKEN = "a-token-of-the-owner"
Answer = tuple[int, str]


async def _inner(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"served"})


def ask(*headers: tuple[str, str], environ: dict[str, str] | None = None, **scope: Any) -> Answer:
    """Status and body (of a websocket: its close code and reason) that the doorkeeper lets out."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    given = {"type": "http", "method": "POST", "path": "/runs", "headers": raw} | scope
    door = Doorkeeper(_inner, server_settings(environ or {}))
    asyncio.run(door(given, receive, send))
    if sent[0]["type"] == "websocket.close":
        return sent[0]["code"], sent[0]["reason"]
    return sent[0]["status"], sent[1]["body"].decode()


LOCAL = ("Host", "127.0.0.1:2024")


# ---- who may speak


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:2024", "127.0.0.1:1", "[::1]:2024"])
def test_the_servers_own_names_are_answered(host: str) -> None:
    assert ask(("Host", host)) == (200, "served")
    assert ask(("Host", host), ("Origin", f"http://{host}")) == (200, "served")


@pytest.mark.parametrize(
    "headers",
    [
        [("Host", "evil.example")],
        [("Host", "evil.example:2024")],
        [("Host", "127.0.0.1.evil.example")],
        [("Host", "127.0.0.1@evil.example")],
        [("Host", "[::1].evil.example")],
        [("Host", "")],
        [],
        [LOCAL, ("Host", "evil.example")],
        [LOCAL, ("Origin", "https://evil.example")],
        [LOCAL, ("Origin", "null")],
        [LOCAL, ("Origin", "")],
        [LOCAL, ("Origin", "http://127.0.0.1:8080")],
        [LOCAL, ("Origin", "http://127.0.0.1:2024.evil.example")],
        [LOCAL, ("Origin", "http://127.0.0.1:2024"), ("Origin", "https://evil.example")],
        [LOCAL, ("Sec-Fetch-Site", "cross-site")],
        [LOCAL, ("Sec-Fetch-Site", "same-site")],
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_foreign_host_or_origin_is_refused_in_one_line(headers: list[tuple[str, str]], method: str) -> None:
    status, body = ask(*headers, method=method)
    assert status == 403
    assert "\n" not in body and body.startswith('{"detail": "')


def test_a_foreign_page_opens_no_websocket() -> None:
    code, reason = ask(LOCAL, ("Origin", "https://evil.example"), type="websocket", method=None)
    assert code == 1008 and "may not speak" in reason


def test_what_a_header_holds_cannot_steer_the_terminal_that_shows_the_refusal() -> None:
    _, body = ask(LOCAL, ("Origin", "https://\x1b[31m" + "x" * 500))
    assert "\x1b" not in body and len(body) < 400


def test_the_owner_names_further_hosts_and_origins() -> None:
    own = {
        "FTDOJO_SERVER_HOSTS": "Dojo.example.org",
        "FTDOJO_SERVER_ORIGINS": "https://smith.langchain.com/, http://localhost:3000",
    }
    assert ask(("Host", "dojo.example.org:80"), environ=own)[0] == 200
    assert ask(LOCAL, ("Origin", "https://smith.langchain.com"), environ=own)[0] == 200
    assert ask(LOCAL, ("Origin", "http://smith.langchain.com"), environ=own)[0] == 403
    assert ask(LOCAL, ("Origin", "http://localhost:3001"), environ=own)[0] == 403


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (("Authorization", f"Bearer {TOKEN}"), 200),
        (("authorization", f"bearer {TOKEN}"), 200),
        (("X-Api-Key", TOKEN), 200),
        (("Authorization", TOKEN), 401),
        (("Authorization", f"Bearer {TOKEN}x"), 401),
        (("Authorization", "Bearer "), 401),
        (("X-Api-Key", "\xff"), 401),
        (("X-Other", TOKEN), 401),
    ],
)
def test_a_token_is_demanded_where_one_is_set(header: tuple[str, str], status: int) -> None:
    found, body = ask(LOCAL, header, environ={"FTDOJO_SERVER_TOKEN": TOKEN})
    assert found == status
    assert TOKEN not in body


def test_a_token_does_not_open_the_door_to_a_foreign_page() -> None:
    right = ("Authorization", f"Bearer {TOKEN}")
    environ = {"FTDOJO_SERVER_TOKEN": TOKEN}
    assert ask(LOCAL, right, ("Origin", "https://evil.example"), environ=environ)[0] == 403
    assert ask(LOCAL, method="OPTIONS", environ=environ)[0] == 200  # a preflight brings none


def test_without_a_token_a_server_says_that_it_is_up_and_nothing_else() -> None:
    environ = {"FTDOJO_SERVER_TOKEN": TOKEN}
    up = {"path": "/ok", "method": "GET", "environ": environ}
    assert ask(LOCAL, **up) == (200, '{"ok": true}')
    assert ask(LOCAL, **up, query_string=b"check_db=1") == (200, '{"ok": true}')
    assert ask(LOCAL, ("X-Api-Key", TOKEN), **up) == (200, "served")
    for other in ({"path": "/ok/"}, {"path": "/info"}, {"path": "/runs/ok"}, {"method": "POST"}):
        assert ask(LOCAL, **up | other)[0] == 401
    assert ask(("Host", "evil.example"), **up)[0] == 403
    assert ask(LOCAL, ("Origin", "https://evil.example"), **up)[0] == 403
    assert ask(LOCAL, **up, type="websocket")[0] == 1008


def test_the_servers_calls_to_itself_pass_and_a_path_cannot_pose_as_one() -> None:
    assert ask(("Host", "api"), root_path="/noauth") == (200, "served")
    assert ask(("Host", "api"), root_path="", path="/noauth/runs")[0] == 403
    assert ask(("Host", "api"), root_path="/noauthority")[0] == 403


def test_the_app_that_langgraph_wraps_has_the_doorkeeper() -> None:
    pytest.importorskip("starlette", reason="langgraph-cli is not installed")
    from graph.server.app import app

    assert [each.cls for each in app.user_middleware] == [Doorkeeper]


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"FTDOJO_SERVER_ORIGINS": "*"}, "is no origin"),
        ({"FTDOJO_SERVER_ORIGINS": "smith.langchain.com"}, "is no origin"),
        ({"FTDOJO_SERVER_ORIGINS": "https://host/path"}, "is no origin"),
        ({"FTDOJO_SERVER_HOSTS": "*"}, "is no host's name"),
        ({"FTDOJO_SERVER_HOSTS": "host:2024"}, "is no host's name"),
        ({"FTDOJO_SERVER_ALLOW": "base_urls"}, "did you mean base_url"),
        ({"FTDOJO_SERVER_MODELS": "/nowhere/models.toml"}, "is no file"),
    ],
)
def test_a_setting_that_cannot_be_is_named(environ: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        server_settings(environ)


# ---- what a request may choose


OWN_TO_CHOOSE = {
    "task": "/etc",
    "data_root": "/etc",
    "base_model": "someone/model",
    "allow_pickle": True,
    "model": "openai:gpt-5",
    "base_url": "http://127.0.0.1:9/v1",
    "models_file": "/etc/passwd",
    "teacher": "openai:gpt-5",
    "report_to": ["wandb"],
    "memory": "off",
    "answer_cache": "/tmp/elsewhere",
    "eval_server": "http://127.0.0.1:9/v1",
    "baseline": "http://127.0.0.1:9/v1#m",
    "runs_dir": "/tmp/elsewhere",
    "do_no_harm": ["arc_easy"],
    "executor": "ray:10.0.0.1:6379",
    "workers": 2,
}


def test_every_setting_is_either_free_or_refused() -> None:
    assert FREE.isdisjoint(OWN_TO_CHOOSE)
    assert FREE | set(OWN_TO_CHOOSE) == set(RunSettings.model_fields)


@pytest.mark.parametrize("field", sorted(OWN_TO_CHOOSE))
def test_an_address_a_path_or_a_model_is_refused_unless_the_owner_allows_it(field: str) -> None:
    asked = make_settings(**{field: OWN_TO_CHOOSE[field]})
    with pytest.raises(
        InputError, match=rf"^{field}: a request may not choose it; .*FTDOJO_SERVER_ALLOW={field}$"
    ):
        admitted(asked, ServerSettings())
    assert admitted(asked, server_settings({"FTDOJO_SERVER_ALLOW": field})) == asked


def test_a_mistyped_task_is_told_the_nearest_id_and_not_to_open_the_server() -> None:
    with pytest.raises(InputError, match="there is no such task") as refused:
        admitted(make_settings(task="aime26"), ServerSettings())
    assert "aime25" in str(refused.value) and "FTDOJO_SERVER_ALLOW" not in str(refused.value)


@pytest.mark.parametrize("task", ["../units", "ORG/NAME", "lm-eval:gsm8k", "hf.co/a/b", "aime25/../x"])
def test_a_task_that_is_no_id_of_ours_is_refused(task: str) -> None:
    with pytest.raises(InputError, match=r"^task: "):
        admitted(make_settings(task=task), ServerSettings())


def test_what_a_form_sends_by_itself_is_admitted() -> None:
    filled = make_settings(**RunSettings().model_dump())
    assert admitted(filled, ServerSettings()) == filled
    chosen = make_settings(task="aime25", budget_seconds=90, approve=["plan"], policy="llm", max_rows=10)
    assert admitted(chosen, ServerSettings()) == chosen


@pytest.mark.parametrize(
    ("context", "told"),
    [
        (
            {"sead": 3},
            "^context: sead: is no setting of a run; did you mean seed .*[?] there are task, budget_s",
        ),
        ({"seed": 1, "budget": "5m"}, "^context: budget: is no setting"),
        ({"threadid": "1"}, "^context: threadid: is no setting"),
        ({"a\x1b[2J\nb" * 50: 1}, "^context: a.{,59}: is no setting"),
        ({"seed": "many"}, "^seed: "),
        ({"max_rows": 0}, "^max_rows: "),
    ],
)
def test_a_context_that_holds_no_setting_is_refused_in_one_line(context: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as refused:
        check_context(context)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"bugdet": "5m"}, "^input: bugdet: is no field of the input; did you mean budget[?] there are t"),
        ({"task": "aime25", "seed": 3}, "^input: seed: is none of task, .*; give it in the context$"),
        ({"run_dir": 5}, "^input: run_dir: is no text; "),
        ({"task": ["aime25"]}, "^input: task: is no text; "),
        ({"a\x1b[2J\nb" * 50: 1}, "^input: a.{,59}: is no field"),
        ({1: 2}, "^input: 1: is no field"),
        ({"budget": 0}, "^--budget 0: must be positive"),
    ],
)
def test_an_input_that_holds_no_field_of_a_run_is_refused_before_it_begins(
    given: dict[Any, Any], told: str
) -> None:
    served = ServedGraph(**vars(build_graph(runs=RequestedRuns(ServerSettings()))))

    async def streamed() -> None:
        async for _ in served.astream(given, {}, stream_mode="updates"):
            raise AssertionError("the run began")

    with pytest.raises(InputError, match=told) as refused:
        asyncio.run(streamed())
    assert str(refused.value).isprintable()


def test_what_a_form_sends_as_input_is_let_through() -> None:
    for given in ({"task": "aime25", "budget": "5m", "base_model": "", "run_dir": None}, {}, None, Command()):
        check_input(given)


def test_what_the_platform_adds_to_a_context_by_itself_is_let_through() -> None:
    ids = ("thread_id", "run_id", "assistant_id", "graph_id", "cron_id", "user_id", "checkpoint_id")
    added = {"checkpoint_ns", "checkpoint_map", "langgraph_auth_user", "langgraph_request_id", "x-api-key"}
    added |= {"__after_seconds__", "__pregel_node_finished", "langsmith-trace", "user-agent", *ids}
    check_context(dict.fromkeys(added, "1") | RunSettings().model_dump())
    check_context({})
    check_context(None)


def test_the_owners_models_file_holds_for_every_request(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text("")
    own = server_settings({"FTDOJO_SERVER_MODELS": str(file)})
    assert admitted(RunSettings(), own).models_file == str(file)
    with pytest.raises(InputError, match=r"^models_file: "):
        admitted(make_settings(models_file="/etc/passwd"), own)


def test_a_request_opens_no_folder_outside_the_servers_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTDOJO_HOME", str(tmp_path / "home"))
    runs = RequestedRuns(ServerSettings())
    (tmp_path / "home" / "runs").mkdir(parents=True)
    (tmp_path / "home" / "runs" / "link").symlink_to(tmp_path)
    for elsewhere in (tmp_path, Path("/etc"), tmp_path / "home/runs/../../x", tmp_path / "home/runs/link"):
        with pytest.raises(InputError, match=r"^run_dir: a request may open runs of this server alone"):
            runs.open(elsewhere)
    with pytest.raises(InputError, match="is not a run of FT-Dojo"):
        runs.open(tmp_path / "home" / "runs" / "mine")
