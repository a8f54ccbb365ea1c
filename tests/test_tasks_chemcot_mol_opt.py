"""Molecule optimisation: what is a gain, what the released evaluator calls one, and the generated items."""

from __future__ import annotations

import json
import random
import sys
import types
from collections.abc import Iterator

import pytest

from tasks.base import Sample
from tasks.chemcot import mol_opt_released as released
from tasks.chemcot.chemistry import properties
from tasks.chemcot.chemistry.properties import MIN_SIMILARITY, PROPERTIES, optimisation_error, property_of
from tasks.chemcot.chemistry.similarity import morgan_bits
from tasks.chemcot.mol_opt import MINI, SPEC, SUBSET, build_prompt, scorer, subsets_of, to_sample, verify
from tasks.official.rows import read_rows
from tests.support.real_rows import data_root

KEY = "Final Target Molecule"
PHENOL = "CCCCc1ccc(O)cc1"
BROMIDE = "CCCCc1ccc(Br)cc1"


def item(source: str = PHENOL, name: str = "logp") -> Sample:
    return Sample("x", f"{SUBSET}{name}", f"Source Molecule: {source}", "", {"source": source})


def said(smiles: str, key: str = KEY) -> str:
    return json.dumps({key: smiles})


def published(answers: list[str], name: str = "logp", source: str = PHENOL) -> dict[str, float | None]:
    samples = [item(source, name) for _ in answers]
    return released.evaluate(f"{SUBSET}{name}", samples, answers, [None] * len(answers))


@pytest.fixture
def no_oracles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tdc", None)
    properties.oracle.cache_clear()
    properties.property_of.cache_clear()


