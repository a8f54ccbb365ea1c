"""Kinds of leaks, planted by hand: each edits an item so that it asks the same question.

Nothing here is shared with the detector: names, options and molecules are found and changed
by other means. An edit that an item gives no hold for returns None.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple


class Leak(NamedTuple):
    """A row that holds an item in disguise."""

    prompt: str
    answer: str = ""


Plant = Callable[[random.Random, str, str], Leak | None]
"""``plant(rng, prompt, gold)``."""

ENOUGH_NUMBERS = 4
"""Different numbers from which new names are a leak that can be told from a coincidence."""
LONG_WORDS = 60
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SMALL = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen"""
FRAME = (
    "The following was found in a notebook that somebody left on a train last winter, under two recipes.",
    "Nobody knows who wrote it, and the page after it is torn out. Say what you think of it, in brief.",
)
TABLE = re.compile(r"\{\"columns\":.*?\"data\":.*?\]\]\}", re.DOTALL)
OPTION_LINE = re.compile(r"^([A-J])[.:] (.*)$", re.MULTILINE)
REFERENCE_LINE = re.compile(r"^(D\d+): (.*)$", re.MULTILINE)


@lru_cache(maxsize=100_000)
def _molecule(word: str) -> Any | None:
    """RDKit's molecule for a word that looks like one and has three heavy atoms or more; None for others."""
    if len(word) < 3 or not (re.search(r"[=#()\[\]0-9]", word) or set(word) <= set("CNOSFPBrlI")):
        return None
    if not re.search("[CcNn]", word) or word.isdigit():
        return None
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(word)
    return mol if mol is not None and mol.GetNumAtoms() > 2 else None


def _molecules(text: str) -> list[str]:
    words = (word.strip(".,;:?!\"'`") for word in re.split(r"[\s,\">]+", text))
    return [word for word in dict.fromkeys(words) if _molecule(word) is not None]


def exact(rng: random.Random, prompt: str, gold: str) -> Leak | None:
    """As it is."""
    return Leak(prompt, gold)


def case(rng: random.Random, prompt: str, gold: str) -> Leak | None:
    """All capitals or none; molecules have a case of their own and are skipped."""
    changed = prompt.upper() if rng.random() < 0.5 else prompt.lower()
    return None if changed == prompt or _molecules(prompt) else Leak(changed)


def spacing(rng: random.Random, prompt: str, gold: str) -> Leak | None:
    """Other gaps between words."""
    gaps = re.sub(r"[ \n]", lambda _: rng.choice((" ", "  ", "\n", " \t")), prompt)
    return Leak(gaps) if gaps != prompt else None


def punctuation(rng: random.Random, prompt: str, gold: str) -> Leak | None:
    """Marks dropped, or set apart."""
    bare = re.sub(r"[.,;:?!。，？！](?=\s|$)", lambda m: rng.choice(("", " " + m.group())), prompt)
    return Leak(bare) if bare != prompt else None


