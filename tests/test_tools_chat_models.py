"""Chat models over real HTTP: what is sent, what recovers, what fails and how."""

from __future__ import annotations

import builtins
import gzip
import sys
from dataclasses import asdict, replace
from types import ModuleType
from typing import Any

import pytest
from pydantic import SecretStr

from memory.budget.spending import PriceTable
from tasks.errors import InputError
from tests.support.loopback_chat import (
    ChatServer,
    Reply,
    Script,
    body,
    call,
    cut,
    drip,
    finish,
    hang,
    http_error,
    in_order,
    reset,
    text,
)
from tools.chat import bounded_http
from tools.chat.models import PLACEHOLDER_KEY, Models, ModelSpec, chat_model, split_name
from tools.chat.redact import Redactor

KEY = "sk-very-secret-0123456789"


def spec_of(server: ChatServer, name: str = "openai:scripted", **fields: Any) -> ModelSpec:
    return ModelSpec(name, base_url=server.base_url, **fields)


def answer(script: Script, **fields: Any) -> tuple[Any, ChatServer]:
    with ChatServer(script) as server:
        return chat_model(spec_of(server, **fields)).invoke("hello"), server


# ---- what is sent


def test_a_reply_comes_back_with_its_usage() -> None:
    script = in_order(text("hi").with_usage(prompt=100, completion=7, cached=64))
    reply, server = answer(script, temperature=0.3, max_output_tokens=99)
    assert reply.content == "hi"
    assert reply.usage_metadata["input_tokens"] == 100
    assert reply.usage_metadata["input_token_details"]["cache_read"] == 64
    (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.body["temperature"] == 0.3
    assert request.body["stream"] is False


def test_what_is_not_said_is_not_sent() -> None:
    _, server = answer(in_order(text("hi")))
    assert "temperature" not in server.requests[0].body


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("openai:qwen3-32b", "max_tokens"),
        ("openai:gpt-oss-20b", "max_tokens"),
        ("openai:gpt-5-mini", "max_completion_tokens"),
        ("openai:openai/o4-mini", "max_completion_tokens"),
    ],
)
def test_the_limit_is_written_as_the_server_understands_it(name: str, limit: str) -> None:
    _, server = answer(in_order(text("hi")), name=name, max_output_tokens=99)
    sent = server.requests[0].body
    assert {key: sent[key] for key in sent if key.startswith("max")} == {limit: 99}


def test_the_key_goes_into_the_header_and_nowhere_else() -> None:
    _, server = answer(in_order(text("hi")), api_key=SecretStr(KEY))
    (request,) = server.requests
    assert [name.lower() for name, value in request.headers.items() if KEY in value] == ["authorization"]
    assert KEY not in f"{request.body}"


def test_a_server_that_needs_no_key_gets_none_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    _, server = answer(in_order(text("hi")))
    assert server.requests[0].headers["Authorization"] == f"Bearer {PLACEHOLDER_KEY}"


def test_the_address_is_the_specs_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/v1")
    hosted = chat_model(ModelSpec("openai:gpt-5", api_key=SecretStr(KEY)))
    assert hosted.openai_api_base == "https://api.openai.com/v1"  # type: ignore[attr-defined]
    assert answer(in_order(text("hi")))[0].content == "hi"


def test_it_does_not_stream_even_when_asked_to() -> None:
    with ChatServer(in_order(text("all at once"))) as server:
        pieces = [piece.content for piece in chat_model(spec_of(server)).stream("hello")]
    assert "".join(pieces) == "all at once"
    assert server.requests[0].body["stream"] is False


def test_tools_are_called() -> None:
    with ChatServer(lambda request: call(request.tool_names[0], {"rows": 3})) as server:
        model = chat_model(spec_of(server)).bind_tools(
            [{"name": "look", "description": "", "parameters": {}}]
        )
        reply = model.invoke("hello")
    assert [(made["name"], made["args"]) for made in reply.tool_calls] == [("look", {"rows": 3})]


# ---- what recovers


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        (http_error(429, retry_after=0.05), 2),
        (http_error(429), 1),
        (http_error(500), 2),
        (http_error(503, retry_after=0.02), 1),
        (reset(), 1),
        (cut(), 1),
        (hang(20.0), 1),
    ],
    ids=["429 says when", "429", "500", "503 says when", "reset", "cut", "silent"],
)
def test_a_fault_that_passes_is_waited_out(fault: Reply, times: int) -> None:
    reply, server = answer(in_order(*[fault] * times, text("at last")), timeout_seconds=4.0)
    assert reply.content == "at last"
    assert len(server.requests) == times + 1


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (http_error(429, retry_after=0.01), "RateLimitError"),
        (http_error(500), "InternalServerError"),
        (reset(), "APIConnectionError"),
        (hang(20.0), "APITimeoutError"),
    ],
)
def test_a_fault_that_stays_is_an_error_of_the_provider(fault: Reply, name: str) -> None:
    import openai

    with ChatServer(in_order(fault)) as server, pytest.raises(openai.OpenAIError) as caught:
        chat_model(spec_of(server, timeout_seconds=2.0, max_retries=1)).invoke("hello")
    assert name in [parent.__name__ for parent in type(caught.value).__mro__]
    assert len(server.requests) == 2


def test_a_wrong_request_is_not_repeated() -> None:
    import openai

    with ChatServer(in_order(http_error(400))) as server, pytest.raises(openai.BadRequestError):
        chat_model(spec_of(server)).invoke("hello")
    assert len(server.requests) == 1


