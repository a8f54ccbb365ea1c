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
    what = assets.repo_id
    if isinstance(error, HfHubHTTPError):
        return _refused(error, assets)
    if isinstance(error, OfflineModeIsEnabled):
        return InputError(
            what, "HF_HUB_OFFLINE forbids downloads", "unset it, or use local copies (--data-root)"
        )
    if isinstance(error, ConnectError | ConnectTimeout):
        return InputError(
            what, f"the Hub cannot be reached ({_short(error)})", "check the network, then run it again"
        )
    if isinstance(error, TransportError) or "Consistency check failed" in str(error):
        return InputError(what, f"the download was cut ({_short(error)})", AGAIN)
    if isinstance(error, JSONDecodeError):
        return InputError(what, "the reply is not the Hub's", "check the network, its proxy and HF_ENDPOINT")
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return InputError(
            str(folder), "the disk is full", "make room, or name another folder with --data-root"
        )
    reason = getattr(error, "strerror", None) or _short(error)
    return InputError(
        str(folder), f"it cannot be written ({reason})", "check its rights, or use --data-root DIR"
    )


def _refused(error: BaseException, assets: Assets) -> InputError:
    """A reply of the Hub that is not the file."""
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    page = f"{constants.ENDPOINT}/datasets/{assets.repo_id}"
    if isinstance(error, GatedRepoError):
        return InputError(
            assets.repo_id,
            "the repository is gated: it needs a token of an account that accepted its terms",
            f"accept them at {page}, then `hf auth login` or set HF_TOKEN",
        )
    if isinstance(error, RevisionNotFoundError):
        fix = "its history was rewritten: use local copies with --data-root DIR"
        return InputError(assets.repo_id, f"it has no revision {assets.revision}", fix)
    if isinstance(error, RepositoryNotFoundError):
        return InputError(
            assets.repo_id,
            "there is no such data set on the Hub, or it is private",
            f"look at {page}; where you may read it, `hf auth login` or set HF_TOKEN",
        )
    if isinstance(error, EntryNotFoundError):
        fix = "use local copies with --data-root DIR"
        return InputError(assets.repo_id, f"revision {assets.revision} has no such file", fix)
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
    if status == 401:
        return InputError(assets.repo_id, "the Hub does not accept the token", "`hf auth login` again")
    if status == 429:
        return InputError(
            assets.repo_id, "the Hub limits the number of requests (429)", "wait some minutes; " + AGAIN
        )
    blame = "a fault of the server" if status >= 500 else _short(error)
    return InputError(assets.repo_id, f"the Hub answers {status} ({blame})", "wait; " + AGAIN)


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."
