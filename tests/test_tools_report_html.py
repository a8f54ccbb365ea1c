"""The report: whole, self-contained, escaped, silent about the test, honest in every state."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import Markup

from memory.claim import claim
from memory.confirmation import Confirmation, Look
from memory.journal.log import Journal
from memory.records import Comparison
from tasks.base import Score
from tests.support.run_folder import NASTY, SEALED, VALIDATION, info, make_run
from tests.support.run_records import comparison
from tests.test_memory_early_stop import stop
from tools.report import facts
from tools.report.html import _environment, render_report, reproduce_command, write_report

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Outline(HTMLParser):
    """Collects tags and text, and notices what is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def page_of(folder: Path, **state: object) -> str:
    with make_run(folder, **state) as journal:  # type: ignore[arg-type]
        return render_report(journal, folder, VALIDATION)


def on_the_test(delta: float, p_value: float) -> Comparison:
    return comparison("e01", "base", delta, low=delta - 3, high=delta + 3, p_value=p_value, n=500)


STATES = {
    "whole": {},
    "nothing kept": {"kept": False},
    "unfinished": {"experiments": 2, "ended": False},
    "just begun": {"experiments": 0, "ended": False},
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_the_page_is_well_formed_and_needs_nothing_but_itself(
    tmp_path: Path, state: dict[str, object]
) -> None:
    page = page_of(tmp_path / "run", **state)
    outline = Outline(page)
    assert outline.open == []
    assert not {"script", "link", "img", "iframe", "object"} & set(outline.tags)
    loading = {name: value for name, value in outline.attributes if name in ("src", "href", "xlink:href")}
    assert all(value is not None and value.startswith("#") for value in loading.values())
    assert "url(http" not in page
    assert "@import" not in page


def test_data_is_escaped_wherever_it_appears(tmp_path: Path) -> None:
    page = page_of(tmp_path / "run")
    assert NASTY not in page
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 10


def test_invisible_characters_and_keys_do_not_reach_the_page() -> None:
    text = "a\u202egnp.exe\u2066 \x1b[31m ghp_Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zAb3d <b> 中文 é"
    template = _environment().from_string("{{ text }} {{ plot }} {{ 3 }}")
    page = template.render(text=text, plot=Markup("<svg/>"))
    assert page == "a\\u{202e}gnp.exe\\u{2066} \\u{1b}[31m [redacted] &lt;b&gt; 中文 é <svg/> 3"


def test_the_sealed_test_and_what_resembled_it_are_never_quoted(tmp_path: Path) -> None:
    page = page_of(tmp_path / "run")
    assert SEALED not in page
    assert "Sum the wins." in page, "other removed rows are shown"


def test_a_gain_is_stated_with_its_evidence(tmp_path: Path) -> None:
    with make_run(tmp_path / "run") as journal:
        tone, sentence = claim(journal)
        page = render_report(journal, tmp_path / "run", VALIDATION)
    assert tone == "gained"
    assert "from 11.5 to 64.0" in sentence
    assert "+52.5 points" in sentence
    assert "500 sealed test items" in sentence
    text = " ".join("".join(Outline(page).text).split())
    for fact in ("+10.5 points", "+42.0 points", "exact McNemar", "opened 1 time.", "base → e01 → e04"):
        assert fact in text
    assert re.search(r"champion chosen.*sealed test opened", text)


def test_a_difference_that_chance_explains_is_not_called_a_gain(tmp_path: Path) -> None:
    with make_run(tmp_path / "run", experiments=1, ended=False) as journal:
        journal.append("champion_chosen", {"champion": "e01"})
        journal.append("test_comparison", on_the_test(delta=1.2, p_value=0.4), "e01")
        tone, sentence = claim(journal)
    assert tone == "open"
    assert sentence.startswith("No gain was shown")


def test_a_significant_loss_is_called_worse(tmp_path: Path) -> None:
    with make_run(tmp_path / "run", experiments=1, ended=False) as journal:
        journal.append("champion_chosen", {"champion": "e01"})
        journal.append("test_comparison", on_the_test(delta=-9.0, p_value=1e-6), "e01")
        assert claim(journal)[0] == "worse"


def test_a_gain_that_was_not_confirmed_is_named_and_not_claimed(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    with make_run(run_dir, experiments=1, ended=False) as journal:
        looked = on_the_test(delta=2.7, p_value=0.21).model_copy(update={"n": 150})
        look = Look(items=150, level=0.045, comparison=looked)
        score = Score(metric="exact match", value=15.2, low=10.0, high=22.0, n=150)
        found = Confirmation(candidate="e01", looks=(look,), confirmed=False, base=score, score=score)
        journal.append("note", {"text": "150 of 300 are kept", "detectable": True})
        journal.append("confirmation", found)
        journal.append("champion_chosen", {"champion": "base"})
        itself = on_the_test(0.0, 1.0).model_copy(update={"challenger": "base"})
        journal.append("test_comparison", itself, "base")
        tone, sentence = claim(journal)
        page = render_report(journal, run_dir, VALIDATION)
    assert tone == "open"
    assert sentence.startswith("No gain could be confirmed; best candidate e01 not confirmed: +2.7")
    assert sentence.endswith("the base model stands and nothing is claimed.")
    text = " ".join("".join(Outline(page).text).split())
    for words in ("base (e01 was not confirmed)", "Validation, kept apart (e01)", "150 of 300 are kept"):
        assert words in text


def test_nothing_kept_and_unfinished_claim_nothing(tmp_path: Path) -> None:
    assert "the base model stands" in page_of(tmp_path / "none", kept=False)
    part = page_of(tmp_path / "part", experiments=2, ended=False)
    assert "The run is unfinished and the sealed test was not read" in part
    assert "from 12.5 to 40.0" in part
    assert "No experiment has finished yet" in page_of(tmp_path / "begun", experiments=0, ended=False)


def test_answers_that_changed_come_from_validation_and_agree_with_the_files(tmp_path: Path) -> None:
    with make_run(tmp_path / "run") as journal:
        changed = facts.changed_items(journal, tmp_path / "run", VALIDATION)
    assert [item["id"] for item in changed["broken"]] == ["v0"]
    assert len(changed["fixed"]) == 21
    assert changed["fixed"][0]["gold"] == "5"
    assert changed["fixed"][0]["prompt"].startswith("How many rows does table 5 have?")


def test_curation_tells_what_each_operation_removed_and_from_where(tmp_path: Path) -> None:
    with make_run(tmp_path / "run") as journal:
        cards = facts.curation(journal.experiments(), tmp_path / "run")
    steps = {step["op"]: step for step in cards[0]["steps"]}
    assert steps["filter parseable"]["removed"] == 730
    assert steps["filter parseable"]["by_source"] == [("beta", 700), ("alpha", 30)]
    assert [row["op"] for row in cards[0]["examples"]] == ["deduplicate", "filter parseable"]


def test_lineage_is_a_tree_under_the_base(tmp_path: Path) -> None:
    with make_run(tmp_path / "run") as journal:
        (first,) = facts.lineage(journal.experiments())
    assert first["experiment"].id == "e01"
    assert [node["experiment"].id for node in first["children"]] == ["e02", "e03", "e04"]
    assert first["children"][2]["children"][0]["experiment"].id == "e05"


def test_a_score_on_a_share_of_the_items_says_so_in_table_tree_and_picture(tmp_path: Path) -> None:
    assert "items answered" not in page_of(tmp_path / "full")
    make_run(tmp_path / "run").close()
    journal = Journal.open(tmp_path / "run" / "journal.jsonl", write=False)
    data, full = journal.stage("e02", "evaluation"), journal.evaluation("e02")
    assert data is not None
    assert full is not None
    data["stopped"] = stop().model_dump(mode="json")
    page = render_report(journal, tmp_path / "run", VALIDATION)
    said = f"{full.score.value:.1f} (n={full.score.n})"
    assert page.count("38 of 150 items answered") == 1
    assert f"{said}</span>" in page
    assert any(said in picture for picture in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))


def test_the_same_journal_gives_the_same_page(tmp_path: Path) -> None:
    with make_run(tmp_path / "run") as journal:
        once = render_report(journal, tmp_path / "run", VALIDATION)
        assert render_report(journal, tmp_path / "run", VALIDATION) == once


def test_pictures_follow_the_page_and_name_themselves(tmp_path: Path) -> None:
    page = page_of(tmp_path / "run")
    pictures = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(pictures) == 3
    for picture in pictures:
        assert 'role="img" aria-label="' in picture
        assert not re.search(r"#0[0-9a-f]0[0-9a-f]0[0-9a-f]", picture), "a stand-in colour was left"
        assert "var(--" in picture
    ids = [set(re.findall(r' id="(m[0-9a-f]+|p[0-9a-f]+)"', picture)) for picture in pictures]
    assert sum(map(len, ids)) == len(set().union(*ids)), "the page's pictures share ids"


def test_a_report_is_written_from_a_journal_that_is_only_read(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    make_run(folder).close()
    journal = Journal.open(folder / "journal.jsonl", write=False)
    path = write_report(journal, folder)
    assert path == folder / "report.html"
    assert "v5" in path.read_text(encoding="utf-8"), "ids stand in for prompts"
    assert not list(folder.glob("*.tmp"))


def test_a_lost_predictions_file_leaves_a_report(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with make_run(folder) as journal:
        for path in folder.glob("experiments/*/validation.jsonl"):
            path.unlink()
        page = render_report(journal, folder, VALIDATION)
    assert "Answers that changed" not in page
    assert "The model got better" in page


def test_the_command_repeats_what_was_asked(tmp_path: Path) -> None:
    assert reproduce_command(info(), tmp_path) == (
        "ftdojo run tablebench_numerical_reasoning --base-model ftdojo-mini --edition mini "
        "--budget 300s --policy playbook --seed 0 --max-rows 2000"
    )
    (tmp_path / "run.json").write_text('{"task": "my task", "base_model": "models/m"}', encoding="utf-8")
    command = reproduce_command(info(task="mine", edition="user"), tmp_path)
    assert command.startswith("ftdojo run 'my task' --base-model models/m --budget")


def test_the_command_repeats_the_language_model_and_its_caps(tmp_path: Path) -> None:
    asked = {"model": "openai:m", "base_url": "", "max_usd": 1.5, "max_tokens": None, "approve": ["plan"]}
    (tmp_path / "run.json").write_text(json.dumps(asked), encoding="utf-8")
    command = reproduce_command(info(policy="llm"), tmp_path)
    assert command.endswith(
        "--policy llm --seed 0 --max-rows 2000 --model openai:m --max-usd 1.5 --approve plan"
    )
