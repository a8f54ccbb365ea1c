"""Commands ``ftdojo verify`` and ``ftdojo archive``: a run's claim checked, and taken elsewhere.

Exit codes of ``verify``: 0 nothing differs, 1 something does, 2 wrong input.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph.cli.flags import RESULTS, AsJson, RunsDir
from graph.cli.printable import json_text, say
from graph.extras import require
from tasks.errors import InputError

if TYPE_CHECKING:
    from graph.verify import Verified

commands = typer.Typer()


@commands.command(rich_help_panel=RESULTS)
def verify(
    name: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's name, its folder, or an archive of it.")
    ],
    runs_dir: RunsDir,
    rerun: Annotated[
        int, typer.Option(min=0, metavar="N", help="Let base and champion answer N test items again.")
    ] = 0,
    sign: Annotated[
        Path | None, typer.Option(metavar="KEY", help="Sign the run with this SSH key if nothing differs.")
    ] = None,
    signer: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Public SSH key that must have signed the run.")
    ] = None,
    head: Annotated[
        str, typer.Option(metavar="DIGEST", help="The journal's head as you kept it outside the run.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Compute again all that a run's figures rest on, and name every difference."""
    from graph.run import find_run
    from graph.verify import Wish, sign_run
    from graph.verify import verify as check

    require("ftdojo verify", "run", "train")
    archived = Path(name).expanduser()
    place = archived if archived.is_file() else find_run(name, Path(runs_dir))
    if sign is not None and place.is_file():
        raise InputError(f"--sign {sign}", "an archive is not signed", "sign the run, then archive it")
    found = check(place, Wish(rerun, signer, head))
    differs = bool(found.differences)
    signed = sign_run(place, sign) if sign is not None and not differs else None
    if as_json:
        facts: dict[str, Any] = {"run": found.run, "head": found.head, "verified": not differs}
        facts |= {"accepted": found.accepted, "signature": str(signed) if signed else None}
        facts |= {"checks": [asdict(one) for one in found.findings]}
        say(json_text(facts))
    else:
        _print(found)
        if signed:
            say(f"signed: {signed}")
    if differs:
        raise SystemExit(1)


def _print(found: Verified) -> None:
    for finding in found.findings:
        say(f"{finding.check:12} {finding.told}")
    for line in found.accepted:
        say(f"marked: gone on although it had changed: {line}")
    for line in (line for finding in found.findings for line in finding.unchecked):
        say(f"not checked: {line}")
    for line in found.differences:
        say(f"differs: {line}")
    count = len(found.differences)
    result = f"{count} differences" if count > 1 else "1 difference" if count else "nothing differs"
    say(f"{found.run}: {result}")


@commands.command(rich_help_panel=RESULTS)
def archive(
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run's name or folder.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file: .tar, .tar.gz or .tar.xz.")],
    runs_dir: RunsDir,
) -> None:
    """Pack a run with its task and base model into one file that `ftdojo verify` takes elsewhere."""
    from graph.run import find_run
    from graph.verify import archive_run

    count = archive_run(find_run(name, Path(runs_dir)), file)
    say(f"{file}: {count} files; check it with: ftdojo verify {file}")
