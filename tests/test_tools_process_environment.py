"""What a child may know: everything but credentials."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from tests.support import worker_jobs
from tools.process.environment import child_environment, looks_secret
from tools.process.worker import Worker

ROOT = Path(__file__).parent.parent
KEY = "sk-very-secret-0123456789"
SECRET_NAMES = [
    "OPENAI_API_KEY",
    "OPENAI_API_KEY_2",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "WANDB_API_KEY",
    "PGPASSWORD",
    "MYSQL_PWD",
    "REDIS_PASS",
    "SENTRY_DSN",
    "GITHUB_PAT",
    "SSH_AUTH_SOCK",
    "npm_config__authToken",
    "MyApiKey",
    "LLM_KEY2",
    "SESSION_COOKIE",
    "JWT",
]
HARMLESS_NAMES = [
    "PATH",
    "HOME",
    "PWD",
    "OLDPWD",
    "LANG",
    "TOKENIZERS_PARALLELISM",
    "KEYBOARD_LAYOUT",
    "MONKEY",
    "AUTHOR",
    "GIT_AUTHOR_NAME",
    "COMPASS",
    "PATTERN",
    "HF_HOME",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "PASSTHROUGH",
    "XDG_CACHE_HOME",
]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_credentials_name_is_known(name: str) -> None:
    assert looks_secret(name)
    assert child_environment({name: "x", "HOME": "/root"}) == {"HOME": "/root"}


@pytest.mark.parametrize("name", HARMLESS_NAMES)
def test_harmless_names_stay(name: str) -> None:
    assert not looks_secret(name)
    assert child_environment({name: "value"}) == {name: "value"}


def test_a_known_key_is_withheld_whatever_it_is_called() -> None:
    environ = {"OPENAI_API_KEY": KEY, "MY_LLM": KEY, "CURL_HEADER": f"Authorization: Bearer {KEY}", "A": "b"}
    assert child_environment(environ) == {"A": "b"}


def test_an_address_with_a_password_is_withheld() -> None:
    environ = {
        "DATABASE_URL": "postgres://me:hunter2@db/x",
        "INDEX": "https://me@host/simple",
        "P": "a://b:1",
    }
    assert set(child_environment(environ)) == {"INDEX", "P"}


def test_short_values_and_places_are_no_keys(tmp_path: Path) -> None:
    environ = {"USE_AUTH": "true", "SSL_KEY": str(tmp_path), "PATH": f"{tmp_path}/bin:/bin", "FLAG": "true"}
    assert child_environment(environ) == {"PATH": environ["PATH"], "FLAG": "true"}


def test_the_childs_own_variables_win_and_the_callers_stay_untouched() -> None:
    environ = {"A": "1", "API_KEY": KEY}
    assert child_environment(environ, {"A": "2", "B": "3"}) == {"A": "2", "B": "3"}
    assert environ == {"A": "1", "API_KEY": KEY}


def test_a_real_child_sees_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in its variables nor in what the kernel keeps of its start, and it still works."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OLD_NAME", f"Bearer {KEY}")
    monkeypatch.setenv("HARMLESS", "yes")
    worker = Worker(threads=1, environment={"OWN": "1"}, preload=("json",))
    try:
        seen = worker.run(worker_jobs.environment, {}, 60.0, tmp_path / "job.log")
    finally:
        worker.close()
    assert seen["now"]["HARMLESS"] == "yes"
    assert seen["now"]["OWN"] == "1"
    assert seen["now"]["TOKENIZERS_PARALLELISM"] == "false"
    assert not {"OPENAI_API_KEY", "OLD_NAME"} & set(seen["now"])
    assert KEY not in f"{seen}"
    assert os.environ["OPENAI_API_KEY"] == KEY


def test_no_child_inherits_the_environment_by_default() -> None:
    """Every start of a process in the product says which environment it gets."""
    starts, silent = 0, []
    for folder in ("graph", "roles", "tools", "memory", "tasks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("subprocess."):
                    starts += 1
                    if not any(keyword.arg == "env" for keyword in node.keywords):
                        silent.append(f"{path.name}:{node.lineno}")
    assert starts >= 4
    assert silent == []
