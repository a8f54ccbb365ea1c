"""Doorkeeper: turns away requests that come from a foreign page, under a foreign name, or without the token.

A server on the loopback address is reached by every page that a browser shows: the page's own script sends
a request to 127.0.0.1 (its ``Origin`` tells), or the page's name is made to point there (DNS rebinding; the
``Host`` tells). Neither a firewall nor CORS stops that: CORS hides the answer, and by then the request has
been acted upon.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from graph.server.settings import HOSTS, ORIGINS, TOKEN, ServerSettings
from tasks.errors import InputError
from tools.chat.untrusted_text import one_line

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

IN_PROCESS = "/noauth"
"""Root path of the server's calls to itself. It is no part of a request: a socket cannot set it."""
HEALTH = "/ok"
"""Answered here where a request brings no token: whoever watches over a server need not hold its key, and
what the server tells of its parts there is for those who do."""
FORBIDDEN, UNAUTHORIZED = 403, 401
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::[0-9]{1,5})?")


class Doorkeeper:
    """ASGI middleware around the whole server, websockets and preflights included."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, or answer with the one line that says why not."""
        if scope["type"] in ("http", "websocket") and not _in_process(scope):
            refused = self._refusal(scope)
            if refused is not None and refused[0] == UNAUTHORIZED and _asks_whether_up(scope):
                await _answer(send, 200, {"ok": True})
                return
            if refused is not None:
                await _refuse(scope, send, *refused)
                return
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, InputError] | None:
        settings = self.settings
        hosts, origins = _values(scope, b"host"), _values(scope, b"origin")
        if len(hosts) != 1 or _name(hosts[0]) not in settings.hosts:
            fix = f"reach it as localhost, or name the host in {HOSTS}"
            return FORBIDDEN, InputError(f"Host {_quoted(hosts)}", "is no name of this server", fix)
        own = {f"http://{hosts[0]}".lower(), f"https://{hosts[0]}".lower()}
        if origins and not (len(origins) == 1 and origins[0].lower() in own | settings.origins):
            fix = f"the server's owner may name it in {ORIGINS}"
            return FORBIDDEN, InputError(f"Origin {_quoted(origins)}", "may not speak to this server", fix)
        if not origins and _values(scope, b"sec-fetch-site") in (["cross-site"], ["same-site"]):
            fix = f"type the address yourself, or name the page's origin in {ORIGINS}"
            return FORBIDDEN, InputError("this request", "was made by another site's page", fix)
        # A preflight carries no token by its nature, and is answered from the headers alone.
        if settings.token is not None and scope.get("method") != "OPTIONS" and not self._knows(scope):
            fix = f"send the value of {TOKEN} as 'Authorization: Bearer ...' or 'X-Api-Key: ...'"
            return UNAUTHORIZED, InputError("this request", "brings no valid token", fix)
        return None

    def _knows(self, scope: Scope) -> bool:
        """Whether the token is right; each comparison takes as long as the next."""
        assert self.settings.token is not None
        token = self.settings.token.get_secret_value().encode()
        bearer = [value[7:] for value in _values(scope, b"authorization") if value[:7].lower() == "bearer "]
        given = [*bearer, *_values(scope, b"x-api-key")]
        return sum(hmac.compare_digest(each.strip().encode("latin-1"), token) for each in given) > 0


def _in_process(scope: Scope) -> bool:
    root = str(scope.get("root_path") or "")
    return root == IN_PROCESS or root.startswith(f"{IN_PROCESS}/")


def _asks_whether_up(scope: Scope) -> bool:
    return scope["type"] == "http" and scope.get("method") == "GET" and scope.get("path") == HEALTH


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _name(host: str) -> str:
    """A Host header without its port; nothing where it is none."""
    found = _HOST.fullmatch(host)
    return found[1].lower() if found else ""


def _quoted(values: Sequence[str]) -> str:
    return repr(one_line(", ".join(values)))


async def _refuse(scope: Scope, send: Send, status: int, why: InputError) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": str(why)[:120]})
        return
    more = [(b"www-authenticate", b"Bearer")] if status == UNAUTHORIZED else []
    await _answer(send, status, {"detail": str(why)}, more)


async def _answer(
    send: Send, status: int, told: dict[str, object], more: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    body = json.dumps(told).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
