"""Check of a base model before anything is spent: a line for what cannot work, a note for what was handled.

``resolve_base_model`` reads files and headers; ``look`` goes on with the class, the
tokenizer, the chat template and the numbers. It needs transformers and torch, so a run
calls it in a child (``look_in_child``).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from memory.recipe import Record
from tasks.errors import LONGEST_REASON, ExperimentFailed, InputError
from tools.models.adapter import is_adapter, tokenizer_dir, whole_base
from tools.models.architecture import LAYERS, check_class, read_config
from tools.models.base_model import BaseModel
from tools.models.chat_template import trained_turns
from tools.models.config_values import check_shapes, check_values
from tools.models.recorded_base import WEIGHTS
from tools.models.template_support import SystemTurn, TemplateSupport
from tools.models.weight_files import check_numbers, check_pickles, dtypes, find_weights, layers_held
from tools.process.worker import Worker

NUMBERS_BYTES = 4 << 30
"""Weights are read whole up to here (about a second a GiB); of larger models the start of each tensor."""

LOOK_SECONDS = 300.0


class ModelFacts(Record):
    """What was found out about a base model."""

    name: str
    parameters: int
    dtype: str
    """The commonest type of its weights on disk, as safetensors names it; empty for pickles."""
    positions: int | None
    """The most tokens of prompt and answer together; None without a limit."""
    architecture: str
    """``model_type`` of the configuration."""
    adapter: bool
    template: Literal["own", "plain"]
    system_turn: SystemTurn
    default_system: str
    """The system text that the template puts in of its own accord."""
    opens_reasoning: bool
    """The generation prompt ends with ``<think>`` or its like."""
    drops_reasoning: bool
    """The template leaves an answer's reasoning out (training keeps it)."""
    turn_end: str
    """The token that ends an answer."""
    loss_on: Literal["all", "last"]
    """Which answers of a conversation are trained, where no setting says it."""
    loss_why: str
    notes: tuple[str, ...]
    """What is out of the ordinary and was handled, a line each."""


