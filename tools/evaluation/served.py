"""Evaluation server: the base model and its adapters answer on a vLLM or SGLang server of the user's.

Over the OpenAI protocol: prompts are rendered by the model's own tokenizer here and sent as token ids, so
that the chat template is the one that is trained with; decoding is greedy and ends at the model's end tokens.
An adapter is loaded by name (``/v1/load_lora_adapter``; ``/load_lora_adapter`` on SGLang) from its
directory, which the server must see under the same path. Its name is made of its content: a server keeps
what it has loaded, and one that outlives a run would answer for the next run's adapter with the last one's.
A server loads no other whole model than its own: those are answered by our loop. The key goes to this server
alone, and never into a child process.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tasks.errors import ExperimentFailed, InputError, MachineFault
from tasks.official.files import sha256_of
from tools.chat.bounded_http import answered_within, http_client
from tools.chat.redact import Redactor
from tools.evaluation.generate import FIGURES, Asked, fitting, in_order
from tools.evidence import files_under
from tools.models.adapter import base_dir, is_adapter
from tools.process.worker import LEAST_SECONDS, Worker

CONCURRENT = 32
"""Requests under way; the server batches them."""
TIMEOUT_SECONDS = 600.0
"""Of one answer."""
ATTEMPTS = 3
PAUSE_SECONDS = 1.0
RENDER, RENDER_SECONDS = "tools.evaluation.generate:render_sets", 600.0
LOADERS = ("/load_lora_adapter", "/../load_lora_adapter")
"""vLLM's path and SGLang's, from the address with its ``/v1``."""
NAME_DIGITS = 16
"""Of an adapter's digest, in its name."""


@dataclass(frozen=True)
class _How:
    """How prompts are answered."""

    model: str
    ends: tuple[int, ...]
    """Token ids that end an answer."""
    new_tokens: int
    stops: Sequence[str]
    deadline: float
    """On the monotonic clock."""


