"""The models file: who is asked, where, with which key; and every way to write it wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from graph.cli.doctor import print_checks
from graph.models_file import ModelsFile, load_models
from graph.settings import make_settings
from tasks.errors import InputError
from tests.support.loopback_chat import ChatServer, in_order, text
from tools.chat.models import Models, ModelSpec, chat_model

ROOT = Path(__file__).parent.parent
KEY = "sk-very-secret-0123456789"
KEYS = {"OPENAI_API_KEY": KEY}
LOCAL = "http://127.0.0.1:8000/v1"
ROLES = {"planner", "data_curator", "training_engineer", "evaluator", "diagnostician"}


@pytest.fixture
def load(tmp_path: Path) -> Any:
    """Writes the file, and loads it for the llm policy."""

    def load(toml: str = "", environ: dict[str, str] | None = None, **settings: Any) -> Models:
        path = tmp_path / "models.toml"
        path.write_text(toml, encoding="utf-8")
        named = {"models_file": str(path)} if toml else {}
        return load_models(make_settings(**{"policy": "llm", **named, **settings}), environ or {})

    return load


def places(specs: tuple[ModelSpec, ...]) -> list[tuple[str, str]]:
    return [(spec.name, spec.base_url) for spec in specs]


def key_of(spec: ModelSpec) -> str:
    return spec.api_key.get_secret_value() if spec.api_key else ""


# ---- who is asked


def test_one_model_drives_every_role(load: Any) -> None:
    models = load(model="openai:a", base_url=LOCAL)
    assert set(models.roles) == ROLES
    assert set(models.roles.values()) == {models.small}
    assert places(models.small) == [("openai:a", LOCAL)]
    assert models.teacher == ()


def test_a_role_takes_over_what_it_does_not_say(load: Any) -> None:
    models = load(
        f"""
        [default]
        model = "openai:a"
        base_url = "{LOCAL}"
        temperature = 0.5
        timeout_seconds = 7
        [roles.planner]
        model = "openai:big"
        max_output_tokens = 99
        [small]
        model = "openai:tiny"
        """
    )
    (planner,), (curator,) = models.roles["planner"], models.roles["data_curator"]
    assert planner == ModelSpec("openai:big", LOCAL, None, 0.5, 99, 7.0)
    assert curator == ModelSpec("openai:a", LOCAL, None, 0.5, 4096, 7.0)
    assert places(models.small) == [("openai:tiny", LOCAL)]
    assert models.roles["evaluator"] == models.small  # its job is short
    assert models.roles["diagnostician"] == models.roles["data_curator"]


def test_flags_win_over_the_file(load: Any) -> None:
    toml = '[default]\nmodel = "openai:a"\nbase_url = "http://old/v1"\n[teacher]\nmodel = "openai:t"\n'
    models = load(toml, model="openai:b", base_url=LOCAL, teacher="openai:u")
    assert places(models.roles["planner"]) == [("openai:b", LOCAL)]
    assert places(models.teacher) == [("openai:u", LOCAL)]


def test_fallbacks_are_bound_to_the_servers_of_the_section_that_names_them(load: Any) -> None:
    models = load(
        f"""
        [default]
        model = "openai:a"
        base_url = "{LOCAL}"
        fallbacks = ["openai:b", {{ model = "openai:c", base_url = "http://c/v1" }}]
        [roles.planner]
        model = "openai:p"
        base_url = "http://p/v1"
        [roles.evaluator]
        fallbacks = []
        """
    )
    rest = [("openai:b", LOCAL), ("openai:c", "http://c/v1")]
    assert places(models.roles["data_curator"]) == [("openai:a", LOCAL), *rest]
    assert places(models.roles["planner"]) == [("openai:p", "http://p/v1"), *rest]
    assert places(models.roles["evaluator"]) == [("openai:a", LOCAL)]


def test_a_hosted_fallback_stays_hosted_beside_a_server_of_ones_own(load: Any) -> None:
    toml = f'''
        [default]
        model = "openai:a"
        fallbacks = ["openai:b"]
        [roles.planner]
        base_url = "{LOCAL}"
        '''
    assert places(load(toml, KEYS).roles["planner"]) == [("openai:a", LOCAL), ("openai:b", "")]


def test_the_teacher_has_no_fallbacks_but_its_own(load: Any) -> None:
    base = f'[default]\nmodel = "openai:a"\nbase_url = "{LOCAL}"\nfallbacks = ["openai:b"]\n[teacher]\n'
    assert places(load(base + 'model = "openai:t"').teacher) == [("openai:t", LOCAL)]
    own = load(base + 'model = "openai:t"\nfallbacks = ["openai:u"]').teacher
    assert places(own) == [("openai:t", LOCAL), ("openai:u", LOCAL)]


def test_the_playbook_loads_the_teacher_alone(load: Any) -> None:
    models = load(policy="playbook", teacher="openai:t", base_url=LOCAL)
    assert (models.roles, models.small) == ({}, ())
    assert places(models.teacher) == [("openai:t", LOCAL)]


def test_the_environments_server_is_the_last_resort(load: Any) -> None:
    environ = {"OPENAI_BASE_URL": LOCAL}
    assert places(load(model="openai:a", environ=environ).small) == [("openai:a", LOCAL)]
    given = load(model="openai:a", base_url="http://mine/v1", environ=environ).small
    assert places(given) == [("openai:a", "http://mine/v1")]


def test_prices_of_the_file_win_and_may_be_short(load: Any) -> None:
    toml = f'[default]\nmodel = "openai:a"\nbase_url = "{LOCAL}"\n[prices."openai:a"]\n'
    for lines in ("input = 2.0\noutput = 8.0", "input_usd = 2.0\noutput_usd = 8.0"):
        prices = load(toml + lines, max_usd=1.0).prices
        price = prices.of("openai:a")
        assert price is not None
        assert (price.input_usd, price.cached_usd, price.output_usd) == (2.0, 2.0, 8.0)
    assert prices.of("openai:gpt-5-mini") is not None


def test_the_example_is_right_and_shows_every_line(load: Any) -> None:
    example = (ROOT / "docs" / "models.example.toml").read_text(encoding="utf-8")
    models = load(example, KEYS)
    assert models.roles["planner"][0].name == "openai:gpt-5"
    assert models.teacher[0].max_output_tokens == 8192
    assert set(tomllib.loads(example)) == set(ModelsFile.model_fields)
    missing = [name for name in type(ModelsFile().default).model_fields if f"\n{name} = " not in example]
    assert [name for name in missing if f"\n# {name} = " not in example] == []


# ---- keys


def test_a_key_is_read_from_the_providers_variable(load: Any) -> None:
    models = load(model="openai:a", environ=KEYS)
    assert {key_of(spec) for spec in models.all} == {KEY}
    assert KEY not in repr(models)
    assert models.redactor.text(f"Bearer {KEY}") == "Bearer [redacted]"


def test_a_key_that_was_loaded_reaches_the_server(load: Any) -> None:
    with ChatServer(in_order(text("hi"))) as server:
        toml = f'[default]\nmodel = "openai:a"\nbase_url = "{server.base_url}"\napi_key_env = "GATE_KEY"\n'
        models = load(toml, {"GATE_KEY": f" {KEY}\n"})
        chat_model(models.small[0]).invoke("hello")
    assert server.requests[0].headers["Authorization"] == f"Bearer {KEY}"


def test_a_key_goes_to_no_other_server_than_the_one_it_was_named_for(load: Any) -> None:
    toml = f"""
        [default]
        model = "openai:a"
        base_url = "{LOCAL}"
        api_key_env = "GATEWAY_KEY"
        fallbacks = ["openai:b", {{ model = "openai:c", base_url = "http://other/v1" }}]
        [roles.planner]
        base_url = "http://elsewhere/v1"
        [roles.evaluator]
        api_key_env = ""
        """
    roles = load(toml, {"GATEWAY_KEY": KEY}).roles
    assert [key_of(spec) for spec in roles["data_curator"]] == [KEY, KEY, ""]
    assert [key_of(spec) for spec in roles["planner"]] == ["", KEY, ""]
    assert key_of(roles["evaluator"][0]) == ""


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("", True),
        ("https://api.openai.com/v1", True),
        ("https://eu.api.openai.com/v1", True),
        ("http://api.openai.com/v1", False),  # unencrypted
        ("https://api.openai.com.evil.example/v1", False),
        ("https://evil-openai.com/v1", False),
        ("https://gateway.example/openai.com", False),
        (LOCAL, False),
    ],
)
def test_a_providers_key_goes_to_the_providers_own_address_alone(load: Any, url: str, sent: bool) -> None:
    given = [
        load(model="openai:a", base_url=url, environ=KEYS),
        load(f'[default]\nmodel = "openai:a"\nbase_url = "{url}"\n', KEYS),
        load(model="openai:a", base_url=url, teacher="openai:t", environ=KEYS),
    ]
    assert {key_of(spec) for models in given for spec in models.all} == {KEY if sent else ""}


def test_a_baseline_at_an_address_gets_no_providers_key(load: Any) -> None:
    models = load(policy="playbook", baseline=f"{LOCAL}#big", environ=KEYS)
    assert [key_of(spec) for spec in models.baseline] == [""]


def test_the_flag_may_repeat_the_files_address_and_keeps_its_key(load: Any) -> None:
    toml = f'[default]\nmodel = "openai:a"\nbase_url = "{LOCAL}"\napi_key_env = "GATEWAY_KEY"\n'
    environ = {"GATEWAY_KEY": KEY}
    assert key_of(load(toml, environ, base_url=LOCAL).small[0]) == KEY
    assert key_of(load(toml, environ, base_url="http://elsewhere/v1").small[0]) == ""


def test_the_environment_that_names_the_server_says_whose_key_goes_there(load: Any) -> None:
    models = load(model="openai:a", environ={**KEYS, "OPENAI_BASE_URL": LOCAL})
    assert [(spec.base_url, key_of(spec)) for spec in models.small] == [(LOCAL, KEY)]


def test_a_hosted_model_without_its_key_names_the_variable(load: Any) -> None:
    with pytest.raises(InputError, match=r"^OPENAI_API_KEY: is not set, and openai:a needs its key"):
        load(model="openai:a")
    with pytest.raises(InputError, match=r"^ANTHROPIC_API_KEY: is not set"):
        load(model="anthropic:claude-haiku-4-5")


def test_a_variable_that_is_named_must_be_there(load: Any) -> None:
    toml = f'[default]\nmodel = "openai:a"\nbase_url = "{LOCAL}"\napi_key_env = "MY_KEY"\n'
    with pytest.raises(InputError, match=r"^MY_KEY: is not set"):
        load(toml, KEYS)


@pytest.mark.parametrize("value", [f"{KEY}\nX: y", f"{KEY} {KEY}", f"{KEY}ü"])
def test_a_key_with_more_than_a_key_is_refused_and_not_repeated(load: Any, value: str) -> None:
    with pytest.raises(InputError, match=r"^OPENAI_API_KEY: holds more than a key") as caught:
        load(model="openai:a", environ={"OPENAI_API_KEY": value})
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        f'api_key = "{KEY}"',
        'api_key = "short"',
        f'model = "{KEY}"',
        f'fallbacks = ["{KEY}"]',
        f'fallbacks = [{{ model = "openai:b", token = "{KEY}" }}]',
        f'api_key_env = "{KEY}"',
        f'base_url = "https://host/{KEY}"',
        f'base_url = "https://me:{KEY[3:]}@host/v1"',
    ],
)
def test_a_key_in_the_file_is_refused_and_not_repeated(load: Any, line: str) -> None:
    with pytest.raises(InputError, match="environment") as caught:
        load(f"[default]\n{line}\n" + ("" if line.startswith("model") else 'model = "openai:a"\n'), KEYS)
    assert KEY[3:] not in str(caught.value)


def test_a_variable_that_children_would_see_is_refused(load: Any) -> None:
    with pytest.raises(InputError, match="passed on to child processes; call it MY_LLM_API_KEY"):
        load('[default]\nmodel = "openai:a"\napi_key_env = "MY_LLM"\n', {"MY_LLM": KEY})


# ---- wrong files


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ('[default]\nmodle = "openai:a"', r"\[default\] modle: is unknown; did you mean model\?"),
        ("[eval_server]\ntemperature = 1", r"\[eval_server\] temperature: is unknown; (?!.*temperature)"),
        ('[judge]\nfallbacks = ["openai:b"]', r"\[judge\] fallbacks: is unknown; (?!.*fallbacks)"),
        ('[defualt]\nmodel = "openai:a"', r"models\.toml: defualt: is unknown; did you mean default\?"),
        ('[roles.plannr]\nmodel = "openai:a"', r"\[roles\] plannr: is unknown; did you mean planner\?"),
        ('[roles.teacher]\nmodel = "openai:a"', r"\[roles\] teacher: is unknown"),
        ("[roles.planner]\ntemprature = 1", r"\[roles\.planner\] temprature: .* temperature\?"),
        ("[default]\ntemperature = 9", r"\[default\] temperature: .* less than or equal to 2"),
        ('[default]\ntemperature = "hot"', r"\[default\] temperature: .* number"),
        ("[default]\nmax_output_tokens = 0", r"\[default\] max_output_tokens: .* greater than 0"),
        ("[default]\ntimeout_seconds = inf", r"\[default\] timeout_seconds: .* finite"),
        ("[default]\nmodel = 5", r"\[default\] model: .* string"),
        ("[default\n", "not valid TOML: .*line 1"),
        ('[default]\nmodel = "gpt-5"', "model 'gpt-5': is not provider:model"),
        ('[default]\nmodel = "openai:a"\nbase_url = "host"', "base_url 'host': is no address"),
        ('[roles.planner]\nmodel = "openai:a"', "language model of the data_curator: none is named"),
        ('[default]\nmodel = "openai:a"\n[prices."openai:a"]\ninput = 1', "price of openai:a: output_usd"),
    ],
)
def test_a_wrong_file_says_where_and_what(load: Any, toml: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        load(toml, KEYS)


def test_no_model_at_all_says_how_to_name_one(load: Any) -> None:
    with pytest.raises(InputError, match="give --model provider:model"):
        load()


def test_a_file_that_is_not_there(load: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load(models_file=str(tmp_path / "none.toml"))
    (tmp_path / "latin.toml").write_bytes(b'model = "\xe9"')
    with pytest.raises(InputError, match="not UTF-8"):
        load(models_file=str(tmp_path / "latin.toml"))


def test_a_cap_on_money_needs_prices(load: Any) -> None:
    with pytest.raises(InputError, match="model openai:a: has no price"):
        load(model="openai:a", base_url=LOCAL, max_usd=1.0)
    assert load(model="openai:gpt-5-mini", environ=KEYS, max_usd=1.0).small


def test_a_providers_package_is_asked_for_before_the_run(load: Any) -> None:
    with pytest.raises(InputError, match="pip install langchain-"):
        load(f'[default]\nmodel = "openai:a"\nbase_url = "{LOCAL}"\nfallbacks = ["ibm:granite"]')


# ---- the doctor


def test_the_doctor_says_that_no_key_is_needed(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    from rich.console import Console

    for environ, told in (({}, "none is needed"), (KEYS, "OPENAI_API_KEY set")):
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        print_checks(Console(width=400), as_json=False)
        shown = capsys.readouterr().out
        assert told in shown
        assert KEY not in shown


@pytest.mark.parametrize(("extra", "mark", "enough"), [("qlora", "note", True), ("train", "missing", False)])
def test_the_doctor_names_the_extra_and_asks_for_those_alone_that_a_run_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, extra: str, mark: str, enough: bool
) -> None:
    from rich.console import Console

    from graph.cli import doctor

    monkeypatch.setattr(doctor, "_CHECKS", (doctor._packages(extra, ("no_such_package",)),))
    assert print_checks(Console(width=400), as_json=False) is enough
    shown = capsys.readouterr().out
    assert f"pip install 'ft-dojo[{extra}]'" in shown
    assert mark in shown
