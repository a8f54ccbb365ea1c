"""An eval server is asked in our template, for what it can serve; what it cannot is answered here."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from pydantic import SecretStr

from tasks.errors import ExperimentFailed, InputError, MachineFault
from tests.support.copy_word_task import copy_spec, samples
from tests.support.loopback_completions import CompletionServer
from tests.support.tiny_model import make_tiny_model, shared_worker
from tools.evaluation.evaluate import evaluate, read_items, remark_on
from tools.evaluation.served import EvalServer
from tools.workspace import Workspace

KEY = "sk-loopback-0123456789abcdef"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"))


@pytest.fixture
def adapter(base: Path, tmp_path: Path) -> Path:
    return make_adapter(tmp_path / "runs" / "experiments" / "e01" / "model", base)


def make_adapter(folder: Path, base: Path, weights: bytes = bytes(4)) -> Path:
    """As far as a server is asked about it: its weights are never read here."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"peft_type": "LORA", "base_model_name_or_path": str(base), "r": 4}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    content = len(header).to_bytes(8, "little") + header + weights
    (folder / "adapter_model.safetensors").write_bytes(content)
    return folder


def _server(loopback: CompletionServer, base: Path, key: str = "") -> EvalServer:
    server = EvalServer(loopback.url, base, SecretStr(key) if key else None, pause_seconds=0.0)
    assert "served-base" in server.check()
    return server


def test_the_base_is_asked_in_our_template_as_token_ids(base: Path, tmp_path: Path) -> None:
    space = Workspace.create(tmp_path / "runs", "run")
    out = space.experiment_dir("base") / "validation.jsonl"
    with CompletionServer(lambda model, ids: "word 3") as loopback:
        server = _server(loopback, base, KEY)
        done = evaluate(samples(8), copy_spec(), base, out, space, shared_worker(), server=server)
        asked = [body for path, body, _ in loopback.requests if path == "/v1/completions"]
        headers = [sent for _, _, sent in loopback.requests]
    assert len(asked) == 8
    assert {item["prediction"] for item in read_items(out)} == {"word 3"}
    assert done.score.value == pytest.approx(100 / 8) and done.generated_tokens == 16
    for body in asked:
        assert body["prompt"][:2] == [1, 3]  # the start token and the user's turn
        assert body["prompt"][-1] == 4  # where the answer begins
        assert (body["temperature"], body["max_tokens"], body["stop_token_ids"]) == (0.0, 8, [2])
    assert {sent["authorization"] for sent in headers} == {f"Bearer {KEY}"}
    assert remark_on(done, space) == ""


@pytest.mark.parametrize("loader", ["/v1/load_lora_adapter", "/load_lora_adapter"])
def test_an_adapter_is_loaded_once_and_asked_by_its_name(
    base: Path, adapter: Path, tmp_path: Path, loader: str
) -> None:
    space = Workspace.create(tmp_path / "runs", "run")
    with CompletionServer(lambda model, ids: model, loader) as loopback:
        server = _server(loopback, base)
        for split in ("one", "two"):
            out = space.experiment_dir("e01") / f"{split}.jsonl"
            evaluate(samples(3), copy_spec(), adapter, out, space, shared_worker(), server=server)
        (name,) = loopback.adapters
        assert loopback.adapters[name] == str(adapter)
        assert sum(path == loader for path, _, _ in loopback.requests) == 1
    assert {item["prediction"] for item in read_items(out)} == {name}


def test_a_server_that_outlives_a_run_answers_for_the_next_one_with_its_own_adapter(
    base: Path, tmp_path: Path
) -> None:
    """Both runs have an e01 at the same place of their folders; a third trains it anew in the same one."""
    places = [tmp_path / run / "experiments" / "e01" / "model" for run in ("first", "second", "second")]
    with CompletionServer(lambda model, ids: model) as loopback:
        names = []
        for number, place in enumerate(places):
            adapter = make_adapter(place, base, bytes([number, 0, 0, 0]))
            names.append(_server(loopback, base).model_for(adapter))
        assert names[-1] == _server(loopback, base).model_for(adapter)  # a run that is gone on with
        assert [loopback.adapters[str(name)] for name in names] == [str(place) for place in places]
    assert len(set(names)) == 3


