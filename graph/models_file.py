"""Which language models a run uses, and their keys: the only place that reads keys.

One TOML file says it all; a flag wins over it (``docs/models.example.toml`` explains each line):

    [default]                               # every role, unless it says otherwise
    model = "openai:gpt-5-mini"
    fallbacks = ["openai:gpt-4.1-mini"]     # asked in order when the model fails

    [small]                                 # short jobs: reading a result that is already measured
    model = "openai:gpt-5-nano"

    [teacher]                               # whom recipes ask for data
    model = "openai:qwen3-32b"
    base_url = "http://127.0.0.1:8000/v1"

    [judge]                                 # how the judge that task.toml names is called
    base_url = "http://127.0.0.1:8000/v1"

    [baseline]                              # whose score is told beside, and how it is called
    model = "openai:gpt-5-mini"

    [eval_server]                           # who answers for the base model and its adapters
    base_url = "http://127.0.0.1:8000/v1"
    api_key_env = "EVAL_SERVER_API_KEY"

    [roles.planner]
    model = "openai:gpt-5"

    [limits]                                # of one decision of a role
    seconds = 600

    [prices."openai:qwen3-32b"]
    input_usd = 0.0
    output_usd = 0.0

A section takes over what it does not say from ``[default]``. Two lines belong to a server,
``base_url`` and ``api_key_env``: they are taken over by models of the same provider only, and
the key goes to no other address than the one it was named for.

Keys stay in the environment. The file names the variable (``api_key_env``); by default it is
the provider's own, ``OPENAI_API_KEY`` and so on, and then the key goes to the provider's own address
alone: a ``base_url`` elsewhere gets the key that is named beside it, or none. ``OPENAI_BASE_URL`` is
respected for ``openai:`` models that name no server; the environment that sets it says whose key goes there.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError

from graph.models_sections import (
    LimitsSection,
    ModelSection,
    ModelsFile,
    RoleSections,
    Section,
    ServerSection,
)
from graph.settings import RunSettings
from memory.budget.spending import PriceTable
from memory.records import Role
from roles.llm.limits import OwnLimits
from tasks.credentials import holds_credential
from tasks.errors import InputError, did_you_mean
from tools.chat.models import DOMAINS, KEY_VARIABLES, Models, ModelSpec, chat_model, split_name
from tools.process.environment import looks_secret

BASE_URL_VARIABLE = "OPENAI_BASE_URL"
EVAL_KEY_VARIABLE = "EVAL_SERVER_API_KEY"
KEYS_BELONG = 'keys belong in the environment: export it, and write api_key_env = "ITS_NAME" here'
_KEY = re.compile(r"\b(?:(?:sk|pk|gsk|xai|hf|ghp|pplx|nvapi)[-_][\w-]{16,}|AIza[\w-]{30,})")
"""How the keys of common providers look."""
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_PRICE_FIELDS = {"input": "input_usd", "cached": "cached_usd", "output": "output_usd"}


SHORT_JOBS: tuple[Role, ...] = ("evaluator",)
"""Roles whose decision is short and held by a test of the harness: the cheaper model makes it by default."""


def load_models(settings: RunSettings, environ: Mapping[str, str] | None = None, judge: str = "") -> Models:
    """The models that the settings ask for, with their keys, each tried as far as it goes without a call.

    The playbook needs no roles, so it gets the teacher alone.

    Args:
        settings: ``model``, ``base_url`` and ``teacher`` win over the file.
        environ: where keys are; the process's own by default.
        judge: ``provider:model`` that the task has its answers judged by; the file says how it is called.

    Raises:
        InputError: no model is named; the file, a name or an address is wrong; a key, a provider's
            package, or the price that a cap needs is missing.
    """
    file = _file_of(settings)
    keys = os.environ if environ is None else environ
    flags = Section(model=settings.model or None, base_url=settings.base_url or None)
    default = _over(flags, file.default)
    roles: dict[Role, tuple[ModelSpec, ...]] = {}
    small: tuple[ModelSpec, ...] = ()
    teacher: tuple[ModelSpec, ...] = ()
    if settings.policy == "llm":
        short = _over(file.small, default)
        for role, section in _role_sections(file.roles):
            base = short if role in SHORT_JOBS else default
            roles[role] = _chain(_over(section, base), f"the {role}", keys)
        small = _chain(short, "short jobs", keys)
    if settings.teacher or file.teacher:
        # Not the roles' fallbacks: who wrote a row is no accident.
        section = _over(file.teacher or Section(), default.model_copy(update={"fallbacks": None}))
        teacher = _chain(_over(Section(model=settings.teacher or None), section), "the teacher", keys)
    judges = _judge(judge, file, default, keys) if judge else ()
    compared: tuple[ModelSpec, ...] = ()
    if settings.baseline or file.baseline.model:
        named = _over(_named(settings.baseline), Section(**file.baseline.model_dump()))
        compared = _chain(named, "the baseline", keys)
    models = Models(roles, small, teacher, PriceTable.of_mapping(_prices(file)), judges, compared)
    for spec in models.all:
        chat_model(spec)
    if settings.max_usd is not None:
        models.prices.require(spec.name for spec in models.all)
    return models


def eval_server(
    settings: RunSettings, environ: Mapping[str, str] | None = None
) -> tuple[str, SecretStr | None]:
    """Address and key of the evaluation server; no address where there is none.

    The variable that the file names holds the key of the file's address, ``EVAL_SERVER_API_KEY`` that of any.

    Raises:
        InputError: the file or the address is wrong, or the variable that it names is not set.
    """
    file = _file_of(settings)
    section, keys = file.eval_server, os.environ if environ is None else environ
    url = (settings.eval_server or section.base_url).rstrip("/")
    if not url:
        return "", None
    ModelSpec("openai:eval-server", base_url=url)  # an address that cannot be is refused like any other
    own = section.api_key_env is not None and url == section.base_url.rstrip("/")
    said = ModelSection(
        model="openai:eval-server",
        base_url=url,
        api_key_env=section.api_key_env if own else EVAL_KEY_VARIABLE if keys.get(EVAL_KEY_VARIABLE) else "",
    )
    return url, _key(said, "openai", url, keys)


def own_limits(settings: RunSettings) -> OwnLimits:
    """What the run's owner says about a decision; ``decision_seconds`` wins over the file.

    Raises:
        InputError: the file is wrong.
    """
    file = _file_of(settings)
    own = OwnLimits(**file.limits.model_dump())
    return replace(own, seconds=settings.decision_seconds) if settings.decision_seconds else own


def keys_present(environ: Mapping[str, str] | None = None) -> list[str]:
    """Which of the providers' customary variables hold a key."""
    environ = os.environ if environ is None else environ
    return [name for name in KEY_VARIABLES.values() if environ.get(name, "").strip()]