@dataclass
class EvalServer:
    """One server. Any thread may ask; made by ``graph.session``.

    Args:
        url: its address with the path, mostly ``/v1``.
        base: the model that it was started with.
        api_key: sent as a bearer token; None for a server that asks for none.
        pause_seconds: before the second attempt; the third waits twice as long.
    """

    url: str
    base: Path
    api_key: SecretStr | None = field(default=None, repr=False)
    pause_seconds: float = PAUSE_SECONDS
    served: str = ""
    """The base as the server calls it; known after ``check``."""
    _adapters: dict[str, bool] = field(default_factory=dict)
    """By name, whether the server has loaded it."""

    def check(self) -> str:
        """Ask for the served model; returns what the run's owner should know, in one line.

        Raises:
            InputError: nobody answers there, or no model is served.
        """
        try:
            listed = self._send("GET", "/models")["data"]
            bases = [str(each["id"]) for each in listed if not each.get("parent")]
        except (MachineFault, KeyError, TypeError) as error:
            wrong = str(error) if isinstance(error, MachineFault) else "it lists no models"
            raise InputError(f"--eval-server {self.url}", wrong, "start it, or leave the flag out") from None
        if not bases:
            raise InputError(
                f"--eval-server {self.url}", "it serves no model", "start it with the base model"
            )
        self.served = bases[0]
        return (
            f"{self.url} answers as {self.served} for the base model and for LoRA kept as adapters of it;"
            " what is trained whole or merged is answered here, as a server would have to start anew for it"
        )

    def model_for(self, model_dir: Path) -> str | None:
        """What the server calls a model or adapter directory; None where it cannot serve it."""
        if model_dir.resolve() == self.base.resolve():
            return self.served
        if not is_adapter(model_dir) or base_dir(model_dir).resolve() != self.base.resolve():
            return None
        name = name_of(model_dir)
        if name not in self._adapters:
            self._adapters[name] = self._load(name, model_dir)
        return name if self._adapters[name] else None

    def _load(self, name: str, model_dir: Path) -> bool:
        body = {"lora_name": name, "lora_path": str(model_dir.resolve())}
        for path in LOADERS:
            status, text = self._post(path, body)
            if status == 200 or "already" in text:
                return True
            if status not in (404, 405):
                return False
        return False

    def answer_sets(
        self,
        sets: Mapping[str, Sequence[Any]],
        model_dir: Path,
        new_tokens: int,
        worker: Worker,
        log_path: Path,
        stops: Sequence[str] = (),
        timeout_seconds: float = math.inf,
    ) -> dict[str, Any] | None:
        """Greedy answers as ``generate.answer_sets`` gives them; None for a model that it cannot serve.

        Prompts are rendered in a child, which knows no key.

        Raises:
            MachineFault: the server does not answer, or refuses.
            ExperimentFailed: the chat template refuses every prompt; ``timeout``: not all was answered within
                the time limit, nor within what the run's budget leaves.
        """
        left = worker.limit() if worker.limit else timeout_seconds
        deadline = time.monotonic() + max(LEAST_SECONDS, min(timeout_seconds, left))
        with answered_within(deadline - time.monotonic(), TIMEOUT_SECONDS):
            model = self.model_for(model_dir)
        if model is None:
            return None
        payload = {
            "model_dir": str(model_dir.resolve()),
            "sets": {name: list(one) for name, one in sets.items()},
        }
        rendering = min(RENDER_SECONDS, timeout_seconds)
        shown = worker.run(RENDER, payload, rendering, log_path, "evaluate", resident=True)
        reply: dict[str, Any] = {name: {} for name in FIGURES}
        for name, rows in shown["rows"].items():
            asked = fitting(rows, shown["positions"], new_tokens)
            usable = () if shown["thinks"] else tuple(stops)
            how = _How(model, tuple(shown["ends"]), new_tokens, usable, deadline)
            for figure, value in self._answered(asked, how).items():
                reply[figure][name] = value
        return reply | {"known": []}

    def _answered(self, asked: Asked, how: _How) -> dict[str, Any]:
        began = time.monotonic()

        def complete(row: list[int]) -> tuple[str, bool, int]:
            return self._complete(row, how)

        with ThreadPoolExecutor(CONCURRENT) as pool:
            found = list(pool.map(complete, asked.ids.values()))
        texts, whole = [text for text, _, _ in found], [ended for _, ended, _ in found]
        answers, limits = in_order(asked, texts, whole, how.stops)
        return {
            "answers": answers,
            "limits": limits,
            "generated_tokens": sum(tokens for _, _, tokens in found),
            "wall_seconds": time.monotonic() - began,
            "cpu_seconds": 0.0,
            "loading_seconds": 0.0,
        }

    def _complete(self, row: list[int], how: _How) -> tuple[str, bool, int]:
        """An answer, whether it came to its end, and its tokens."""
        body: dict[str, Any] = {
            "model": how.model,
            "prompt": row,
            "max_tokens": how.new_tokens,
            "temperature": 0.0,
            "stop_token_ids": list(how.ends),
            "skip_special_tokens": True,
        }
        asked = body | ({"stop": list(how.stops)} if how.stops else {})
        reply = self._send("POST", "/completions", asked, how.deadline)
        try:
            choice = reply["choices"][0]
            tokens = int((reply.get("usage") or {}).get("completion_tokens") or 0)
            return str(choice["text"]), choice["finish_reason"] != "length", tokens
        except (KeyError, IndexError, TypeError, ValueError):
            raise self._fault("its reply is no completion") from None

    def _post(self, path: str, body: Mapping[str, Any]) -> tuple[int, str]:
        """Status and text of one request.

        Raises:
            MachineFault: nobody answers.
        """
        import httpx2
        from openai import APITimeoutError

        try:
            reply = self._request("POST", path, body)
        except (httpx2.HTTPError, APITimeoutError) as error:
            raise self._fault(f"{type(error).__name__}: {error}") from None
        return reply.status_code, reply.text

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        headers = {"Authorization": f"Bearer {self.api_key.get_secret_value()}"} if self.api_key else {}
        address = self.url.rstrip("/") + path
        if path.startswith("/../"):
            address = self.url.rstrip("/").removesuffix("/v1") + path.removeprefix("/..")
        client = http_client(TIMEOUT_SECONDS)
        # No redirect is followed: the key is for this address.
        return client.request(method, address, json=body, headers=headers, follow_redirects=False)

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, deadline: float = math.inf
    ) -> dict[str, Any]:
        """The JSON of a reply; lost connections, 429 and 5xx are tried again.

        Args:
            method: of HTTP.
            path: behind the address.
            body: what is sent as JSON.
            deadline: on the monotonic clock; nothing is waited for behind it.

        Raises:
            MachineFault: they go on, or the server refuses.
            ExperimentFailed: ``timeout``: the deadline has come.
        """
        import httpx2
        from openai import APITimeoutError

        problem = ""
        for attempt in range(ATTEMPTS):
            time.sleep(min(attempt * self.pause_seconds, max(0.0, deadline - time.monotonic())))
            if (left := deadline - time.monotonic()) <= 0.0:
                break
            try:
                with answered_within(min(left, TIMEOUT_SECONDS), TIMEOUT_SECONDS):
                    reply = self._request(method, path, body)
            except (httpx2.HTTPError, APITimeoutError) as error:
                problem = f"{type(error).__name__}: {error}"
                continue
            if reply.status_code == 200:
                try:
                    return dict(reply.json())
                except ValueError:
                    raise self._fault("its reply is no JSON") from None
            problem = f"HTTP {reply.status_code}: {reply.text[:300]}"
            if reply.status_code != 429 and reply.status_code < 500:
                break
        if time.monotonic() >= deadline:
            raise ExperimentFailed("evaluate", "timeout", f"the eval server at {self.url}: time is up")
        raise self._fault(problem)

    def _fault(self, problem: str) -> MachineFault:
        keys = [self.api_key.get_secret_value()] if self.api_key else []
        one_line = " ".join(Redactor(keys).text(problem).split())
        return MachineFault(f"the eval server at {self.url} fails: {one_line}")


def name_of(adapter: Path) -> str:
    """What an adapter is called on a server: its experiment, and a digest of its files."""
    found = sha256()
    for file in files_under(adapter):
        found.update(f"{file.relative_to(adapter).as_posix()} {sha256_of(file)}\n".encode())
    return f"{adapter.resolve().parent.name}-{found.hexdigest()[:NAME_DIGITS]}"
