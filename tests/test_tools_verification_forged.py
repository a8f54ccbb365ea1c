"""What a forger with our code rewrites is named, as long as one consequence of it was left as it was.

Each group changes independent things in one copy of a run, writes journal, chain and heads anew so that all
of them fit, and looks for a line on each.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from graph.verify import Wish, verify
from tests.support.claimed_run import Claimed
from tests.support.forgery import Copied, Line, copied, edit_json, edit_rows
from tools.verification.foundations import digest

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def run(finished: Claimed, tmp_path: Path) -> Copied:
    return copied(*finished, tmp_path)


def differences(run: Copied) -> tuple[str, ...]:
    return verify(run.run_dir, Wish()).differences


def test_a_journal_written_anew_as_it_was_is_no_difference(run: Copied) -> None:
    run.forge(lambda lines: None)
    assert differences(run) == ()


# ---- records of the journal, with a chain and with heads that fit

Change = Callable[[list[Line]], object]


def data(kind: str, experiment: str | None = None, **changes: Any) -> Change:
    def change(lines: list[Line]) -> None:
        for line in lines:
            if line["kind"] == kind and experiment in (None, line["experiment"]):
                line["data"] |= changes

    return change


def place(lines: list[Line], kind: str, experiment: str | None = None) -> int:
    return next(
        n for n, line in enumerate(lines) if line["kind"] == kind and experiment in (None, line["experiment"])
    )


def copy_of(of: str, behind: str, **changes: Any) -> Change:
    """A second line of a kind, behind the first of another."""

    def change(lines: list[Line]) -> None:
        line = json.loads(json.dumps(lines[place(lines, of)])) | changes
        lines.insert(place(lines, behind) + 1, line)

    return change


def moved(kind: str, before: str, about: str = "") -> Change:
    def change(lines: list[Line]) -> None:
        found = next(
            n for n, line in enumerate(lines) if line["kind"] == kind and about in json.dumps(line["data"])
        )
        lines.insert(place(lines, before), lines.pop(found))

    return change


def recorded_before_as_something_else(lines: list[Line]) -> None:
    number = next(n for n, line in enumerate(lines) if line["data"].get("about") == "rows")
    parts = {"test": "0" * 64}
    was = {"about": "rows", "digest": digest(parts), "parts": parts}
    lines.insert(number, json.loads(json.dumps(lines[number])) | {"data": was})


def clocks_back(lines: list[Line]) -> None:
    for line in lines[-3:]:
        if line.get("clocks"):
            line["clocks"] = dict.fromkeys(line["clocks"], 0.001)


def no_time(lines: list[Line]) -> None:
    lines[3]["time"] = "yesterday"


def levels(lines: list[Line]) -> None:
    for line in lines:
        if "baselines" in line["data"]:
            line["data"]["baselines"]["chance"] = 1.0


def wider(lines: list[Line]) -> None:
    """One step of how the data came to be, in numbers."""
    lines[place(lines, "card")]["data"]["rows_by_source"] = {"elsewhere": 120}


RECORDS: dict[str, dict[str, Change]] = {
    "what the run began as": {
        "edition is official": data("run_started", edition="official"),
        "parameters is 7000000000": data("run_started", parameters=7_000_000_000),
        "data_digest is 000": data("run_started", data_digest="0" * 64),
        "first line: torch is 9": data("run_started", versions={"torch": "9"}),
        "rows: recorded again as something else": recorded_before_as_something_else,
        "yesterday is no time": no_time,
    },
    "how it went": {
        "builds on e07, which was not planned before it": data("plan", parent="e07"),
        "planned from e07, and trained from base": data("plan", init_from="e07"),
        "planned on elsewhere, and its recipe takes": data("plan", sources=["elsewhere"]),
        "verdict of e01: stands 2 times": copy_of("verdict", behind="verdict"),
        "evaluation of e05, which was never planned": copy_of(
            "evaluation", behind="verdict", experiment="e05"
        ),
        "blessing is no kind of event": copy_of("note", behind="plan", kind="blessing"),
        "its plan stands behind its diagnosis": moved("diagnosis", before="plan"),
        "its rows_by_source comes to": wider,
    },
    "what was measured": {
        "training.json: losses is": data("training", losses=[[1, 0.001]]),
        "plan.json: learning_rate is": data("training_plan", learning_rate=0.5),
        "experiments/e01/validation.jsonl: its wrong answers fall into other clusters": data(
            "evaluation", "e01", clusters=[{"name": "harmless", "count": 1, "share": 0.1}]
        ),
        "it is a part of 24 items, recorded as one of 1000": data("test_evaluation", "base", drawn_from=1000),
        "what no model would score: chance comes to": levels,
    },
    "how it ended": {
        "test_opened: its n is 9999": data("test_opened", n=9999),
        "test_opened: its digest is 111": data("test_opened", digest="1" * 64),
        "test_opened: its order is as it came": data("test_opened", order="as it came"),
        "answers to it were recorded before it was opened": moved("evidence", "plan", about="base/test-1"),
        "goes back from": clocks_back,
        "holds pruned, which a run notes before it": lambda lines: lines.append(
            {**lines[place(lines, "note")], "data": {"text": "", "pruned": ["e01"]}}
        ),
    },
}


@pytest.mark.parametrize("group", RECORDS)
def test_records_that_a_run_would_not_have_written_are_named(run: Copied, group: str) -> None:
    for change in RECORDS[group].values():
        run.forge(lambda lines, change=change: change(lines) and None)  # type: ignore[misc]
    found = differences(run)
    missing = [told for told in RECORDS[group] if not any(told in line for line in found)]
    assert not missing, "\n".join([*missing, "", *found])


# ---- what people read, with a journal that vouches for it


def vouched(run: Copied, name: str, change: Callable[[str], str]) -> None:
    file = run.run_dir / name
    text = file.read_text(encoding="utf-8")
    assert change(text) != text
    file.write_text(change(text), encoding="utf-8")
    now = sha256(file.read_bytes()).hexdigest()

    def know(lines: list[Line]) -> None:
        for line in lines:
            if name in (line["data"].get("files") or {}):
                line["data"]["files"][name] = now

    run.forge(know)


def lookalike(text: str) -> str:
    """Another letter that looks the same."""
    return text.replace("The model got better", "The m\u043edel got better", 1)


def one_plot_less(text: str) -> str:
    return text[: text.index("<svg")] + text[text.index("</svg>") + 6 :]


REPORT: dict[str, Callable[[str], str]] = {
    "says '<p>Certified.</p>": lambda text: text.replace("</body>", "<p>Certified.</p></body>"),
    "says '": lookalike,
    "says": one_plot_less,
}
OTHERS: dict[str, tuple[str, Callable[[str], str]]] = {
    "README.md: says 'license: mit'": (
        "champion/README.md",
        lambda text: text.replace("---\n", "---\nlicense: mit\n", 1),
    ),
    "champion/chat_template.jinja: is another than that of e01": (
        "champion/chat_template.jinja",
        lambda text: text + " ",
    ),
    "summary.json: cannot be read (it has gain twice)": (
        "summary.json",
        lambda text: text.replace("{", '{"gain": 99.0, ', 1),
    ),
    "run.json: it has seed twice": ("run.json", lambda text: text.replace("{", '{"seed": 7, ', 1)),
}


@pytest.mark.parametrize("told", REPORT)
def test_a_report_is_made_again_whatever_vouches_for_it(run: Copied, told: str) -> None:
    vouched(run, "report.html", REPORT[told])
    assert any(line.startswith(f"report.html: {told}") for line in differences(run))


def test_what_else_people_read_is_made_again_whatever_vouches_for_it(run: Copied) -> None:
    for name, edit in OTHERS.values():
        vouched(run, name, edit)
    found = differences(run)
    missing = [told for told in OTHERS if not any(told in line for line in found)]
    assert not missing, "\n".join([*missing, "", *found])


# ---- files, with a journal that knows them


def row_doubled(run: Copied) -> None:
    """A training row becomes another's copy, in a file that journal and card know."""

    def double(rows: list[dict[str, Any]]) -> None:
        rows[0] = rows[1]

    file, name = run.data(), run.first("card")["data"]["path"]
    edit_rows(file, double)
    now = sha256(file.read_bytes()).hexdigest()

    def know(lines: list[Line]) -> None:
        for line in lines:
            if name in (line["data"].get("files") or {}):
                line["data"]["files"][name] = now
            if line["kind"] == "card":
                line["data"]["data_sha256"] = now

    run.forge(know)
    edit_json(file.with_suffix(".card.json"), lambda card: card.update(data_sha256=now))


