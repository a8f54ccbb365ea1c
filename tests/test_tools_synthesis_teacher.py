"""The teacher asks in parallel within a bound, never twice, never beyond a cap, and survives any reply."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from memory.budget.spending import Spending
from tasks.errors import ExperimentFailed, InputError
from tests.support.loopback_chat import (
    ChatServer,
    Reply,
    Request,
    body,
    cut,
    finish,
    http_error,
    in_order,
    reset,
    text,
)
from tests.support.scripted_teacher import KEY, PRICES, a_teacher
from tools.synthesis.cache import Reply as CachedReply
from tools.synthesis.cache import ReplyCache, reply_key
from tools.synthesis.model import GIVE_UP
from tools.synthesis.teacher import TeacherEstimate

SYSTEM = "Add the numbers."
PROMPTS = [f"question {n}" for n in range(9)]


def echo(request: Request) -> Reply:
    return text(f"answer to {request.messages[-1]['content']}")


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("??/*.json"))


def test_replies_come_in_the_order_of_the_prompts_with_so_many_calls_at_a_time(tmp_path: Path):
    together, most, lock = 0, 0, threading.Lock()
    wave = threading.Barrier(3, timeout=20)

    def slow(request: Request) -> Reply:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        wave.wait()  # breaks unless three calls are under way at once
        with lock:
            together -= 1
        return echo(request)

    with ChatServer(slow) as server:
        teacher = a_teacher(server, tmp_path, concurrency=3)
        found = teacher.ask(PROMPTS, system=SYSTEM, temperature=0.5)
        assert found == [f"answer to {prompt}" for prompt in PROMPTS]
        assert most == 3
        sent = server.requests[0]
    assert [message["role"] for message in sent.messages] == ["system", "user"]
    assert sent.messages[0]["content"] == SYSTEM
    assert sent.body["temperature"] == 0.5


def test_nothing_is_asked_twice(tmp_path: Path):
    with ChatServer(echo) as server:
        twice = [*PROMPTS, PROMPTS[0]]
        first = a_teacher(server, tmp_path).ask_all(twice, system=SYSTEM, temperature=0.5)
        assert len(server.requests) == len(files(tmp_path)) == 9
        assert first.cached == first.failed == 0
        spending = Spending(PRICES)
        again = a_teacher(server, tmp_path, spending).ask_all(twice, system=SYSTEM, temperature=0.5)
        assert again.replies == first.replies
        assert (again.cached, len(server.requests), spending.tokens) == (10, 9, 0)
        for other in (
            {"system": SYSTEM, "temperature": 0.6},
            {"system": "Subtract.", "temperature": 0.5},
            {"system": SYSTEM, "temperature": 0.5, "sample": 1},
        ):
            before = len(server.requests)
            a_teacher(server, tmp_path).ask(PROMPTS[:2], **other)  # type: ignore[arg-type]
            assert len(server.requests) == before + 2


def test_calls_are_accounted_to_the_teacher(tmp_path: Path):
    with ChatServer(lambda request: text("12").with_usage(100, 10, cached=40)) as server:
        spending = Spending(PRICES)
        a_teacher(server, tmp_path, spending).ask(PROMPTS, system=SYSTEM, temperature=0.0)
    account = spending.total
    assert (account.calls, account.input_tokens, account.cached_tokens, account.output_tokens) == (
        9,
        900,
        360,
        90,
    )
    assert account.usd == pytest.approx((900 * 1.0 + 90 * 4.0) / 1e6)


CHILD = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}]
from types import SimpleNamespace
from tests.support.scripted_teacher import a_teacher
server = SimpleNamespace(base_url={url!r})
teacher = a_teacher(server, Path({folder!r}), concurrency=2)
teacher.ask([f"question {{n}}" for n in range(20)], system="Add the numbers.", temperature=0.5)
"""


def test_a_batch_that_was_killed_asks_only_the_rest(tmp_path: Path, root: Path):
    child: subprocess.Popen[bytes] | None = None

    def deadly(request: Request) -> Reply:
        if request.number == 8 and child is not None:
            os.kill(child.pid, signal.SIGKILL)
        return echo(request)

    with ChatServer(deadly) as server:
        code = CHILD.format(
            root=str(root), tests=str(root / "tests"), url=server.base_url, folder=str(tmp_path / "replies")
        )
        child = subprocess.Popen([sys.executable, "-c", code])
        assert child.wait(timeout=60) == -signal.SIGKILL
    kept = len(files(tmp_path / "replies"))
    assert 6 <= kept <= 8  # what was under way when the kill came is all that may be lost
    prompts = [f"question {n}" for n in range(20)]
    with ChatServer(echo) as server:
        found = a_teacher(server, tmp_path / "replies").ask(prompts, system=SYSTEM, temperature=0.5)
        assert found == [f"answer to {prompt}" for prompt in prompts]
        assert len(server.requests) == 20 - kept


