"""Dissimilarities against scipy's pdist and rsatoolbox, and the flags for what has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm
from scipy.spatial.distance import pdist, squareform

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa import scatter
from lens_pipeline.rsa.rdms import RDM_METHODS, LayerPass, compute_rdms, dissimilarities

if TYPE_CHECKING:
    from collections.abc import Callable

PDIST = {
    "correlation": "correlation",
    "euclidean": "euclidean",
    "squared_euclidean": "sqeuclidean",
    "cosine": "cosine",
    "mahalanobis": "mahalanobis",
    "squared_mahalanobis": "mahalanobis",
}


def _patterns(seed: int = 0, *, n: int = 12, units: int = 700) -> np.ndarray:
    return np.random.default_rng(seed).gamma(1.0, size=(n, units)).astype(np.float32)


def _blocks(array: np.ndarray) -> Callable[[], list[np.ndarray]]:
    return lambda: np.array_split(array, 3, axis=1)


def _noise(units: int = 700) -> np.ndarray:
    mixing = np.random.default_rng(9).normal(size=(units, units)) / units**0.5
    return mixing @ mixing.T + np.eye(units)


def _needs(method: str, units: int = 700) -> np.ndarray | None:
    return _noise(units) if RDM_METHODS[method].whitens else None


def _wanted(array: np.ndarray, method: str) -> np.ndarray:
    """SciPy's distances; it has no squared Mahalanobis distance."""
    double = array.astype(np.float64)
    if not RDM_METHODS[method].whitens:
        return pdist(double, PDIST[method])
    found = pdist(double, PDIST[method], VI=np.linalg.inv(_noise(array.shape[1])))
    return found**2 if method.startswith("squared") else found


def _part(layer: str, number: int, array: np.ndarray) -> LayerPass:
    return LayerPass(layer, number, _blocks(array))


@pytest.mark.parametrize("method", RDM_METHODS)
@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("few", [0, 12])
def test_values_are_those_of_pdist(
    method: str, offset: float, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every method equals scipy's in float64 to 1e-6 of the largest value, offset or not."""
    monkeypatch.setattr(scatter, "_FEW_PATTERNS", few)
    array = _patterns() + np.float32(offset)
    wanted = _wanted(array, method)
    found = dissimilarities(_blocks(array), method=method, noise=_needs(method))
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6 * wanted.max())


def test_every_method_has_a_witness() -> None:
    """No method is added without an entry above."""
    assert set(PDIST) == set(RDM_METHODS)


def test_correlation_is_that_of_rsatoolbox() -> None:
    """1 - Pearson r, pair by pair."""
    wanted = calc_rdm(Dataset(_patterns().astype(np.float64)), method="correlation")
    found = dissimilarities(_blocks(_patterns()))
    np.testing.assert_allclose(found, wanted.dissimilarities[0], atol=1e-6)


def test_squared_euclidean_is_rsatoolbox_times_the_number_of_units() -> None:
    """Their `euclidean` is squared and per unit."""
    wanted = calc_rdm(Dataset(_patterns().astype(np.float64)), method="euclidean")
    found = dissimilarities(_blocks(_patterns()), method="squared_euclidean")
    np.testing.assert_allclose(found / 700, wanted.dissimilarities[0], rtol=1e-6)


@pytest.mark.parametrize("method", RDM_METHODS)
def test_duplicates_are_at_distance_zero(method: str) -> None:
    """Two equal patterns are never at a negative or undefined distance."""
    array = _patterns(n=37, units=301)
    array[19:] = array[:18]
    noise = _needs(method, 301)
    found = squareform(dissimilarities(_blocks(array), method=method, noise=noise))
    assert found.min() >= 0
    copies = found[np.arange(19, 37), np.arange(18)]
    assert copies.max() <= (0 if RDM_METHODS[method].exact else 1e-6)


@pytest.mark.parametrize("method", ["euclidean", "squared_euclidean"])
def test_near_duplicates_keep_their_distance(method: str) -> None:
    """A distance of a ten-thousandth of the patterns' size is still right to 1e-5."""
    array = _patterns() + np.float32(1e2)
    array[7] = array[0] * np.float32(1 + 1e-6)
    wanted = pdist(array.astype(np.float64), PDIST[method])
    found = dissimilarities(_blocks(array), method=method)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize("method", ["correlation", "cosine"])
