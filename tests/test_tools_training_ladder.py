"""The ladder of savings: its order, the batch that stays as large, and what is never tried again."""

from __future__ import annotations

import itertools

from memory.records import Estimate, TrainingPlan
from tests.bench.memory_estimate import PUBLISHED, described
from tests.support.run_records import card
from tools.process.machine import Machine
from tools.training.estimate import estimate, formula_gib
from tools.training.ladder import explicit, fitting, forms, in_words, of_batch
from tools.training.memory import longest_batch

CARD = card(1000, mean_tokens=200.0, longest_tokens=800, longest_trained_tokens=300)
FULL = TrainingPlan(per_device_train_batch_size=16, max_length=1024)
LORA = FULL.model_copy(update={"method": "lora", "learning_rate": 2e-4})
SEVEN = described(next(shape for shape in PUBLISHED if shape.name.endswith("7 B")))


def found(
    plan: TrainingPlan, gib: float, quantised: bool = True, failed: tuple[float, ...] = (), gpus: int = 1
):
    where = Machine(cores=8, memory_gib=64.0, gpus=("GPU",) * gpus, gpu_memory_gib=gib)

    def need(form: TrainingPlan) -> float:
        return formula_gib(form, SEVEN, longest_batch(form, CARD), where)

    def estimated(form: TrainingPlan) -> Estimate:
        return estimate(form, CARD, SEVEN, where=where)

    return fitting(forms(explicit(plan, SEVEN), LORA, CARD, quantised, gpus), estimated, need, failed), need


def test_the_rungs_come_in_order_and_keep_the_step_as_large() -> None:
    found = list(forms(FULL, LORA, CARD, bitsandbytes=True))
    seen = [
        (form.method, bool(form.gradient_checkpointing), form.load_in_4bit or form.optim) for form in found
    ]
    exact, paged = "adamw_torch_fused", "paged_adamw_8bit"
    assert list(dict.fromkeys(seen)) == [
        ("full", False, exact),
        ("full", True, exact),
        ("full", True, paged),
        ("lora", True, exact),
        ("lora", True, True),
    ]
    sizes = [form.per_device_train_batch_size for form in found[:5]]
    assert sizes == [16, 8, 4, 2, 1]
    assert {form.effective_batch_size for form in found} == {16}
    lengths = [form.max_length for form in found if form.max_length < 800]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] == 600
    assert lengths[-1] >= CARD.mean_tokens
    assert {form.learning_rate for form in found if form.method == "lora"} == {2e-4}


def test_lora_plans_skip_the_rungs_that_they_stand_above() -> None:
    methods = {form.method for form in forms(LORA, LORA, CARD, bitsandbytes=False)}
    assert methods == {"lora"}
    assert not any(form.load_in_4bit for form in forms(LORA, LORA, CARD, bitsandbytes=False))


def test_a_model_is_shared_out_among_several_gpus_before_anything_is_given_up() -> None:
    found = list(forms(FULL, LORA, CARD, bitsandbytes=True, devices=4))
    shared = [form for form in found if form.fsdp]
    assert list(dict.fromkeys(form.method for form in shared)) == ["full", "lora"]
    assert {form.gradient_checkpointing for form in shared} == {True}
    assert not any(form.load_in_4bit or "8bit" in form.optim for form in shared)
    # A row for each of at least two processes; one row cannot be shared out.
    assert min(form.per_device_train_batch_size for form in shared) == 2
    order = list(dict.fromkeys((form.method, form.fsdp, form.optim, form.load_in_4bit) for form in found))
    assert order.index(("full", True, "adamw_torch_fused", False)) == 1
    assert not any(form.fsdp for form in forms(FULL, LORA, CARD, bitsandbytes=True, devices=1))


def test_a_single_row_is_never_shared_out() -> None:
    one, other = (each.model_copy(update={"per_device_train_batch_size": 1}) for each in (FULL, LORA))
    found = list(forms(one, other, CARD, bitsandbytes=False, devices=4))
    assert not any(form.fsdp for form in found)
    assert found[-1].max_length < 800


def test_a_whole_copy_that_fits_each_gpu_is_not_shared_out() -> None:
    taken = {gib: found(FULL, gib, gpus=4)[0] for gib in (160.0, 80.0, 24.0)}
    assert (taken[160.0].method, taken[160.0].fsdp) == ("full", False)
    assert (taken[80.0].method, taken[80.0].fsdp, taken[80.0].optim) == ("full", True, "adamw_torch_fused")
    assert taken[80.0].effective_batch_size == 16
    assert (taken[24.0].method, taken[24.0].fsdp) == ("lora", False)


def test_moments_in_eight_bits_come_before_lora_where_they_are_enough() -> None:
    assert found(FULL, 100.0)[0].optim == "paged_adamw_8bit"
    assert found(FULL, 100.0, quantised=False)[0].method == "lora"


def test_what_fits_is_left_as_it_is() -> None:
    assert found(LORA, 160.0)[0] == LORA.model_copy(update={"gradient_checkpointing": False})


def test_smaller_cards_take_later_rungs_and_a_tiny_one_none() -> None:
    taken = [found(LORA, gib)[0] for gib in (160.0, 48.0, 24.0, 12.0)]
    assert all(form is not None and form.effective_batch_size == 16 for form in taken)
    peaks = [found(LORA, gib)[1](form) for gib, form in zip((160.0, 48.0, 24.0, 12.0), taken, strict=True)]
    assert peaks == sorted(peaks, reverse=True)
    assert taken[-1].load_in_4bit
    assert found(LORA, 2.0)[0] is None
    assert found(FULL, 48.0)[0].method == "lora"


def test_what_ran_out_of_memory_is_not_tried_again_nor_anything_as_large() -> None:
    form, need = found(LORA, 160.0)
    tried = []
    while form is not None and len(tried) < 50:
        tried.append(need(form))
        form, _ = found(LORA, 160.0, failed=tuple(tried))
    assert len(tried) > 3
    assert all(later < earlier for earlier, later in itertools.pairwise(tried))
    assert form is None


def test_a_step_of_other_rows_keeps_what_is_in_memory() -> None:
    form = FULL.model_copy(update={"per_device_train_batch_size": 4, "gradient_accumulation_steps": 4})
    assert (of_batch(form, 8).per_device_train_batch_size, of_batch(form, 8).effective_batch_size) == (4, 8)
    assert of_batch(form, 2).per_device_train_batch_size == 2
    assert of_batch(FULL, 8).gradient_accumulation_steps == 1


def test_a_form_is_named_by_what_decides_its_memory() -> None:
    form = LORA.model_copy(update={"load_in_4bit": True, "gradient_accumulation_steps": 2})
    assert in_words(form) == "LoRA over 4-bit weights, batches of 16 x 2, rows up to 1,024 tokens"
    form = FULL.model_copy(update={"optim": "paged_adamw_8bit"})
    assert in_words(form) == "full fine-tuning, batches of 16, moments in 8 bits, rows up to 1,024 tokens"
    form = FULL.model_copy(update={"fsdp": True})
    shared = "full fine-tuning shared out among the GPUs, batches of 16, rows up to 1,024 tokens"
    assert in_words(form) == shared