def test_a_page_instead_of_a_reply_is_an_error() -> None:
    with (
        ChatServer(in_order(body(b"<html>", "text/html"))) as server,
        pytest.raises(ValueError, match="html"),
    ):
        chat_model(spec_of(server)).invoke("hello")


def test_a_reply_that_was_cut_by_its_limit_says_so() -> None:
    reply, _ = answer(in_order(finish("length", "half a sen")))
    assert reply.response_metadata["finish_reason"] == "length"


# ---- limits of a reply


def test_a_reply_without_end_is_given_up() -> None:
    import openai

    huge = body(b" " * (bounded_http.MAX_REPLY_BYTES + 1))
    with ChatServer(in_order(huge)) as server, pytest.raises(openai.APIConnectionError) as caught:
        chat_model(spec_of(server, max_retries=0)).invoke("hello")
    assert "longer than" in Redactor().error(caught.value)


def test_a_packed_reply_that_nobody_asked_for_is_not_unpacked() -> None:
    import openai

    packed = replace(body(gzip.compress(b" " * 1_000_000)), headers=(("Content-Encoding", "gzip"),))
    with ChatServer(in_order(packed)) as server, pytest.raises(openai.APIConnectionError) as caught:
        chat_model(spec_of(server, max_retries=0)).invoke("hello")
    assert "packed (gzip)" in Redactor().error(caught.value)


def test_a_reply_in_drops_has_one_deadline() -> None:
    """Each byte comes in time; the whole does not."""
    import openai

    with ChatServer(in_order(drip(0.05))) as server, pytest.raises(openai.APITimeoutError) as caught:
        chat_model(spec_of(server, timeout_seconds=2.0, max_retries=0)).invoke("hello")
    assert "took too long" in Redactor().error(caught.value)


# ---- wrong input


@pytest.mark.parametrize("name", ["", "gpt-5", "openai:", ":gpt-5", "openai: gpt-5", "openai:a b", "öpen:a"])
def test_a_name_that_is_none_says_how_to_write_it(name: str) -> None:
    with pytest.raises(InputError, match="openai:gpt-5-mini"):
        ModelSpec(name)


def test_a_models_own_name_may_hold_colons() -> None:
    assert split_name("openai:llama3:8b") == ("openai", "llama3:8b")
    assert split_name("Google-GenAI:gemini-2.5-pro") == ("google_genai", "gemini-2.5-pro")


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host/v1", "http://", "http://h:port/v1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="is no address"):
        ModelSpec("openai:a", base_url=url)


@pytest.mark.parametrize(
    "url", [f"https://u:{KEY}@host/v1", f"https://{KEY}@host/v1", f"https://h/v1?k={KEY}"]
)
def test_an_address_with_a_key_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InputError) as caught:
        ModelSpec("openai:a", base_url=url)
    assert KEY not in str(caught.value)


def test_an_unknown_provider_is_told_the_known_ones() -> None:
    with pytest.raises(InputError, match="there is no provider opnai; did you mean openai"):
        chat_model(ModelSpec("opnai:gpt-5"))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_anthropic", None)
    with pytest.raises(InputError, match=r"not installed; pip install langchain-anthropic$"):
        chat_model(ModelSpec("anthropic:claude-haiku-4-5", api_key=SecretStr(KEY)))


def test_another_provider_gets_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its package there; the package is a stand-in that keeps what it is given."""
    package = ModuleType("langchain_groq")
    package.ChatGroq = lambda **given: given  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "langchain_groq", package)
    given: Any = chat_model(ModelSpec("groq:llama", api_key=SecretStr(KEY), temperature=0.1, max_retries=5))
    assert given["model"] == "llama"
    assert given["api_key"].get_secret_value() == KEY
    assert (given["temperature"], given["max_tokens"], given["max_retries"]) == (0.1, 4096, 5)
    assert given["disable_streaming"] is True
    assert "base_url" not in given


def test_openai_itself_without_a_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(InputError, match="has no key"):
        chat_model(ModelSpec("openai:gpt-5"))


# ---- keys stay out of sight


def test_a_spec_and_its_model_show_no_key() -> None:
    spec = ModelSpec("openai:a", base_url="http://127.0.0.1:9/v1", api_key=SecretStr(KEY))
    models = Models({"planner": (spec,)}, (spec,), (), PriceTable.shipped())
    for shown in (spec, models, asdict(spec), chat_model(spec), models.redactor, builtins.vars(spec)):
        assert KEY not in f"{shown!r} {shown}"


def test_a_key_in_a_providers_error_is_taken_out() -> None:
    import openai

    spec_fields = {"api_key": SecretStr(KEY)}
    with (
        ChatServer(lambda request: http_error(401, f"bad: {request.headers['Authorization']}")) as server,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        chat_model(spec_of(server, **spec_fields)).invoke("hello")
    models = Models({}, (), (spec_of(server, **spec_fields),), PriceTable.shipped())
    told = models.redactor.error(caught.value)
    assert "401" in told
    assert KEY not in told


def test_every_model_is_listed_once() -> None:
    one, two = ModelSpec("openai:a"), ModelSpec("openai:b")
    models = Models({"planner": (one, two), "evaluator": (one,)}, (two,), (one,), PriceTable.shipped())
    assert models.all == (one, two)
