"""Tool that shows a recipe whole: every operation, and of a script all of its code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from memory.recipe import DataRecipe, Operation, Script
from tasks.errors import InputError
from tools.chat.untrusted_text import delimited, one_line
from tools.checks.script_reference import scripts_by_owner
from tools.dojo import Dojo
from tools.toolkit.answers import known_experiment

PART_CHARACTERS = 7_500
"""Of the code shown at once; more comes with the next part."""


def recipe_tools(dojo: Dojo) -> list[Callable[..., str]]:
    """The functions, bound to one run."""

    def read_recipe(experiment: str, part: Annotated[int, Field(ge=1, le=9)] = 1) -> str:
        """Read the whole data recipe of an experiment, its scripts' code included.

        A recipe may take a script over by reference, {"op": "script", "from": "e02"}, with edits for what
        changes, so it need not be written again.

        Args:
            experiment: an experiment's id such as e03, or the id of a recalled lesson that has scripts.
            part: long scripts come in parts; 2 for the second.
        """
        scripts = scripts_by_owner(dojo).get(experiment, ())
        if any(item.lesson.id == experiment for item in dojo.recall()):
            lesson = next(item.lesson for item in dojo.recall() if item.lesson.id == experiment)
            lines = [f"recipe of lesson {one_line(experiment)}:", *map(one_line, lesson.operations)]
        else:
            id = known_experiment(dojo.journal, experiment, base=False)
            recipe = dojo.journal.recipe(id)
            if recipe is None:
                raise InputError(f"experiment {id}", "has no recipe", "name one that got so far")
            lines = [f"recipe of {id}, seed {recipe.seed}:", *operation_lines(recipe)]
            scripts = tuple(op for op in recipe.operations if isinstance(op, Script))
        return "\n".join([*lines, *_code(scripts, part)])

    return [read_recipe]


def operation_lines(recipe: DataRecipe) -> list[str]:
    """One operation a line, of a script its purpose and the length of its code."""
    return [_operation(op) for op in recipe.operations]


def _operation(operation: Operation) -> str:
    if isinstance(operation, Script):
        return f"script, {len(operation.code):,} characters of code: {one_line(operation.purpose, 300)}"
    fields = operation.model_dump(mode="json", exclude_defaults=True, exclude={"op"})
    return f"{operation.op} {one_line(json.dumps(fields, ensure_ascii=False), 600)}"


def _code(scripts: tuple[Script, ...], part: int) -> list[str]:
    """The scripts in fences, as far as one answer holds them."""
    text = [(f"code of script {number}", script.code) for number, script in enumerate(scripts, start=1)]
    pieces = [
        (
            label if len(code) <= PART_CHARACTERS else f"{label}, from character {start}",
            code[start : start + PART_CHARACTERS],
        )
        for label, code in text
        for start in range(0, max(len(code), 1), PART_CHARACTERS)
    ]
    if not pieces:
        return []
    shown = pieces[part - 1 : part]
    if not shown:
        wrong = f"is {part}, and there {'is' if len(pieces) == 1 else 'are'} {len(pieces)}"
        raise InputError("part", wrong, "ask for 1" + (f" to {len(pieces)}" if len(pieces) > 1 else ""))
    label, code = shown[0]
    more = [f"(part {part} of {len(pieces)})"] if len(pieces) > 1 else []
    return [delimited(code, label, len(code) + 1), *more]
