"""The least budget: hopeless runs are refused from the model's header, possible ones never."""

from __future__ import annotations

import pytest

from graph.beginning import refuse_hopeless
from graph.settings import make_settings
from roles.least_budget import MOST_CORE_FLOPS, least_budget_seconds, most_flops
from tasks.base import Sample
from tasks.errors import InputError
from tools.models.base_model import count_tokens, resolve_base_model
from tools.process.machine import BFLOAT16_UNITS, Machine

LAPTOP = Machine(cores=2, memory_gib=16.0)
CARD = Machine(cores=16, memory_gib=128.0, gpus=("one",), gpu_memory_gib=78.0)


def items(question: str) -> tuple[Sample, ...]:
    return tuple(Sample(id=str(n), subset="", prompt=question, gold=str(n)) for n in range(300))


ITEMS = items("How many are 12 and 30 apples?")


def seconds(parameters: float, where: Machine) -> float:
    model = resolve_base_model("ftdojo-mini").model_copy(update={"parameters": int(parameters)})
    return least_budget_seconds(model, count_tokens(model), ITEMS, 500, where)


def test_a_large_model_on_a_laptop_needs_hours_and_on_a_card_seconds() -> None:
    assert seconds(7e9, LAPTOP) > 600
    assert seconds(7e9, CARD) < 30
    assert seconds(1e6, LAPTOP) < 1
    assert seconds(135e6, LAPTOP) < 120, "SmolLM2 trains on two cores within minutes"


@pytest.mark.parametrize(
    ("where", "reached"),
    [
        # Operations a cycle and clock of the fastest of each kind, as their makers give them.
        (Machine(cores=16, memory_gib=64.0), 16 * 64 * 5e9),
        (Machine(cores=16, memory_gib=64.0, bfloat16_units="avx512_bf16"), 16 * 128 * 5e9),
        (Machine(cores=60, memory_gib=64.0, bfloat16_units="amx_bf16"), 60 * 2048 * 4.2e9),
        (Machine(cores=32, memory_gib=64.0, system="Darwin arm64, Python 3.12"), 3e13),
        (Machine(cores=16, memory_gib=64.0, gpus=("NVIDIA B200",)), 2.25e15),
    ],
    ids=["vectors", "vectors of bfloat16", "matrix units", "Apple", "GPU"],
)
def test_no_machine_is_faster_than_its_kind_is_taken_to_be(where: Machine, reached: float) -> None:
    assert most_flops(where) >= reached


def test_every_kind_of_core_has_a_bound() -> None:
    assert set(MOST_CORE_FLOPS) == {"", *BFLOAT16_UNITS}


def test_a_macs_cores_are_not_all_that_it_has() -> None:
    mac = Machine(cores=8, memory_gib=16.0, system="Darwin arm64, Python 3.12")
    intel = Machine(cores=8, memory_gib=16.0, system="Darwin x86_64, Python 3.12")
    assert seconds(7e9, mac) < seconds(7e9, intel)
    assert seconds(7e9, Machine(cores=2, memory_gib=16.0, bfloat16_units="amx_bf16")) < seconds(7e9, LAPTOP)


def test_longer_prompts_need_more() -> None:
    model = resolve_base_model("ftdojo-mini")
    long = items("How many apples are these? " * 40)
    short_seconds = least_budget_seconds(model, count_tokens(model), ITEMS, 500, LAPTOP)
    assert least_budget_seconds(model, count_tokens(model), long, 500, LAPTOP) > 5 * short_seconds


def test_the_refusal_names_the_smallest_budget() -> None:
    settings = make_settings(task="aime25", budget_seconds=300.0, base_model="ftdojo-mini")
    refuse_hopeless(settings, 299.0)
    with pytest.raises(InputError, match="cannot fit one experiment with ftdojo-mini") as refused:
        refuse_hopeless(settings, 1234.0)
    assert refused.value.fix == "give it more than 21m, or take a smaller model"
