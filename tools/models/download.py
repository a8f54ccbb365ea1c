"""Download of a model from the Hub by its id, and its errors as one line each."""

from __future__ import annotations

from pathlib import Path

from tasks.errors import InputError
from tools.models.weight_files import PICKLES

FILES = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model", "tokenizer*", "README.md")


def is_hub_id(name: str) -> bool:
    """Whether a name can be a Hub id: ``org/name``, pinned as ``org/name@revision`` or not."""
    return name.count("/") == 1 and not name.startswith((".", "/", "~")) and not name.endswith("/")


def download(name: str, allow_pickle: bool = False) -> Path:
    """The folder of a model's snapshot in the Hub's cache.

    Args:
        name: ``org/name`` or ``org/name@revision``.
        allow_pickle: also fetch weights that are pickles.

    Raises:
        InputError: the Hub does not give it, or cannot be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    repo, _, revision = name.partition("@")
    patterns = [*FILES, *(PICKLES[:1] if allow_pickle else ())]
    try:
        return Path(snapshot_download(repo, revision=revision or None, allow_patterns=patterns))
    except GatedRepoError as error:
        fix = "accept its terms on the Hub and log in with `hf auth login`"
        raise InputError(repo, "access to this model is restricted", fix) from error
    except RevisionNotFoundError as error:
        raise InputError(repo, f"it has no revision {revision}", "look at its history on the Hub") from error
    except RepositoryNotFoundError as error:
        fix = "check the spelling, or log in with `hf auth login` if it is private"
        raise InputError(repo, "no such directory, and no such model on the Hugging Face Hub", fix) from error
    except (OSError, ValueError) as error:  # what the Hub client raises for every kind of failure
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        wrong = f"not a local directory, and the Hub cannot be reached ({reason})"
        raise InputError(repo, wrong, "download it once while online, or give a local directory") from error


def downloaded(name: str) -> Path | None:
    """The snapshot of ``org/name@revision`` if it is here already."""
    from huggingface_hub import snapshot_download

    repo, _, revision = name.partition("@")
    try:
        return Path(snapshot_download(repo, revision=revision or None, local_files_only=True))
    except (OSError, ValueError):
        return None


def origin(folder: Path) -> tuple[str, str] | None:
    """Hub id and commit of a folder that is a snapshot in the Hub's cache; None for any other folder."""
    repo, commit = folder.parent.parent.name, folder.name
    if folder.parent.name != "snapshots" or not repo.startswith("models--") or repo.count("--") != 2:
        return None
    return repo.removeprefix("models--").replace("--", "/"), commit
