"""A rollout of verifiers on ``examples/ftdojo_verifiers.py``, by an agent that is no model.

Run by the Python of a virtual environment that holds verifiers. Takes the door's program and a source as
arguments; prints what the rollout came to as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import verifiers.v1 as vf
from ftdojo_verifiers import DojoTaskset, DojoTasksetConfig
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

TRAINING = {"max_steps": 20, "per_device_train_batch_size": 8, "learning_rate": 0.002}
SAID: dict[str, str] = {}


class PlannedConfig(vf.HarnessConfig):
    """Nothing is to be said."""


class Planned(vf.Harness[PlannedConfig]):
    """Plays one experiment on a source, by the tools alone."""

    SUPPORTS_MCP = True
    EXECUTES_CODE = False
    NEEDS_CONTAINER = False

    async def launch(
        self,
        ctx: Any,
        trace: Any,
        runtime: Any,
        endpoint: str,
        secret: str,
        mcp_urls: dict[str, str],
        data: Any,
        tool_interception_url: str | None = None,
    ) -> Any:
        (url,) = mcp_urls.values()
        id = {"experiment": "e01"}
        async with Client(streamable_http_client(url)) as client:
            SAID["tools"] = " ".join(tool.name for tool in (await client.list_tools()).tools)
            for verb, given in (
                ("read_rules", {}),
                ("sample_rows", {"source": "test"}),
                ("plan_experiment", {"hypothesis": "one suffices", "sources": [sys.argv[2]]}),
                ("run_data_recipe", id),
                ("train_model", id | {"plan": TRAINING}),
                ("evaluate_model", id),
                ("finish_experiment", id),
                ("submit", {"reason": "one was planned"}),
            ):
                SAID[verb] = (await client.call_tool(verb, given)).content[0].text[:300]
        return vf.ProgramResult(exit_code=0, stdout="", stderr="")


__all__ = ["Planned"]


async def main() -> None:
    config = DojoTasksetConfig(id="ftdojo-verifiers", task={"tools": {"command": sys.argv[1]}})
    (task,) = DojoTaskset(config)
    agent = vf.make_agent(
        vf.AgentConfig(
            harness={"id": "verifiers-rollout"}, runtime=vf.SubprocessConfig(), model="none", max_turns=1
        )
    )
    async with agent:
        trace = await agent.run(task)
    import verifiers_rollout  # the harness was loaded by its name, this file by its path

    told = {
        "rewards": {name: getattr(each, "value", each) for name, each in trace.rewards.items()},
        "metrics": dict(trace.metrics),
        "errors": [str(each) for each in trace.errors],
        "state": trace.state.model_dump(mode="json"),
        "said": verifiers_rollout.SAID,
    }
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