def items_dropped(run: Copied) -> None:
    """The last test item is in neither model's file any more."""
    for experiment in ("base", "e01"):
        edit_rows(run.predictions("test", experiment), lambda items: items[:-1])
        run.record(run.predictions("test", experiment))


def never_asked(run: Copied) -> None:
    """Answers of the base are told to have met a prompt that was too long."""

    def change(items: list[dict[str, Any]]) -> None:
        limit = "prompt_too_long"
        items[0] |= {"prediction": "", "limit": limit, "parsed": None, "error": limit, "right": False}

    edit_rows(run.predictions("test", "base"), change)
    run.record(run.predictions("test", "base"))


def linked(run: Copied) -> None:
    elsewhere = run.run_dir / "answers.jsonl"
    shutil.move(run.predictions("validation"), elsewhere)
    run.predictions("validation").symlink_to(elsewhere)


FILES: dict[str, Callable[[Copied], object]] = {
    "its recipe gives 120 other rows": row_doubled,
    "1 items that base had to answer have no answer": items_dropped,
    "limit is none by the prompt": never_asked,
    "experiments/e01/validation.jsonl: is a link": linked,
    "test-7.jsonl: are answers that no line of the journal names": lambda run: shutil.copy(
        run.predictions(), run.predictions("test-7")
    ),
    "test-1.jsonl: is not the file that the run wrote": lambda run: edit_rows(
        run.predictions("test-1"), lambda rows: rows[:-1]
    ),
    "experiments/e09: no such experiment was planned": lambda run: (
        run.run_dir / "experiments" / "e09"
    ).mkdir(),
    "card.json: mean_tokens is 7": lambda run: edit_json(
        run.data().with_suffix(".card.json"), lambda card: card.update(mean_tokens=7)
    ),
    "is not written as the journal writes": lambda run: run.journal.write_bytes(
        run.journal.read_bytes().replace(b'"outcome":"max_exp', b'"outcome":"solved","outcome":"max_exp')
    ),
}


def test_files_are_held_against_what_they_were_made_from(run: Copied) -> None:
    for make in FILES.values():
        make(run)
    found = differences(run)
    missing = [told for told in FILES if not any(told in line for line in found)]
    assert not missing, "\n".join([*missing, "", *found])


def test_a_folder_may_have_another_size_than_its_summary_says_and_not_other_weights(run: Copied) -> None:
    def pruned(lines: list[Line]) -> None:
        note = {**lines[place(lines, "note")], "experiment": None, "data": {"text": "", "pruned": ["e09"]}}
        lines.insert(place(lines, "candidate_chosen"), note)

    run.forge(pruned)
    summary = run.run_dir / "summary.json"
    edit_json(summary, lambda said: said.update(disk="1 GB; the weights of e09 were removed"))
    assert not [line for line in differences(run) if line.startswith("summary.json: disk")]
    edit_json(summary, lambda said: said.update(disk="1 GB; the weights of e10 were removed"))
    assert [line for line in differences(run) if line.startswith("summary.json: disk")]
