"""Conversation with a model, one answer at a time, written as it is generated.

For a person who wants to see what a champion says. Scores come from ``tools.evaluation.evaluate`` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.errors import InputError
from tools.evaluation.generate import fitting
from tools.evaluation.greedy import end_tokens
from tools.models.architecture import max_positions
from tools.models.chat_template import encode, render_prompt_messages
from tools.models.held import held_model
from tools.models.load import load_tokenizer


class Conversation:
    """A loaded model and the turns so far.

    Args:
        model_dir: a loadable directory.
        max_new_tokens: longest answer.
        keep_turns: whether a question is asked after the earlier ones, or alone, as in training.
    """

    def __init__(self, model_dir: Path, max_new_tokens: int, keep_turns: bool = False) -> None:
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # the person reads answers here
        self.tokenizer = load_tokenizer(model_dir)
        self.model = held_model(model_dir)
        self.max_new_tokens, self.keep_turns = max_new_tokens, keep_turns
        self.turns: list[dict[str, Any]] = []

    def ask(self, question: str, write: Callable[[str], object]) -> str:
        """The greedy answer; ``write`` gets it in pieces, as it is generated.

        Raises:
            InputError: the question leaves no room for an answer.
        """
        turns = [*self.turns, {"role": "user", "content": question}]
        (ids,) = encode(self.tokenizer, [render_prompt_messages(self.tokenizer, turns)])
        if not fitting([ids], max_positions(self.model.config.to_dict()), self.max_new_tokens).ids:
            wrong = f"too long for this model beside an answer of {self.max_new_tokens} tokens"
            raise InputError("the question", wrong, "shorten it, or say /new to forget the earlier turns")
        said = self._generate(ids, write)
        if self.keep_turns:
            self.turns = [*turns, {"role": "assistant", "content": said}]
        return said

    def forget(self) -> None:
        """Drops the turns so far."""
        self.turns = []

    def _generate(self, ids: list[int], write: Callable[[str], object]) -> str:
        import torch
        from transformers import TextStreamer

        pieces: list[str] = []

        class Told(TextStreamer):  # type: ignore[misc]
            def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
                pieces.append(text)
                write(text)

        asked = torch.tensor([ids], device=self.model.device)
        self.model.generate(
            input_ids=asked,
            attention_mask=torch.ones_like(asked),
            max_new_tokens=self.max_new_tokens,
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            eos_token_id=end_tokens(self.model, self.tokenizer),
            pad_token_id=self.tokenizer.pad_token_id,
            streamer=Told(self.tokenizer, skip_prompt=True, skip_special_tokens=True),
        )
        return "".join(pieces)
