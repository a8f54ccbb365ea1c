"""Lesson of an experiment: what a later run may go by, with the data, the cause and the outcome behind it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from memory.recipe import Record, Script


class Lesson(Record):
    """What transfers to the next run, as text that stands alone."""

    id: str
    text: str
    task: str
    domain: str
    features: dict[str, float | str]
    """What the lesson was learned under: base model, rows, method, learning rate..."""
    settings: dict[str, float | str] = Field(default_factory=dict)
    """The numeric hyperparameters and choices that the lesson recommends."""
    gain: float
    """Validation points over the base, with what the lesson recommends."""
    evidence: tuple[str, ...]
    """``run/experiment`` ids."""
    created: str
    """ISO 8601, UTC."""
    operations: tuple[str, ...] = ()
    """The data recipe, an operation each: its name and what it was told, code left out."""
    scripts: tuple[Script, ...] = ()
    """The recipe's scripts, whole: a later run may go on with them."""
    cause: str = ""
    """What the diagnosis found, with its words; empty where none was made."""
    claim: str = ""
    """What the plan expected to be true: its hypothesis."""
    effect: tuple[float, float, float] | None = None
    """Points over what it was compared with, and the 95% interval: (delta, low, high)."""
    outcome: Literal["kept", "discarded", ""] = ""
    """What became of the experiment; empty where the lesson does not say."""

    @model_validator(mode="before")
    @classmethod
    def _old_outcome(cls, data: Any) -> Any:
        """Lessons of earlier versions say it in their text alone."""
        if not isinstance(data, dict) or "outcome" in data or not isinstance(data.get("text"), str):
            return data
        said: list[str] = [word for word in ("kept", "discarded") if f"; {word} (" in data["text"]]
        return data | {"outcome": said[0]} if len(said) == 1 else data

    @field_validator("settings", mode="before")
    @classmethod
    def _old_kinds(cls, value: Any) -> Any:
        old = {"worked": "chain_of_thought", "plain": "direct"}
        if isinstance(value, dict) and value.get("kind") in old:
            return value | {"kind": old[value["kind"]]}
        return value
