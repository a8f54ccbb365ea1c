"""Settings of the server that its owner makes, in the environment and never in a request.

    FTDOJO_SERVER_TOKEN     what a request must bring (``Authorization: Bearer`` or ``X-Api-Key``)
    FTDOJO_SERVER_ORIGINS   pages that may speak to it, as https://smith.langchain.com; none beside its own
    FTDOJO_SERVER_HOSTS     names under which it is reached, beside localhost, 127.0.0.1 and [::1]
    FTDOJO_SERVER_ALLOW     settings that a request may choose freely, as task,base_model
    FTDOJO_SERVER_MODELS    models file of its runs: whom they may ask, and with which key

Lists are separated by commas.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from graph.settings import RunSettings
from tasks.errors import InputError, did_you_mean

TOKEN, ORIGINS, HOSTS = "FTDOJO_SERVER_TOKEN", "FTDOJO_SERVER_ORIGINS", "FTDOJO_SERVER_HOSTS"
ALLOW, MODELS = "FTDOJO_SERVER_ALLOW", "FTDOJO_SERVER_MODELS"
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True)
class ServerSettings:
    """What the owner has settled."""

    token: SecretStr | None = None
    origins: frozenset[str] = frozenset()
    """As browsers write them: scheme and host, and a port where it is not the scheme's own."""
    hosts: frozenset[str] = LOCAL_HOSTS
    """Without ports, in small letters."""
    allow: frozenset[str] = frozenset()
    """Fields of ``RunSettings`` beside those that every request may choose."""
    models_file: str = ""


def server_settings(environ: Mapping[str, str] | None = None) -> ServerSettings:
    """The settings in the environment.

    Raises:
        InputError: an origin or a host is none, a field is unknown, or the models file is not there.
    """
    given = os.environ if environ is None else environ
    token = given.get(TOKEN, "").strip()
    models = given.get(MODELS, "").strip()
    if models and not Path(models).expanduser().is_file():
        raise InputError(f"{MODELS}={models}", "is no file", "name the TOML file with language models")
    return ServerSettings(
        token=SecretStr(token) if token else None,
        origins=frozenset(_origin(each) for each in _listed(given.get(ORIGINS, ""))),
        hosts=LOCAL_HOSTS | {_host(each) for each in _listed(given.get(HOSTS, ""))},
        allow=frozenset(_field(each) for each in _listed(given.get(ALLOW, ""))),
        models_file=str(Path(models).expanduser().absolute()) if models else "",
    )


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _origin(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:  # half of an IPv6 address
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or parts.query:
        raise InputError(f"{ORIGINS} {text}", "is no origin", "write it as https://smith.langchain.com")
    return f"{parts.scheme}://{parts.netloc}".lower()


def _host(text: str) -> str:
    if "/" in text or "*" in text or (":" in text and not text.endswith("]")):
        raise InputError(f"{HOSTS} {text}", "is no host's name", "write it as dojo.example.org, without port")
    return text.lower()


def _field(name: str) -> str:
    if name not in RunSettings.model_fields:
        raise InputError(f"{ALLOW} {name}", "is no setting", did_you_mean(name, RunSettings.model_fields))
    return name