def test_a_damaged_reply_is_asked_again(tmp_path: Path):
    with ChatServer(echo) as server:
        teacher = a_teacher(server, tmp_path)
        teacher.ask(PROMPTS[:3], system=SYSTEM, temperature=0.0)
        for path, damage in zip(files(tmp_path), ("", "[]", '{"text": 3}'), strict=True):
            path.write_text(damage)
        assert teacher.ask(PROMPTS[:3], system=SYSTEM, temperature=0.0) == [
            f"answer to {prompt}" for prompt in PROMPTS[:3]
        ]
        assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (text(""), "empty"),
        (text(" \n\t "), "empty"),
        (Reply(None), "empty"),
        (text("x" * 70_000), "70,000 characters"),
        (finish("length", "14+23="), "cut at 4,096"),
        (finish("content_filter", ""), "withheld"),
        (http_error(500, "the kitchen is on fire"), "kitchen"),
        (http_error(429, "slow down", retry_after=0.0), "slow down"),
        (http_error(401, f"wrong key {KEY}"), "[redacted]"),
        (body(b"<html><body>Bad gateway</body></html>", "text/html"), "openai:scripted-teacher"),
        (body(b'{"choices": [{"message": {"content": "12'), "JSONDecodeError"),
        (body(b"[]"), "openai:scripted-teacher"),
        (body(b'{"choices": null}'), "openai:scripted-teacher"),
        (body(b"\xff\xfe\x00"), "openai:scripted-teacher"),
        (cut(), "Connection"),
        (reset(), "Connection"),
    ],
    ids=lambda value: value if isinstance(value, str) else "reply",
)
def test_a_bad_reply_is_none_for_its_row_alone(tmp_path: Path, bad: Reply, told: str):
    with ChatServer(lambda r: bad if "question 4" in r.text else echo(r)) as server:
        asked = a_teacher(server, tmp_path).ask_all(PROMPTS, system=SYSTEM, temperature=0.0)
    found = [reply and reply.text for reply in asked.replies]
    assert found == [None if n == 4 else f"answer to {prompt}" for n, prompt in enumerate(PROMPTS)]
    assert asked.failed == 1
    assert told in asked.problem
    assert KEY not in asked.problem
    assert KEY not in "".join(path.read_text() for path in files(tmp_path))


def test_any_words_are_a_reply_and_half_characters_do_no_harm(tmp_path: Path):
    strange = "十四加二十三等于三十七 \\ud83d \u0000 ‮"
    raw = json.dumps({"choices": [{"message": {"role": "assistant", "content": "X"}}]}).replace(
        "X", "\\ud83d"
    )
    with ChatServer(in_order(text(strange), body(raw.encode()))) as server:
        teacher = a_teacher(server, tmp_path, concurrency=1)
        first, second = teacher.ask(["a", "b \ud83d"], system=SYSTEM, temperature=0.0)
        assert first == strange
        assert second == "?"
        assert teacher.ask(["a", "b \ud83d"], system=SYSTEM, temperature=0.0) == [first, second]
        assert len(server.requests) == 2


def test_a_useless_reply_is_not_paid_for_again_and_a_cut_one_only_with_more_room(tmp_path: Path):
    def script(request: Request) -> Reply:
        return finish("length", "14+") if request.body["max_tokens"] < 100 else echo(request)

    with ChatServer(script) as server:
        narrow = a_teacher(server, tmp_path, max_output_tokens=50)
        for _ in range(2):
            assert narrow.ask(["q"], system=SYSTEM, temperature=0.0) == [None]
        assert len(server.requests) == 1
        wide = a_teacher(server, tmp_path, max_output_tokens=200)
        assert wide.ask(["q"], system=SYSTEM, temperature=0.0) == ["answer to q"]
        assert len(server.requests) == 2


def test_a_fallback_answers_when_the_first_model_fails_and_then_in_its_place(tmp_path: Path):
    def script(request: Request) -> Reply:
        return http_error(503) if request.model == "scripted" else echo(request)

    names = ("openai:scripted", "openai:scripted-teacher")
    prompts = [f"q{n}" for n in range(40)]
    with ChatServer(script) as server:
        teacher = a_teacher(server, tmp_path, names=names)
        asked = teacher.ask_all(prompts, system=SYSTEM, temperature=0.0)
        to_first = [request for request in server.requests if request.model == "scripted"]
        assert GIVE_UP <= len(to_first) < GIVE_UP + teacher.concurrency
    assert {reply.model for reply in asked.replies if reply} == {"openai:scripted-teacher"}
    assert asked.failed == 0
    assert "openai:scripted" in asked.problem


def test_a_teacher_that_is_gone_does_not_hold_a_batch(tmp_path: Path):
    with ChatServer(lambda request: http_error(500)) as server:
        teacher = a_teacher(server, tmp_path)
        asked = teacher.ask_all([f"q{n}" for n in range(300)], system=SYSTEM, temperature=0.0)
        assert asked.failed == 300
        assert len(server.requests) < GIVE_UP + teacher.concurrency
    assert not files(tmp_path)


