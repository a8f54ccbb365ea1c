"""The scripts that a draft refers to: found by experiment or lesson, edited, and put in whole.

A script that won is the most valuable thing that a run makes. Who goes on with it names it and says what
changes, instead of writing thousands of characters anew from memory.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from memory.recipe import Operation, Script
from memory.recipe_draft import CODE_CHARACTERS, DraftOperation, ScriptDraft, ScriptEdit
from tasks.errors import InvalidDecision
from tools.chat.untrusted_text import clean, one_line
from tools.checks.plan import nearest
from tools.dojo import Dojo


def whole_operations(dojo: Dojo, drafts: Sequence[DraftOperation]) -> list[Operation]:
    """The operations with every script whole.

    Raises:
        InvalidDecision: a script that is not there, an edit that does not fit, or neither code nor `from`.
    """
    return [whole_script(dojo, draft) if isinstance(draft, ScriptDraft) else draft for draft in drafts]


def whole_script(dojo: Dojo, draft: ScriptDraft) -> Script:
    """The script that a draft stands for.

    Raises:
        InvalidDecision: see ``whole_operations``.
    """
    if draft.code and draft.taken_from:
        raise InvalidDecision("operations: script: either code or from, with edits for what changes")
    if draft.code:
        if draft.edits:
            raise InvalidDecision(
                "operations: script: edits go with from; new code is written as it shall be"
            )
        if not draft.purpose:
            raise InvalidDecision("operations: script: say in purpose what the code is for")
        return Script(purpose=draft.purpose, code=draft.code)
    if not draft.taken_from:
        known = nearest("", scripts_by_owner(dojo))
        raise InvalidDecision(f"operations: script: give code, or from whose script it is; {known}")
    script = _found(dojo, draft.taken_from, draft.number)
    code = edited(script.code, draft.edits, draft.taken_from)
    return Script(purpose=draft.purpose or script.purpose, code=code)


def scripts_by_owner(dojo: Dojo) -> dict[str, tuple[Script, ...]]:
    """Every script of the run's recipes and of recalled lessons, by their ids; the latest first."""
    found = {}
    for experiment in reversed(dojo.journal.experiments()):
        operations = experiment.recipe.operations if experiment.recipe else ()
        found[experiment.id] = tuple(op for op in operations if isinstance(op, Script))
    found.update({item.lesson.id: item.lesson.scripts for item in dojo.recall()})
    return {owner: scripts for owner, scripts in found.items() if scripts}


def _found(dojo: Dojo, owner: str, number: int) -> Script:
    there = scripts_by_owner(dojo)
    if owner not in there:
        raise InvalidDecision(
            f"operations: script: from: {one_line(owner)!r} has no script; {nearest(owner, there)}"
        )
    scripts = there[owner]
    if number > len(scripts):
        raise InvalidDecision(f"operations: script: number: {owner} has {len(scripts)}, not {number}")
    return scripts[number - 1]


def edited(code: str, edits: Sequence[ScriptEdit], owner: str) -> str:
    """The code after exact replacements, in order; each old text stands exactly once.

    Raises:
        InvalidDecision: which edit does not fit, and why.
    """
    for place, edit in enumerate(edits, start=1):
        count = code.count(edit.old)
        if count != 1:
            raise InvalidDecision(_misfit(code, edit, place, count, owner))
        code = code.replace(edit.old, edit.new)
    if len(code) > CODE_CHARACTERS:
        raise InvalidDecision(f"operations: script: {len(code):,} characters, over {CODE_CHARACTERS:,}")
    return code


def _misfit(code: str, edit: ScriptEdit, place: int, count: int, owner: str) -> str:
    head = f"operations: script: edits: number {place}: its old text"
    if count:
        return f"{head} stands {count} times in the script of {owner}; take in a neighbouring line"
    if edit.old in clean(code, len(code) + 1):
        return (
            f"{head} holds a sign that stands for another in what you were shown; leave that line out of it"
        )
    lines = [line.strip() for line in code.split("\n") if line.strip()]
    first = next((line.strip() for line in edit.old.split("\n") if line.strip()), "")
    near = difflib.get_close_matches(first, lines, n=1, cutoff=0.5)
    hint = "mind the indentation" if first in lines else f"nearest line: {near[0]}" if near else ""
    return f"{head} is not in the script of {owner} as it is by then; {one_line(hint, 300)}".rstrip("; ")
