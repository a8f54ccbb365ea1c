"""Recipe as it is drafted: operations of which a script may be new, or another recipe's, as it is or edited.

What is recorded and run is a ``memory.recipe.DataRecipe``, whose scripts are whole;
``tools.checks.script_reference`` makes the one of the other.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from memory.recipe import BuiltIn, Plain, Record

CODE_CHARACTERS = 20_000
MOST_OPERATIONS = 40
"""Of one recipe."""


class ScriptEdit(Record):
    """One exact replacement in a script's code."""

    old: str = Field(min_length=1, max_length=CODE_CHARACTERS, description="Stands exactly once in the code.")
    new: str = Field(max_length=CODE_CHARACTERS)


class ScriptDraft(Record):
    """A transform in Python, run in the sandbox: on 100 rows first, then on all.

    Either `code`, or `from` with `edits` or none. The code defines ``transform(row)``, where ``row`` is a
    dict with the texts ``prompt``, ``answer`` and ``source``; it returns such a dict (``source`` is ignored),
    a list of them, or None to drop the row.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    op: Literal["script"] = "script"
    purpose: str = Field("", max_length=300, description="Leave out with `from` to keep that script's.")
    code: str = Field("", max_length=CODE_CHARACTERS)
    taken_from: str = Field(
        "",
        alias="from",
        max_length=200,
        description="The experiment, or the recalled lesson, whose script this is.",
    )
    number: int = Field(1, ge=1, le=40, description="Which of its scripts, where it has several.")
    edits: tuple[ScriptEdit, ...] = Field(
        (), max_length=40, description="Made in order in the code that `from` names."
    )


DraftOperation = Annotated[BuiltIn | ScriptDraft, Field(discriminator="op")]
PlainDraftOperation = Annotated[Plain | ScriptDraft, Field(discriminator="op")]
"""What may be drafted in a run without a teacher."""
