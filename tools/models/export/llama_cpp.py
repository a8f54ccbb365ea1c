"""GGUF export by llama.cpp's own converter, ``convert_hf_to_gguf.py``, where it is found.

The converter knows each architecture's tensors and holds the tokenizer against those that llama.cpp can run;
writing the format ourselves would know neither. What it wrote is read back: architecture, tensors, template.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import InputError
from tools.process.environment import child_environment

SCRIPT = "convert_hf_to_gguf.py"
PACKAGED = "convert-hf-to-gguf"
"""The same script as a command, from the package of that name."""
USUAL = ("llama.cpp", "src/llama.cpp", "git/llama.cpp", "repos/llama.cpp")
"""Checkouts, below the home folder and the working directory."""


@dataclass(frozen=True)
class Written:
    """What stands in a GGUF file."""

    file: Path
    architecture: str
    tensors: int
    template: str
    bytes: int


def find(given: str = "") -> list[str] | None:
    """The command that starts the converter; None where there is none.

    Args:
        given: the script or a checkout of llama.cpp, as the user named it.

    Raises:
        InputError: what was named is neither.
    """
    if given:
        place = Path(given).expanduser()
        place = place / SCRIPT if place.is_dir() else place
        if not place.is_file():
            raise InputError(
                f"--converter {given}", f"there is no {SCRIPT}", "name it, or llama.cpp's folder"
            )
        return [sys.executable, str(place)] if place.suffix == ".py" else [str(place)]
    for name in (SCRIPT, PACKAGED):
        if found := shutil.which(name):
            return [found]
    for root in (Path.cwd(), Path.home()):
        for folder in USUAL:
            if (root / folder / SCRIPT).is_file():
                return [sys.executable, str(root / folder / SCRIPT)]
    return None


def command(converter: list[str], folder: Path, file: Path, outtype: str) -> list[str]:
    """The converter's call for a model directory."""
    return [*converter, str(folder), "--outfile", str(file), "--outtype", outtype]


def how_to(folder: Path, file: Path, outtype: str) -> str:
    """What to type where no converter is found."""
    call = shlex.join(command(["python", f"llama.cpp/{SCRIPT}"], folder, file, outtype))
    return f"git clone --depth 1 https://github.com/ggml-org/llama.cpp && {call}"


def convert(converter: list[str], folder: Path, file: Path, outtype: str, log: Path) -> Written:
    """Converts a model directory and reads the file back.

    Raises:
        InputError: the converter failed (its last line), or what it wrote is not the model.
    """
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(
            command(converter, folder, file, outtype),
            env=child_environment(os.environ),
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode != 0 or not file.is_file():
        lines = [
            line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()
        ]
        said = (lines or ["no reason given"])[-1].strip()[:200]
        raise InputError(str(file), f"llama.cpp's converter failed ({said})", f"read {log}")
    return read_back(file)


def read_back(file: Path) -> Written:
    """What the file says of itself.

    Raises:
        InputError: it is no GGUF file, or holds no tensors.
    """
    from gguf import GGUFReader

    try:
        reader = GGUFReader(str(file))
    except (ValueError, OSError, IndexError) as error:
        raise InputError(str(file), f"not a GGUF file ({error})", "convert it again") from error
    if not reader.tensors:
        raise InputError(str(file), "it holds no tensors", "convert it again")

    def stated(name: str) -> str:
        field = reader.get_field(name)
        return str(field.contents()) if field is not None else ""

    return Written(
        file=file,
        architecture=stated("general.architecture"),
        tensors=len(reader.tensors),
        template=stated("tokenizer.chat_template"),
        bytes=file.stat().st_size,
    )
