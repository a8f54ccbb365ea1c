"""Files of tools that are neither JSON nor tables: each becomes rows, or one line that says why not."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tasks.custom.files import read_file, read_path
from tasks.custom.tables import Table
from tasks.errors import InputError


def table(folder: Path, name: str, content: str | bytes) -> Table:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_file(path)


def rows(folder: Path, name: str, content: str | bytes) -> list[dict[str, Any]]:
    return list(table(folder, name, content).rows)


# YAML and TOML


def test_a_list_in_yaml_is_rows_and_its_words_stay_as_written(tmp_path: Path) -> None:
    text = """
# asked at the desk
- question: Open on Sunday?
  answer: no
  since: 2024-05-01
  price: 1.10
  code: 007
  rank: 3
  gone: null
  sure: true
- question: |
    Two lines,
    and one more.
  answer: "yes"
"""
    first, second = rows(tmp_path, "faq.yaml", text)
    assert first == {"question": "Open on Sunday?", "answer": "no", "since": "2024-05-01", "price": "1.10",
                     "code": "007", "rank": 3, "gone": None, "sure": True}  # fmt: skip
    assert second["question"] == "Two lines,\nand one more."


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.yml", "version: 2\nexamples:\n- {q: a}\n- {q: b}\n"),
        ("a.yaml", "---\nq: a\n---\nq: b\n"),
        ("a.yaml", "first:\n  q: a\nsecond:\n  q: b\n"),
        ("a.toml", '[[example]]\nq = "a"\n[[example]]\nq = "b"\n'),
        ("a.toml", '[one]\nq = "a"\n[two]\nq = "b"\n'),
    ],
)
def test_layouts_are_those_of_json(tmp_path: Path, name: str, content: str) -> None:
    assert [row["q"] for row in rows(tmp_path, name, content)] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("a.yaml", "name: x\nport: 80\n", "a file of settings"),
        ("a.toml", 'name = "x"\n[tool]\nport = 80\n', "a file of settings"),
        ("a.yaml", "- q: &x [a, a]\n- q: [*x, *x]\n", "aliases"),
        ("a.yaml", "- q: a\n  b\n c: [\n", "it is no YAML"),
        ("a.yaml", "- !!python/object/apply:os.system ['true']\n- q: a\n", "it is no YAML"),
        ("a.toml", "[[example]]\nq = \n", "it is no TOML"),
        ("a.yaml", "- a\n- b\n", "a file of settings"),
        ("a.yaml", "", "it is empty"),
        ("b.yaml", "# nothing\n", "a file of settings"),
    ],
)
def test_what_is_no_list_of_rows_is_refused(tmp_path: Path, name: str, content: str, wrong: str) -> None:
    with pytest.raises(InputError, match=wrong) as caught:
        table(tmp_path, name, content)
    assert "\n" not in str(caught.value)


def test_moments_of_toml_are_text(tmp_path: Path) -> None:
    content = '[[row]]\nday = 2024-05-01\nq = "a"\n[[row]]\nday = 2024-05-02T10:00:00Z\nq = "b"\n'
    assert [row["day"] for row in rows(tmp_path, "a.toml", content)] == [
        "2024-05-01",
        "2024-05-02T10:00:00+00:00",
    ]


def test_settings_beside_a_table_are_left_out(tmp_path: Path) -> None:
    table(tmp_path, "rows.csv", "question,answer\n" + "".join(f"q{n},a{n}\n" for n in range(12)))
    (tmp_path / "config.yaml").write_text("datasets:\n- path: x\n  type: y\n", encoding="utf-8")
    (tmp_path / "jobs.yaml").write_text(
        "build: {image: x, stage: y}\ntest: {image: z, stage: y}\n", encoding="utf-8"
    )
    data = read_path(tmp_path)
    assert [table.name for table in data.tables] == ["rows"]
    assert {item.path for item in data.passed_over} == {"config", "jobs"}


# Labels before their texts


def test_labels_of_lines_are_no_part_of_the_text(tmp_path: Path) -> None:
    text = "".join(f"__label__{kind} the {kind} sings {n}\n" for n in range(4) for kind in ("owl", "tit"))
    found = table(tmp_path, "birds.txt", text + "no label here\n__label__owl \n" + text)
    assert found.rows[0] == {"text": "the owl sings 0", "label": "owl"}
    assert (len(found.rows), dict(found.set_aside_counts)) == (
        16, {"it has no __label__": 1, "it has no text after __label__": 1}
    )  # fmt: skip


def test_several_labels_of_a_line_are_a_list_in_each(tmp_path: Path) -> None:
    lines = ["__label__a __label__b both", *[f"__label__a only {n}" for n in range(6)]]
    found = rows(tmp_path, "x.txt.gz", gzip.compress("\n".join(lines).encode()))
    assert [row["labels"] for row in found[:2]] == [["a", "b"], ["a"]]


# Words with tags

SENTENCES = "-DOCSTART- -X- O\n\n" + "Ada NNP B-PER\nis VBZ O\nin IN O\nOslo NNP B-LOC\n# NN O\n\n" * 4
TABBED = "Ada\tB-PER\nsings\tO\nin\tO\nOslo\tB-LOC\n\n" * 4


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.conll", SENTENCES), ("a.txt", SENTENCES), ("a.txt", TABBED), ("train.tsv", TABBED),
     ("a.bio", TABBED.replace("\n", "\r\n"))],
)  # fmt: skip
def test_a_sentence_is_a_row_whatever_the_file_is_called(tmp_path: Path, name: str, text: str) -> None:
    found = rows(tmp_path, name, text)
    assert len(found) == 4
    assert found[0]["text"] == ("Ada is in Oslo #" if "is" in text else "Ada sings in Oslo")
    spans = [{"text": "Ada", "label": "PER"}, {"text": "Oslo", "label": "LOC"}]
    assert json.loads(found[0]["entities"]) == spans


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("B-P I-P O B-P", ["a b", "d"]),
        ("B-P B-P I-Q O", ["a", "b", "c"]),
        ("I-P I-P O O", ["a b"]),
        ("S-P B-P M-P E-P", ["a", "b c d"]),
        ("U-P U-P B-P L-P", ["a", "b", "c d"]),
        ("S-P I-P O O", ["a", "b"]),
        ("O O O O", []),
    ],
)
def test_spans_begin_and_end_as_they_are_marked(tmp_path: Path, tags: str, spans: list[str]) -> None:
    lines = [f"{word}\t{tag}" for word, tag in zip("abcd", tags.split(), strict=True)]
    found = rows(tmp_path, "a.conll", "\n".join(lines) + "\n\n")
    assert [span["text"] for span in json.loads(found[0]["entities"])] == spans


def test_a_sentence_with_a_line_of_another_width_costs_itself(tmp_path: Path) -> None:
    found = table(tmp_path, "a.conll", TABBED + "Ada\tB-PER\nsings\n\n" + TABBED)
    assert len(found.rows) == 8
    assert dict(found.set_aside_counts) == {"its lines have different numbers of columns": 1}
    assert found.set_aside[0].where == "line 21"


def test_universal_dependencies_give_forms_and_parts_of_speech(tmp_path: Path) -> None:
    word = "{n}\t{form}\t{form}\t{tag}\t_\t_\t0\troot\t_\t_\n"
    text = "# text = Ada sings\n" + word.format(n=1, form="Ada", tag="PROPN")
    text += word.format(n="2-3", form="singsit", tag="_") + word.format(n=2, form="sings", tag="VERB") + "\n"
    found = table(tmp_path, "ud.conllu", text * 2)
    assert list(found.rows) == [{"tokens": ["Ada", "sings"], "tags": ["PROPN", "VERB"]}] * 2
    assert "columns 2 and 4 of 10" in found.reader


def test_a_table_of_words_and_numbers_is_no_sentence(tmp_path: Path) -> None:
    text = "word\tgroup\n" + "".join(f"w{n}\tO\n" for n in range(20))
    assert list(rows(tmp_path, "a.tsv", text)[0]) == ["word", "group"]


# Catalogues of messages

CATALOGUE = r"""# a header
msgid ""
msgstr ""
"Language: de\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

