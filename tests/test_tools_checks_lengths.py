"""Lengths of a run: limits from the rows, the model and the memory, and refusals that name what would do."""

from __future__ import annotations

import pytest

from tasks.errors import ExperimentFailed, InputError
from tests.support.chat_templates import MISTRAL, model_with
from tests.support.row_formats import said
from tests.support.tiny_model import make_tiny_model, shared_worker
from tools.checks.lengths import Asked, Room, choose_lengths, in_words
from tools.training.token_lengths import TokenLengths, sample_with_longest, token_lengths


def measured(rows, answers=(8,), prompts=(20,), references=(8,), template=5) -> TokenLengths:
    return TokenLengths(tuple(rows), tuple(answers), tuple(prompts), tuple(references), template)


def chosen(found, edition="user", default=64, asked=None, positions=2048, memory=10**6):
    return choose_lengths(found, edition, default, asked or Asked(), Room(positions, memory), "a-model")


def test_a_users_long_rows_are_kept_as_far_as_the_positions_reach():
    lengths = chosen(measured([700] * 97 + [2047, 2049, 3000]))
    assert (lengths.max_length, lengths.long_rows, lengths.limited_by) == (2048, 2, "positions")
    assert "rows up to 2,048 tokens (the model's positions: all but 2 of 100)" in in_words(lengths)
    assert chosen(measured([700, 900])).max_length == 900
    assert "of a sample of 100," in in_words(chosen(measured([700] * 100)), 5000)


def test_memory_limits_rows_but_never_under_what_every_run_takes():
    lengths = chosen(measured([600, 900, 1500]), memory=1000)
    assert (lengths.max_length, lengths.long_rows, lengths.limited_by) == (1000, 1, "memory")
    assert chosen(measured([100, 200]), memory=3).max_length == 512


@pytest.mark.parametrize(("edition", "most"), [("mini", 512), ("official", 8192), ("user", 9000)])
def test_a_model_without_positions_has_no_limit_of_its_own(edition, most):
    lengths = chosen(measured([100, 9000]), edition, positions=None)
    assert (lengths.max_length, lengths.max_new_tokens, lengths.unanswerable) == (most, 64, 0)


def test_the_answer_budget_holds_the_rows_answers_and_every_reference():
    assert chosen(measured([90], answers=[70] * 99 + [900])).max_new_tokens == 96
    assert chosen(measured([90], references=[8, 200])).max_new_tokens == 224
    assert chosen(measured([90])).max_new_tokens == 64, "a task's own default is the least"


def test_the_answer_budget_leaves_the_longest_prompt_its_room():
    lengths = chosen(measured([90], answers=[200], prompts=[30, 400]), positions=512)
    assert (lengths.max_new_tokens, lengths.unanswerable) == (112, 0)
    lengths = chosen(measured([90], prompts=[30, 510]), positions=512)
    assert (lengths.max_new_tokens, lengths.unanswerable) == (64, 1)
    assert "1 of 2 validation prompts leave no room" in in_words(lengths)


def test_a_budget_under_the_references_is_refused_with_the_number_that_would_do():
    found = measured([90], references=[5, 41, 30])
    for asked in (Asked(max_new_tokens=12), Asked(declared_new_tokens=12)):
        with pytest.raises(InputError, match=r"max.new.tokens.* 2 of 3 .*set at least 41"):
            chosen(found, asked=asked)
    # 40 words and an end: the end need not fit.
    assert chosen(found, asked=Asked(max_new_tokens=40)).max_new_tokens == 40
    # An odd long one among hundreds is said.
    lengths = chosen(measured([90], references=[5] * 299 + [60]), asked=Asked(max_new_tokens=12))
    assert lengths.long_references == 1 and "1 of 1 reference" in in_words(lengths)


def test_published_budgets_stand_whatever_the_references_measure():
    found = measured([90], references=[400], prompts=[30])
    assert chosen(found, "official", default=8192, positions=512).max_new_tokens == 256
    assert chosen(found, "mini", positions=512).max_new_tokens == 64


def test_where_no_prompt_fits_beside_the_budget_nothing_starts():
    with pytest.raises(InputError, match=r"no prompt fits.*--max-new-tokens to at most 452"):
        chosen(measured([90], prompts=[30, 60]), asked=Asked(declared_new_tokens=504), positions=512)
    with pytest.raises(InputError, match=r"no prompt fits.*take a model with more positions"):
        chosen(measured([90], prompts=[700, 800]), positions=512)


def test_where_no_row_fits_nothing_starts():
    with pytest.raises(InputError, match=r"no training row fits: the shortest has 600 .* positions"):
        chosen(measured([600, 700]), positions=512)
    with pytest.raises(InputError, match=r"--max-length 50: no training row fits.*at least 60"):
        chosen(measured([60, 700]), asked=Asked(max_length=50))
    with pytest.raises(InputError, match=r"--max-length 4096: the model has 512 positions"):
        chosen(measured([60]), asked=Asked(max_length=4096), positions=512)


def test_lengths_are_counted_through_the_chat_template(tmp_path):
    model = make_tiny_model(tmp_path / "model")
    rows = [{"prompt": "copy the word", "answer": "word"}, {"prompt": "what", "answer": "the answer"}]
    found = token_lengths(rows, ["copy the word"], ["word"], model, shared_worker(), tmp_path / "log")
    assert found.template == 4, "start, user, assistant, end"
    assert found.references[0] == found.answers[0]
    assert found.rows[0] == found.prompts[0] + found.answers[0]


def test_a_conversation_is_measured_whole_and_what_the_template_refuses_is_left_out(tmp_path):
    model = model_with(tmp_path / "model", MISTRAL)
    turns = said(
        ("user", "copy the word"), ("assistant", "word"), ("user", "what"), ("assistant", "the answer")
    )
    plain = {"prompt": "copy the word", "answer": "word"}
    twice = {"prompt": "x", "answer": "y", "messages": [*turns[:1], *turns]}
    asked = {"messages": turns[:3], "tools": []}
    refused = {"messages": [*turns[:1], *turns[:3]], "tools": []}
    rows = [plain, {"prompt": "user: copy", "answer": "the answer", "messages": turns}, twice]
    found = token_lengths(rows, [asked, refused], [], model, shared_worker(), tmp_path / "log")
    assert len(found.rows) == 2 and found.rows[1] > 2 * found.answers[1] + found.rows[0]
    assert found.prompts == (found.rows[1] - found.answers[1],)
    with pytest.raises(ExperimentFailed, match="the chat template refuses it"):
        token_lengths([twice], [], [], model, shared_worker(), tmp_path / "log")


def test_of_many_rows_the_longest_are_always_measured():
    rows = [{"prompt": "x" * size, "answer": "y"} for size in [*(n % 50 for n in range(20_000)), 900]]
    sample = sample_with_longest(rows, 0)
    assert len(sample) <= 4000 and rows[-1] in sample
    assert sample_with_longest(rows[:10], 0) == rows[:10]
