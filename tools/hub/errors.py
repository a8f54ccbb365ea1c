"""Errors of the Hub, its transport and the disk, each as one line that says what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from json import JSONDecodeError
from pathlib import Path

from tasks.errors import InputError

AGAIN = "run it again: the files that are complete are kept"
LOCAL = "use local copies with --data-root DIR"


@dataclass(frozen=True)
class Repository:
    """What is asked of the Hub, how messages call it, and what to do without it."""

    repo_id: str
    revision: str
    shown: str = ""
    """As the user wrote it, where that is not the repository's id."""
    also: str = ""
    """What else is wrong, where the repository is not known or the Hub cannot be reached."""
    no_revision: str = f"its history was rewritten: {LOCAL}"
    instead: str = LOCAL
    other_folder: str = "--data-root"
    """The flag or variable that names another folder for the files."""

    @property
    def what(self) -> str:
        """How a message names it."""
        return self.shown or self.repo_id


@contextmanager
def hub_errors(asked: Repository, folder: Path) -> Iterator[None]:
    """Turn the errors of ``huggingface_hub``, of its transport and of the disk into ``InputError``."""
    from httpx2 import HTTPError
    from huggingface_hub.errors import HFValidationError, RevisionResolutionError

    try:
        yield
    except HFValidationError as error:
        fix = "check its spelling, or the path where it is one"
        raise InputError(asked.what, f"{asked.also}it is no Hub id ({_short(error)})", fix) from error
    except (HTTPError, OSError, JSONDecodeError, RevisionResolutionError) as error:
        raise _explained(error, asked, folder) from error


def _explained(error: BaseException, asked: Repository, folder: Path) -> InputError:
    from httpx2 import ConnectError, ConnectTimeout, TransportError
    from huggingface_hub import errors

    if isinstance(error, errors.LocalEntryNotFoundError | errors.RevisionResolutionError):
        error = error.__cause__ or error  # the library's "not in the cache either" hides the reason
    if isinstance(error, errors.HfHubHTTPError):
        return InputError(asked.what, *_refused(error, asked))
    if isinstance(error, errors.OfflineModeIsEnabled):
        wrong = f"{asked.also}HF_HUB_OFFLINE forbids downloads"
        return InputError(asked.what, wrong, f"unset it, or {asked.instead}")
    if isinstance(error, ConnectError | ConnectTimeout):
        wrong = f"{asked.also}the Hub cannot be reached ({_short(error)})"
        return InputError(asked.what, wrong, "check the network, then run it again")
    if isinstance(error, TransportError) or "Consistency check failed" in str(error):
        return InputError(asked.what, f"the download was cut ({_short(error)})", AGAIN)
    if isinstance(error, JSONDecodeError):
        fix = "check the network, its proxy and HF_ENDPOINT"
        return InputError(asked.what, "the reply is not the Hub's", fix)
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return InputError(
            str(folder), "the disk is full", f"make room, or name another folder with {asked.other_folder}"
        )
    wrong = f"it cannot be written ({getattr(error, 'strerror', None) or _short(error)})"
    return InputError(str(folder), wrong, f"check its rights, or use {asked.other_folder} DIR")


def _refused(error: BaseException, asked: Repository) -> tuple[str, str]:
    """What is wrong and what to do about a reply of the Hub that is not the file."""
    from huggingface_hub import constants, errors

    page = f"{constants.ENDPOINT}/datasets/{asked.repo_id}"
    token = "`hf auth login` or set HF_TOKEN"
    kinds: tuple[tuple[type[BaseException], str, str], ...] = (  # the first that fits: they inherit
        (
            errors.GatedRepoError,
            "the repository is gated: it needs a token of an account that accepted its terms",
            f"accept them at {page}, then {token}",
        ),
        (
            errors.RevisionNotFoundError,
            f"it has no revision {asked.revision}",
            asked.no_revision,
        ),
        (
            errors.RepositoryNotFoundError,
            f"{asked.also}there is no such data set on the Hub, or it is private",
            f"look at {page}; where you may read it, {token}",
        ),
        (errors.EntryNotFoundError, f"revision {asked.revision} has no such file", asked.instead),
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