# ---- sections


def _judge(
    name: str, file: ModelsFile, default: Section, environ: Mapping[str, str]
) -> tuple[ModelSpec, ...]:
    """The task's judge. Raises InputError where the file names another one."""
    if file.judge.model not in (None, name):
        wrong = f"it is {file.judge.model}, and the task is judged by {name}"
        raise InputError("[judge] model", wrong, "change one of the two: another judge gives another score")
    said = Section.model_validate({**file.judge.model_dump(exclude_none=True), "model": name})
    return _chain(_over(said, default.model_copy(update={"fallbacks": None})), "the judge", environ)


def _named(text: str) -> Section:
    """``URL#model`` of a server of the OpenAI protocol, or ``provider:model``."""
    url, mark, model = text.partition("#")
    if mark and url.startswith(("http://", "https://")):
        return Section(model=f"openai:{model}", base_url=url)
    return Section(model=text or None)


def _role_sections(roles: RoleSections) -> Iterator[tuple[Role, Section]]:
    yield "planner", roles.planner
    yield "data_curator", roles.data_curator
    yield "training_engineer", roles.training_engineer
    yield "evaluator", roles.evaluator
    yield "diagnostician", roles.diagnostician


def _over(section: Section, base: Section) -> Section:
    """The section, and from the base what it does not say. Its fallbacks are bound to their servers."""
    merged = Section.model_validate(_merge(section, base))
    complete = [{"base_url": "", **_merge(fallback, merged)} for fallback in merged.fallbacks or ()]
    return merged.model_copy(
        update={"fallbacks": [ModelSection.model_validate(fields) for fields in complete] or None}
    )


def _merge(section: ModelSection, base: ModelSection) -> dict[str, Any]:
    given = section.model_dump(exclude_none=True)
    taken = base.model_dump(exclude_none=True, include=set(type(section).model_fields))
    elsewhere = _provider(section.model) not in (None, _provider(base.model)) and base.model is not None
    if elsewhere:
        taken.pop("base_url", None)
    if elsewhere or ("base_url" in given and given["base_url"] != taken.get("base_url")):
        taken.pop("api_key_env", None)
    return taken | given


def _provider(name: str | None) -> str | None:
    return split_name(name)[0] if name else None


def _chain(section: Section, whose: str, environ: Mapping[str, str]) -> tuple[ModelSpec, ...]:
    """A section's model and its fallbacks, without repetitions."""
    specs = [_spec(one, whose, environ) for one in (section, *(section.fallbacks or ()))]
    return tuple(dict.fromkeys(specs))


def _spec(section: ModelSection, whose: str, environ: Mapping[str, str]) -> ModelSpec:
    if not section.model:
        fix = 'give --model provider:model, or a --models file with [default] and model = "..."'
        raise InputError(f"language model of {whose}", "none is named", fix)
    provider, _ = split_name(section.model)
    own = environ.get(BASE_URL_VARIABLE, "") if provider == "openai" else ""
    base_url = section.base_url or own
    options = section.model_dump(
        exclude_none=True, include={"temperature", "max_output_tokens", "timeout_seconds", "max_retries"}
    )
    key = _key(section, provider, base_url, environ)
    return ModelSpec(section.model, base_url=base_url, api_key=key, **options)


