"""``python -m tests.bench.language_model minis|caps|slow|replies``: a scripted model over real HTTP.

minis: one run of each of the first five mini tasks with the llm policy; prints what the roles decided,
called and cost, and with ``--transcript FILE`` writes one run's conversation as Markdown.
caps: runs of a small folder task at many different caps on money; prints the worst overshoot.
slow: one run of that task whose model takes so long for each reply; prints who decided, and the clocks.
replies: recorded replies of a real model (``req-N.json``, ``res-N.json``) read again; prints what each is.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from langchain_core.messages import AIMessage
from pydantic import BaseModel

import ftdojo
from memory.journal.log import Journal
from memory.records import Decision, Usage
from roles.llm import schemas
from roles.llm.reply_reading import read_reply
from tests.support.loopback_chat import ChatServer, Request
from tests.support.scripted_llm import scripted_reply
from tests.support.small_run import make_task_and_model
from tools.chat.replies import refusal

FIRST_FIVE = (
    "aime25",
    "panorama_noc4pc",
    "chemcotbench_mol_edit",
    "tablebench_numerical_reasoning",
    "FinanceIQ_gen",
)
PRICES = """
[default]
model = "openai:scripted"
base_url = "{base_url}"

[prices."openai:scripted"]
input = 2.0
cached = 0.5
output = 8.0
"""
app = typer.Typer(pretty_exceptions_enable=False)


@contextmanager
def served(folder: Path) -> Iterator[tuple[ChatServer, str]]:
    """The scripted server, and a models file that points to it and prices it."""
    with ChatServer(scripted_reply) as server:
        path = folder / "models.toml"
        path.write_text(PRICES.format(base_url=server.base_url), encoding="utf-8")
        yield server, str(path)


@app.command()
def minis(
    tasks: Annotated[str, typer.Option(help="Comma-separated task ids.")] = ",".join(FIRST_FIVE),
    budget: Annotated[str, typer.Option(help="Of each run.")] = "5m",
    transcript: Annotated[Path | None, typer.Option(help="Write the first run's conversation here.")] = None,
    experiments: Annotated[int | None, typer.Option(min=1, help="Most experiments of a run.")] = None,
) -> None:
    """One run per task, all five roles deciding through the server."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as (server, models):
        for number, task in enumerate(tasks.split(",")):
            first = len(server.requests)
            limits: dict[str, Any] = {"budget": budget, "memory": "off", "max_experiments": experiments}
            summary = ftdojo.run(task, policy="llm", models_file=models, runs_dir=folder, **limits)
            journal = ftdojo.journal(Path(folder) / str(summary["run"]))
            echo(journal, summary)
            if transcript is not None and number == 0:
                text = conversation(task, list(server.requests)[first:], journal, summary)
                transcript.write_text(text, encoding="utf-8")


def echo(journal: Journal, summary: dict[str, object]) -> None:
    """One run in a few lines."""
    decisions = [Decision.model_validate(e.data) for e in journal.events if e.kind == "decision"]
    usages = [Usage.model_validate(e.data) for e in journal.events if e.kind == "usage"]
    base, final = summary["base_test"], summary["final_test"]
    assert isinstance(base, dict)
    assert isinstance(final, dict)
    done = len(journal.experiments())
    typer.echo(
        f"{summary['task']}: {base['value']:.1f} -> {final['value']:.1f} (n={final['n']}), {done} experiments"
    )
    policies = Counter((decision.role, decision.decided_by) for decision in decisions)
    typer.echo(
        "  decisions: " + ", ".join(f"{role} {policy} {n}" for (role, policy), n in sorted(policies.items()))
    )
    called = Counter(name for decision in decisions for name in decision.tools_called)
    typer.echo("  tools: " + ", ".join(f"{name} {n}" for name, n in called.most_common()))
    for role in sorted({usage.role for usage in usages}):
        mine = [usage for usage in usages if usage.role == role]
        read, written = sum(u.input_tokens for u in mine), sum(u.output_tokens for u in mine)
        share = (read + written) / max(done, 1)
        typer.echo(f"  {role}: {len(mine)} calls, {read} in, {written} out, {share:.0f} tokens an experiment")


