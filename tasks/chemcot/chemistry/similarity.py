"""Similarity of two molecules, or of two spellings of them.

Fingerprints are RDKit's. Morgan fingerprints of radius 2 come in two forms: counted
and unfolded, in which a longer chain is another molecule, and folded to bits.
Tanimoto similarity is 0.0 to 1.0 throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from tasks.answers.smiles import parse


@lru_cache(maxsize=20_000)
def parent_form(smiles: str) -> str | None:
    """The canonical spelling without charges that a proton can carry and without stereo marks.

    Equal forms are the same molecule in another spelling or another protonation state.
    """
    mol = parse(smiles)
    if mol is None:
        return None
    from rdkit import Chem, rdBase
    from rdkit.Chem.MolStandardize import rdMolStandardize

    with rdBase.BlockLogs():
        return str(Chem.MolToSmiles(rdMolStandardize.Uncharger().uncharge(mol), isomericSmiles=False))


@lru_cache(maxsize=4)
def _morgan(bits: int) -> Any:
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=bits)


def _tanimoto(first: Any, second: Any) -> float:
    from rdkit import DataStructs

    return float(DataStructs.TanimotoSimilarity(first, second))


def morgan_counts(first: str, second: str) -> float:
    """Tanimoto over counted atom environments of radius 2; 0.0 when either is no molecule."""
    pair = parse(first), parse(second)
    if pair[0] is None or pair[1] is None:
        return 0.0
    make = _morgan(2048).GetSparseCountFingerprint
    return _tanimoto(make(pair[0]), make(pair[1]))


def morgan_bits(first: str, second: str, bits: int = 2048) -> float:
    """Tanimoto over folded environments of radius 2; 0.0 when either is no molecule."""
    pair = parse(first), parse(second)
    if pair[0] is None or pair[1] is None:
        return 0.0
    make = _morgan(bits).GetFingerprint
    return _tanimoto(make(pair[0]), make(pair[1]))


def maccs(first: str, second: str) -> float:
    """Tanimoto over the 166 MACCS keys; 0.0 when either is no molecule."""
    pair = parse(first), parse(second)
    if pair[0] is None or pair[1] is None:
        return 0.0
    from rdkit.Chem import rdMolDescriptors

    make: Any = rdMolDescriptors.GetMACCSKeysFingerprint
    return _tanimoto(make(pair[0]), make(pair[1]))


def path_bits(first: str, second: str) -> float:
    """Tanimoto over RDKit's own path fingerprint; 0.0 when either is no molecule."""
    pair = parse(first), parse(second)
    if pair[0] is None or pair[1] is None:
        return 0.0
    from rdkit import Chem

    return _tanimoto(Chem.RDKFingerprint(pair[0]), Chem.RDKFingerprint(pair[1]))


def same_inchi(first: str, second: str) -> bool:
    """Whether the standard InChI of both agrees: tautomers and charges of acids may."""
    pair = parse(first), parse(second)
    if pair[0] is None or pair[1] is None:
        return False
    from rdkit import rdBase
    from rdkit.Chem import inchi

    name_of: Any = inchi.MolToInchi
    with rdBase.BlockLogs():
        return bool(name_of(pair[0]) == name_of(pair[1]))


def levenshtein(first: str, second: str) -> int:
    """Single-character edits from one text to the other."""
    from rapidfuzz.distance import Levenshtein

    return int(Levenshtein.distance(first, second))


def character_bleu(said: Sequence[str], wanted: Sequence[str]) -> float:
    """Corpus BLEU-4 over characters, 0.0 to 1.0, without smoothing (Papineni et al., 2002, by NLTK)."""
    if not said or not any(said):
        return 0.0
    import importlib
    import warnings

    corpus_bleu: Any = importlib.import_module("nltk.translate.bleu_score").corpus_bleu
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NLTK warns that no 4-gram overlaps, and scores nearly zero
        return float(corpus_bleu([[list(text)] for text in wanted], [list(text) for text in said]))