def test_a_model_that_takes_no_temperature_is_asked_without(tmp_path: Path):
    def script(request: Request) -> Reply:
        unsupported = "Unsupported value: 'temperature' does not support 0.7 with this model."
        return http_error(400, unsupported) if "temperature" in request.body else echo(request)

    with ChatServer(script) as server:
        teacher = a_teacher(server, tmp_path, concurrency=1)
        found = teacher.ask(PROMPTS, system=SYSTEM, temperature=0.7)
        assert None not in found
        assert len(server.requests) == 10


@pytest.mark.parametrize("cap", [{"max_tokens": 400}, {"max_usd": 0.0004}])
def test_a_cap_ends_a_batch_in_order_and_what_came_is_kept(tmp_path: Path, cap: dict[str, float]):
    with ChatServer(lambda request: echo(request).with_usage(100, 10)) as server:
        spending = Spending(PRICES, **cap)  # type: ignore[arg-type]
        teacher = a_teacher(server, tmp_path, spending, max_output_tokens=20)
        with pytest.raises(ExperimentFailed) as failed:
            teacher.ask(PROMPTS, system=SYSTEM, temperature=0.0)
        assert failed.value.code == "cap_reached"
        made = len(server.requests)
        assert f"{made} of 9 new replies" in failed.value.message
        assert made == len(files(tmp_path)) < 9
        assert spending.tokens <= cap.get("max_tokens", 1e9) + 110
        assert spending.usd <= cap.get("max_usd", 1e9) + 0.00014
        a_teacher(server, tmp_path).ask(PROMPTS, system=SYSTEM, temperature=0.0)
        assert len(server.requests) == 9


def test_an_estimate_is_near_what_the_calls_come_to(tmp_path: Path):
    prompts = [f"{n}: " + "How many pens does Tom have when he finds some more? " * 12 for n in range(10)]
    reply = "He has as many as before and those that he found. " * 4
    with ChatServer(lambda request: text(reply)) as server:
        spending = Spending(PRICES)
        teacher = a_teacher(server, tmp_path, spending)
        known = teacher.ask(prompts[:3], system=SYSTEM, temperature=0.2)
        assert None not in known
        before = spending.total
        estimate = teacher.estimate(prompts, SYSTEM, len(reply) // 4, samples=1, temperature=0.2)
        assert (estimate.calls, estimate.cached_calls) == (7, 3)
        assert len(server.requests) == 3
        teacher.ask(prompts, system=SYSTEM, temperature=0.2)
    came = spending.total
    assert estimate.input_tokens == pytest.approx(came.input_tokens - before.input_tokens, rel=0.35)
    assert estimate.output_tokens == pytest.approx(came.output_tokens - before.output_tokens, rel=0.05)
    assert estimate.usd == pytest.approx(came.usd - before.usd, rel=0.35)
    assert teacher.estimate(prompts, SYSTEM, 50, samples=2, temperature=0.2).calls == 10


def test_a_batch_beyond_the_cap_is_refused_with_the_figures_before_anything_is_sent(tmp_path: Path):
    with ChatServer(echo) as server:
        teacher = a_teacher(server, tmp_path, Spending(PRICES, max_usd=0.01, max_tokens=2000))
        estimate = TeacherEstimate(20, 5, 4000, 2000, 0.012)
        with pytest.raises(ExperimentFailed) as failed:
            teacher.admit(estimate, "solve")
        assert failed.value.code == "cap_reached"
        for figure in ("20 times", "5 replies", "4,000 tokens in", "2,000 out", "0.0120", "2,000 tokens"):
            assert figure in failed.value.message
        teacher.admit(TeacherEstimate(5, 0, 1000, 500, 0.003), "solve")
        teacher.admit(TeacherEstimate(0, 900, 0, 0, 0.0), "solve")
        assert server.requests == []


def test_a_cap_in_dollars_needs_a_price(tmp_path: Path):
    with ChatServer(echo) as server:
        teacher = a_teacher(server, tmp_path, Spending(PRICES, max_usd=1.0), names=("openai:unknown",))
        with pytest.raises(InputError, match="has no price"):
            teacher.ask(PROMPTS, system=SYSTEM, temperature=0.0)
        assert server.requests == []
    assert teacher.estimate(PROMPTS, SYSTEM, 10).usd is None


def test_every_part_of_a_question_is_in_its_key(tmp_path: Path):
    base = ("openai:m", "s", "p", 0.5, 0)
    others = [("openai:n", *base[1:]), ("openai:m", "sp", "", 0.5, 0), (*base[:3], 1.0, 0), (*base[:4], 1)]
    keys = {reply_key(*base), *(reply_key(*other) for other in others)}  # type: ignore[arg-type]
    assert len(keys) == 5
    cache = ReplyCache(tmp_path)
    cache.put(reply_key(*base), CachedReply("words", "openai:m"))  # type: ignore[arg-type]
    assert cache.get(reply_key(*base)) == CachedReply("words", "openai:m")  # type: ignore[arg-type]