@pytest.fixture
def fake_oracles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A stand-in for PyTDC whose oracles count nitrogens."""
    module = types.ModuleType("tdc")
    module.Oracle = lambda name: lambda smiles: smiles.count("N") / 10  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tdc", module)
    for cached in (properties.oracle, properties.property_of, properties.optimisation_error):
        cached.cache_clear()
    yield
    for cached in (properties.oracle, properties.property_of, properties.optimisation_error):
        cached.cache_clear()


# -- our own rule ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "error"),
    [
        (BROMIDE, ""),
        ("Brc1ccc(CCCC)cc1", ""),
        (PHENOL, "unchanged"),
        ("Oc1ccc(CCCC)cc1", "unchanged"),
        ("OC1=CC=C(CCCC)C=C1", "unchanged"),
        ("CCCCc1ccc([O-])cc1", "unchanged"),
        ("CCCCc1ccc(N)cc1", "no_gain"),
        ("CCCCCCCCCCCC", "unrelated"),
        ("c1ccc2ccccc2c1", "unrelated"),
        (f"{BROMIDE}.CCCC", "fragments"),
        ("CCCCc1ccc(", "invalid_smiles"),
        ("CCCCc1ccc([2H])cc1", "invalid_smiles"),
        (f"{BROMIDE} and more", "invalid_smiles"),
        ("C" * 1_000, "invalid_smiles"),
    ],
)
def test_what_counts_as_an_optimisation(target: str, error: str) -> None:
    item_score = scorer(item(), said(target))
    assert (item_score.error, item_score.right, item_score.value) == (error, not error, float(not error))


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (said(BROMIDE, "output"), True),
        (said(BROMIDE, "Final_Target_Molecule"), True),
        (f"```json\n```json\n{said(BROMIDE)}\n```\n```", True),
        (f"<think>{said(PHENOL)}</think>{said(BROMIDE)}", True),
        (f"<think>{said(PHENOL)} so {said(BROMIDE)}", False),
        (f"{said('CCCCc1ccc(N)cc1')} no, {said(BROMIDE)}", True),
        (f"{said(BROMIDE)} no, {said('CCCCc1ccc(N)cc1')}", False),
        ('{"Final Target Molecule": "' + BROMIDE + '",}', True),
        ("{'Final Target Molecule': '" + BROMIDE + "'", True),
        (BROMIDE, False),
    ],
)
def test_where_the_answer_is_read(answer: str, right: bool) -> None:
    assert scorer(item(), answer).right is right


def test_one_backslash_is_read_as_meant() -> None:
    source = "O/C=C\\CCc1ccccc1"
    item_score = scorer(item(source), '{"Final Target Molecule": "Br/C=C\\CCc1ccccc1"}')
    assert (item_score.right, item_score.parsed) == (True, "Br/C=C\\CCc1ccccc1")


def test_without_an_oracle_nothing_is_scored(no_oracles: None) -> None:
    for name in ("drd", "gsk", "jnk"):
        samples = [item(name=name)] * 2
        item_scores = [scorer(samples[0], text) for text in (said(BROMIDE), "")]
        assert [(v.scored, v.error, v.right) for v in item_scores] == [(False, "no_oracle", False)] * 2
        assert [v.parsed for v in item_scores] == [BROMIDE, None]
        assert SPEC.aggregate(samples, item_scores).n == 0
    mixed = [item(), item(name="drd")]
    score = SPEC.aggregate(mixed, [scorer(sample, said(BROMIDE)) for sample in mixed])
    assert (score.value, score.n, list(score.subsets)) == (100.0, 1, [f"{SUBSET}logp"])


@pytest.mark.usefixtures("fake_oracles")
def test_with_an_oracle_its_gain_decides() -> None:
    more, less = said("CCCCc1ccc(N)cc1"), said(BROMIDE)
    for name in ("drd", "gsk", "jnk"):
        assert scorer(item(name=name), more).right
        assert scorer(item(name=name), less).error == "no_gain"
        metrics = published([more, less], name)
        assert (metrics["success_rate"], metrics["valid_score_rate"]) == (50.0, 100.0)


def test_an_oracle_that_cannot_be_downloaded_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(name: str) -> None:
        raise ConnectionError(f"no network for {name}")

    module = types.ModuleType("tdc")
    module.Oracle = offline  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tdc", module)
    properties.oracle.cache_clear()
    assert not properties.has_oracle("drd")
    properties.oracle.cache_clear()


# -- properties ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "smiles", "value"),
    [
        # logP, weight, rotatable bonds and aromatic share by RDKit: 1.6866, 78.114, 0, 1.
        ("solubility", "c1ccccc1", 0.16 - 0.63 * 1.6866 - 0.0062 * 78.114 - 0.74),
        # 0.7788, 74.123, 2, 0.
        ("solubility", "CCCCO", 0.16 - 0.63 * 0.7788 - 0.0062 * 74.123 + 0.066 * 2),
        ("logp", "c1ccccc1", 1.6866),
        ("qed", "CC(=O)Oc1ccccc1C(=O)O", 0.5501),  # aspirin: 0.55 in Bickerton et al.
    ],
)
def test_properties_by_hand(name: str, smiles: str, value: float) -> None:
    assert property_of(name, smiles) == pytest.approx(value, abs=1e-4)


def test_a_property_of_nothing_is_none() -> None:
    assert property_of("qed", "C1CC") is None
    assert optimisation_error("logp", "C1CC", "CC") == "invalid_smiles"


# -- the released evaluator ------------------------------------------------------------------------


def test_published_metrics_by_hand() -> None:
    gain = (property_of("logp", BROMIDE) or 0) - (property_of("logp", PHENOL) or 0)
    metrics = published([said(BROMIDE), said(PHENOL), said("C1CC"), ""])
    assert list(metrics) == list(released.NAMES)
    rates = [metrics[name] for name in ("success_rate", "best_rate", "valid_smiles_rate", "valid_score_rate")]
    assert rates == [25.0, 25.0, 50.0, 50.0]
    assert (metrics["scaffold_hard"], metrics["scaffold_soft"]) == (50.0, 50.0)
    # Gains 0, 0, 0, g: the 95th percentile lies at 0.85 g, to which the largest is clipped.
    assert metrics["mean_improvement"] == pytest.approx(0.85 * gain / 4)


def test_published_counts_what_ours_refuses() -> None:
    noisy = 0
    rng = random.Random(0)
    from rdkit import Chem

    for index in range(60):
        source = str(MINI.generator.draw(rng, index).meta["source"])
        atoms = list(range(Chem.MolFromSmiles(source).GetNumAtoms()))
        rng.shuffle(atoms)
        spelled = Chem.MolToSmiles(Chem.RenumberAtoms(Chem.MolFromSmiles(source), atoms), canonical=False)
        noisy += (published([said(spelled)], "logp", source)["success_rate"] or 0) > 0
        assert scorer(item(source), said(spelled)).error == "unchanged"
    assert noisy > 0  # the source in another spelling gains by rounding
    for unrelated in ("c1ccc2ccccc2c1", f"{BROMIDE}.CCCC"):
        assert published([said(unrelated)])["success_rate"] == 100.0
        assert not scorer(item(), said(unrelated)).right


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        (f"```json\n```json\n{said('CCO')}\n```\n```", ""),
        (f"<think>{said('CC')}</think>{said('CCO')}", "CCO"),
        (f"<think>{said('CC')} {said('CCO')}", "CC"),
        (f"{said('CCO')} or {said('CC')}", "CCO"),
        ('{"output": "CCO",}', "CCO"),
        ('{"Final Target Molecule": "", "output": "CCO"}', "CCO"),
        ('{"Final Target Molecule": "CC', "Molecule"),
        ("I suggest CCCCCO here", "suggest"),
        ("CCO", "CCO"),
        ("", ""),
    ],
)
def test_how_the_released_parser_reads(answer: str, taken: str) -> None:
    assert released.molecule_said(answer) == taken


@pytest.mark.parametrize("answer", ["[" * 100_000, '{"output": ' + "9" * 5_000 + "}"])
def test_what_ends_the_released_view_is_none_for_every_metric(answer: str) -> None:
    metrics = published([said(BROMIDE), answer])
    assert set(metrics.values()) == {None}
    assert scorer(item(), answer).right is False


def test_published_without_an_oracle_leaves_gains_open(no_oracles: None) -> None:
    metrics = published([said(BROMIDE)], "drd")
    assert metrics["valid_smiles_rate"] == 100.0
    assert [name for name, value in metrics.items() if value is None] == [
        "mean_improvement",
        "success_rate",
        "best_rate",
        "valid_score_rate",
    ]


def test_the_released_solubility_has_other_coefficients() -> None:
    metrics = published([said("CCCCc1ccc(N)cc1")], "solubility", "CCCCc1ccc(Br)cc1")
    ours = (property_of("solubility", "CCCCc1ccc(N)cc1") or 0) - (property_of("solubility", BROMIDE) or 0)
    assert metrics["mean_improvement"] == pytest.approx(1.17 * ours, rel=0.05)


def test_scaffolds_are_compared_as_released() -> None:
    assert released.scaffold_match("CCc1ccccc1", "NCCc1ccccc1") == (True, 1.0)
    assert released.scaffold_match("CCC", "CCO") == (True, 1.0)
    assert released.scaffold_match("CCc1ccccc1", "CCO") == (False, 0.0)
    same, alike = released.scaffold_match("c1ccccc1Cc1ccccc1", "c1ccccc1CCc1ccccc1")
    assert not same
    assert 0.3 < alike < 1.0


# -- rows ------------------------------------------------------------------------------------------


def test_a_published_row_becomes_an_item() -> None:
    row = {
        "id": "1",
        "query": 'Optimize the Source Molecule.\n{\n    "Final Target Molecule": "SMILES",\n}\n\n'
        "Source Molecule: CC(C)N.",
        "gt": "",
        "task": "mol_opt",
        "subtask": "drd",
        "meta": '{"src_iupac": "propan-2-amine"}',
    }
    sample = to_sample(row, subsets_of(row)[0])
    assert (sample.subset, sample.meta["source"], sample.gold) == (f"{SUBSET}drd", "CC(C)N", "")
    assert sample.prompt == row["query"]
    with pytest.raises(ValueError, match="Source Molecule"):
        to_sample({**row, "query": "Which molecule?"}, f"{SUBSET}drd")
    with pytest.raises(ValueError, match="no valid SMILES"):
        to_sample({**row, "query": "Source Molecule: C1CC."}, f"{SUBSET}drd")
    assert subsets_of({**row, "task": "mol_edit"}) == subsets_of({**row, "subtask": "sa"}) == ()
    assert build_prompt({"query": "Input Molecule: CC"}) is None


def test_real_rows_are_read_and_silence_is_worst() -> None:
    folder = data_root() / "chemcotbench" / "chemcotbench" / "mol_opt"
    for name in PROPERTIES:
        subset = f"{SUBSET}{name}"
        samples = [to_sample(row, subset) for row in read_rows(folder / f"{name}.json")]
        assert len(samples) == 40
        assert {sample.gold for sample in samples} == {""}  # published rows hold no reference answer
        same = [said(str(sample.meta["source"])) for sample in samples]
        item_scores = [scorer(sample, text) for sample, text in zip(samples, same, strict=True)]
        assert not any(item_score.right for item_score in item_scores)
        metrics = released.evaluate(subset, samples, same, [None] * 40)
        assert (metrics["valid_smiles_rate"], metrics["scaffold_hard"]) == (100.0, 100.0)


def test_real_molecules_can_be_improved() -> None:
    """A methyl group more raises logP and keeps the molecule: the rule can be met on real rows."""
    path = data_root() / "chemcotbench" / "chemcotbench" / "mol_opt" / "logp.json"
    samples = [to_sample(row, f"{SUBSET}logp") for row in read_rows(path)]
    right = [scorer(sample, said("C" + str(sample.meta["source"]))).right for sample in samples]
    assert sum(right) > 25


# -- generated items -------------------------------------------------------------------------------


def test_generated_targets_are_optimisations_and_decoys_are_not() -> None:
    rng = random.Random(11)
    for index in range(240):
        drawn = MINI.generator.draw(rng, index)
        name, source = str(drawn.columns["subtask"]), str(drawn.meta["source"])
        assert optimisation_error(name, source, drawn.answer) == ""
        assert morgan_bits(source, drawn.answer) >= MIN_SIMILARITY
        assert optimisation_error(name, source, MINI.generator.wrong(rng, drawn))
        assert len(MINI.prompt_of(drawn)) < 400
        row = MINI.generator.with_answer(drawn, drawn.answer, "")
        assert to_sample(row, drawn.subset).gold == drawn.answer


def test_the_mini_edition_draws_three_of_six_views() -> None:
    drawn = {MINI.generator.draw(random.Random(index), index).subset for index in range(12)}
    assert drawn == {f"{SUBSET}{name}" for name in ("logp", "qed", "solubility")}
    assert set(MINI.unscored_subsets) == {f"{SUBSET}{n}" for n in properties.ORACLES}


def test_verify_knows_the_property_and_when_it_cannot_tell(no_oracles: None) -> None:
    prompt = f"Optimize the Source Molecule to improve the LogP value.\nSource Molecule: {PHENOL}."
    assert verify(prompt, said(BROMIDE)) is True
    assert verify(prompt, f"The new molecule is {BROMIDE}") is True
    assert verify(prompt, said("CCCCc1ccc(N)cc1")) is False
    assert verify(prompt, "no molecule") is None
    assert verify(prompt.replace("LogP value", "DRD2 property"), said(BROMIDE)) is None
    assert verify("Source Molecule: CC. Make it nicer.", said("CCO")) is None
