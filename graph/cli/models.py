"""Commands about models: fetching one ahead, and taking a champion away or talking to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graph.cli.flags import RESULTS, TASKS, AsJson, RunName, RunsDir
from graph.cli.printable import terminal
from graph.extras import require
from tasks.errors import InputError

commands = typer.Typer()


@commands.command(rich_help_panel=TASKS)
def fetch(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="As --base-model takes it; the list when absent.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download a base model ahead of a run, or list those that work by name."""
    from graph.cli.fetch import fetch_model, print_models

    require("ftdojo fetch", "train")
    if model is None:
        print_models(as_json)
    else:
        fetch_model(terminal(stderr=True), model, as_json)


@commands.command(rich_help_panel=RESULTS)
def export(
    name: RunName,
    runs_dir: RunsDir,
    to: Annotated[str, typer.Option("--to", help="A new folder, hub:ORG/NAME, gguf, ollama or vllm.")],
    out: Annotated[Path | None, typer.Option(help="New folder for gguf, ollama and vllm.")] = None,
    adapter: Annotated[bool, typer.Option("--adapter", help="The adapter alone, not merged.")] = False,
    dtype: Annotated[str, typer.Option(help="bfloat16 or float32.")] = "bfloat16",
    converter: Annotated[
        str, typer.Option(help="llama.cpp's convert_hf_to_gguf.py, or a checkout of llama.cpp.")
    ] = "",
    public: Annotated[bool, typer.Option("--public", help="A new Hub repository that all can see.")] = False,
    as_json: AsJson = False,
) -> None:
    """Export a run's champion; it is loaded again and answers ten validation items before it is done."""
    from graph.cli.export import Wish, export_run
    from graph.run import find_run

    require("ftdojo export", "train")
    if dtype not in ("bfloat16", "float32"):
        raise InputError(f"--dtype {dtype}", "no such type", "bfloat16 or float32")
    wish = Wish(to, out, adapter, dtype, converter, public)
    export_run(terminal(stderr=True), find_run(name, Path(runs_dir)), wish, as_json)


@commands.command(rich_help_panel=RESULTS)
def chat(
    name: RunName,
    runs_dir: RunsDir,
    compare: Annotated[bool, typer.Option("--compare", help="The base model's answer beside it.")] = False,
    keep_turns: Annotated[
        bool,
        typer.Option("--keep-turns", help="A conversation; else each line stands alone, as in training."),
    ] = False,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="Longest answer, in tokens (default: the run's).")
    ] = None,
) -> None:
    """Talk to a run's champion: one question a line, from the keyboard or a pipe."""
    from graph.cli.chat import chat_with
    from graph.run import find_run

    require("ftdojo chat", "train")
    chat_with(terminal(stderr=True), find_run(name, Path(runs_dir)), compare, keep_turns, max_new_tokens)
