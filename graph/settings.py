"""What a user can set. The environment is read here, and for language models' keys in ``graph.models_file``.

Explicit beats ambient: a flag or an argument wins over a variable, a variable over a
default. ``FTDOJO_HOME`` (default ``~/.ftdojo``) holds what outlives a run: memory and,
unless ``--runs-dir`` says otherwise, the runs.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from tasks.errors import InputError

BUNDLED_MODEL = "ftdojo-mini"
DEFAULT_BUDGET = "5m"
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(text: str) -> float:
    """Seconds in ``90s``, ``5m``, ``1h30m`` or a bare number of seconds.

    Raises:
        InputError: not a duration, or not positive.
    """
    compact = str(text).strip().lower().replace(" ", "")
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


def default_memory_dir() -> str:
    """``memory`` under the home folder."""
    return str(home() / "memory")


def _absolute(path: str) -> str:
    """A path that means the same from every folder; an empty one stays empty."""
    return str(Path(path).expanduser().absolute()) if path else ""


class RunSettings(BaseModel):
    """One run's settings: the graph's context schema, and so the form in Studio."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _rename_old_fields(cls, data: Any) -> Any:
        """Runs of earlier versions called the policy ``mind``."""
        if not isinstance(data, dict) or "mind" not in data:
            return data
        return {("policy" if name == "mind" else name): value for name, value in data.items()}

    task: str = Field(
        "tablebench_numerical_reasoning",
        description="A task id (see `ftdojo tasks`) or the path of a folder with task.toml.",
        examples=["tablebench_numerical_reasoning", "aime25"],
    )
    edition: Literal["mini", "official"] = Field(
        "mini", description="Rows generated from the seed, or the published ones."
    )
    data_root: Annotated[str, AfterValidator(_absolute)] = Field(
        default_factory=default_data_root,
        description="Folder with the published files, for the official edition.",
    )
    split: Literal["own", "published"] = Field(
        "own", description="Split of the published rows: ours (de-duplicated), or the released code's."
    )
    base_model: str = Field(
        BUNDLED_MODEL, description="The bundled model, a Hub-format model directory, or a Hub id."
    )
    budget_seconds: Annotated[float, BeforeValidator(lambda value: parse_duration(str(value)))] = Field(
        300.0, description="Wall-clock for the whole run, as 90s, 5m, 1h30m or seconds.", gt=0
    )
    policy: Literal["playbook", "llm"] = Field(
        "playbook", description="Who decides: the embedded rules, or a language model."
    )
    model: str = Field(
        "",
        description="The language model for every role, as provider:model; for the llm policy.",
        examples=["openai:gpt-5-mini", "openai:qwen3-32b"],
    )
    base_url: str = Field(
        "", description="Address of an OpenAI-compatible server (vLLM, llama.cpp, Ollama, LM Studio)."
    )
    models_file: Annotated[str, AfterValidator(_absolute)] = Field(
        "", description="A TOML file with models per role, fallbacks, a teacher and prices."
    )
    teacher: str = Field(
        "", description="A model that recipes may ask for data, as provider:model; none when empty."
    )
    max_usd: float | None = Field(None, description="Most money for language models, in US dollars.", ge=0)
    max_tokens: int | None = Field(
        None, description="Most tokens of language models, input and output.", ge=0
    )
    approve: tuple[Literal["plan", "data", "train"], ...] = Field(
        (), description="Before which steps to ask a person."
    )
    memory: str = Field(
        default_factory=default_memory_dir, description="Folder of the experience store, or `off`."
    )
    seed: int = Field(0, description="Seed of the generated rows, the samples and the training.", ge=0)
    runs_dir: str = Field(default_factory=default_runs_dir, description="Where run folders are made.")
    max_rows: int = Field(2000, description="Most training rows in one experiment.", gt=0, le=1_000_000)
    max_experiments: int | None = Field(None, description="Stop after this many experiments.", gt=0)
    target: float | None = Field(
        None,
        description="Stop as solved when validation reaches this score; the default is a lower bound of 97.",
    )


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
        raise InputError(
            name, first["msg"].lower(), f"known settings: {', '.join(RunSettings.model_fields)}"
        ) from None
