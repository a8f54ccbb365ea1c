"""What a base answers in general, and how far a trained model moves away from that."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.general_model import TAUGHT, shared_general_model
from tests.support.tiny_model import make_tiny_model, shared_worker
from tools.forgetting import general
from tools.forgetting.general import ask_base, divergence_from_base, mean_interval
from tools.forgetting.prompts import answers_right, general_prompts, replay_prompts
from tools.forgetting.replay import PORTION, base_answers
from tools.models.recorded_base import BUNDLED
from tools.workspace import Workspace

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def base() -> Path:
    return shared_general_model()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path, "run")


def test_the_fixed_set_has_a_few_dozen_prompts_of_many_kinds_and_languages() -> None:
    prompts = general_prompts()
    assert len({prompt.prompt for prompt in prompts}) == len(prompts) == 56
    assert len({prompt.kind for prompt in prompts}) >= 15
    assert len({prompt.language for prompt in prompts}) >= 10
    for prompt in prompts:
        assert not answers_right(prompt, prompt.prompt), f"{prompt.id} gives its answer away"


def test_replayed_prompts_are_none_of_the_measured_ones() -> None:
    measured = {prompt.prompt for prompt in general_prompts()}
    replayed = replay_prompts()
    assert len(set(replayed)) == len(replayed) >= 200
    assert not measured & set(replayed)
    assert replay_prompts(1) != replayed


@pytest.mark.parametrize(
    ("answer", "right"),
    [("Paris.", True), ("The capital is PARIS", True), ("Parisian", False), ("Lyon", False), ("", False)],
)
def test_an_expected_answer_counts_as_a_word_of_its_own(answer: str, right: bool) -> None:
    capital = next(prompt for prompt in general_prompts() if prompt.expect == ("Paris",))
    assert answers_right(capital, answer) is right


def test_a_model_that_knows_nothing_general_is_asked_no_more_and_not_watched(workspace: Workspace) -> None:
    found = ask_base(BUNDLED / "ftdojo-mini", workspace, shared_worker(), None)
    assert found.right < general.LEAST_RIGHT
    assert not found.measurable
    assert "none are watched" in found.text()
    assert not (workspace.experiment_dir("base") / general.ANSWERS).exists()


def test_a_model_that_knows_some_answers_is_its_own_reference(base: Path, workspace: Workspace) -> None:
    found = ask_base(base, workspace, shared_worker(), None)
    assert found.right >= TAUGHT - 2
    assert found.measurable
    itself = divergence_from_base(base, "e01", workspace, shared_worker())
    assert itself is not None
    assert itself.mean == pytest.approx(0.0, abs=1e-4)
    assert itself.same == 1.0
    assert itself.prompts == found.prompts
    # The bundled model is what this one was before it learned these answers: all of them are gone in it.
    other = divergence_from_base(BUNDLED / "ftdojo-mini", "e02", workspace, shared_worker())
    assert other is not None
    assert other.low > 1.0
    assert other.low < other.mean < other.high
    assert other.same < 0.8


def test_a_reference_that_is_gone_is_said_not_guessed(base: Path, workspace: Workspace) -> None:
    assert divergence_from_base(base, "e01", workspace, shared_worker()) is None


def test_the_divergence_is_that_of_the_whole_distributions_but_for_what_is_rare(tmp_path: Path) -> None:
    """Against torch's own divergence over the whole vocabulary, on two random models."""
    import torch
    from torch.nn.functional import kl_div

    from tools.evaluation import likelihood
    from tools.models.load import load_model, load_tokenizer
    from tools.training.tokenise import NO_LOSS, tokenise

    one, two = (make_tiny_model(tmp_path / str(seed), seed=seed, spread=0.4) for seed in (0, 1))
    rows = [{"prompt": "copy the word", "answer": "word and stop"}, {"prompt": "what", "answer": "the"}]
    file = tmp_path / "reference.safetensors"
    payload = {"rows": rows, "threads": 1}
    likelihood.likelihood(payload | {"model_dir": str(one), "write_reference": str(file)})
    found = likelihood.likelihood(payload | {"model_dir": str(two), "reference": str(file)})
    tokenizer = load_tokenizer(one)
    models = [load_model(folder).eval() for folder in (one, two)]
    for row in tokenise(tokenizer, rows, 256, "last").rows:
        ids = torch.tensor([row.input_ids])
        wanted = torch.tensor(row.labels[1:]) != NO_LOSS
        with torch.inference_mode():
            logs = [model(ids).logits[0, :-1][wanted].log_softmax(dim=-1) for model in models]
        whole = float(kl_div(logs[1], logs[0], log_target=True, reduction="batchmean"))
        labels = torch.tensor(row.labels[1:])[wanted]
        loss = float(-logs[1].gather(1, labels[:, None]).mean())
        mine = next(each for each in found["rows"] if each["place"] == row.place)
        assert mine["loss"] == pytest.approx(loss, rel=1e-4)
        assert mine["tokens"] == int(wanted.sum())
        assert 0.3 * whole < mine["divergence"] <= whole + 1e-4
        assert mine["same"] == int((logs[0].argmax(dim=1) == logs[1].argmax(dim=1)).sum())


def test_the_mean_has_students_interval() -> None:
    mean, low, high = mean_interval([1.0, 2.0, 3.0])
    assert mean == 2.0
    assert high - mean == pytest.approx(mean - low) == pytest.approx(4.3027 / 3**0.5, rel=1e-3)


def test_replay_rows_are_asked_for_in_portions_while_there_is_time(base: Path, workspace: Workspace) -> None:
    at_once = base_answers(base, workspace, shared_worker(), None, 0, most_seconds=0.0)
    asked = set(replay_prompts(0)[:PORTION])
    assert at_once.rows
    assert {str(row["prompt"]) for row in at_once.rows} <= asked


def test_replay_rows_are_the_bases_whole_answers_and_asked_once(base: Path, workspace: Workspace) -> None:
    source = base_answers(base, workspace, shared_worker(), None, 0)
    assert source.replay
    assert source.rows
    assert all(row["prompt"] in replay_prompts() and row["answer"] for row in source.rows)
    file = workspace.experiment_dir("base") / "replay.jsonl"
    file.write_text(json.dumps({"prompt": "kept", "answer": "as it was"}) + "\n")
    assert [row["prompt"] for row in base_answers(base, workspace, shared_worker(), None, 0).rows] == ["kept"]
    shutil.rmtree(workspace.run_dir)
