"""Scores against scipy and rsatoolbox on the same rows, and the ceilings of real subjects."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from rsatoolbox.inference.noise_ceiling import boot_noise_ceiling
from rsatoolbox.rdm.compare import compare as rsatoolbox_compare
from scipy.spatial.distance import pdist
from scipy.stats import kendalltau, pearsonr, spearmanr

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.columns import SCORED
from lens_pipeline.rsa.comparison import (
    COMPARISONS,
    compare,
    in_order,
    noise_ceiling,
    score_table,
    second_order,
)
from lens_pipeline.rsa.rdms import LayerPass, RdmSet, compute_rdms, make_rdms
from lens_pipeline.rsa.references.loading import Account, Reference, open_reference

if TYPE_CHECKING:
    from pathlib import Path

IDS = [f"s{row}" for row in range(9)]
RNG = np.random.default_rng(11)
PATTERNS = RNG.random((3, 9, 20))
SUBJECTS = np.stack([pdist(PATTERNS[1] + 0.3 * RNG.random((9, 20))) for _ in range(4)])


def _set(ids: list[str] = IDS, patterns: np.ndarray = PATTERNS) -> RdmSet:
    names = (("V1", 1), ("IT", 1), ("IT", 2))
    parts = [
        LayerPass(layer, number, lambda array=array: [array])
        for (layer, number), array in zip(names, patterns, strict=True)
    ]
    return compute_rdms(parts, stimulus_ids=ids, method="euclidean")


def _reference(vectors: np.ndarray = SUBJECTS, ids: list[str] = IDS) -> Reference:
    rows = {"subject": [str(row) for row in range(len(vectors))]}
    rdms = make_rdms(vectors, stimulus_ids=ids, rows=rows)
    return Reference("brain", rdms, Account("id", len(ids)), len(vectors))


WITNESSES = {
    "spearman": lambda a, b: spearmanr(a, b).statistic,
    "rho_a": lambda a, b: spearmanr(a, b).statistic,
    "pearson": lambda a, b: pearsonr(a, b).statistic,
    "kendall_tau_a": lambda a, b: kendalltau(a, b).statistic,
    "kendall_tau_b": lambda a, b: kendalltau(a, b).statistic,
    "cosine": lambda a, b: a @ b / np.sqrt((a @ a) * (b @ b)),
}


@pytest.mark.parametrize("measure", WITNESSES)
def test_measures_are_those_of_scipy(measure: str) -> None:
    """Without ties, each equals its textbook definition."""
    rdms, others = _set().rdms, _reference().rdms
    found = compare(rdms, others, measure=measure)
    wanted = [
        [WITNESSES[measure](a, b) for b in others.dissimilarities] for a in rdms.dissimilarities
    ]
    np.testing.assert_allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize("measure", COMPARISONS)
def test_all_measures_are_those_of_rsatoolbox_and_have_a_ceiling(measure: str) -> None:
    """Every registered name works, for scores and for the noise ceiling."""
    rdms, others = _set().rdms, _reference().rdms
    wanted = rsatoolbox_compare(rdms, others, method=COMPARISONS[measure].method)
    np.testing.assert_allclose(compare(rdms, others, measure=measure), wanted)
    lower, upper = noise_ceiling(others, measure=measure)
    assert 0 < lower < upper <= 1
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Noise ceiling for tau")
        ceilings = boot_noise_ceiling(others, method=COMPARISONS[measure].method)
    assert (lower, upper) == pytest.approx(ceilings, abs=1e-12)


def test_shuffled_rows_give_the_same_score() -> None:
    """Order is nothing, ids are everything: rsatoolbox alone gives another number."""
    order = RNG.permutation(9)
    shuffled = _set([IDS[row] for row in order], PATTERNS[:, order])
    wanted = compare(_set().rdms, _reference().rdms)
    np.testing.assert_allclose(compare(shuffled.rdms, _reference().rdms), wanted, atol=1e-12)
    bare = rsatoolbox_compare(shuffled.rdms, _reference().rdms, method="spearman")
    assert np.abs(bare - wanted).max() > 0.1


def test_rdms_are_cut_and_ordered_by_id() -> None:
    """A subset in another order has the dissimilarities of those pairs."""
    found = in_order(_set().rdms, ["s7", "s0", "s3"])
    wanted = pdist(PATTERNS[0][[7, 0, 3]])
    np.testing.assert_allclose(found.dissimilarities[0], wanted, rtol=1e-6)
    assert found.pattern_descriptors["stimulus_id"] == ["s7", "s0", "s3"]
    assert found.rdm_descriptors["name"] == ["V1:1", "IT:1", "IT:2"]


def test_other_ids_are_refused() -> None:
    """A renamed id and another number of stimuli are errors."""
    with pytest.raises(ComparisonError, match=r"1 of 9 stimuli have no row.*'s88'; nearest: s8"):
        compare(_set().rdms, _reference(ids=[*IDS[:8], "s88"]).rdms)
    with pytest.raises(ComparisonError, match="RDMs of 9 and of 4 stimuli"):
        compare(_set().rdms, in_order(_set().rdms, IDS[:4]))
    with pytest.raises(ComparisonError, match=r"measure 'sperman' \(rsa.measure\); nearest: spear"):
        compare(_set().rdms, _set().rdms, measure="sperman")


def test_the_table_is_tidy_and_complete() -> None:
    """One row per layer, pass and reference, with means over subjects and what was compared."""
    facts = {"model": "net", "weights": "random", "stand_in": "no weights"}
    one = Reference("one", _reference(SUBJECTS[:1]).rdms, Account("position", 9), 1)
    table = score_table(_set(), [_reference(), one], facts=facts)
    assert tuple(table.columns) == tuple(SCORED)
    assert len(table) == 6
    each = compare(_set().rdms, _reference().rdms)
    row = table.iloc[2]
    assert (row["layer"], row["pass"], row["reference"]) == ("IT", 2, "brain")
    assert row["score"] == pytest.approx(each[2].mean())
    assert row["sem"] == pytest.approx(each[2].std(ddof=1) / 2)
    ceiling = noise_ceiling(_reference().rdms)
    assert (row["ceiling_lower"], row["ceiling_upper"]) == pytest.approx(ceiling)
    assert (row["n_stimuli"], row["n_subjects"], row["rdm_method"]) == (9, 4, "euclidean")
    assert (row["model"], row["stand_in"], row["align"]) == ("net", "no weights", "id")
    alone = table[table["reference"] == "one"]
    assert alone[["sem", "ceiling_lower", "ceiling_upper"]].isna().all(axis=None)
    assert table["score"].notna().all()


def test_no_references_and_no_rdms_give_empty_tables() -> None:
    """The columns are there all the same."""
    assert tuple(score_table(_set(), []).columns) == tuple(SCORED)
    flat = compute_rdms([LayerPass("a", 1, lambda: [np.ones((9, 3))])], stimulus_ids=IDS)
    table = score_table(flat, [_reference()])
    assert (len(table), tuple(table.columns)) == (0, tuple(SCORED))
    assert second_order(flat).shape == (0, 0)


def test_an_rdm_that_is_constant_over_the_common_stimuli_has_no_score(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is left out with a warning; there is never a NaN score."""
    patterns = np.vstack([np.eye(6, 20), RNG.random((3, 20))])
    rdm_set = _set(patterns=np.stack([patterns, PATTERNS[1], PATTERNS[2]]))
    reference = _reference(np.stack([pdist(PATTERNS[0, :6])]), IDS[:6])
    table = score_table(rdm_set, [reference])
    assert list(table["layer"]) == ["IT", "IT"]
    assert table["score"].notna().all()
    assert "V1:1 is constant over the stimuli of brain" in caplog.text


