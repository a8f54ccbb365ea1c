"""Likelihood of given answers under a model, in a child process: one forward pass, no decoding.

Two questions are asked of it: how likely a model finds a source's answers (their loss), and how far its
next-token distributions lie from another model's along the same answers. For the second the other model's
``TOP`` likeliest tokens at each position are written to a file, with what is left as one more outcome. The
divergence over these outcomes is never larger than the one over the whole vocabulary (data processing
inequality, Cover and Thomas 2006, section 2.8), and takes a thousandth of the room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.errors import Stage
from tools.evaluation.evaluate import TIMEOUT_SECONDS
from tools.models.architecture import max_positions
from tools.models.held import held_model
from tools.models.load import load_tokenizer
from tools.process.placed import Call
from tools.process.worker import Worker
from tools.training.tokenise import NO_LOSS, TokenRow, tokenise

TOP = 64
"""Tokens of a distribution that are kept apart; the rest of the vocabulary is one outcome."""
MOST_LOGITS = 2**25
"""Numbers in the logits of one batch: 128 MiB in float32."""
NO_LIMIT = 1_000_000
"""Tokens of a row, for a model without a position limit."""


def read_rows(
    rows: Sequence[Mapping[str, str]],
    model_dir: Path,
    worker: Worker,
    log_path: Path,
    stage: Stage = "evaluate",
    **files: str,
) -> list[dict[str, Any]]:
    """How likely a model finds the answers of rows, asked in a child; see ``likelihood``.

    Args:
        rows: each ``{"prompt", "answer"}``.
        model_dir: a loadable model directory.
        worker: where children come from.
        log_path: takes what the child prints.
        stage: the stage that a failure is reported under.
        files: perhaps ``write_reference`` or ``reference``.

    Raises:
        ExperimentFailed: the process failed.
    """
    call = asked(rows, model_dir, worker, **files)
    reply = worker.run(*call, TIMEOUT_SECONDS, log_path, stage, resident=True)
    return list(reply["rows"])


def asked(rows: Sequence[Mapping[str, str]], model_dir: Path, worker: Worker, **files: str) -> Call:
    """What ``read_rows`` asks of a child, for whoever begins it ahead; the arguments are those of it."""
    payload = {"model_dir": str(model_dir.resolve()), "rows": list(rows), "threads": worker.threads, **files}
    return Call("tools.evaluation.likelihood:likelihood", payload)


def likelihood(payload: dict[str, Any]) -> dict[str, Any]:
    """How likely a model finds the answers of rows.

    Args:
        payload: ``model_dir``; ``rows``, each ``{"prompt", "answer"}``; ``threads``; perhaps
            ``write_reference``, a file that gets this model's distributions, or ``reference``, one that
            another model wrote for the same rows.

    Returns:
        ``rows``, for each row that fits into the model ``{"place", "tokens", "loss"}`` (``loss``: mean
        cross-entropy in nats per answer token), with ``reference`` also ``divergence`` (mean
        Kullback-Leibler divergence from the reference in nats per token) and ``same`` (tokens at which
        the likeliest next token is the reference's).
    """
    import torch

    torch.set_num_threads(int(payload.get("threads") or torch.get_num_threads()))
    model_dir = Path(payload["model_dir"])
    tokenizer, model = load_tokenizer(model_dir), held_model(model_dir)
    positions = max_positions(model.config.to_dict()) or NO_LIMIT
    asked = tokenise(tokenizer, payload["rows"], positions, "last").rows
    rows = [row for row in asked if any(label != NO_LOSS for label in row.labels[1:])]
    known = _read(payload.get("reference"))
    kept: dict[str, Any] = {}
    found: list[dict[str, Any]] = []
    for batch in _batches(rows, int(model.config.get_text_config().vocab_size)):
        for row, logs in zip(batch, _log_probabilities(model, tokenizer, batch), strict=True):
            wanted = torch.tensor([token for token in row.labels[1:] if token != NO_LOSS])
            loss = -logs.gather(1, wanted[:, None]).mean()
            found.append({"place": row.place, "tokens": len(wanted), "loss": float(loss)})
            if payload.get("write_reference"):
                kept |= _top(row.place, logs)
            if known and f"{row.place}.tokens" in known:
                found[-1] |= _against(known, row.place, logs)
    if payload.get("write_reference"):
        _write(Path(payload["write_reference"]), kept)
    return {"rows": found}


def _batches(rows: Sequence[TokenRow], vocabulary: int) -> list[list[TokenRow]]:
    """Rows of about the same length together, as many as the logits' room holds."""
    batches: list[list[TokenRow]] = []
    for row in sorted(rows, key=lambda row: len(row.input_ids)):
        size = len(batches[-1]) + 1 if batches else 1
        if not batches or size * len(row.input_ids) * vocabulary > MOST_LOGITS:
            batches.append([])
        batches[-1].append(row)
    return batches


def _log_probabilities(model: Any, tokenizer: Any, batch: Sequence[TokenRow]) -> list[Any]:
    """For each row the log-probabilities (answer tokens, vocabulary) at the positions before its answer
    tokens, on the CPU in float32."""
    import torch

    width = max(len(row.input_ids) for row in batch)
    ids = torch.full((len(batch), width), int(tokenizer.pad_token_id or 0))
    mask, wanted = torch.zeros_like(ids), torch.zeros((len(batch), width - 1), dtype=torch.bool)
    for number, row in enumerate(batch):
        length = len(row.input_ids)
        ids[number, :length] = torch.tensor(row.input_ids)
        mask[number, :length] = 1
        wanted[number, : length - 1] = torch.tensor(row.labels[1:]) != NO_LOSS
    keep = wanted.any(dim=0).nonzero().flatten()
    with torch.inference_mode():
        logits = model(
            input_ids=ids.to(model.device),
            attention_mask=mask.to(model.device),
            logits_to_keep=keep.to(model.device),
            use_cache=False,
        ).logits
        logs = torch.log_softmax(logits.float(), dim=-1).cpu()
    return [logs[number, wanted[number, keep]] for number in range(len(batch))]


def _top(place: int, logs: Any) -> dict[str, Any]:
    """A row's distributions as they are written: ids and log-probabilities of the likeliest tokens."""
    values, tokens = logs.topk(min(TOP, logs.shape[-1]), dim=-1)
    return {f"{place}.tokens": tokens.int().contiguous(), f"{place}.logs": values.contiguous()}


def _against(known: dict[str, Any], place: int, logs: Any) -> dict[str, Any]:
    """A row's mean divergence from the reference, and at how many tokens the likeliest one is the same."""
    import torch

    tokens, theirs = known[f"{place}.tokens"].long(), known[f"{place}.logs"]
    ours = logs.gather(1, tokens)
    divergence = (theirs.exp() * (theirs - ours)).sum(dim=1)
    rest, our_rest = _rest(theirs), _rest(ours)
    # What both round to nothing contributes nothing.
    divergence += torch.where(rest > 0, rest * (rest.clamp_min(1e-12) / our_rest.clamp_min(1e-12)).log(), 0.0)
    same = int((logs.argmax(dim=1) == tokens[:, 0]).sum())
    return {"divergence": float(divergence.mean()), "same": same}


def _rest(logs: Any) -> Any:
    """The probability of every token that is not among the kept ones."""
    return (1.0 - logs.double().exp().sum(dim=1)).clamp_min(0.0)


def _read(file: str | None) -> dict[str, Any]:
    if not file:
        return {}
    from safetensors.torch import load_file

    return dict(load_file(file))


def _write(file: Path, kept: dict[str, Any]) -> None:
    from safetensors.torch import save_file

    new = file.with_name(file.name + ".new")
    save_file(kept, str(new))
    new.replace(file)
