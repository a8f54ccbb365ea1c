"""``python -m tests.support.image --write``: the Dockerfile, and what langgraph.json names for it.

LangGraph's builder installs the project without its extras, and hands further packages to a shell without
quotes. So langgraph.json names those of the extras that a served run needs, at the pins of the lock.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
CONFIG, DOCKERFILE = ROOT / "langgraph.json", ROOT / "Dockerfile"
EXTRAS = ("run", "train", "eval")
FOLDER = "ft-dojo"
"""The builder takes the name of the project's folder here; in ours it has one name everywhere."""
HEADER = "# Made of langgraph.json by `python -m tests.support.image --write`; see docs/server.md.\n"


def packages() -> list[str]:
    """What the extras name, each at the lock's pin."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    found = re.findall(r"^([\w.-]+)(?:\[.*\])?==(\S+)", lock, re.MULTILINE)
    pins = {canonicalize_name(name): pin for name, pin in found}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [Requirement(each) for extra in EXTRAS for each in extras["optional-dependencies"][extra]]
    return sorted(
        {f"{_with_extras(each)}=={pins[canonicalize_name(each.name)]}" for each in named}, key=str.lower
    )


def _with_extras(named: Requirement) -> str:
    return f"{named.name}[{','.join(sorted(named.extras))}]" if named.extras else named.name


def dockerfile() -> str:
    """What ``langgraph dockerfile`` makes of langgraph.json."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "Dockerfile"
        subprocess.run(
            [Path(sys.executable).parent / "langgraph", "dockerfile", made, "--config", CONFIG],
            env=os.environ | {"LANGGRAPH_CLI_NO_ANALYTICS": "1"},
            check=True,
            capture_output=True,
        )
        text = made.read_text(encoding="utf-8").replace(f"/deps/{ROOT.name}", f"/deps/{FOLDER}")
    lines = [line.rstrip() for line in text.splitlines()]
    return HEADER + re.sub(r"\n{3,}", "\n\n", "\n".join(lines).strip()) + "\n"


def main() -> None:
    """Write both files."""
    if sys.argv[1:] != ["--write"]:
        raise SystemExit(__doc__)
    config = json.loads(CONFIG.read_text(encoding="utf-8"))
    config["dependencies"] = [".", *packages()]
    CONFIG.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    DOCKERFILE.write_text(dockerfile(), encoding="utf-8")


if __name__ == "__main__":
    main()
