"""The bench of Studio's API: a stream as a person reads it, and the picture as a page."""

from __future__ import annotations

import html
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("langgraph_sdk", reason="langgraph-sdk is not installed")
from graph.server.requests import RequestedRuns, check_context, check_input
from graph.server.settings import ServerSettings
from graph.settings import make_settings
from graph.step import asked
from tasks.errors import InputError
from tests.bench.studio_api import WRONG, app, updates

GUIDE = Path(__file__).parent.parent / "docs" / "studio.md"


def part(event: str, **data: Any) -> Any:
    return SimpleNamespace(event=event, data=data)


def test_a_stream_is_told_node_by_node_with_an_agents_steps_within() -> None:
    call = {"name": "look", "args": {"what": "a"}}
    stream = [
        part("metadata", run_id="r"),
        part("updates|planner:1f", model={"messages": [{"type": "ai", "tool_calls": [call]}]}),
        part("updates|planner:1f", **{"calls.after_model": None}),
        part("updates|planner:1f", tools={"messages": [{"type": "tool", "content": "saw\n" + "b " * 90}]}),
        part(
            "updates|planner:1f",
            model={
                "messages": [
                    {"type": "tool", "content": "received"},
                    {"type": "tool", "content": "sources: is no source"},
                ]
            },
        ),
        part("updates", planner={"happened": "e01: a plan\ne01: who decided"}),
        part("updates", __interrupt__=[{"value": {}}]),
        part("updates", approve_plan={"happened": ""}),
        part("error", error="InputError", message="budget soon: is not a duration"),
    ]
    called, answered, *rest = updates(iter(stream))
    assert called == '    planner | model calls look({"what": "a"})'
    assert answered.startswith("    planner | tools answers: saw b b ") and answered.endswith(" …")
    assert rest == [
        "    planner | model is told: sources: is no source",
        "planner",
        "    e01: a plan",
        "    e01: who decided",
        "approve_plan: (nothing to tell)",
        "error: budget soon: is not a duration",
    ]


def test_the_picture_is_a_page_that_loads_nothing_but_the_given_script(tmp_path: Any) -> None:
    script, page, text = tmp_path / "mermaid.min.js", tmp_path / "graph.html", tmp_path / "graph.mmd"
    script.write_text("")
    assert CliRunner().invoke(app, ["draw", str(text), "--within"]).exit_code == 0
    assert "subgraph planner" in text.read_text()
    assert CliRunner().invoke(app, ["draw", str(page), "--mermaid", str(script)]).exit_code == 0
    shown = page.read_text()
    assert shown.count("src=") == 1 and f'src="{script.as_uri()}"' in shown
    assert "approve_plan" in html.unescape(shown) and "http" not in shown
    refused = CliRunner().invoke(app, ["draw", str(page)])
    assert refused.exit_code == 2 and "--mermaid" in refused.output


def refused(wrong: dict[str, Any]) -> None:
    """Look at a request as the server does."""
    check_context(wrong.get("context"))
    check_input(wrong["input"])
    settings = asked(wrong["input"], make_settings(**wrong.get("context", {})))
    RequestedRuns(ServerSettings()).start(settings)


@pytest.mark.parametrize("wrong", WRONG, ids=json.dumps)
def test_every_wrong_request_stands_in_the_guide_with_what_is_said_of_it(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError) as told:
        refused(wrong)
    guide = " ".join(GUIDE.read_text(encoding="utf-8").split())
    assert " ".join(f"{json.dumps(wrong)} InputError: {told.value}".split()) in guide
