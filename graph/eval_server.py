"""Evaluation server of a run: found by its flag or in the models file, and asked whether it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph.settings import RunSettings
from tools.models.base_model import BaseModel

if TYPE_CHECKING:
    from tools.evaluation.served import EvalServer


def find_eval_server(settings: RunSettings, base_model: BaseModel) -> tuple[EvalServer | None, str]:
    """The server that answers, and what its owner should know; None where none is named.

    Raises:
        InputError: it does not answer, or its address or key cannot be.
    """
    if not (settings.eval_server or settings.models_file):
        return None, ""
    from graph.models_file import eval_server
    from tools.evaluation.served import EvalServer

    url, key = eval_server(settings)
    if not url:
        return None, ""
    server = EvalServer(url, base_model.path, key)
    return server, server.check()
