"""Optional dependencies by extra, and the one line about what is missing.

Scoring answers needs the core alone; a run needs ``run`` and ``train``. What is missing is told before
anything starts, instead of by an import that fails half an hour later.
"""

from __future__ import annotations

import importlib.util

from tasks.errors import InputError

CORE = ("langgraph", "langchain", "langchain_openai", "pydantic", "python_calamine", "scipy")
EXTRAS = {
    "gguf": ("gguf",),
    "qlora": ("bitsandbytes",),
    "gym": ("gymnasium",),
    "mcp": ("mcp",),
    "ray": ("ray",),
    "eval": ("rdkit", "math_verify", "datasketch", "pandas"),
    "run": ("chromadb", "datasketch", "matplotlib", "optuna", "rdkit", "sklearn"),
    "train": ("torch", "transformers", "trl", "peft", "datasets"),
}
"""Import names that stand for the packages of each extra in ``pyproject.toml``; the smallest extra first."""
OPTIONAL = ("gguf", "qlora", "gym", "mcp", "ray")
"""Extras that a run does without, unless it is asked for what they bring."""


def missing(names: tuple[str, ...]) -> list[str]:
    """Those that cannot be imported here; nothing is imported to find out."""
    return [name for name in names if not _found(name)]


def require(what: str, *extras: str) -> None:
    """Check that the packages of some extras are there.

    Raises:
        InputError: some are not; the line says which, and how to install them.
    """
    absent = {extra: missing(EXTRAS[extra]) for extra in extras}
    lacking = [extra for extra in extras if absent[extra]]
    if lacking:
        names = ", ".join(name for extra in lacking for name in absent[extra])
        raise InputError(what, f"needs {names}, not installed here", install(*lacking))


def install(*extras: str) -> str:
    """The command that installs some extras."""
    return f"pip install 'ft-dojo[{','.join(extras)}]'"


def extra_of(module: str) -> str | None:
    """The extra that brings a module; None for one that is not ours to know."""
    top = module.split(".")[0]
    return next((extra for extra, names in EXTRAS.items() if top in names), None)


def _found(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