def test_two_references_of_one_name_are_refused() -> None:
    """Their rows could not be told apart."""
    with pytest.raises(ComparisonError, match="Two references are called brain"):
        score_table(_set(), [_reference(), _reference()])


def test_layers_are_compared_with_each_other() -> None:
    """The second-order matrix is labelled, symmetric and 1 on its diagonal."""
    found = second_order(_set())
    assert list(found.index) == list(found.columns) == ["V1:1", "IT:1", "IT:2"]
    a, b = _set().rdms.dissimilarities[:2]
    assert found.loc["V1:1", "IT:1"] == pytest.approx(spearmanr(a, b).statistic)
    pd.testing.assert_frame_equal(found, found.T)
    np.testing.assert_allclose(np.diagonal(found), 1)


@pytest.mark.parametrize(("area", "bounds"), [("IT", (0.453, 0.542)), ("EVC", (0.242, 0.392))])
def test_ceilings_of_fifteen_subjects(
    test_data: Path, area: str, bounds: tuple[float, float]
) -> None:
    """The fMRI data of Cichy et al. have the ceilings stated beside them."""
    path = test_data / "kriegeskorte92" / "fmri" / f"fmri_{area}_RDMs.npz"
    ids = [f"{row:03}" for row in range(1, 93)]
    found = open_reference(f"{path}:Net_RDM", stimulus_ids=ids, align="position")
    assert noise_ceiling(found.rdms) == pytest.approx(bounds, abs=5e-4)


def test_human_and_monkey_it_agree_as_published(test_data: Path) -> None:
    """Both copies of the 2008 RDMs, .npz and .mat, correlate at Spearman 0.439."""
    ids = [f"{row:03}" for row in range(1, 93)]
    folder = test_data / "kriegeskorte92"
    mat = folder / "original" / "Kriegeskorte_Neuron2008_supplementalData.mat"
    texts = (
        f"{folder}/rdms_it.npz:human_IT",
        f"{mat}:RDMs_mIT_hIT_fig1.mIT_674neurons",
    )
    human, monkey = (open_reference(t, stimulus_ids=ids, align="position").rdms for t in texts)
    assert compare(human, monkey)[0, 0] == pytest.approx(0.439, abs=5e-4)
