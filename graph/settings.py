"""Settings of a run. The environment is read here, and for language models' keys in ``graph.models_file``.

Explicit beats ambient: a flag or an argument wins over a variable, a variable over a
default. ``FTDOJO_HOME`` (default ``~/.ftdojo``) holds what outlives a run: memory and,
unless ``--runs-dir`` says otherwise, the runs.

The descriptions of ``RunSettings`` are the only ones: the help of ``ftdojo run`` and Studio's form
print them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from graph.policy_names import BASELINES, LLM, POLICIES, check_policy, kind_of, knows
from tasks.errors import InputError
from tools.forgetting import watched

BUNDLED_MODEL = "ftdojo-mini"
DEFAULT_BUDGET = "5m"
MOST_ROWS = 1_000_000
"""Most training rows that an experiment may be given."""
LONGEST_DURATION = 40
"""Characters; more digits than that are no time that passes."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(text: str) -> float:
    """Seconds in ``90s``, ``5m``, ``1h30m`` or a bare number of seconds.

    Raises:
        InputError: not a duration, or not positive.
    """
    compact = str(text).strip().lower().replace(" ", "")
    compact = compact if len(compact) <= LONGEST_DURATION else ""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", compact)
    if parts and "".join(number + unit for number, unit in parts) == compact:
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    elif re.fullmatch(r"\d+(\.\d+)?", compact):
        seconds = float(compact)
    else:
        raise InputError(f"--budget {text}", "not a duration", "write it as 90s, 5m or 1h30m")
    if seconds <= 0:
        raise InputError(f"--budget {text}", "must be positive", "write it as 90s, 5m or 1h30m")
    return seconds


def home() -> Path:
    """``FTDOJO_HOME``, or ``~/.ftdojo``."""
    return Path(os.environ.get("FTDOJO_HOME") or Path.home() / ".ftdojo").expanduser()


def default_runs_dir() -> str:
    """``runs`` under the home folder."""
    return str(home() / "runs")


def default_data_root() -> str:
    """``data`` under the home folder: where ``ftdojo prepare`` puts the published files."""
    return str(home() / "data")


def default_answer_cache() -> str:
    """``answers`` under the home folder."""
    return str(home() / "answers")


def default_memory_dir() -> str:
    """``memory`` under the home folder."""
    return str(home() / "memory")


def _absolute(path: str) -> str:
    """A path that means the same from every folder; an empty one stays empty."""
    return str(Path(path).expanduser().absolute()) if path else ""


def _listed(value: object) -> object:
    """``plan,data`` as a list of names; anything else as it is."""
    if isinstance(value, str):
        return tuple(name.strip() for name in value.split(",") if name.strip())
    return value


def _unless_off(value: object) -> object:
    """A number; None for ``off``."""
    return None if value == "off" else value


def _check_executor(name: str) -> str:
    if not re.fullmatch(r"local|ray(:.+)?", name):
        raise ValueError(f"{name} is no executor")
    return name


def _trackers(value: object) -> object:
    """As ``report_to`` of transformers: names, or ``none``."""
    return () if value == "none" else _listed(value)


_DURATION = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number", "exclusiveMinimum": 0}]})
"""What forms take for a duration: what its text offers."""


def _settled(data: dict[str, Any]) -> dict[str, Any]:
    """``llm:provider:model`` is a policy and its model; what knows the good sources writes no lessons.

    Raises:
        InputError: two models are named, or one for a policy that asks none.
    """
    policy, model = data["policy"], data.get("model") or ""
    if policy.startswith(LLM):
        named = policy.removeprefix(LLM)
        if model not in ("", named):
            raise InputError(f"--policy {policy}", f"--model names {model}", "name one of them")
        return data | {"policy": "llm", "model": named}
    if model and kind_of(policy) not in ("playbook", "llm"):
        raise InputError(
            f"--model {model}", f"the policy {policy} asks no language model", "drop one of them"
        )
    return data | {"memory": "off"} if knows(policy) else data


