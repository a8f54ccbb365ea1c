"""vLLM's command for an exported model: whole, or its base with the adapter."""

from __future__ import annotations

import shlex
from pathlib import Path


def serve(
    folder: Path, name: str, positions: int | None, template: bool, base: str = "", rank: int = 0
) -> str:
    """The command that serves it over the OpenAI protocol.

    Args:
        folder: the exported directory.
        name: what clients call it.
        positions: the most tokens of prompt and answer; None leaves that to vLLM.
        template: whether the tokenizer in the directory brings the chat template.
        base: for an adapter, the model that it adds to, as vLLM finds it.
        rank: of that adapter.
    """
    words = ["vllm", "serve", base or str(folder)]
    if rank:
        words += ["--enable-lora", "--lora-modules", f"{name}={folder}", "--max-lora-rank", str(_rank(rank))]
    else:
        words += ["--served-model-name", name, "--dtype", "bfloat16"]
    if positions:
        words += ["--max-model-len", str(positions)]
    if not template:
        words += ["--chat-template", str(folder / "chat_template.jinja")]
    return shlex.join(words)


def _rank(rank: int) -> int:
    """The next rank that vLLM's kernels know."""
    return next((known for known in (8, 16, 32, 64, 128, 256, 320, 512) if known >= rank), rank)
