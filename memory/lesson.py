"""Lesson of an experiment: what a later run may go by, with the data, the cause and the outcome behind it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from memory.recipe import Record, Script

Kind = Literal["chain_of_thought", "direct"]


class Place(Record):
    """Where a lesson was learned, in words that mean the same on every task: no name of a source."""

    metric: str = Field("", max_length=60)
    """Kind of the metric, as ``roles.task_features`` tells them apart."""
    answer: str = Field("", max_length=60)
    """Kind of the answers: a number, a letter, one of a closed list, a text..."""
    kinds: tuple[Kind, ...] = ()
    """Kinds of the sources that could be trained on."""
    hidden_size: int = Field(0, ge=0, le=1 << 20)
    """Width of the base model; 0 where it is not known."""


class Tried(Record):
    """What was trained, and what it brought, in units that mean the same on every task."""

    kind: Literal[Kind, "all"]
    """Of the sources that it was trained on."""
    start: Literal["base", "trained"]
    """Whose weights it went on from: the base model's, or those of an earlier experiment."""
    footing: str = Field(max_length=64)
    """Equal for trainings from the same weights on the same sources: only they can be compared by rate."""
    method: Literal["lora", "full"]
    rate_place: float = Field(allow_inf_nan=False)
    """Where its learning rate lies in the range for the method and width, in logarithm: 0.0 to 1.0 inside."""
    batch_size: int = Field(ge=1, le=1 << 20)
    """Rows in one optimiser step."""
    chain_of_thought_share: float = Field(ge=0.0, le=1.0, allow_inf_nan=False)
    """Of the rows that it was trained on."""
    rows_read: float = Field(ge=0.0, allow_inf_nan=False)
    """Rows in all its steps, a repeated row counted again."""
    removed: float = Field(ge=-1000.0, le=100.0, allow_inf_nan=False)
    """Percent of the error of the weights it started from that it removed; negative where it added some."""
    error: float = Field(gt=0.0, allow_inf_nan=False)
    """Standard error of that."""


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
    weights: dict[str, float] = Field(default_factory=dict)
    """Shares of the sources against each other, where the plan gave some."""
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
    place: Place | None = None
    """Where it was learned; None in lessons of earlier versions."""
    tried: Tried | None = None
    """What was trained; None in lessons of earlier versions and where no training came to its end."""
    confirms: tuple[str, ...] = ()
    """Ids of the recalled lessons that the plan followed and the outcome bears out."""
    contradicts: tuple[str, ...] = ()
    """Ids of those that it refutes."""

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
