"""``python -m tests.bench.studio_api api|draw``: the graph as LangGraph Studio has it.

api: starts ``langgraph dev``, drives it by LangGraph's SDK, and prints what a person sees: the form, errors,
the updates of every node of a run in which a scripted model decides (real HTTP, prompts and tools; the wit is
not real), a question with its answer, and the conversation.
draw: the graph's picture by LangChain's own drawing, as Mermaid text; with ``--mermaid FILE`` (the script
``mermaid.min.js`` of the npm package ``mermaid``) as a screenshot or as SVG by a headless Chromium.
"""

from __future__ import annotations

import html
import json
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from langgraph_sdk import get_sync_client

from tests.support.loopback_chat import ChatServer
from tests.support.scripted_llm import scripted_reply
from tests.support.studio_server import studio

WIDTH = 130
"""Characters of a printed line."""
FIRST = 3
"""Fields of the form that matter most."""
WRONG: tuple[dict[str, Any], ...] = (
    {"input": {"task": "aime26"}},
    {"input": {"task": "aime25", "budget": "soon"}},
    {"input": {"task": "aime25", "budget": "5s"}},
    {"input": {"task": "aime25"}, "context": {"policy": "llm", "base_url": "http://127.0.0.1:1/v1"}},
    {"input": {"task": "aime25"}, "context": {"max_experiment": 1}},
    {"input": {"task": "aime25"}, "context": {"seed": "many"}},
    {"input": {"task": "aime25", "bugdet": "5m"}},
)
"""What a person may get wrong."""
EDIT = {"verdict": "edit", "changes": {"rows": 600}, "note": "few rows do for a look"}
app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def api(
    task: Annotated[str, typer.Option(help="A task id.")] = "FinanceIQ_gen",
    budget: Annotated[str, typer.Option(help="Of the run, as a person would write it.")] = "1m",
) -> None:
    """Drive the server, and print what a person sees."""
    with tempfile.TemporaryDirectory() as folder, ChatServer(scripted_reply) as model:
        models = Path(folder) / "models.toml"
        models.write_text(f'[default]\nmodel = "openai:scripted"\nbase_url = "{model.base_url}"\n')
        with (
            studio(Path(folder), {"FTDOJO_SERVER_MODELS": str(models)}) as address,
            get_sync_client(url=address) as client,
        ):
            assistant = str(client.assistants.search()[0]["assistant_id"])
            for title, lines in (
                ("The form", form(client, assistant)),
                ("The picture", picture(client, assistant)),
                ("Errors, as a person reads them", errors(client, assistant)),
                ("A run, node by node", played(client, assistant, task, budget)),
            ):
                say(f"\n# {title}")
                for line in lines:
                    say(line.replace(folder, "~/.ftdojo"))


def say(line: str) -> None:
    """Print a line, broken where it is long."""
    told = textwrap.wrap(
        line, WIDTH, subsequent_indent="      ", break_long_words=False, replace_whitespace=False
    )
    typer.echo("\n".join(told) if told else "")


def form(client: Any, assistant: str) -> Iterator[str]:
    """The fields of the input in order, then those of the context by name."""
    schemas = client.assistants.get_schemas(assistant)
    fields = list(schemas["input_schema"]["properties"].items())
    for name, field in fields[:FIRST]:
        offered = field.get("enum") or field.get("examples") or ()
        yield f"{name}: {', '.join(map(str, offered))}"
        yield f"    {field['description']}"
    yield f"after these: {', '.join(name for name, _ in fields[FIRST:])}"
    yield f"and as settings of the context: {', '.join(schemas['context_schema']['properties'])}"


def picture(client: Any, assistant: str) -> Iterator[str]:
    """The nodes, and those within."""
    nodes = [str(node["id"]) for node in client.assistants.get_graph(assistant, xray=True)["nodes"]]
    within: dict[str, list[str]] = {}
    for name in nodes:
        outer, _, inner = name.partition(":")
        within.setdefault(outer, []).extend([inner] if inner.strip("_") not in ("", "start", "end") else [])
    for name, parts in within.items():
        yield f"{name}: {', '.join(parts)}" if parts else name


def errors(client: Any, assistant: str) -> Iterator[str]:
    """What the stream says of each wrong request."""
    for wrong in WRONG:
        thread = client.threads.create()["thread_id"]
        parts = client.runs.stream(thread, assistant, stream_mode=["updates"], **wrong)
        told = next(part.data for part in parts if part.event == "error")
        yield json.dumps(wrong)
        yield f"    {told['error']}: {told['message']}"