def conversation(task: str, requests: list[Any], journal: Journal, summary: dict[str, object]) -> str:
    """The requests of the first experiment as Markdown: what each role read, called and decided."""
    lines = [
        f"# One run in which a language model decides: `{task}`",
        "",
        f"Made by `python -m tests.bench.language_model minis --tasks {task} --transcript FILE`",
        "with the scripted model of the tests behind a real HTTP server: prompts, tools and answers are",
        "real, the model's wit is not.",
        "What follows is the first experiment, decision by decision; after it, how the run ended.",
        "",
    ]
    last = next((e.seq for e in journal.events if e.kind == "finished"), 0)
    calls = sum(e.kind == "usage" for e in journal.events[:last])
    for number, request in enumerate(requests[:calls], start=1):
        lines += [f"## Call {number}", "", *_messages(request.body), *_answer(request)]
    ended = {key: summary[key] for key in ("outcome", "reason", "base_test", "final_test", "p_value")}
    lines += ["## The end", "", "```json", json.dumps(ended, indent=1), "```", ""]
    return "\n".join(lines)


def _messages(body: dict[str, Any]) -> Iterator[str]:
    offered = ", ".join(tool["function"]["name"] for tool in body.get("tools", []))
    yield from (f"Tools offered: {offered}", "")
    messages = body["messages"]
    fresh = messages if not any(m["role"] == "assistant" for m in messages) else messages[-1:]
    for message in fresh:
        yield from (f"**{message['role']}**", "", "````text")
        content = message.get("content")
        if content:
            yield content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        for call in message.get("tool_calls") or []:
            yield f"{call['function']['name']}({call['function']['arguments']})"
        yield from ("````", "")


def _answer(request: Request) -> Iterator[str]:
    """What the scripted model answered: a pure function of the request, so it can be asked again."""
    reply = scripted_reply(request)
    yield from ("**answer**", "", "````text")
    if reply.content:
        yield reply.content
    for name, arguments in reply.calls:
        yield f"{name}({arguments})"
    yield from ("````", "")


@app.command()
def caps(runs: Annotated[int, typer.Option(help="How many caps.")] = 20) -> None:
    """Runs of a small folder task, each with its own cap in dollars."""
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as (_, models):
        task, model = make_task_and_model(Path(folder))
        for number in range(runs):
            cap = 0.002 + number * 0.008
            summary = ftdojo.run(
                str(task),
                base_model=str(model),
                budget="10m",
                max_rows=80,
                max_experiments=2,
                memory="off",
                runs_dir=folder,
                policy="llm",
                models_file=models,
                max_usd=cap,
            )
            journal = ftdojo.journal(Path(folder) / str(summary["run"]))
            usages = [Usage.model_validate(e.data) for e in journal.events if e.kind == "usage"]
            spent, largest = sum(u.usd for u in usages), max((u.usd for u in usages), default=0.0)
            worst = max(worst, spent - cap - largest)
            over = "over by more than one call" if spent > cap + largest else "kept"
            typer.echo(
                f"cap ${cap:.3f}: spent ${spent:.4f} in {len(usages)} calls, {summary['outcome']}: {over}"
            )
    typer.echo(f"worst overshoot beyond one call: ${max(worst, 0.0):.4f}")