def test_a_server_gets_no_more_time_than_the_answers_may_take(base: Path, tmp_path: Path) -> None:
    space, answers = Workspace.create(tmp_path / "runs", "run"), threading.Event()
    answers.set()

    def word(model: str, ids: list[int]) -> str:
        answers.wait(20.0)
        return "word"

    def answered(name: str, seconds: float) -> None:
        out = space.experiment_dir("base") / f"{name}.jsonl"
        given = (base, out, space, shared_worker())
        evaluate(samples(40), copy_spec(), *given, timeout_seconds=seconds, server=server)

    with CompletionServer(word) as loopback:
        server = _server(loopback, base)
        answered("quick", 60.0)  # from here on a child is there that renders
        answers.clear()
        try:
            with pytest.raises(ExperimentFailed, match="time is up") as caught:
                answered("slow", 2.0)
        finally:
            answers.set()
    assert caught.value.code == "timeout"


def test_a_whole_model_and_a_refused_adapter_are_answered_here(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    space = Workspace.create(tmp_path / "runs", "run")
    trained = make_tiny_model(tmp_path / "trained", seed=1)
    with CompletionServer(lambda model, ids: "from the server", load_status=400) as loopback:
        server = _server(loopback, base)
        assert server.model_for(adapter) is None
        out = space.experiment_dir("e01") / "validation.jsonl"
        done = evaluate(samples(3), copy_spec(), trained, out, space, shared_worker(), server=server)
    assert "from the server" not in {item["prediction"] for item in read_items(out)}
    assert "answered here" in remark_on(done, space)


def test_stop_strings_and_cut_answers_are_told_apart(base: Path, tmp_path: Path) -> None:
    long = "one two three four five six stop seven eight nine"
    with CompletionServer(lambda model, ids: long) as loopback:
        server = _server(loopback, base)
        sets = {"all": ["copy the word 1"]}
        cut = server.answer_sets(sets, base, 4, shared_worker(), tmp_path / "log")
        stopped = server.answer_sets(sets, base, 20, shared_worker(), tmp_path / "log", ("stop",))
    assert cut is not None and stopped is not None
    assert (cut["answers"]["all"], cut["limits"]["all"]) == (["one two three four"], ["cut_at_budget"])
    assert (stopped["answers"]["all"], stopped["limits"]["all"]) == (["one two three four five six "], [""])


def test_a_busy_server_is_asked_again_and_a_refusal_is_one_line(base: Path, tmp_path: Path) -> None:
    sets = {"all": ["copy the word 1"]}
    with CompletionServer(lambda model, ids: "word", failures=(503, 429)) as loopback:
        server = _server(loopback, base)
        found = server.answer_sets(sets, base, 4, shared_worker(), tmp_path / "log")
        assert found is not None and found["answers"]["all"] == ["word"]
    for failures in ((400,), (500, 500, 500)):
        with CompletionServer(lambda model, ids: KEY, failures=failures) as loopback:
            server = _server(loopback, base, KEY)
            with pytest.raises(MachineFault, match=f"HTTP {failures[0]}") as caught:
                server.answer_sets(sets, base, 4, shared_worker(), tmp_path / "log")
        assert "\n" not in str(caught.value) and KEY not in str(caught.value)


def test_an_address_where_nobody_answers_is_bad_input(base: Path) -> None:
    with CompletionServer(lambda model, ids: "") as loopback:
        url = loopback.url
    with pytest.raises(InputError, match="--eval-server") as caught:
        EvalServer(url, base, pause_seconds=0.0).check()
    assert "\n" not in str(caught.value)
