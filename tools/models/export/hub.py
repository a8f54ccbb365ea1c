"""Push of an exported directory to the Hub, and what the Hub then has held against what lies here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tasks.errors import InputError, reason_of
from tasks.official.files import sha256_of

PREFIX = "hub:"


@dataclass(frozen=True)
class Pushed:
    """A repository with the export in it."""

    repo: str
    url: str
    commit: str
    files: int


def repo_of(target: str) -> str:
    """``ORG/NAME`` of ``hub:ORG/NAME``.

    Raises:
        InputError: it is none.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    repo = target.removeprefix(PREFIX)
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        wrong = f"no name of a repository ({reason_of(error)[:160]})"
        raise InputError(f"--to {target}", wrong, f"write {PREFIX}ORG/NAME") from error
    if "/" not in repo:
        raise InputError(f"--to {target}", "no name of a repository", f"write {PREFIX}ORG/NAME")
    return repo


def push(folder: Path, repo: str, public: bool, endpoint: str | None = None) -> Pushed:
    """Uploads a directory as one commit; a repository that does not exist is made.

    Args:
        folder: an exported model, its card included.
        repo: ``ORG/NAME``.
        public: whether a new repository can be seen by everybody.
        endpoint: address of the Hub, where it is not the usual one.

    Raises:
        InputError: the Hub does not take it, cannot be reached, or has something else afterwards.
    """
    from httpx2 import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    api = HfApi(endpoint=endpoint)
    try:
        made = api.create_repo(repo, private=not public, exist_ok=True)
        done = api.upload_folder(repo_id=repo, folder_path=str(folder), commit_message="Trained by FT-Dojo")
        found = api.model_info(repo, revision=done.oid, files_metadata=True)
    except LocalTokenNotFoundError as error:
        raise InputError(repo, "the Hub wants a token", "`hf auth login` or set HF_TOKEN") from error
    except HfHubHTTPError as error:
        raise InputError(repo, *_refused(error.response.status_code)) from error
    except (HTTPError, OSError, ValueError) as error:
        wrong = f"the Hub cannot be reached ({reason_of(error)[:160]})"
        raise InputError(repo, wrong, "check the network, then run it again") from error
    there = {
        file.rfilename: (file.size, file.lfs.sha256 if file.lfs else None) for file in found.siblings or []
    }
    here = [path for path in folder.rglob("*") if path.is_file()]
    for path in here:
        name = path.relative_to(folder).as_posix()
        size, digest = there.get(name, (None, None))
        if size != path.stat().st_size or (digest is not None and digest != sha256_of(path)):
            raise InputError(f"{repo}/{name}", "the Hub has another file than was sent", "run it again")
    return Pushed(repo, str(made), str(done.oid), len(here))


def _refused(status: int) -> tuple[str, str]:
    """What is wrong and what to do about it."""
    known = {
        401: ("the Hub does not know you", "`hf auth login` with a token that may write"),
        403: ("your token may not write there", "name a repository of yours, or use a token that may write"),
        404: ("the Hub has no such organisation", "check the spelling"),
        429: ("the Hub limits the number of requests", "wait some minutes, then run it again"),
    }
    return known.get(status, (f"the Hub answers {status}", "wait, then run it again"))