class RunSettings(BaseModel):
    """One run's settings: the graph's context schema, and so the form in Studio; what matters comes first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _about_the_policy(cls, data: Any) -> Any:
        """Old names, short forms, and what a policy's name settles beside itself."""
        if not isinstance(data, dict):
            return data
        # Runs of earlier versions called the policy ``mind``.
        data = {("policy" if name == "mind" else name): value for name, value in data.items()}
        return _settled(data) if isinstance(data.get("policy"), str) else data

    task: str = Field(
        "tablebench_numerical_reasoning",
        description="A task id (see `ftdojo tasks`), a file or folder of yours, or ORG/NAME of the Hub.",
        examples=["tablebench_numerical_reasoning", "aime25"],
    )
    budget_seconds: Annotated[float, BeforeValidator(lambda value: parse_duration(str(value))), _DURATION] = (
        Field(300.0, description="Time for the whole run, wall-clock: 90s, 5m, 1h30m, or seconds.", gt=0)
    )
    base_model: str = Field(
        BUNDLED_MODEL,
        description="Model to fine-tune: a name (`ftdojo fetch`), a folder or GGUF file, or a Hub id.",
    )
    edition: Literal["mini", "official"] = Field(
        "mini", description="`mini`: rows generated from the seed; `official`: the published rows."
    )
    data_root: Annotated[str, AfterValidator(_absolute)] = Field(
        default_factory=default_data_root,
        description="Folder of the published files, for the official edition.",
    )
    split: Literal["own", "published"] = Field(
        "own",
        description="Split of the published rows: `own` (de-duplicated), or `published` (as released).",
    )
    allow_pickle: bool = Field(
        False,
        description="Take a base model whose weights are pickles: no code of theirs is run, tensors only.",
    )
    loss_on: Literal["auto", "all", "last"] = Field(
        "auto",
        description="Which answers of a conversation are trained: `all`, `last`, or as the template allows.",
    )
    policy: Annotated[str, AfterValidator(check_policy)] = Field(
        "playbook",
        description="Who decides: `playbook` (rules, no key needed), `llm` (a language model), a baseline "
        f"({', '.join(BASELINES)}) or MODULE:NAME of yours.",
        examples=list(POLICIES),
    )
    search: Literal["greedy", "tree"] = Field(
        "greedy",
        description="How experiments are chosen: `greedy` (first rule that applies) or `tree` (a bandit).",
    )
    model: str = Field(
        "",
        description="Language model for every role, as provider:model.",
        examples=["openai:gpt-5-mini", "openai:qwen3-32b"],
    )
    base_url: str = Field(
        "", description="Address of an OpenAI-compatible server (vLLM, llama.cpp, Ollama, LM Studio)."
    )
    models_file: Annotated[str, AfterValidator(_absolute)] = Field(
        "", description="TOML file with language models per role, fallbacks, a teacher and prices."
    )
    teacher: str = Field(
        "", description="Teacher model for synthetic data, as provider:model; none when empty."
    )
    max_usd: float | None = Field(None, description="Spending cap for LLM calls, in USD.", ge=0)
    max_tokens: int | None = Field(
        None, description="Token cap for LLM calls, input and output together.", ge=0
    )
    decision_seconds: float | None = Field(
        None,
        description="Most seconds of one LLM decision (default: a tenth of the time left, at most 300).",
        gt=0,
    )
    approve: Annotated[tuple[Literal["plan", "data", "train"], ...], BeforeValidator(_listed)] = Field(
        (), description="Steps before which a person is asked: any of plan, data, train."
    )
    report_to: Annotated[
        tuple[Literal["tensorboard", "trackio", "wandb", "mlflow"], ...], BeforeValidator(_trackers)
    ] = Field(
        (),
        description="Trackers that are told of each training: any of tensorboard, trackio, wandb, mlflow.",
    )
    memory: str = Field(
        default_factory=default_memory_dir, description="Folder of the experience across runs, or `off`."
    )
    answer_cache: str = Field(
        default_factory=default_answer_cache,
        description="Folder of the base model's answers to validation items across runs, or `off`.",
    )
    eval_server: str = Field(
        "",
        description="vLLM or SGLang server of the base model, to answer for it and its adapters (.../v1).",
    )
    baseline: str = Field(
        "",
        description="Served model to score on the same test items: URL#model or provider:model.",
        examples=["http://127.0.0.1:8000/v1#qwen3-32b", "openai:gpt-5-mini"],
    )
    seed: int = Field(0, description="Seed of the generated rows, the samples and the training.", ge=0)
    runs_dir: str = Field(default_factory=default_runs_dir, description="Folder that holds the runs.")
    max_rows: int | None = Field(
        None,
        description="Most training rows in one experiment (default: the paper's 2,000; of your own data "
        "ten for each second of the budget, if that is more).",
        gt=0,
        le=MOST_ROWS,
    )
    max_length: int | None = Field(
        None,
        description="Longest training row in tokens, prompt and answer (default: from the data).",
        gt=0,
    )
    max_new_tokens: int | None = Field(
        None, description="Longest answer in tokens (default: the task's, or from the data).", gt=0
    )
    forgetting_budget: Annotated[float | None, BeforeValidator(_unless_off)] = Field(
        watched.DEFAULT_BUDGET,
        description="How far a champion may lie from its base's general answers, in nats a token, or `off`.",
        ge=0,
        allow_inf_nan=False,
    )
    do_no_harm: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        (), description="Tasks of lm-evaluation-harness that a champion must not do worse on."
    )
    executor: Annotated[str, AfterValidator(_check_executor)] = Field(
        "local",
        description="Where trainings and answers run: `local`, `ray` (this machine) or `ray:ADDRESS`.",
        examples=["local", "ray", "ray:auto"],
    )
    workers: int = Field(
        1, description="Workers: so many looks at sources are made side by side, the cores divided.", gt=0
    )
    max_experiments: int | None = Field(None, description="Stop after this many experiments.", gt=0)
    max_disk_gb: float | None = Field(
        None,
        description="Most GB of the run's folder: weights of least value are removed (default: all kept).",
        gt=0,
        allow_inf_nan=False,
    )
    target: float | None = Field(
        None,
        description="Stop as solved when validation reaches this score (default: a lower bound of 97).",
    )


