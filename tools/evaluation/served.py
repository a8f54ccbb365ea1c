"""Evaluation server: the base model and its adapters answer on a vLLM or SGLang server of the user's.

Over the OpenAI protocol: prompts are rendered by the model's own tokenizer here and sent as token ids, so
that the chat template is the one that is trained with; decoding is greedy and ends at the model's end tokens.
An adapter is loaded by name (``/v1/load_lora_adapter``; ``/load_lora_adapter`` on SGLang) from its
directory, which the server must see under the same path. A server loads no other whole model than its own:
those are answered by our loop. The key goes to this server alone, and never into a child process.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tasks.errors import InputError, MachineFault
from tools.chat.bounded_http import http_client
from tools.chat.redact import Redactor
from tools.evaluation.generate import FIGURES, Asked, fitting, in_order
from tools.models.adapter import base_dir, is_adapter
from tools.process.worker import Worker

CONCURRENT = 32
"""Requests under way; the server batches them."""
TIMEOUT_SECONDS = 600.0
"""Of one answer."""
ATTEMPTS = 3
PAUSE_SECONDS = 1.0
RENDER, RENDER_SECONDS = "tools.evaluation.generate:render_sets", 600.0
LOADERS = ("/load_lora_adapter", "/../load_lora_adapter")
"""vLLM's path and SGLang's, from the address with its ``/v1``."""


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
    _adapters: dict[Path, str | None] = field(default_factory=dict)

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
        if model_dir not in self._adapters:
            self._adapters[model_dir] = self._load(model_dir)
        return self._adapters[model_dir]

    def _load(self, model_dir: Path) -> str | None:
        name = "-".join(model_dir.resolve().parts[-3:])
        body = {"lora_name": name, "lora_path": str(model_dir.resolve())}
        for path in LOADERS:
            status, text = self._post(path, body)
            if status == 200 or "already" in text:
                return name
            if status not in (404, 405):
                return None
        return None

    def answer_sets(
        self,
        sets: Mapping[str, Sequence[Any]],
        model_dir: Path,
        new_tokens: int,
        worker: Worker,
        log_path: Path,
        stops: Sequence[str] = (),
    ) -> dict[str, Any] | None:
        """Greedy answers as ``generate.answer_sets`` gives them; None for a model that it cannot serve.

        Prompts are rendered in a child, which knows no key.

        Raises:
            MachineFault: the server does not answer, or refuses.
            ExperimentFailed: the chat template refuses every prompt.
        """
        model = self.model_for(model_dir)
        if model is None:
            return None
        payload = {
            "model_dir": str(model_dir.resolve()),
            "sets": {name: list(one) for name, one in sets.items()},
        }
        shown = worker.run(RENDER, payload, RENDER_SECONDS, log_path, "evaluate", resident=True)
        reply: dict[str, Any] = {name: {} for name in FIGURES}
        for name, rows in shown["rows"].items():
            asked = fitting(rows, shown["positions"], new_tokens)
            usable = () if shown["thinks"] else tuple(stops)
            for figure, value in self._answered(model, asked, shown["ends"], new_tokens, usable).items():
                reply[figure][name] = value
        return reply | {"known": []}

    def _answered(
        self, model: str, asked: Asked, ends: Sequence[int], new_tokens: int, stops: Sequence[str]
    ) -> dict[str, Any]:
        began = time.monotonic()

        def complete(row: list[int]) -> tuple[str, bool, int]:
            return self._complete(model, row, ends, new_tokens, stops)

        with ThreadPoolExecutor(CONCURRENT) as pool:
            found = list(pool.map(complete, asked.ids.values()))
        texts, whole = [text for text, _, _ in found], [ended for _, ended, _ in found]
        answers, limits = in_order(asked, texts, whole, stops)
        return {
            "answers": answers,
            "limits": limits,
            "generated_tokens": sum(tokens for _, _, tokens in found),
            "wall_seconds": time.monotonic() - began,
            "cpu_seconds": 0.0,
            "loading_seconds": 0.0,
        }

    def _complete(
        self, model: str, row: list[int], ends: Sequence[int], new_tokens: int, stops: Sequence[str]
    ) -> tuple[str, bool, int]:
        """An answer, whether it came to its end, and its tokens."""
        body: dict[str, Any] = {
            "model": model,
            "prompt": row,
            "max_tokens": new_tokens,
            "temperature": 0.0,
            "stop_token_ids": list(ends),
            "skip_special_tokens": True,
        }
        reply = self._send("POST", "/completions", body | ({"stop": list(stops)} if stops else {}))
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

        try:
            reply = self._request("POST", path, body)
        except httpx2.HTTPError as error:
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

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The JSON of a reply; lost connections, 429 and 5xx are tried again.

        Raises:
            MachineFault: they go on, or the server refuses.
        """
        import httpx2

        problem = ""
        for attempt in range(ATTEMPTS):
            time.sleep(attempt * self.pause_seconds)
            try:
                reply = self._request(method, path, body)
            except httpx2.HTTPError as error:
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
        raise self._fault(problem)

    def _fault(self, problem: str) -> MachineFault:
        keys = [self.api_key.get_secret_value()] if self.api_key else []
        one_line = " ".join(Redactor(keys).text(problem).split())
        return MachineFault(f"the eval server at {self.url} fails: {one_line}")
