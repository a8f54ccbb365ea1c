"""Durations, defaults, and one clear line for what is wrong."""

from __future__ import annotations

import pytest

from graph.settings import make_settings, parse_duration
from tasks.errors import InputError


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("1h30m", 5400), ("45", 45), ("1.5m", 90), ("2d", 172800)]
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5x", "m5", "-5m", "0", "5m garbage", "nan"])
def test_what_is_no_duration_is_refused_in_one_line(text):
    with pytest.raises(InputError) as caught:
        parse_duration(text)
    assert "5m" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_setting_is_named():
    with pytest.raises(InputError, match="budjet"):
        make_settings(task="aime25", budjet="5m")


def test_a_setting_out_of_range_is_named():
    with pytest.raises(InputError, match="max_rows"):
        make_settings(task="aime25", max_rows=0)


def test_home_folder_comes_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("FTDOJO_HOME", str(tmp_path))
    settings = make_settings(task="aime25")
    assert settings.memory == str(tmp_path / "memory")
    assert settings.runs_dir == str(tmp_path / "runs")


def test_a_budget_is_read_as_a_duration():
    assert make_settings(task="aime25", budget_seconds="2m").budget_seconds == 120
