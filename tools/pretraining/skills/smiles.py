"""Skills on SMILES strings: copying, counting, naming a fragment, and edits at the ends and in branches."""

from __future__ import annotations

from random import Random

from tools.pretraining.skills.core import Document, Turn, ask, turn, upto

# Fragments by name, as they stand at the end of a chain or inside a bracketed branch.
FRAGMENTS = {
    "hydroxyl": "O",
    "amino": "N",
    "fluoro": "F",
    "chloro": "Cl",
    "bromo": "Br",
    "carboxyl": "C(=O)O",
    "nitrile": "C#N",
    "aldehyde": "C=O",
    "nitro": "[N+](=O)[O-]",
    "benzene ring": "c1ccccc1",
    "thiol": "S",
    "amide": "C(N)=O",
}
_ALSO = {
    "hydroxyl": ("alcohol", "hydroxy"),
    "amino": ("amine", "amine", "amine"),
    "fluoro": ("fluorine",),
    "chloro": ("chlorine", "halo", "halo", "halogen"),
    "bromo": ("bromine",),
    "carboxyl": ("acid",),
    "nitrile": ("cyano",),
    "aldehyde": ("formyl",),
    "benzene ring": ("phenyl", "benzene"),
}
_RINGS = ("c1ccccc1", "C1CCCCC1", "C1CCCC1", "c1ccncc1", "c1ccsc1", "C1CCNCC1")
# The same fragments written first, with a bond to what follows.
LEADING = {
    "hydroxyl": "O",
    "amino": "N",
    "fluoro": "F",
    "chloro": "Cl",
    "bromo": "Br",
    "carboxyl": "OC(=O)",
    "nitrile": "N#C",
    "aldehyde": "O=C",
    "nitro": "O=[N+]([O-])",
}


def chain(rng: Random, level: float) -> str:
    """A random aliphatic chain with branches, whose last atom is a carbon that takes one more bond."""
    pieces = ["C"] * upto(rng, level, 2, 9)
    for k in range(1, len(pieces) - 1):
        roll = rng.random()
        if roll < 0.12:
            pieces[k] = rng.choice(["C(C)", "C(C)", "C(CC)", "C(=O)"])
        elif roll < 0.16 and pieces[k - 1][0] == "C":
            pieces[k] = rng.choice(["O", "N"])
    text = "".join(pieces)
    if rng.random() < 0.4:
        ring = rng.choice(_RINGS)
        text = ring + text if rng.random() < 0.4 else text[: rng.randint(1, len(pieces))].rstrip("(ON") + ring
        if text.count("(") != text.count(")"):
            text = "CC" + ring
    return text


def molecule(rng: Random, level: float) -> str:
    """Any valid molecule of the curriculum."""
    name = rng.choice(list(FRAGMENTS))
    roll = rng.random()
    if roll < 0.4:
        return chain(rng, level) + FRAGMENTS[name]
    if roll < 0.7:
        return branched(rng, level, FRAGMENTS[name])
    return chain(rng, level)


def branched(rng: Random, level: float, fragment: str) -> str:
    """A chain with `fragment` as a bracketed branch on an inner carbon or on a ring."""
    if rng.random() < 0.3:
        return (
            "C" * rng.randint(1, 4) + rng.choice([f"c1ccc({fragment})cc1", f"c1cccc({fragment})c1"])
            if ("1" not in fragment)
            else f"CC({fragment})C"
        )
    n = upto(rng, level, 3, 8)
    k = rng.randrange(1, n - 1)
    return "C" * k + f"C({fragment})" + "C" * (n - k - 1)


def copy(rng: Random, level: float) -> Document:
    """Copy one or more molecules."""
    turns = []
    for _ in range(rng.randint(1, 3)):
        text = molecule(rng, level)
        form = rng.choice(["Copy {}", "Repeat: {}", "Same again: {}", "SMILES {}", "Write {} unchanged."])
        turns.append(turn(rng, form.format(text), text, "", 0.3))
    return Document("smiles_copy", tuple(turns))


