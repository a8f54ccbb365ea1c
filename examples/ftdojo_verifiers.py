r"""FT-Dojo as an environment of verifiers: a rollout is a run, its tools are the verbs, its reward what was
confirmed.

verifiers 0.4.0 asks for other versions of mcp and openai than FT-Dojo, so it stands in a virtual environment
of its own, and this file starts `ftdojo mcp` as a process:

    pip install verifiers==0.4.0
    PYTHONPATH=examples eval ftdojo-verifiers -m MODEL --env.agent.harness.id null \
        --env.taskset.tasks '["aime25"]' --env.taskset.task.tools.command /path/to/ftdojo
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import verifiers.v1 as vf
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from pydantic import Field, WithJsonSchema

PROMPT = """\
You play one run of FT-Dojo: fine-tune a base model on the task {task} within {budget} of wall-clock time,
through your tools. Call read_rules first. The clock runs already. Call submit when you are done, or before
the time is over.
"""


class DojoData(vf.TaskData):
    """Which run is played."""

    task: str = ""
    seed: int = 0
    budget: str = "5m"


class DojoState(vf.State):
    """What is known of the run: after every call, as its answer says."""

    run: str = ""
    experiments: int = 0
    outcome: str = ""
    """How the run ended; empty before the submission."""
    gain: float = 0.0
    """Points over the base on items kept apart, where that was confirmed. The sealed test is no reward."""


class DojoToolsConfig(vf.ToolsetConfig):
    """How the run is opened."""

    command: str = "ftdojo"
    """The program; its virtual environment is its own."""
    arguments: list[str] = Field(default_factory=list)
    """Further flags of `ftdojo mcp`, such as --base-model."""


class DojoTools(vf.Toolset[DojoToolsConfig, DojoState]):
    """The verbs of one run."""

    TOOL_PREFIX = None

    async def setup_task(self, task: DojoData) -> None:
        """Open the run."""
        asked = ["mcp", "--task", task.task, "--seed", str(task.seed), "--budget", task.budget]
        door = StdioServerParameters(command=self.config.command, args=[*asked, *self.config.arguments])
        self._door = await self._exit_stack.enter_async_context(Client(door))
        self._verbs = (await self._door.list_tools()).tools

    def register(self, mcp: Any) -> None:
        """Offer every verb with its arguments, and the rules."""
        mcp.add_tool(self._rules, name="read_rules", description="The house rules and the task card.")
        for verb in self._verbs:
            call = self._with_state(self._caller(verb.name, verb.input_schema))
            mcp.add_tool(call, name=verb.name, description=verb.description)

    async def _rules(self) -> str:
        found = await self._door.get_prompt("house_rules")
        return str(found.messages[0].content.text)

    def _caller(self, name: str, schema: dict[str, Any]) -> Callable[..., Any]:
        async def call(**given: Any) -> str:
            result = await self._door.call_tool(
                name, {key: it for key, it in given.items() if it is not None}
            )
            self._take_in(result.structured_content or {})
            return str(result.content[0].text)

        call.__signature__ = signature_of(schema)  # type: ignore[attr-defined]
        return call

    def _take_in(self, told: dict[str, Any]) -> None:
        now, confirmation = told.get("standing") or {}, (told.get("facts") or {}).get("confirmation") or {}
        self.state.run = now.get("run") or self.state.run
        self.state.experiments = now.get("experiments_done") or self.state.experiments
        self.state.outcome = now.get("outcome") or self.state.outcome
        if confirmation.get("confirmed"):
            self.state.gain = float(confirmation["delta"])


def signature_of(schema: dict[str, Any]) -> inspect.Signature:
    """The arguments that a JSON schema describes, for a server that reads them from a function."""
    known, needed = schema.get("$defs", {}), schema.get("required", [])
    made = []
    for name, each in schema.get("properties", {}).items():
        plain = str if each.get("type") == "string" else Any
        kind = Annotated[plain, WithJsonSchema(whole(each, known))]
        default = inspect.Parameter.empty if name in needed else None
        made.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind))
    return inspect.Signature(sorted(made, key=lambda each: each.default is None))


def whole(schema: Any, known: dict[str, Any]) -> Any:
    """The schema with what it refers to put in."""
    if isinstance(schema, list):
        return [whole(each, known) for each in schema]
    if not isinstance(schema, dict):
        return schema
    put = known[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else {}
    own = {key: value for key, value in schema.items() if key not in ("$ref", "discriminator")}
    return {key: whole(value, known) for key, value in (put | own).items()}


class DojoTaskConfig(vf.TaskConfig):
    """Where the verbs come from."""

    tools: DojoToolsConfig = DojoToolsConfig()


class DojoTask(vf.Task[DojoData, DojoState, DojoTaskConfig]):
    """One run."""

    @classmethod
    def toolsets(cls, config: DojoTaskConfig) -> list[vf.Toolset]:
        """The verbs of the rollout's own run."""
        return [DojoTools(config.tools)]

    @vf.reward
    async def confirmed_gain(self, trace: vf.Trace) -> float:
        """Points that were confirmed on items kept apart."""
        return trace.state.gain

    @vf.metric
    async def submitted(self, trace: vf.Trace) -> float:
        """Whether the run was ended by its agent."""
        return float(bool(trace.state.outcome))

    @vf.metric
    async def experiments(self, trace: vf.Trace) -> float:
        """How many were finished."""
        return float(trace.state.experiments)


class DojoTasksetConfig(vf.TasksetConfig):
    """Which runs are played."""

    tasks: list[str] = Field(default_factory=lambda: ["aime25"])
    seeds: list[int] = Field(default_factory=lambda: [0])
    budget: str = "5m"
    task: DojoTaskConfig = DojoTaskConfig()


class DojoTaskset(vf.Taskset[DojoTask, DojoTasksetConfig]):
    """Every task with every seed."""

    def load(self) -> Iterator[DojoTask]:
        """One run each."""
        for task in self.config.tasks:
            for seed in self.config.seeds:
                prompt = PROMPT.format(task=task, budget=self.config.budget)
                data = DojoData(
                    name=f"{task}-s{seed}", prompt=prompt, task=task, seed=seed, budget=self.config.budget
                )
                yield DojoTask(data, self.config.task)


__all__ = ["DojoTaskset"]

if __name__ == "__main__":
    DojoTools.run()