def look(base_model: BaseModel, allow_pickle: bool = False, numbers_bytes: int = NUMBERS_BYTES) -> ModelFacts:
    """Looks at a model as training and evaluation will load it.

    Args:
        base_model: from ``resolve_base_model``.
        allow_pickle: as it was resolved with.
        numbers_bytes: how much of the weights is read in search of NaN and infinity.

    Raises:
        InputError: it cannot be trained or asked here; one line with what to do.
    """
    from tools.models.load import load_tokenizer
    from tools.models.template_support import template_support

    folder = whole_base(base_model.path)
    config = read_config(folder)
    notes = [*base_model.notes, *check_class(folder, config)]
    built = check_values(folder, config)
    tokenizer_files = tokenizer_dir(base_model.path)
    try:
        tokenizer = load_tokenizer(base_model.path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise InputError(
            str(tokenizer_files), f"its tokenizer does not load ({said})", "copy it again"
        ) from error
    _check_end(tokenizer, tokenizer_files, config)
    weights, _ = find_weights(folder, allow_pickle)
    _check_layers(folder, config, weights)
    check_shapes(folder, config, built, weights)
    _check_rows(tokenizer, tokenizer_files, base_model)
    try:
        support = template_support(tokenizer)
    except InputError as error:
        raise InputError(str(tokenizer_files), error.wrong, "mend chat_template.jinja") from error
    check_pickles(weights)
    share = check_numbers(weights, numbers_bytes)
    if is_adapter(base_model.path):
        check_numbers([base_model.path / WEIGHTS], numbers_bytes)
    if share < 1.0:
        notes.append(f"looked for NaN in {100 * share:.0f}% of the weights")
    types = dtypes(weights)
    loss_on, loss_why = trained_turns(tokenizer)
    return ModelFacts(
        name=base_model.name,
        parameters=base_model.parameters,
        dtype=next(iter(types), ""),
        positions=base_model.positions,
        architecture=str(config["model_type"]),
        adapter=is_adapter(base_model.path),
        template="plain" if support.plain else "own",
        system_turn=support.system,
        default_system=support.default_system,
        opens_reasoning=bool(support.opens_reasoning),
        drops_reasoning=support.drops_reasoning,
        turn_end=support.turn_end or str(tokenizer.eos_token),
        loss_on=loss_on,
        loss_why=loss_why,
        notes=(*notes, *_template_notes(support, tokenizer), *_limit_notes(base_model, tokenizer)),
    )


def look_in_child(base_model: BaseModel, allow_pickle: bool, worker: Worker) -> ModelFacts:
    """``look``, in a child process.

    Raises:
        InputError: as ``look``, or the libraries fail on the model's files.
    """
    payload = {"base_model": base_model.model_dump(mode="json"), "allow_pickle": allow_pickle}
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = worker.run(
                "tools.models.check:look_job", payload, LOOK_SECONDS, Path(folder) / "look.log", "probe"
            )
        except ExperimentFailed as failed:
            reason = f"{failed.code}: {failed.message}"[:LONGEST_REASON]
            fix = "copy its files again, or take another model"
            raise InputError(str(base_model.path), f"it cannot be looked at ({reason})", fix) from failed
    return facts(result)


def look_job(payload: dict[str, Any]) -> dict[str, Any]:
    """``look`` in a child process: ``base_model`` and ``allow_pickle``.

    Returns:
        ``facts``, or ``refused``: what, wrong and fix of the ``InputError``.
    """
    try:
        base_model = BaseModel.model_validate(payload["base_model"])
        return {"facts": look(base_model, bool(payload.get("allow_pickle"))).model_dump(mode="json")}
    except InputError as error:
        return {"refused": [error.what, error.wrong, error.fix]}


def facts(result: Mapping[str, Any]) -> ModelFacts:
    """What ``look_job`` returned, as facts.

    Raises:
        InputError: what it refused.
    """
    if "refused" in result:
        raise InputError(*result["refused"])
    return ModelFacts.model_validate(result["facts"])


def _check_end(tokenizer: Any, folder: Path, config: Mapping[str, Any]) -> None:
    if tokenizer.eos_token is not None:
        return
    named = config.get("eos_token_id")
    named = named[0] if isinstance(named, list) and named else named
    token = (
        tokenizer.convert_ids_to_tokens(named) if isinstance(named, int) and named < len(tokenizer) else None
    )
    known = f'"eos_token": "{token}"' if token else '"eos_token": "..."'
    raise InputError(
        str(folder),
        "its tokenizer names no end token, so no answer would ever end",
        f"add {known} to tokenizer_config.json" + (" (the end that config.json names)" if token else ""),
    )


def _check_layers(folder: Path, config: Mapping[str, Any], weights: list[Path]) -> None:
    """No layer without weights: they would be drawn at random, and a model without layers learns nothing."""
    text = config.get("text_config") or config
    key = next((name for name in LAYERS if isinstance(text.get(name), int)), "")
    told, held = text.get(key, 1), layers_held(weights)
    if told < 1 or told > held > 0:
        wrong = f"the weights hold {held}" if held else "it should be 1 or more"
        raise InputError(
            str(folder / "config.json"),
            f"{key} is {told}, and {wrong}",
            "copy the model's files from one place again",
        )


def _check_rows(tokenizer: Any, folder: Path, base_model: BaseModel) -> None:
    """Every token that the tokenizer can write has a row in the embedding."""
    vocabulary = tokenizer.get_vocab()
    beyond = sorted((number, token) for token, number in vocabulary.items() if number >= base_model.vocab > 0)
    if beyond:
        number, token = beyond[0]
        wrong = f"its tokenizer has token {number} ({token!r}), its embedding {base_model.vocab:,} rows"
        fix = "take such tokens out, or save the model after resize_token_embeddings(len(tokenizer))"
        raise InputError(str(folder), f"{wrong} ({len(beyond)} such tokens)", fix)


def _template_notes(support: TemplateSupport, tokenizer: Any) -> list[str]:
    found = {
        "no chat template: the question, a newline and the answer; saved with the champion": support.plain,
        "its template takes no system turn: system text goes before the first question": (
            support.system in ("refused", "ignored") and not support.plain
        ),
        f"its template demands a system turn: {support.filler or 'an empty one'} is put in": (
            support.system == "required"
        ),
        f"its template puts in a system turn of its own: {support.default_system.strip()[:80]!r}": bool(
            support.default_system.strip()
        ),
        "its template drops the reasoning (<think>) of answers: they are trained on as written": (
            support.drops_reasoning
        ),
        "its template drops the reasoning of earlier answers from a conversation": (
            support.drops_past_reasoning and not support.drops_reasoning
        ),
        f"its generation prompt opens {support.opens_reasoning}: an answer without it ends it at once": bool(
            support.opens_reasoning
        ),
        f"its template ends an answer with no token of its own: {tokenizer.eos_token} is added": (
            not support.turn_end and not support.plain
        ),
        "its template writes today's date into the prompt": support.dated,
    }
    return [note for note, holds in found.items() if holds]


def _limit_notes(base_model: BaseModel, tokenizer: Any) -> list[str]:
    found = {
        "no limit of positions (relative positions): lengths follow the data": base_model.positions is None,
        f"padding and end are the same token ({tokenizer.eos_token}): the end stays in the loss": (
            tokenizer.pad_token_id == tokenizer.eos_token_id
        ),
    }
    return [note for note, holds in found.items() if holds]
