"""Output of ``ftdojo fetch``: a base model downloaded ahead of a run, or the list of named ones."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from graph.cli.printable import json_text, say
from graph.extras import require
from graph.settings import BUNDLED_MODEL
from tasks.errors import InputError
from tools.models.base_model import resolve_base_model
from tools.models.fetch import fetch, find
from tools.models.named import NAMED, NamedModel

MB = 1_000_000


def fetch_model(console: Console, name: str, as_json: bool) -> None:
    """Have a base model here, and print its size, its licence and where it lies.

    Args:
        console: for the progress.
        name: as ``--base-model`` takes it.
        as_json: print JSON instead of text.

    Raises:
        InputError: it cannot be had.
    """
    ensure(console, name)
    model = resolve_base_model(name)
    facts = {
        "name": model.name,
        "parameters": model.parameters,
        "megabytes": round(model.size_gib * (1 << 30) / MB),
        "licence": NAMED[name].licence if name in NAMED else "see its card",
        "path": str(model.path),
        "sha": model.sha,
        "notes": list(model.notes),
    }
    if as_json:
        say(json_text(facts))
        return
    say(
        f"{model.name}: {model.parameters / 1e6:,.0f} M parameters, {facts['megabytes']:,} MB, "
        f"licence: {facts['licence']}"
    )
    say(f"lies in {model.path}")
    for note in model.notes:
        say(f"note: {note}")
    say(f"try: ftdojo run TASK --base-model {name}")


def ensure(console: Console, name: str) -> None:
    """Download a named model that is not here, with its progress; anything else is left to the run."""
    if name not in NAMED:
        return
    require(f"base model {name}", "train")
    if find(NAMED[name]) is not None:
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as progress:
        bar = progress.add_task(escape(name), total=None)

        def tell(doing: str, done: int, total: int) -> None:
            progress.update(bar, description=escape(f"{name}: {doing}"), completed=done, total=total or None)

        fetch(NAMED[name], tell)


def print_models(as_json: bool) -> None:
    """The models that work by name, and which of them are here."""
    bundled = resolve_base_model(BUNDLED_MODEL)
    facts: list[dict[str, Any]] = [
        {"name": bundled.name, "parameters": bundled.parameters, "path": str(bundled.path)}
        | {"licence": "Apache-2.0", "download_megabytes": 0, "title": "bundled with FT-Dojo"}
    ]
    facts += [_facts(model) for model in NAMED.values()]
    if as_json:
        say(json_text(facts))
        return
    for fact in facts:
        size = f", {fact['download_megabytes']:,} MB to download" if fact["download_megabytes"] else ""
        say(f"{fact['name']}: {fact['parameters'] / 1e6:,.0f} M parameters{size}, {fact['licence']}")
        say(f"    {fact['title']}")
        say(f"    {fact['path'] or 'not here yet: ftdojo fetch ' + fact['name']}")
    say("--base-model also takes a directory, a GGUF file, an adapter's directory or a Hub id.")


def _facts(model: NamedModel) -> dict[str, Any]:
    place = _place(model)
    size = model.packaged.size if model.packaged else model.hub_bytes
    return {
        "name": model.name,
        "parameters": model.parameters,
        "path": place,
        "licence": model.licence,
        "download_megabytes": round(size / MB),
        "title": model.title,
    }


def _place(model: NamedModel) -> str:
    try:
        place = find(model)
    except InputError:
        return ""
    return str(place.folder) if place else ""