class Options(TypedDict, total=False):
    """``RunSettings`` as keyword arguments, for editors; a test holds the two side by side.

    ``task``, ``budget_seconds`` and ``policy`` are parameters of their own in ``ftdojo.run``.
    """

    edition: Literal["mini", "official"]
    data_root: str
    split: Literal["own", "published"]
    base_model: str
    allow_pickle: bool
    loss_on: Literal["auto", "all", "last"]
    search: Literal["greedy", "tree"]
    model: str
    base_url: str
    models_file: str
    teacher: str
    max_usd: float | None
    max_tokens: int | None
    decision_seconds: float | None
    approve: tuple[Literal["plan", "data", "train"], ...]
    report_to: tuple[Literal["tensorboard", "trackio", "wandb", "mlflow"], ...]
    memory: str
    answer_cache: str
    eval_server: str
    baseline: str
    seed: int
    runs_dir: str
    max_rows: int | None
    max_length: int | None
    max_new_tokens: int | None
    forgetting_budget: float | None
    do_no_harm: tuple[str, ...]
    executor: str
    workers: int
    max_experiments: int | None
    max_disk_gb: float | None
    target: float | None


def make_settings(**fields: object) -> RunSettings:
    """Settings from plain values.

    Raises:
        InputError: a field is unknown or out of range; the line names the first one.
    """
    try:
        return RunSettings.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        known = RunSettings.model_fields
        fix = str(known[name].description) if name in known else f"known settings: {', '.join(known)}"
        raise InputError(name, first["msg"].lower(), fix) from None