@app.command()
def slow(
    reply_seconds: Annotated[float, typer.Option(help="Of each reply, the short question's too.")] = 130.0,
    budget: Annotated[str, typer.Option(help="Of the run.")] = "20m",
    decision_seconds: Annotated[float | None, typer.Option(help="As the flag of `ftdojo run`.")] = None,
) -> None:
    """One run of a small folder task, each reply after so long."""
    with tempfile.TemporaryDirectory() as folder:
        task, model = make_task_and_model(Path(folder))
        with ChatServer(lambda request: scripted_reply(request).after(reply_seconds)) as server:
            try:
                summary = ftdojo.run(
                    str(task),
                    base_model=str(model),
                    budget=budget,
                    max_rows=64,
                    memory="off",
                    runs_dir=folder,
                    policy="llm",
                    model="openai:slow",
                    base_url=server.base_url,
                    decision_seconds=decision_seconds,
                )
            except ftdojo.InputError as refused:
                typer.echo(f"refused after {len(server.requests)} requests: {refused}")
                return
            journal, asked = ftdojo.journal(Path(folder) / str(summary["run"])), len(server.requests)
        echo(journal, summary)
        typer.echo(f"  outcome: {summary['outcome']}, {summary['reason']}")
        typer.echo(
            f"  clocks: {journal_clocks(journal)}; {asked} requests, replies after {reply_seconds:g} s"
        )
        for note in journal.notes:
            typer.echo(f"  note: {note}")
        for event in journal.events:
            if event.kind == "decision":
                made = Decision.model_validate(event.data)
                told = "; ".join(made.problems)[:160]
                line = f"{event.experiment} {made.role}: {made.decided_by}, {made.calls} calls"
                typer.echo(f"  {line}, {made.repairs} repairs {told}".rstrip())


def journal_clocks(journal: Journal) -> str:
    """Seconds by clock, of all experiments."""
    total = Counter[str]()
    for experiment in journal.experiments():
        total.update(experiment.clocks)
    return ", ".join(f"{name} {seconds:.0f} s" for name, seconds in total.items())


SCHEMAS: dict[str, type[BaseModel]] = {
    "PlanDecision": schemas.PlanDecision,
    "RecipeDecision": schemas.RecipeDecision,
    "TrainingDecision": schemas.TrainingDecision,
    "VerdictDecision": schemas.VerdictDecision,
    "ReadingDecision": schemas.VerdictDecision,
    "DiagnosisDecision": schemas.DiagnosisDecision,
}
"""By the names under which they were offered; the Evaluator's was once called a reading."""


@app.command()
def replies(folder: Annotated[Path, typer.Argument(help="Holds req-N.json and res-N.json.")]) -> None:
    """Read recorded replies with the schemas of today: decisions, looks, refusals, what is lost to form."""
    kinds = Counter[str]()
    numbers = sorted(int(path.stem.partition("-")[2]) for path in folder.glob("res-*.json"))
    for number in numbers:
        sent = json.loads((folder / f"req-{number}.json").read_text(encoding="utf-8"))["body"]
        reply = recorded(json.loads((folder / f"res-{number}.json").read_text(encoding="utf-8")))
        offered = [tool["function"]["name"] for tool in sent.get("tools", [])]
        decision = next(name for name in offered if name in SCHEMAS)
        read = read_reply(reply, SCHEMAS[decision], frozenset(offered) - {decision})
        if read.decision is not None:
            kind = "decision"
        elif refusal(reply):
            kind = f"refusal: {refusal(reply)}"
        elif read.complaint or read.several:
            kind = f"not accepted: {read.complaint}"
        else:
            kind = "look" if reply.tool_calls or read.looks else "lost to form"
        kinds[kind.partition(":")[0]] += 1
        if kind not in ("decision", "look"):
            typer.echo(f"{number} {decision}: {kind[:200]}")
    typer.echo(", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))


def recorded(told: dict[str, Any]) -> AIMessage:
    """A reply as it was written down, as LangChain's client hands it on."""
    calls = [
        {"name": call["name"], "args": call["arguments"], "id": str(place), "type": "tool_call"}
        for place, call in enumerate(told.get("tool_calls") or [])
    ]
    extra = {"refusal": told["refusal"]} if told.get("refusal") else {}
    return AIMessage(content=told.get("content") or "", tool_calls=calls, additional_kwargs=extra)


if __name__ == "__main__":
    app()