def played(client: Any, assistant: str, task: str, budget: str) -> Iterator[str]:
    """One run: its updates, its question, what the thread holds at the end."""
    thread = client.threads.create()["thread_id"]
    given = {"task": task, "budget": budget}
    context = {"policy": "llm", "approve": ["plan"], "max_experiments": 1}
    yield f"input {json.dumps(given)}, context {json.dumps(context)}"
    how: dict[str, Any] = {"stream_mode": ["updates"], "stream_subgraphs": True}
    yield from updates(client.runs.stream(thread, assistant, input=given, context=context, **how))
    question = client.threads.get_state(thread)["tasks"][0]["interrupts"][0]["value"]
    yield f"? {question['question']} costs: {json.dumps(question['costs'])}"
    yield f"! {json.dumps(EDIT)}"
    yield from updates(client.runs.stream(thread, assistant, command={"resume": EDIT}, **how))
    values = client.threads.get_state(thread)["values"]
    yield ""
    yield "# The messages of the thread: who speaks, and the first line"
    for message in values["messages"]:
        first, *more = str(message["content"]).splitlines()
        yield f"{message.get('name') or message['type']}: {first}" + (
            f" (+{len(more)} lines)" if more else ""
        )
    yield ""
    yield "# The rest of its state"
    for name, value in values.items():
        if name not in ("messages", "happened", "summary"):
            yield f"{name}: {json.dumps(value)}"


def updates(parts: Iterator[Any]) -> Iterator[str]:
    """The stream's updates: a node with what happened in it, an agent's step within it indented."""
    for part in parts:
        if part.event == "error":
            yield f"error: {part.data['message']}"
        if not part.event.startswith("updates"):
            continue
        place = [each.partition(":")[0] for each in part.event.split("|")[1:]]
        for node, changed in part.data.items():
            if place:
                yield from steps([*place, node], changed or {})
            elif node != "__interrupt__":
                happened = str((changed or {}).get("happened", "")).splitlines()
                yield f"{node}" + ("" if happened else ": (nothing to tell)")
                yield from (f"    {line}" for line in happened)


def steps(place: list[str], changed: Mapping[str, Any]) -> Iterator[str]:
    """A reply with its calls, a tool's answer, or why a decision was not taken."""
    for message in changed.get("messages", ()):
        for call in message.get("tool_calls") or ():
            yield f"    {' | '.join(place)} calls {call['name']}({_short(json.dumps(call['args']))})"
        if message["type"] != "tool" or message["content"] == "received":
            continue
        said = "answers" if place[-1] == "tools" else "is told"
        yield f"    {' | '.join(place)} {said}: {_short(str(message['content']))}"


def _short(text: str) -> str:
    return textwrap.shorten(text, 90, placeholder=" …")


@app.command()
def draw(
    out: Annotated[Path, typer.Argument(help="A .mmd, .html, .png or .svg file.")],
    mermaid: Annotated[Path | None, typer.Option(help="mermaid.min.js.")] = None,
    within: Annotated[bool, typer.Option(help="With the agents within the roles.")] = False,
    width: Annotated[int, typer.Option(help="Of the window, in pixels.")] = 1280,
    height: Annotated[int, typer.Option(help="Of the window, in pixels.")] = 1800,
    chromium: Annotated[str, typer.Option(help="The browser.")] = "chromium",
) -> None:
    """Draw the graph."""
    from graph.build import build_graph

    text = build_graph(drawn=True).get_graph(xray=within).draw_mermaid()
    if out.suffix == ".mmd":
        out.write_text(text, encoding="utf-8")
        return
    if mermaid is None:
        raise typer.BadParameter("--mermaid: a page needs the script that draws it")
    page = out if out.suffix == ".html" else out.with_suffix(".html")
    page.write_text(PAGE.format(script=mermaid.resolve().as_uri(), text=html.escape(text)), encoding="utf-8")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [
        f"--window-size={width},{height}",
        "--virtual-time-budget=20000",
        "--allow-file-access-from-files",
    ]
    if out.suffix == ".png":
        subprocess.run([*command, f"--screenshot={out}", page.as_uri()], check=True, capture_output=True)
    elif out.suffix == ".svg":
        shown = subprocess.run(
            [*command, "--dump-dom", page.as_uri()], check=True, capture_output=True, text=True
        )
        out.write_text("<svg" + shown.stdout.split("<svg", 1)[1].split("</svg>", 1)[0] + "</svg>\n")
    if page != out:
        page.unlink()


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The graph of FT-Dojo</title>
<style>body {{ margin: 0; background: white }} svg {{ max-width: 100%; height: auto }}</style>
<pre class="mermaid">{text}</pre>
<script src="{script}"></script>
<script>mermaid.initialize({{ startOnLoad: true }})</script>
</html>
"""


if __name__ == "__main__":
    app()