def _key(section: ModelSection, provider: str, base_url: str, environ: Mapping[str, str]) -> SecretStr | None:
    """The model's key; None where none is needed."""
    customary = "" if _elsewhere(section, provider) else KEY_VARIABLES.get(provider, "")
    variable = customary if section.api_key_env is None else section.api_key_env
    if not variable:
        return None
    key = environ.get(variable, "").strip()
    if key and not re.fullmatch(r"[!-~]+", key):
        raise InputError(variable, "holds more than a key: a blank or an odd character", "export it again")
    if key:
        return SecretStr(key)
    if base_url and section.api_key_env is None:
        return None  # a server of one's own, that asks for none
    fix = f"export {variable}=..., or give the base_url of a server that needs no key"
    raise InputError(variable, f"is not set, and {section.model} needs its key", fix)


def _elsewhere(section: ModelSection, provider: str) -> bool:
    """Whether the section names an address that is not its provider's own, which gets no customary key."""
    if not section.base_url:
        return False
    parts = urlsplit(section.base_url)
    host = (parts.hostname or "").lower()
    at_home = any(host == domain or host.endswith(f".{domain}") for domain in DOMAINS.get(provider, ()))
    return not (at_home and parts.scheme == "https")


def _prices(file: ModelsFile) -> dict[str, dict[str, Any]]:
    """``input`` is as good as ``input_usd``."""
    return {
        model: {_PRICE_FIELDS.get(name, name): value for name, value in price.items()}
        for model, price in file.prices.items()
    }


# ---- the file


def _file_of(settings: RunSettings) -> ModelsFile:
    """The file that the settings name; one that says nothing where they name none."""
    return _read(Path(settings.models_file).expanduser()) if settings.models_file else ModelsFile()


def _read(path: Path) -> ModelsFile:
    """The file, checked. No error repeats a value: it may be a key."""
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"--models {path}", error.strerror or "cannot be read", "name a TOML file") from None
    except UnicodeDecodeError:
        raise InputError(f"--models {path}", "it is not UTF-8 text", "save it as UTF-8") from None
    # Beside TOML's own errors: a number of too many digits, deep nesting.
    except (ValueError, RecursionError) as error:
        raise InputError(f"--models {path}", f"it is not valid TOML: {error}", "mend that line") from None
    _refuse_keys(path, {name: part for name, part in fields.items() if name != "prices"}, ())
    try:
        file = ModelsFile.model_validate(fields)
    except ValidationError as error:
        raise _file_error(path, error) from None
    return file


def _refuse_keys(path: Path, part: object, where: tuple[str, ...]) -> None:
    """Keys in a file get copied, committed and shared: none is accepted.

    Raises:
        InputError: a line is called like a key, holds one, or names a variable that children could see.
    """
    line = _line(path, where)
    if isinstance(part, Mapping):
        for name, value in part.items():
            _refuse_keys(path, value, (*where, name))
    elif isinstance(part, list):
        for value in part:
            _refuse_keys(path, value, where)
    elif isinstance(part, str) and (_KEY.search(part) or holds_credential(part)):
        raise InputError(line, "this is a key", KEYS_BELONG)
    elif where[-1] == "api_key_env" and part != "":
        if not (isinstance(part, str) and _VARIABLE.fullmatch(part)):
            raise InputError(line, "is no name of a variable", 'write its name, as "OPENAI_API_KEY"')
        if not looks_secret(part):
            wrong = "variables of this name are passed on to child processes"
            raise InputError(line, wrong, f"call it {part}_API_KEY")
    elif where[-1] not in Section.model_fields and looks_secret(where[-1]):
        raise InputError(line, "a key has no place in this file", KEYS_BELONG)


def _file_error(path: Path, error: ValidationError) -> InputError:
    # A misspelt line says more than what else is wrong.
    found = min(error.errors(include_url=False, include_input=False), key=_is_value)
    where = tuple(str(part) for part in found["loc"])
    if found["type"] != "extra_forbidden":
        return InputError(_line(path, where), " ".join(found["msg"].lower().split()), "change that value")
    sections: dict[tuple[str, ...], type[BaseModel]] = {
        (): ModelsFile,
        ("roles",): RoleSections,
        ("limits",): LimitsSection,
        ("eval_server",): ServerSection,
        ("judge",): ModelSection,
        ("baseline",): ModelSection,
    }
    known = sections.get(where[:-1], ModelSection if "fallbacks" in where[:-1] else Section)
    return InputError(_line(path, where), "is unknown", did_you_mean(where[-1], known.model_fields))


def _is_value(found: Mapping[str, Any]) -> bool:
    return bool(found["type"] != "extra_forbidden")


def _line(path: Path, where: tuple[str, ...]) -> str:
    """The file, the section and the line's name."""
    *section, name = where or ("",)
    return f"{path}: {'[' + '.'.join(section) + '] ' if section else ''}{name}".removesuffix(": ")
