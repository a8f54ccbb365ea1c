"""GGUF files are unpacked once and said to be; what cannot be read is one line."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from tasks.errors import InputError
from tests.support.tiny_gguf import make_tiny_gguf
from tools.models import gguf
from tools.models.base_model import resolve_base_model


def test_what_is_no_gguf_file_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"not at all")
    for place in (file, tmp_path):
        with pytest.raises(InputError, match="not a GGUF file"):
            resolve_base_model(str(place))
    (tmp_path / "second.gguf").write_bytes(b"GGUF")
    with pytest.raises(InputError, match="2 GGUF files"):
        resolve_base_model(str(tmp_path))


def test_the_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))
    with pytest.raises(InputError, match="pip install 'ft-dojo"):
        gguf.unpack(tmp_path / "model.gguf", tmp_path / "cache")


def test_a_real_file_becomes_a_model_directory(tmp_path: Path) -> None:
    pytest.importorskip("gguf", reason="the package gguf is not installed")
    name = os.environ.get("FTDOJO_GGUF")
    if not name:
        pytest.skip("no GGUF file here: set FTDOJO_GGUF to one, e.g. SmolLM2-135M-Instruct.Q4_1.gguf")
    folder, note = gguf.unpack(Path(name), tmp_path)
    found = resolve_base_model(str(folder))
    assert found.parameters > 0
    assert "unpacked to 16-bit" in note
    assert gguf.unpack(Path(name), tmp_path) == (folder, note)


@pytest.mark.parametrize(("pre", "apart"), [("smollm", True), ("gpt-2", False), ("qwen2", True)])
def test_a_number_after_white_space_is_split_as_its_vocabulary_was_learned(
    tmp_path: Path, pre: str, apart: bool
) -> None:
    pytest.importorskip("gguf", reason="the package gguf is not installed")
    from transformers import AutoTokenizer

    file = make_tiny_gguf(tmp_path / "tiny.gguf", pre)
    tokenizer = AutoTokenizer.from_pretrained(str(tmp_path), gguf_file=file.name)
    gguf.split_digits(tokenizer, file)
    words = [word for word, _ in tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str("a  12")]
    assert ("1" in words) is apart


def test_a_tiny_file_is_unpacked_whole_and_again_by_nobody(tmp_path: Path) -> None:
    pytest.importorskip("gguf", reason="the package gguf is not installed")
    file = make_tiny_gguf(tmp_path / "tiny.gguf")
    folder, _ = gguf.unpack(file, tmp_path / "cache")
    assert resolve_base_model(str(folder)).hidden_size == 32
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [folder.name]
    before = (folder / "config.json").stat().st_mtime_ns
    assert gguf.unpack(file, tmp_path / "cache")[0] == folder
    assert (folder / "config.json").stat().st_mtime_ns == before