def numerals(rng: random.Random, prompt: str, gold: str) -> Leak | None:
    """Free-standing numbers as words, or with separators from 1,000 on."""
    small = SMALL.split()

    def spell(found: re.Match[str]) -> str:
        value = int(found.group())
        if value < 20:
            return small[value]
        if value < 100:
            return TENS[value // 10 - 2] + (f"-{small[value % 10]}" if value % 10 else "")
        return f"{value:,}"

    changed = re.sub(r"(?<=[a-z] )\d{1,6}(?= [a-z]|[.?]\s)", spell, prompt)
    return Leak(changed) if changed != prompt else None


def light_edit(rng: random.Random, prompt: str, gold: str) -> Leak | None:
    """A filler word added, or a small word dropped."""
    words = prompt.split(" ")
    small = [
        place for place, word in enumerate(words) if word in ("the", "a", "is", "are", "of", "that", "the")
    ]
    if small and rng.random() < 0.5:
        del words[rng.choice(small)]
    else:
        words.insert(rng.randrange(len(words)), rng.choice(("please", "now", "kindly")))
    return Leak(" ".join(words))


def inside(rng: random.Random, prompt: str, gold: str) -> Leak | None:
    """In the middle of a longer text."""
    return Leak(f"{FRAME[0]}\n{prompt}\n{FRAME[1]}") if len(prompt.split()) >= 30 else None


def retouched(rng: random.Random, prompt: str, gold: str) -> Leak | None:
    """A long text with every fifteenth plain word dropped, doubled or misspelt."""
    words = prompt.split(" ")
    plain = [
        place for place, word in enumerate(words) if word.isalpha() and word.islower() and word.isascii()
    ]
    if len(words) < LONG_WORDS or len(plain) < LONG_WORDS // 2:
        return None
    for place in rng.sample(plain, min(len(plain), len(words) // 15)):
        word = words[place]
        words[place] = rng.choice(("", f"{word} {word}", word[:-1] + "z" + word[-1:]))
    return Leak(" ".join(word for word in words if word))


def _renamed(rng: random.Random, prompt: str) -> str | None:
    """Table cells, column names and capitalised words in mid-sentence, and long serial numbers."""
    table = TABLE.search(prompt)
    if table:
        try:
            content = json.loads(table.group())
        except ValueError:
            return None
        cells = [cell for row in content["data"] for cell in row if isinstance(cell, str)]
        names = {cell for cell in [*cells, *content["columns"]] if str(cell).isalpha() and len(cell) > 1}
    else:
        names = set(re.findall(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b", prompt))
    serials = set(re.findall(r"(?<=pplication )\d[\d/,]{6,}\d", prompt))
    if not names and not serials:
        return None
    used = {word.lower() for word in re.findall(r"\w+", prompt)}
    for name in sorted({name.lower() for name in names} - {*SMALL.split(), *TENS}):
        fresh = name
        while fresh in used:
            fresh = "".join(
                rng.choice("bdfgklmnrstvz") + rng.choice("aeiou") for _ in range(rng.randint(2, 3))
            )
        used.add(fresh)
        prompt = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", partial(_as_written, fresh), prompt, flags=re.I)
    for serial in serials:
        prompt = prompt.replace(serial, re.sub(r"\d", lambda _: str(rng.randint(1, 9)), serial))
    return prompt


def _as_written(fresh: str, old: re.Match[str]) -> str:
    return fresh.capitalize() if old.group()[0].isupper() else fresh


def _numbers(prompt: str) -> int:
    return len({int(number) for number in re.findall(r"(?<![\w.])\d{1,9}(?![\w])", prompt)} - {1})


def renamed_many(rng: random.Random, prompt: str, gold: str) -> Leak | None:
    """New names where numbers tell the item from others."""
    if _molecules(prompt) or _numbers(prompt) < ENOUGH_NUMBERS:
        return None
    changed = _renamed(rng, prompt)
    return Leak(changed) if changed else None


def renamed_few(rng: random.Random, prompt: str, gold: str) -> Leak | None:
    """New names where hardly a number does."""
    if _molecules(prompt) or _numbers(prompt) >= ENOUGH_NUMBERS:
        return None
    changed = _renamed(rng, prompt)
    return Leak(changed) if changed else None


def _reordered(rng: random.Random, prompt: str, pattern: re.Pattern[str]) -> Leak | None:
    parts = [found[2] for found in pattern.finditer(prompt)]
    if len(set(parts)) < 2:
        return None
    order = parts[:]
    while order == parts:
        rng.shuffle(order)
    left = iter(order)
    return Leak(pattern.sub(lambda found: found.group().replace(found[2], next(left), 1), prompt))


def options(rng: random.Random, prompt: str, gold: str) -> Leak | None:
    """Lettered lines in another order."""
    return _reordered(rng, prompt, OPTION_LINE)


def references(rng: random.Random, prompt: str, gold: str) -> Leak | None:
    """The texts of D1, D2 and so on exchanged."""
    return _reordered(rng, prompt, REFERENCE_LINE)


def table_rows(rng: random.Random, prompt: str, gold: str) -> Leak | None:
    """The rows of a JSON table in another order."""
    found = TABLE.search(prompt)
    if found is None:
        return None
    try:
        table = json.loads(found.group())
    except ValueError:
        return None
    before = list(table["data"])
    if all(row == before[0] for row in before):
        return None
    while table["data"] == before:
        rng.shuffle(table["data"])
    text = json.dumps(table, ensure_ascii=False, separators=(",", ":"))
    return Leak(prompt[: found.start()] + text + prompt[found.end() :])


def smiles(rng: random.Random, prompt: str, gold: str) -> Leak | None:
    """Each molecule in a random order, kekulised, with explicit hydrogens, or all of it."""
    changed = prompt
    for word in sorted(_molecules(prompt), key=len, reverse=True):
        form = _rewritten(rng, word).replace("\\", "\\\\")
        changed = re.sub(rf"(?<![^\s,\">]){re.escape(word)}(?=[\s,.;:?!\">]|$)", form, changed)
    return Leak(changed) if changed != prompt else None


def _rewritten(rng: random.Random, word: str) -> str:
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        mol: Any = Chem.MolFromSmiles(word)
        kekule, hydrogens, seed = rng.random() < 0.5, rng.random() < 0.3, rng.randrange(2**30)
        if kekule:
            Chem.Kekulize(mol, clearAromaticFlags=True)
        forms = Chem.MolToRandomSmilesVect(mol, 20, seed, True, kekule, False, hydrogens)
    return str(next((form for form in forms if form != word), word))


def long_gold(rng: random.Random, prompt: str, gold: str) -> Leak | None:
    """The reference answer alone, in capitals and other gaps."""
    if len(re.findall(r"\w+", gold)) < 25:
        return None
    return Leak("Write something.", re.sub(r" ", lambda _: rng.choice((" ", "\n")), gold.upper()))


def gold_inside(rng: random.Random, prompt: str, gold: str) -> Leak | None:
    """The reference answer in the middle of a longer one."""
    if len(re.findall(r"\w+", gold)) < 25:
        return None
    return Leak("Write something.", f"{FRAME[0]}\n{gold}\n{FRAME[1]}")


KINDS: Mapping[str, Plant] = {
    "exact": exact,
    "case": case,
    "white space": spacing,
    "punctuation": punctuation,
    "numerals": numerals,
    "light edit": light_edit,
    "inside a longer text": inside,
    "long text retouched": retouched,
    f"renamed, {ENOUGH_NUMBERS} numbers or more": renamed_many,
    "renamed, fewer (not covered)": renamed_few,
    "options shuffled": options,
    "references swapped": references,
    "table rows shuffled": table_rows,
    "SMILES rewritten": smiles,
    "long gold": long_gold,
    "long gold inside": gold_inside,
}


def coincidence_key(prompt: str) -> str:
    """Equal for a question and the same one with options, rows or molecules written in another way."""
    from rdkit import Chem

    for word in sorted(_molecules(prompt), key=len, reverse=True):
        prompt = prompt.replace(word, Chem.MolToSmiles(_molecule(word)))
    table = TABLE.search(prompt)
    if table:
        rows = sorted(re.findall(r"\[[^\[\]]*\](?=[,\]])", table.group()))
        prompt = prompt[: table.start()] + "\n".join(rows) + prompt[table.end() :]
    lines = [OPTION_LINE.sub(r"\2", REFERENCE_LINE.sub(r"\2", line)) for line in prompt.split("\n")]
    return "\n".join(sorted(re.sub(r"[\s.?？。]", "", line) for line in lines))