def count(rng: Random, level: float) -> Document:
    """Count the atoms of one kind, or find the molecule's length in characters."""
    text = molecule(rng, level * 0.7)
    roll = rng.random()
    symbol = rng.choice(["C", "O", "N"])
    plain = text.replace("Cl", "L").replace("Br", "R")
    n = sum(c.upper() == symbol for c in plain)
    if roll < 0.7:
        form = rng.choice(["How many {s} in {t}?", "{t}: number of {s}?", "Count {s}: {t}"])
        return ask(rng, "smiles_count", form.format(s=symbol, t=text), str(n), "", 0.3)
    bare = "C" * rng.randint(1, 9)
    return ask(rng, "smiles_count", f"Length of {bare}?", str(len(bare)), "", 0.3)


def _name(rng: Random, name: str) -> str:
    return rng.choice(_ALSO[name]) if name in _ALSO and rng.random() < 0.35 else name


def name_fragment(rng: Random, level: float) -> Document:
    """Which fragment is present; or how a named fragment is written."""
    name = rng.choice(list(FRAGMENTS))
    frag = FRAGMENTS[name]
    roll = rng.random()
    if roll < 0.35:
        form = rng.choice(["Symbol of {}?", "Write {} in SMILES.", "{} =", "How is {} written?"])
        return ask(rng, "smiles_name", form.format(_name(rng, name)), frag, "", 0.3)
    base = "C" * rng.randint(2, 6)
    text = base + frag if rng.random() < 0.6 else branched(rng, level, frag)
    if roll < 0.8:
        form = rng.choice(["Which group has {}?", "{} holds which group?", "Name the group in {}."])
        return ask(rng, "smiles_name", form.format(text), name, "", 0.3)
    asked = name if rng.random() < 0.5 else rng.choice(list(FRAGMENTS))
    present = (
        asked == name
        or (asked == "hydroxyl" and name == "carboxyl")
        or (asked == "aldehyde" and name in ("carboxyl", "amide"))
        or (asked == "amino" and name == "amide")
    )
    if present and asked != name:
        asked = name
    question = rng.choice(["Does {t} contain {n}?", "{n} in {t}, yes or no?"]).format(t=text, n=asked)
    return ask(rng, "smiles_name", question, "yes" if present else "no", "", 0.2)


def _ref(rng: Random, name: str, by_name: float = 0.5) -> str:
    """A fragment as its SMILES text or by its name."""
    return _name(rng, name) if rng.random() < by_name else FRAGMENTS[name]


def append(rng: Random, level: float) -> Document:
    """Put a fragment at the end or at the front of a chain, or as a branch on a given atom."""
    turns = []
    for _ in range(rng.randint(1, 3)):
        text, name = chain(rng, level), rng.choice(list(FRAGMENTS))
        roll = rng.random()
        if roll < 0.65:
            form = rng.choice(
                [
                    "append {f} to {t}",
                    "{t} with {f} at the end",
                    "{t} + {f}",
                    "Put {f} after {t}.",
                    "Extend {t} by {f}.",
                    "{t}, then {f}",
                    "Hang {f} on {t}.",
                ]
            )
            result = text + FRAGMENTS[name]
            question = form.format(f=_ref(rng, name), t=text)
        elif roll < 0.85:
            name = rng.choice(list(LEADING))
            text = "C" * rng.randint(1, 6) + (rng.choice(_RINGS) if rng.random() < 0.3 else "C")
            form = rng.choice(["put {f} in front of {t}", "{t} with {f} first", "Begin {t} with {f}."])
            result = LEADING[name] + text
            question = form.format(f=name, t=text)
        else:
            n = upto(rng, level, 3, 7)
            k = rng.randrange(1, n - 1)
            result = "C" * k + f"C({FRAGMENTS[name]})" + "C" * (n - k - 1)
            form = rng.choice(["{t}: branch {f} on atom {k}", "On atom {k} of {t} a branch {f}."])
            question = form.format(f=_ref(rng, name), t="C" * n, k=k + 1)
        turns.append(
            turn(rng, question, result, f"{name} = {FRAGMENTS[name]}." if name in question else "", 0.3)
        )
    return Document("smiles_append", tuple(turns))


