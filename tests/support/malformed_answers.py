"""A thousand answers that no task should call right: cut, nested, mistyped, huge, invalid, poisoned.

They come from a seed, and each family of fault is tried in every answer format of the project.
"""

from __future__ import annotations

import json
import random

KEYS = (
    "answer", "code", "output", "count", "Output Scaffold", "Final Target Molecule", "Major Product",
    "Reactants", "SMILES", "pred_smi", "choice", "reason",
)  # fmt: skip
HUGE = "9" * 5_000
BAD_SMILES = ("C1CC", "O(((", "[Zz]", "c1ccc", "N%%", "C" * 5_000, "N#N#N", "[Na", ")(", "\x00C")
TYPES: tuple[object, ...] = (
    None, {}, [], [[]], {"a": {"b": []}}, [None, None], -1e308, float("nan"), "", " ", "\u0000", "\ud800",
)  # fmt: skip
WRAPS = (
    "{}", "```json\n{}\n```", "```json\n```json\n{}\n```\n```", "<think>{}", "<think>{}</think>",
    "Final Answer: {}", "\\boxed{{{}}}", "答案：{}", "```python\n{}\n```", "The answer is\n\n{}",
)  # fmt: skip


ALL = 1000
SAMPLED = 150
"""Enough for each fault in most of its wraps; `make test-slow` takes all."""


def malformed(count: int = ALL, seed: int = 0) -> list[str]:
    """``count`` answers; the first ones are the largest, one megabyte each."""
    rng = random.Random(seed)
    large = [
        junk * (1_000_000 // len(junk)) for junk in ("{", "[", "9", "\0", "\\boxed{", '{"answer":', "C=")
    ]
    return large + [_one(rng) for _ in range(count - len(large))]


def _one(rng: random.Random) -> str:
    inner = rng.choice(_FAULTS)(rng)
    return rng.choice(WRAPS).replace("{}", inner).replace("{{", "{").replace("}}", "}")


def _cut_json(rng: random.Random) -> str:
    text = json.dumps({rng.choice(KEYS): "zz" * rng.randint(1, 20)})
    return text[: rng.randint(1, len(text) - 3)]


def _wrong_type(rng: random.Random) -> str:
    value = rng.choice(TYPES)
    return json.dumps({rng.choice(KEYS): value})


def _huge_number(rng: random.Random) -> str:
    return f'{{"{rng.choice(KEYS)}": {rng.choice((HUGE, "-" + HUGE, "1e999", "Infinity", "-Infinity"))}}}'


def _bad_smiles(rng: random.Random) -> str:
    return json.dumps({rng.choice(KEYS): rng.choice(BAD_SMILES)})


def _deep(rng: random.Random) -> str:
    depth = rng.choice((50, 1_000, 20_000))
    return rng.choice(("[", '{"a":', "(", "{")) * depth


def _bytes(rng: random.Random) -> str:
    return "".join(
        chr(rng.choice((0, 1, 7, 127, 0xFFFD, 0x202E, 0x200B))) for _ in range(rng.randint(1, 200))
    )


def _broken_code(rng: random.Random) -> str:
    return rng.choice(("import matplotlib.pyplot as plt\nplt.bar(", "plt.show(", "df = = 3", "\tplt.plot([1"))


def _silence(rng: random.Random) -> str:
    return rng.choice(("", " ", "\n", "...", "?", "```", "```json", "{}", "[]", "<think>", "</think>"))


_FAULTS = (_cut_json, _wrong_type, _huge_number, _bad_smiles, _deep, _bytes, _broken_code, _silence)
