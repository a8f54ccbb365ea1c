"""The skill curriculum of the bundled base model: which skills there are and how often each is shown.

The curriculum teaches general abilities (sums, look-up, sets, molecule strings, formats, Chinese number
card_topics) in its own wordings. It is no task's training data: fine-tuning on a task is what the product
does.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tools.pretraining.skills import chinese, numeric, sets, smiles, tables, text
from tools.pretraining.skills.core import Document, Skill

# Weights are relative numbers of documents. Skills that need much practice weigh most.
MIXTURE: dict[str, tuple[float, Skill]] = {
    "equation": (11.0, numeric.equation),
    "chain": (5.0, numeric.chain),
    "remainder": (2.5, numeric.remainder),
    "compare": (4.0, numeric.compare),
    "digits": (1.5, numeric.digits),
    "structure": (3.5, numeric.structure),
    "story": (5.0, numeric.story),
    "percent": (0.8, numeric.percent),
    "choice": (1.5, numeric.choice),
    "key_value": (7.0, tables.key_value),
    "table": (18.0, tables.table_questions),
    "two_hops": (1.5, tables.two_hops),
    "json": (2.0, tables.json_object),
    "member": (6.0, sets.member),
    "overlap": (8.0, sets.overlap),
    "cover": (6.0, sets.cover),
    "difference": (3.5, sets.difference),
    "device": (3.0, sets.device_prose),
    "smiles_copy": (1.0, smiles.copy),
    "smiles_count": (1.0, smiles.count),
    "smiles_name": (2.0, smiles.name_fragment),
    "smiles_append": (4.5, smiles.append),
    "smiles_strip": (4.0, smiles.strip),
    "smiles_swap": (4.0, smiles.swap),
    "smiles_last": (1.0, smiles.last_atom),
    "positions": (4.0, text.positions),
    "echo": (9.0, text.echo),
    "spelling": (1.0, text.spelling),
    "sort_words": (1.0, text.sort_words),
    "lettered": (4.0, text.lettered),
    "categories": (0.5, text.categories),
    "prose": (2.5, text.prose),
    "story_zh": (5.0, chinese.story),
    "formula_zh": (4.0, chinese.formula),
    "category_zh": (4.0, chinese.category),
    "compare_zh": (1.0, chinese.compare),
    "pick_zh": (5.0, chinese.pick),
    "percent_zh": (1.0, chinese.percent),
}


def documents(seed: int, level: float, n: int) -> Iterator[Document]:
    """Yield `n` documents of the mixture.

    Args:
        seed: Seed of the stream; the same seed and level give the same documents.
        level: Difficulty from 0 (short and easy) to 1 (full length).
        n: How many documents.
    """
    rng = Random(seed)
    skills = [skill for _, skill in MIXTURE.values()]
    weights = [weight for weight, _ in MIXTURE.values()]
    for skill in rng.choices(skills, weights, k=n):
        yield skill(rng, level)


def probe_documents(name: str, seed: int, n: int) -> list[Document]:
    """`n` held-out documents of one skill at full difficulty, from a stream that training never draws."""
    rng = Random(f"probe-{name}-{seed}")
    skill = MIXTURE[name][1]
    return [skill(rng, 1.0) for _ in range(n)]
