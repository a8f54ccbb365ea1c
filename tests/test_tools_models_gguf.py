"""GGUF files are unpacked once and said to be; what cannot be read is one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.errors import InputError
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
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    with pytest.raises(InputError, match="pip install gguf"):
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