@pytest.mark.parametrize(("share", "largest", "rtol"), [(1e-4, 1e-7, 1e-4), (0.15, 0.03, 2e-7)])
def test_patterns_that_hardly_differ_keep_their_ranks(
    method: str, share: float, largest: float, rtol: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An RDM of many patterns whose values float32 errors could reorder is made in float64."""
    monkeypatch.setattr(scatter, "_FEW_PATTERNS", 0)
    array = (_patterns(1, n=1) + share * _patterns(2)).astype(np.float32)
    wanted = pdist(array.astype(np.float64), PDIST[method])
    assert wanted.max() < largest
    found = dissimilarities(_blocks(array), method=method)
    np.testing.assert_allclose(found, wanted, rtol=rtol)


def test_one_feature_has_distances() -> None:
    """With a single unit the Euclidean distance is the absolute difference."""
    values = np.array([[1.0], [4.0], [2.0]])
    np.testing.assert_allclose(dissimilarities(lambda: [values], method="euclidean"), [3, 1, 2])


def test_sets_are_labelled_by_layer_pass_and_stimulus() -> None:
    """Rows carry layer and pass, patterns carry the ids, in the order given."""
    names: list[str] = []
    found = compute_rdms(
        [_part("V1", 1, _patterns(1)), _part("IT", 1, _patterns(2)), _part("IT", 2, _patterns(3))],
        stimulus_ids=[f"s{row}" for row in range(12)],
        done=names.append,
    )
    assert found.rdms.rdm_descriptors["name"] == ["V1:1", "IT:1", "IT:2"] == names
    assert found.rdms.rdm_descriptors["layer"] == ["V1", "IT", "IT"]
    assert found.rdms.rdm_descriptors["pass"] == [1, 1, 2]
    assert found.rdms.pattern_descriptors["stimulus_id"][11] == "s11"
    assert found.parts == (("V1", 1), ("IT", 1), ("IT", 2))
    assert found.rdms.dissimilarity_measure == "1 - Pearson r"
    wanted = dissimilarities(_blocks(_patterns(3)))
    np.testing.assert_array_equal(found.rdms.dissimilarities[2], wanted)


def _spoiled(*, zero: tuple[int, ...] = (), nan: tuple[int, ...] = ()) -> np.ndarray:
    array = _patterns()
    array[list(zero)] = 0
    array[list(nan), 5] = np.nan
    return array


FLAGGED = [
    ("correlation", np.ones((12, 9)), "its pattern is the same for all stimuli"),
    ("correlation", _spoiled(zero=(2,)), "no correlation is defined, for some stimuli: s2"),
    ("cosine", _spoiled(zero=(2,)), "no angle is defined, for some stimuli: s2"),
    ("euclidean", _spoiled(nan=(0, 1, 4, 5, 6)), "stimuli: s0, s1, s4 and 2 more stimuli"),
    ("correlation", np.eye(12), "its dissimilarities are all equal"),
    ("euclidean", np.eye(12), "its dissimilarities are all equal"),
    ("euclidean", _patterns().astype(np.float64) * 1e200, "too large"),
    ("euclidean", np.float32([[1, 2]] * 11 + [[1, 2.0000002]]), "no more than rounding"),
]


@pytest.mark.parametrize(("method", "array", "reason"), FLAGGED)
def test_what_has_no_rdm_is_flagged_and_left_out(
    method: str, array: np.ndarray, reason: str
) -> None:
    """The flag names layer, pass, reason and stimuli; the rest is there and finite."""
    found = compute_rdms(
        [_part("V4", 1, array), _part("V4", 2, _patterns(4))],
        stimulus_ids=[f"s{row}" for row in range(12)],
        method=method,
    )
    (flag,) = found.flags
    assert (flag.layer, flag.number) == ("V4", 1)
    assert reason in flag.reason
    assert found.rdms.rdm_descriptors["name"] == ["V4:2"]
    assert np.isfinite(found.rdms.dissimilarities).all()
    assert found.parts == (("V4", 1), ("V4", 2))


def test_a_set_in_which_nothing_varies_is_empty() -> None:
    """All flagged leaves RDMs of no rows, not an error."""
    found = compute_rdms([_part("a", 1, np.ones((3, 4)))], stimulus_ids=["x", "y", "z"])
    assert found.rdms.dissimilarities.shape == (0, 3)


def test_wrong_numbers_and_names_are_refused() -> None:
    """A store of other stimuli and an unknown method are errors."""
    with pytest.raises(ComparisonError, match="a:1 has 12 stimuli, not the 3"):
        compute_rdms([_part("a", 1, _patterns())], stimulus_ids=["x", "y", "z"])
    with pytest.raises(ComparisonError, match=r"RDM method 'correlat'.*nearest: correlation"):
        compute_rdms([], stimulus_ids=["x"], method="correlat")


def test_mahalanobis_is_that_of_rsatoolbox_times_the_number_of_units() -> None:
    """Theirs is squared, per unit, and takes the precision."""
    array = _patterns(units=40).astype(np.float64)
    precision = np.linalg.inv(_noise(40))
    wanted = calc_rdm(Dataset(array), method="mahalanobis", noise=precision)
    found = dissimilarities(_blocks(array), method="squared_mahalanobis", noise=_noise(40))
    np.testing.assert_allclose(found / 40, wanted.dissimilarities[0], rtol=1e-6)


NO_COVARIANCE = [
    (None, "needs the covariance of the units' noise; give it with rsa.noise=FILE"),
    (np.eye(39), r"V1:1: the layer has 40 units and its noise covariance the shape \(39, 39\)"),
    (np.diag([1.0] * 39 + [-1.0]), "not positive definite: its smallest eigenvalue is -1;"),
    (np.triu(np.ones((40, 40))), "is not symmetric"),
    (np.full((40, 40), np.nan), "not finite"),
]


@pytest.mark.parametrize(("noise", "words"), NO_COVARIANCE)
def test_a_covariance_must_be_given_and_be_one(noise: np.ndarray | None, words: str) -> None:
    """It is never guessed, and never used when it cannot be one."""
    part = LayerPass("V1", 1, _blocks(_patterns(units=40)), noise)
    with pytest.raises(ComparisonError, match=words):
        compute_rdms([part], stimulus_ids=[str(n) for n in range(12)], method="mahalanobis")


def test_crossnobis_of_activations_says_what_it_lacks() -> None:
    """A network has no repeats."""
    with pytest.raises(ComparisonError, match=r"needs repeats.*brain\.method=crossnobis"):
        compute_rdms([], stimulus_ids=["x"], method="crossnobis")
