"""Errors of the Hub, its transport and the disk, each as one line that says what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError
from pathlib import Path

from tasks.assets import Assets
from tasks.errors import InputError

AGAIN = "run it again: the files that are complete are kept"
LOCAL = "use local copies with --data-root DIR"


@contextmanager
def hub_errors(assets: Assets, folder: Path) -> Iterator[None]:
    """Turn the errors of ``huggingface_hub``, of its transport and of the disk into ``InputError``."""
    from httpx2 import HTTPError

    try:
        yield
    except (HTTPError, OSError, JSONDecodeError) as error:
        raise _explained(error, assets, folder) from error


def _explained(error: BaseException, assets: Assets, folder: Path) -> InputError:
    from httpx2 import ConnectError, ConnectTimeout, TransportError
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    if isinstance(error, LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__  # the library's "not in the cache either" hides the reason
    if isinstance(error, HfHubHTTPError):
        return InputError(assets.repo_id, *_refused(error, assets))
    if isinstance(error, OfflineModeIsEnabled):
        return InputError(assets.repo_id, "HF_HUB_OFFLINE forbids downloads", f"unset it, or {LOCAL}")
    if isinstance(error, ConnectError | ConnectTimeout):
        wrong = f"the Hub cannot be reached ({_short(error)})"
        return InputError(assets.repo_id, wrong, "check the network, then run it again")
    if isinstance(error, TransportError) or "Consistency check failed" in str(error):
        return InputError(assets.repo_id, f"the download was cut ({_short(error)})", AGAIN)
    if isinstance(error, JSONDecodeError):
        fix = "check the network, its proxy and HF_ENDPOINT"
        return InputError(assets.repo_id, "the reply is not the Hub's", fix)
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return InputError(
            str(folder), "the disk is full", "make room, or name another folder with --data-root"
        )
    wrong = f"it cannot be written ({getattr(error, 'strerror', None) or _short(error)})"
    return InputError(str(folder), wrong, "check its rights, or use --data-root DIR")


def _refused(error: BaseException, assets: Assets) -> tuple[str, str]:
    """What is wrong and what to do about a reply of the Hub that is not the file."""
    from huggingface_hub import constants, errors

    page = f"{constants.ENDPOINT}/datasets/{assets.repo_id}"
    token = "`hf auth login` or set HF_TOKEN"
    kinds: tuple[tuple[type[BaseException], str, str], ...] = (  # the first that fits: they inherit
        (
            errors.GatedRepoError,
            "the repository is gated: it needs a token of an account that accepted its terms",
            f"accept them at {page}, then {token}",
        ),
        (
            errors.RevisionNotFoundError,
            f"it has no revision {assets.revision}",
            f"its history was rewritten: {LOCAL}",
        ),
        (
            errors.RepositoryNotFoundError,
            "there is no such data set on the Hub, or it is private",
            f"look at {page}; where you may read it, {token}",
        ),
        (errors.EntryNotFoundError, f"revision {assets.revision} has no such file", LOCAL),
    )
    for kind, wrong, fix in kinds:
        if isinstance(error, kind):
            return wrong, fix
    status = error.response.status_code if isinstance(error, errors.HfHubHTTPError) else 0
    by_status = {
        401: ("the Hub does not accept the token", "`hf auth login` again"),
        403: ("the token's account may not read it (403)", f"look at {page}, or use a token that may"),
        429: ("the Hub limits the number of requests (429)", f"wait some minutes; {AGAIN}"),
    }
    blame = "a fault of the server" if status >= 500 else _short(error)
    return by_status.get(status, (f"the Hub answers {status} ({blame})", f"wait; {AGAIN}"))


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."
