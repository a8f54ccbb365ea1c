"""A folder of one's own: it runs, and every mistake in it is one clear line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.base import TaskSpec
from tasks.custom.folder import fill, load_folder, write_example
from tasks.errors import InputError
from tasks.load import load

TOML = """
name = "colours"
description = "Name the colour."
prompt = "Which colour is {thing}?"
metric = "exact_match"
"""


def _jsonl(*rows: object) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    task = tmp_path / "colours"
    (task / "train").mkdir(parents=True)
    (task / "task.toml").write_text(TOML)
    (task / "validation.jsonl").write_bytes(_jsonl({"thing": "grass", "answer": "green"}))
    (task / "test.jsonl").write_bytes(
        _jsonl({"thing": "snow", "answer": "white"}, {"thing": "coal", "answer": "black"})
    )
    (task / "train" / "old-book.jsonl").write_bytes(_jsonl({"q": "sky", "a": "blue"}))
    return task


def _refused(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_folder(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.fix
    return message


def test_a_folder_is_a_task(folder: Path) -> None:
    spec = load_folder(folder)
    data = load(spec, "user", 0)
    assert (spec.id, spec.domain, spec.subsets) == ("colours", "custom", ("colours",))
    assert [s.prompt for s in data.validation] == ["Which colour is grass?"]
    assert [s.gold for s in data.load_test()] == ["white", "black"]
    assert data.sources[0].name == "old-book"
    assert "`q`, `a`" in data.sources[0].card
    assert spec.scorer(data.validation[0], "Green.").right
    assert spec.scorer(data.validation[0], "It grows.\nAnswer: green").right
    assert spec.scorer(data.validation[0], "red").error == "wrong"
    assert spec.scorer(data.validation[0], "").error == "unparseable"


def test_bom_crlf_blank_lines_and_unusual_separators_do_no_harm(folder: Path) -> None:
    row = json.dumps({"thing": "a\u2028b", "answer": "grün"}, ensure_ascii=False)
    (folder / "test.jsonl").write_bytes(b"\xef\xbb\xbf" + f"{row}\r\n\r\n".encode())
    (folder / "task.toml").write_bytes(b"\xef\xbb\xbf" + TOML.replace("\n", "\r\n").encode())
    (sample,) = load(load_folder(folder), "user", 0).load_test()
    assert sample.prompt == "Which colour is a\u2028b?"
    assert sample.gold == "grün"


def _write(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content) and None


def _toml(old: str, new: str) -> Callable[[Path], None]:
    return _write("task.toml", TOML.replace(old, new).encode())


MISTAKES: list[tuple[str, Callable[[Path], None], tuple[str, ...]]] = [
    ("no task.toml", lambda f: (f / "task.toml").unlink(), ("task.toml", "missing", "init-task")),
    ("torn toml", _toml('"colours"', '"colours'), ("task.toml", "not valid TOML", "line 2")),
    (
        "metric",
        _toml("exact_match", "exact_mach"),
        ("unknown metric 'exact_mach'", "did you mean exact_match"),
    ),
    ("no name", _toml('name = "colours"', ""), ("the line name = ... is missing",)),
    ("bad name", _toml('"colours"', '"../x"'), ("name = '../x'",)),
    (
        "setting",
        _toml("description", "descripton"),
        ("there is no setting 'descripton'", "did you mean description"),
    ),
    ("type", _toml('"colours"', "7"), ("name = 7",)),
    ("no column", _toml("{thing}", "it"), ("the prompt names no column",)),
    ("placeholder", _toml("{thing}", "{ting}"), ("validation.jsonl line 1", "'ting'", "did you mean thing")),
    ("field", _toml("exact_match", "json_field"), ("json_field", "field")),
    (
        "not json",
        _write("test.jsonl", b'{"thing": "x", "answer": "y"}\n{thing}\n'),
        ("test.jsonl line 2", "not JSON"),
    ),
    ("not an object", _write("validation.jsonl", b"[1]\n"), ("validation.jsonl", "line 1", "not an object")),
    ("deep", _write("validation.jsonl", b"[" * 100_000), ("validation.jsonl", "nested too deeply")),
    ("empty", _write("test.jsonl", b"\n \n"), ("test.jsonl", "no rows")),
    ("no split", lambda f: (f / "validation.jsonl").unlink(), ("validation.jsonl", "missing")),
    (
        "latin-1",
        _write("test.jsonl", b'{"thing": "x", "answer": "y"}\n"gr\xfcn"\n'),
        ("test.jsonl line 2", "UTF-8"),
    ),
    (
        "no answer",
        _write("test.jsonl", _jsonl({"thing": "snow", "anser": "x"})),
        ("'answer'", "did you mean anser"),
    ),
    (
        "blank answer",
        _write("test.jsonl", _jsonl({"thing": "snow", "answer": " "})),
        ("line 1", "'answer'", "empty"),
    ),
    (
        "no train",
        lambda f: (f / "train" / "old-book.jsonl").unlink(),
        ("train", "no file in it could be read"),
    ),
    ("empty train", _write("train/old-book.jsonl", b""), ("old-book.jsonl", "it is empty")),
    (
        "overlap",
        _write(
            "test.jsonl", _jsonl({"thing": "coal", "answer": "black"}, {"thing": " grass", "answer": "green"})
        ),
        ("validation.jsonl line 1", "test.jsonl line 2", "same question"),
    ),
]


@pytest.mark.parametrize(("spoil", "told"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_mistakes_are_named(folder: Path, spoil: Callable[[Path], None], told: tuple[str, ...]) -> None:
    spoil(folder)
    message = _refused(folder)
    assert [part for part in told if part not in message] == [], message


def test_a_broken_source_costs_itself_and_is_named(folder: Path) -> None:
    (folder / "train" / "new.jsonl").write_bytes(b"{]\n")
    (folder / "train" / "notes.xlsx").write_bytes(b"PK")
    data = load(load_folder(folder), "user", 0)
    assert [source.name for source in data.sources] == ["old-book"]
    told = "\n".join(data.understood)
    assert "new.jsonl: not read" in told
    assert "notes.xlsx: not read, it is text under the name of a spreadsheet" in told


def test_the_card_of_a_source_is_not_said_to_be_unread(folder: Path) -> None:
    (folder / "train" / "old-book.md").write_text("# From the attic\n", encoding="utf-8")
    (folder / "train" / "README.md").write_text("All of it is old.\n", encoding="utf-8")
    data = load(load_folder(folder), "user", 0)
    assert data.sources[0].card == "# From the attic\n"
    assert [line for line in data.understood if "not read" in line] == [
        "README.md: not read, a text for people"
    ]


def _linked(path: Path, target: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


SECRET = "the-owners-private-key"


@pytest.mark.parametrize("how", ["card", "folder of cards", "rows"])
def test_a_link_out_of_the_folder_costs_itself_and_its_text_stays_out(folder: Path, how: str) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "old-book.md").write_text(SECRET)
    (outside / "rows.jsonl").write_bytes(_jsonl({"q": SECRET, "a": SECRET}))
    if how == "card":
        _linked(folder / "train" / "old-book.md", outside / "old-book.md")
    elif how == "rows":
        _linked(folder / "train" / "rows.jsonl", outside / "rows.jsonl")
    else:
        _linked(folder / "train" / "more", outside)
    data = load(load_folder(folder), "user", 0)
    assert [source.name for source in data.sources] == ["old-book"]
    assert SECRET not in repr(data.sources)
    assert [line for line in data.understood if "a link that leaves the folder" in line]


@pytest.mark.parametrize("name", ["task.toml", "validation.jsonl", "test.jsonl", "train"])
def test_a_part_of_the_task_that_is_a_link_out_is_refused(folder: Path, name: str) -> None:
    outside = folder.parent / "outside"
    (folder / name).rename(outside)
    _linked(folder / name, outside)
    assert "a link that leaves the folder" in _refused(folder)


def test_a_source_that_is_a_link_out_is_refused_and_one_that_is_named_outside_is_read(folder: Path) -> None:
    rows = folder.parent / "more.jsonl"
    rows.write_bytes(_jsonl({"q": "sea", "a": "blue"}))
    _linked(folder / "more.jsonl", rows)
    toml = (folder / "task.toml").read_text()
    (folder / "task.toml").write_text(f'sources = ["../more.jsonl"]\n{toml}')
    assert {source.name for source in load_folder(folder).data.sources} == {"old-book", "more"}
    (folder / "task.toml").write_text(f'sources = ["more.jsonl"]\n{toml}')
    assert "a link that leaves the folder" in _refused(folder)


def test_a_link_within_the_folder_is_followed(folder: Path) -> None:
    (folder / "notes.md").write_text("# Within\n")
    _linked(folder / "train" / "old-book.md", folder / "notes.md")
    assert load(load_folder(folder), "user", 0).sources[0].card == "# Within\n"


def _pipe(card: Path) -> None:
    os.mkfifo(card)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda card: card.write_bytes(b"\xff\xfe"), "it is not UTF-8 text"),
        (lambda card: card.write_bytes(b"x" * 1_000_001), "longer than 1,000,000 bytes"),
        (_pipe, "not a regular file"),
        (lambda card: card.mkdir(), "not a regular file"),
        (lambda card: card.symlink_to("/proc/self/environ"), "a link that leaves the folder"),
        (lambda card: card.symlink_to("nowhere.md"), "not a regular file"),
    ],
)
def test_a_card_that_cannot_be_read_costs_itself_and_is_named_once(
    folder: Path, spoil: Callable[[Path], None], told: str
) -> None:
    spoil(folder / "train" / "old-book.md")
    data = load(load_folder(folder), "user", 0)
    assert data.sources[0].card.startswith("# old-book")
    assert [line for line in data.understood if "old-book.md" in line] == [f"old-book.md: not read, {told}"]


@pytest.mark.parametrize("setting", ["x = " + "[" * 5000, "x = " + "1" * 5000, "x = \ud800"])
def test_settings_that_no_parser_can_hold_are_one_line(folder: Path, setting: str) -> None:
    (folder / "task.toml").write_bytes(f"{TOML}{setting}\n".encode("utf-8", "surrogatepass"))
    assert "task.toml" in _refused(folder)


@pytest.mark.parametrize("surrogate", ["\\ud800", "\\uDBFF x"])
def test_half_a_character_costs_its_row_and_is_counted(folder: Path, surrogate: str) -> None:
    with (folder / "train" / "old-book.jsonl").open("a") as file:
        file.write(f'{{"q": "{surrogate}", "a": "red"}}\n')
    told = "\n".join(load(load_folder(folder), "user", 0).understood)
    assert "1 rows used, 1 set aside" in told and "half a character" in told


def test_a_broken_row_of_a_source_costs_itself_and_is_counted(folder: Path) -> None:
    with (folder / "train" / "old-book.jsonl").open("ab") as file:
        file.write(b'{"q": "What is coal?", "a": "black"}\n{"q": \n{"q": "What is tar?", "a": null}\n')
    data = load(load_folder(folder), "user", 0)
    assert [row["answer"] for row in data.sources[0].rows][-1] == "black"
    told = "\n".join(data.understood)
    assert "2 rows used, 2 set aside" in told
    assert "the answer is empty" in told


def test_earlier_turns_and_a_system_turn_are_kept(folder: Path) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "The colour of snow?"},
        {"role": "assistant", "content": "white"},
    ]
    (folder / "train" / "chats.jsonl").write_bytes(_jsonl({"messages": turns}, {"messages": turns[3:]}))
    chats = load(load_folder(folder), "user", 0).sources[0]
    assert [list(row["turns"]) if "turns" in row else row["prompt"] for row in chats.rows] == [
        turns[:-1],
        "The colour of snow?",
    ]
    assert {row["answer"] for row in chats.rows} == {"white"}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert "no such folder" in _refused(tmp_path / "nowhere")


def test_an_answer_that_the_metric_cannot_read_is_named(folder: Path) -> None:
    (folder / "task.toml").write_text(TOML.replace("exact_match", "number"))
    message = _refused(folder)
    assert "validation line 1" in message
    assert "'green'" in message


def _with(folder: Path, lines: str, answer: str) -> TaskSpec:
    (folder / "task.toml").write_text(TOML.replace('metric = "exact_match"', lines))
    for name, thing in (("validation.jsonl", "x"), ("test.jsonl", "y")):
        (folder / name).write_bytes(_jsonl({"thing": thing, "answer": answer}))
    return load_folder(folder)


@pytest.mark.parametrize(
    ("lines", "gold", "right", "wrong"),
    [
        ('metric = "exact_match"', "New York", ["new york", "So.\nAnswer: New York."], ["York", ""]),
        (
            'metric = "number"',
            "so it is 1,200\n#### 1,200",
            ["1200", "Answer: 1200.0", "It is $1,200."],
            ["1201", "-1200", "x"],
        ),
        ('metric = "number"\ntolerance = 0.1', "0.2", ["0.3", "0.1"], ["0.31"]),
        ('metric = "choice_letter"', "B", ["B", "Answer: (b)", "B. because"], ["A", "Because"]),
        ('metric = "choice_letter"\nletters = "ABCDEF"', "F", ["F", "the answer is F"], ["E"]),
        (
            'metric = "json_field"\nfield = "code"',
            "102",
            ['{"code": 102}', '{"code": "102"'],
            ["102", '{"node": 102}'],
        ),
    ],
)
def test_metrics_of_a_folder(folder: Path, lines: str, gold: str, right: list[str], wrong: list[str]) -> None:
    spec = _with(folder, lines, gold)
    (sample,) = load(spec, "user", 0).load_test()
    assert [text for text in right if not spec.scorer(sample, text).right] == []
    assert [text for text in wrong if spec.scorer(sample, text).right] == []
    for reasoning in ("", "First this, then 7 that."):
        assert spec.scorer(sample, spec.render(str(sample.gold), reasoning)).right


def test_token_f1_gives_part_of_the_mark(folder: Path) -> None:
    spec = _with(folder, 'metric = "token_f1"', "a red house")
    (sample,) = load(spec, "user", 0).load_test()
    item_score = spec.scorer(sample, "the red house")
    assert (item_score.right, item_score.value, item_score.error) == (
        False,
        pytest.approx(2 / 3),
        "partly_right",
    )
    assert spec.aggregate([sample], [item_score]).value == pytest.approx(200 / 3)


def test_templates_reach_inside_rows_and_keep_braces() -> None:
    assert fill("{{x}} {a.b} {Question}", {"a": {"b": 3}, "Question": "q {a}"}) == "{x} 3 q {a}"
    assert fill("{a} {missing}", {"a": "1"}) is None


def test_the_example_runs_and_is_not_written_over(tmp_path: Path) -> None:
    folder = write_example(tmp_path / "mine")
    spec = load_folder(folder)
    data = load(spec, "user", 0)
    assert [s.name for s in data.sources] == ["helper-notes", "old-forum", "workshop-sheet"]
    assert (len(data.validation), len(data.load_test())) == (120, 200)
    assert (spec.answer_column, spec.reasoning_column) == ("answer", "steps")
    gold = [spec.scorer(s, spec.render(str(s.gold), "2*7=14.")) for s in data.load_test()]
    assert spec.aggregate(data.load_test(), gold).value == 100.0
    asked = {s.prompt for s in (*data.validation, *data.load_test())}
    assert not [row for source in data.sources for row in source.rows if spec.build_prompt(row) in asked]
    with pytest.raises(InputError, match="something there already"):
        write_example(folder)
    again = write_example(tmp_path / "again")
    assert (again / "test.jsonl").read_bytes() == (folder / "test.jsonl").read_bytes()