def _carrier(rng: Random, level: float, name: str, other: str = "") -> tuple[str, str]:
    """A molecule with the fragment, and the same molecule with `other` (a name, or nothing) in its place."""
    roll = rng.random()
    frag, new = FRAGMENTS[name], FRAGMENTS.get(other, "")
    if roll < 0.5:
        text = chain(rng, level)
        if text[0] == "C" and text[1:2] != "1" and rng.random() < 0.2:
            text = rng.choice([f for n, f in LEADING.items() if n not in (name, other)]) + text
        return text + frag, text + new
    if roll < 0.7 and name in LEADING and (not other or other in LEADING):
        text = chain(rng, level)
        text = text if text[0] == "C" and text[1:2] != "1" else "CCC"
        if rng.random() < 0.3:
            text += rng.choice([f for n, f in FRAGMENTS.items() if n not in (name, other)])
        return LEADING[name] + text, LEADING.get(other, "") + text
    if roll < 0.78 and "1" not in frag + new:
        left = "C" * rng.randint(1, 4)
        return f"{left}c1ccc({frag})cc1", f"{left}c1ccc({new})cc1" if new else f"{left}c1ccccc1"
    n = upto(rng, level, 3, 8)
    k = rng.randrange(1, n - 1)
    left, right = "C" * k + "C", "C" * (n - k - 1)
    return f"{left}({frag}){right}", f"{left}({new}){right}" if new else left + right


def strip(rng: Random, level: float) -> Document:
    """Take a fragment away from the end, the front or a branch."""
    turns = []
    for _ in range(rng.randint(1, 3)):
        name = rng.choice(list(FRAGMENTS))
        before, after = _carrier(rng, level, name)
        form = rng.choice(
            [
                "strip {f} from {t}",
                "{t} without {f}",
                "{t} minus {f}",
                "Cut {f} off {t}.",
                "Drop {f}: {t}",
                "Take {f} out of {t}.",
            ]
        )
        turns.append(turn(rng, form.format(f=_ref(rng, name, 0.65), t=before), after, "", 0.3))
    return Document("smiles_strip", tuple(turns))


def swap(rng: Random, level: float) -> Document:
    """Put one fragment in the place of another."""
    turns = []
    for _ in range(rng.randint(1, 3)):
        name, other = rng.sample(list(FRAGMENTS), 2)
        before, after = _carrier(rng, level, name, other)
        form = rng.choice(
            [
                "swap {f} for {g}: {t}",
                "{t}, {f} -> {g}",
                "In {t} turn {f} into {g}.",
                "{t} with {g} in place of {f}",
                "Change {f} to {g} in {t}.",
            ]
        )
        by_name = 0.0 if rng.random() < 0.3 else 1.0
        question = form.format(f=_ref(rng, name, by_name), g=_ref(rng, other, by_name), t=before)
        turns.append(turn(rng, question, after, "", 0.3))
    return Document("smiles_swap", tuple(turns))


def last_atom(rng: Random, level: float) -> Document:
    """First or last symbol, reversal of a simple chain, and which atom stands at a place."""
    text = "".join(rng.choice("CCCCNO") for _ in range(upto(rng, level, 3, 8)))
    roll = rng.random()
    if roll < 0.4:
        return Document("smiles_last", (Turn(f"Reverse {text}", text[::-1]),))
    k = rng.randrange(len(text))
    return ask(rng, "smiles_last", f"Atom {k + 1} of {text}?", text[k], "", 0.2)