#. shown on the door
#: src/door.py:3
msgid "Open"
msgstr "Offen"

msgctxt "menu"
msgid ""
"Open the \"big\"\n"
"door"
msgstr ""
"Die \"große\"\n"
"Tür öffnen"

#, fuzzy
msgid "Closed"
msgstr "Zugig"

msgid "Untold"
msgstr ""

msgid "%d door"
msgid_plural "%d doors"
msgstr[0] "%d Tür"
msgstr[1] "%d Türen"

#~ msgid "Gone"
#~ msgstr "Weg"
"""


def test_a_catalogue_gives_what_is_translated(tmp_path: Path) -> None:
    found = table(tmp_path, "de.po", CATALOGUE)
    assert list(found.rows) == [
        {"source": "Open", "target": "Offen"},
        {"context": "menu", "source": 'Open the "big"\ndoor', "target": 'Die "große"\nTür öffnen'},
        {"source": "%d door", "target": "%d Tür"},
        {"source": "%d doors", "target": "%d Türen"},
    ]
    assert found.set_aside_counts == {
        "its translation is marked as doubtful (fuzzy)": 1, "it is not translated": 1,
        "it is no longer used (#~)": 1,
    }  # fmt: skip
    assert "into 'de'" in found.reader


def test_a_template_without_translations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it has no translated message; line 1: it is not translated"):
        table(tmp_path, "a.pot", 'msgid "a"\nmsgstr ""\n')


# XML


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            '<faq lang="en"><item id="1"><question>Who &amp; why?</question><answer>Ada</answer></item>'
            '<item id="2"><question>When?</question><answer>Now, <b>really</b></answer></item></faq>',
            {"id": "2", "question": "When?", "answer": "Now, really"},
        ),
        (
            '<posts><row Id="1" Title="a" Body="b"/><row Id="2" Title="c" Body="d"/></posts>',
            {"Id": "2", "Title": "c", "Body": "d"},
        ),
        (
            '<set><s label="good">Fine</s><s label="bad">Not <i>so</i></s></set>',
            {"label": "bad", "text": "Not so"},
        ),
        (
            '<xliff><file source-language="en" target-language="da"><body>'
            '<trans-unit id="1"><source>a</source><target>b</target></trans-unit>'
            '<trans-unit id="2"><source>Press <ph id="1">{0}</ph>now</source>'
            "<target>Tryk nu</target></trans-unit>"
            "</body></file></xliff>",
            {"id": "2", "source": "Press now", "target": "Tryk nu"},
        ),
        (
            '<xliff srcLang="en" trgLang="da"><file id="f"><unit id="u1"><segment><source>a</source><target>b'
            '</target></segment></unit><unit id="u2"><segment><source>c</source><target>d</target></segment>'
            "</unit></file></xliff>",
            {"source": "c", "target": "d"},
        ),
    ],
)
def test_the_element_that_comes_again_is_a_row(
    tmp_path: Path, content: str, expected: dict[str, str]
) -> None:
    found = rows(tmp_path, "a.xml", content)
    assert (len(found), found[1]) == (2, expected)


def test_the_file_says_which_language_is_the_source(tmp_path: Path) -> None:
    unit = '<tu><tuv xml:lang="da" creationdate="1"><seg>b</seg></tuv><tuv xml:lang="en" x="1">'
    unit += "<seg>a</seg></tuv></tu>"
    head = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE tmx SYSTEM "tmx14.dtd">'
    text = f'{head}<tmx><header srclang="en"/><body>{unit * 3}</body></tmx>'
    found = rows(tmp_path, "a.tmx", text.encode("utf-16"))
    assert [list(row.items()) for row in found] == [[("source", "a"), ("target", "b")]] * 3


def test_more_languages_keep_their_names(tmp_path: Path) -> None:
    unit = "".join(f'<tuv xml:lang="{name}"><seg>{name}!</seg></tuv>' for name in ("da", "en", "de"))
    text = f'<tmx><header srclang="en"/><body>{f"<tu>{unit}</tu>" * 3}</body></tmx>'
    assert list(rows(tmp_path, "a.tmx", text)[0].items()) == [("en", "en!"), ("da", "da!"), ("de", "de!")]


def test_translations_that_nobody_finished_are_set_aside(tmp_path: Path) -> None:
    unit = "<trans-unit><source>a</source><target{state}>b</target></trans-unit>"
    done, doubtful = unit.format(state=""), unit.format(state=' state="needs-review-translation"')
    text = f"<xliff>{done * 2}{doubtful}</xliff>"
    assert dict(table(tmp_path, "a.xlf", text).set_aside_counts) == {"its translation is not finished": 1}


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ('<!DOCTYPE a [<!ENTITY x "y">]><a><b>&x;</b></a>', "it declares entities"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a><b>&x;</b></a>', "it declares entities"),
        ("<a><b>1</b>", "it is no XML"),
        ("<a>" * 400 + "</a>" * 400, "nested too deeply"),
        ("<project><name>x</name><version>1</version></project>", "no element with columns comes again"),
        ("plain", "it is no XML"),
    ],
)
def test_xml_that_holds_no_rows_is_refused(tmp_path: Path, content: str, wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        table(tmp_path, "a.xml", content)
