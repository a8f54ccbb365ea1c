"""Sections of the models file, as it is written; what they mean together is told by ``graph.models_file``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)


class ModelSection(BaseModel):
    """One model and how it is called; None takes over what ``[default]`` says."""

    model_config = _STRICT

    model: str | None = None
    base_url: str | None = None
    """Empty for the provider's own, where ``[default]`` names a server."""
    api_key_env: str | None = None
    """The variable that holds the key; empty to send none."""
    temperature: float | None = Field(None, ge=0, le=2)
    max_output_tokens: int | None = Field(None, gt=0)
    timeout_seconds: float | None = Field(None, gt=0, allow_inf_nan=False)
    max_retries: int | None = Field(None, ge=0, le=10)


def _section(value: object) -> object:
    """``"provider:model"`` is short for a section that says nothing else."""
    return {"model": value} if isinstance(value, str) else value


class Section(ModelSection):
    """A model with its fallbacks."""

    fallbacks: list[Annotated[ModelSection, BeforeValidator(_section)]] | None = None
    """``"provider:model"``, or a table with the lines of a section."""


class ServerSection(BaseModel):
    """An evaluation server: where it is, and which variable holds its key."""

    model_config = _STRICT

    base_url: str = ""
    api_key_env: str | None = None


class RoleSections(BaseModel):
    """``[roles.planner]`` and its like."""

    model_config = _STRICT

    planner: Section = Section()
    data_curator: Section = Section()
    training_engineer: Section = Section()
    evaluator: Section = Section()
    diagnostician: Section = Section()


class LimitsSection(BaseModel):
    """What one decision of a role may take; None leaves it to the rule (``roles.llm.limits``)."""

    model_config = _STRICT

    seconds: float | None = Field(None, gt=0, allow_inf_nan=False)
    share: float | None = Field(None, gt=0, le=1)
    """Of the time left."""
    calls: int | None = Field(None, ge=1, le=100)
    tools: int | None = Field(None, ge=0, le=100)
    repairs: int | None = Field(None, ge=0, le=20)


class ModelsFile(BaseModel):
    """The whole file."""

    model_config = _STRICT

    default: Section = Section()
    small: Section = Section()
    teacher: Section | None = None
    judge: ModelSection = ModelSection()
    baseline: ModelSection = ModelSection()
    eval_server: ServerSection = ServerSection()
    roles: RoleSections = RoleSections()
    limits: LimitsSection = LimitsSection()
    prices: dict[str, dict[str, Any]] = {}
