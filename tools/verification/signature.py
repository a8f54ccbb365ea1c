"""Signature of a run with the user's own SSH key, made and checked by ``ssh-keygen -Y``.

What is signed is one short text: the run's name and the head of its journal, which fixes all that the journal
holds and every file that it names. Somebody who writes a whole run anew has another head, and no key.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from subprocess import CompletedProcess

from tasks.errors import InputError
from tools.process.environment import child_environment
from tools.workspace import Workspace

TOOL = "ssh-keygen"
NAMESPACE = "ft-dojo"
IDENTITY = "signer"
STATEMENT, SIGNATURE = "signed.txt", "signed.txt.sig"
SECONDS = 60.0
_KEY = re.compile(r"^(ssh-|ecdsa-|sk-)\S+ \S+")


def statement(run: str, head: str) -> str:
    """The text that is signed."""
    return f"ft-dojo run {run}\njournal head {head}\n"


def sign(workspace: Workspace, run: str, head: str, key: Path, agent: str = "") -> Path:
    """Sign a run; the statement and the signature lie in its folder.

    Args:
        workspace: the run's folder.
        run: its name, as the journal has it.
        head: of its journal.
        key: a private SSH key, or a public one whose private half an agent holds.
        agent: the socket of an SSH agent (``SSH_AUTH_SOCK``); empty for none.

    Raises:
        InputError: there is no such key or no ``ssh-keygen``, or it refuses.
    """
    if not key.is_file():
        raise InputError(
            f"--sign {key}", "there is no such key", "name an SSH key, such as ~/.ssh/id_ed25519"
        )
    file = workspace.write_text(STATEMENT, statement(run, head))
    signature = workspace.inside(SIGNATURE)
    signature.unlink(missing_ok=True)  # the tool asks before it writes over one
    command = ["-Y", "sign", "-f", str(key.resolve()), "-n", NAMESPACE, str(file)]
    done = _call(command, agent=agent)
    if done.returncode or not signature.is_file():
        raise InputError(
            f"--sign {key}", f"ssh-keygen does not sign: {_said(done)}", "unlock or check the key"
        )
    return signature


def signed(workspace: Workspace) -> bool:
    """Whether a signature lies in the folder."""
    return workspace.inside(SIGNATURE).is_file()


def signer_of(workspace: Workspace, run: str, head: str, expected: Path | None) -> tuple[str, list[str]]:
    """Who signed a run, as far as it can be told, and what is wrong with the signature.

    Args:
        workspace: the run's folder.
        run: its name.
        head: of its journal, as it was computed now.
        expected: a public key, or a file of allowed signers; None takes any key and names it.

    Raises:
        InputError: there is no ``ssh-keygen``, or ``expected`` is no key.
    """
    text = workspace.inside(STATEMENT)
    if not text.is_file() or text.read_text(encoding="utf-8", errors="replace") != statement(run, head):
        return "", [f"{STATEMENT}: is not of this run's journal as it is now (head {head[:12]})"]
    content = text.read_bytes()
    signature = str(workspace.inside(SIGNATURE))
    checked = _call(["-Y", "check-novalidate", "-n", NAMESPACE, "-s", signature], content)
    if checked.returncode:
        return "", [f"{SIGNATURE}: is no signature of that statement ({_said(checked)})"]
    found = re.search(r"key (\S+)", checked.stdout + checked.stderr)
    key = found[1] if found else "an unknown key"
    if expected is None:
        return key, []
    with tempfile.TemporaryDirectory() as folder:
        allowed = Path(folder) / "allowed"
        allowed.write_text(_allowed(expected), encoding="utf-8")
        command = ["-Y", "verify", "-f", str(allowed), "-I", IDENTITY, "-n", NAMESPACE, "-s", signature]
        done = _call(command, content)
    if done.returncode:
        return key, [f"{SIGNATURE}: was made with {key}, which is not the key of {expected.name}"]
    return key, []


def _allowed(expected: Path) -> str:
    """Lines of allowed signers, all under one name, from a public key or such a file.

    Raises:
        InputError: it is neither.
    """
    try:
        lines = expected.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"--signer {expected}", f"cannot be read ({error})", "name a public SSH key"
        ) from error
    keys = []
    for line in (each.strip() for each in lines):
        if not line or line.startswith("#"):
            continue
        at = re.search(r"(ssh-|ecdsa-|sk-)\S+ \S+", line)
        if at is None or not _KEY.match(at[0]):
            raise InputError(f"--signer {expected}", "is no public SSH key", "name a .pub file")
        keys.append(f"{IDENTITY} {at[0]}")
    if not keys:
        raise InputError(f"--signer {expected}", "holds no key", "name a .pub file")
    return "\n".join(keys) + "\n"


def _call(arguments: list[str], content: bytes = b"", agent: str = "") -> CompletedProcess[str]:
    """Run the tool without a terminal: a key with a passphrase comes from an agent."""
    tool = shutil.which(TOOL)
    if tool is None:
        raise InputError("a signature", f"needs {TOOL}, which is not here", "install OpenSSH")
    more = {"SSH_ASKPASS_REQUIRE": "never"} | ({"SSH_AUTH_SOCK": agent} if agent else {})
    environment = child_environment(os.environ, more)
    done = subprocess.run(
        [tool, *arguments], input=content, capture_output=True, timeout=SECONDS, env=environment, check=False
    )
    decoded = (done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
    return CompletedProcess(done.args, done.returncode, *decoded)


def _said(done: CompletedProcess[str]) -> str:
    return " ".join((done.stderr or done.stdout).split())[:200]
