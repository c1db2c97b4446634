"""Noise covariance against rsatoolbox and scikit-learn; what it does to responses."""

from __future__ import annotations

import numpy as np
import pytest
from rsatoolbox.data.noise import cov_from_residuals, prec_from_residuals
from scipy.linalg import fractional_matrix_power
from scipy.spatial.distance import pdist

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.noise import (
    cholesky,
    multivariate,
    noise_covariance,
    shrunk_covariance,
    univariate,
    whitened,
)


def _folds(seed: int = 0, shape: tuple[int, ...] = (4, 9, 6, 1)) -> np.ndarray:
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(shape[2], shape[2]))
    noise = np.einsum("rsut,uv->rsvt", random.normal(size=shape), mixing)
    return random.normal(size=(1, *shape[1:])) * 2 + noise


@pytest.mark.parametrize("n", [5, 40, 400])
def test_shrinkage_is_that_of_rsatoolbox(n: int) -> None:
    """Ledoit and Wolf's estimator towards the identity, few residuals or many."""
    residuals = _folds(shape=(1, n, 12, 1))[0, :, :, 0]
    residuals = residuals - residuals.mean(axis=0)
    wanted = cov_from_residuals(residuals.copy(), dof=n - 1, method="shrinkage_eye")
    np.testing.assert_allclose(shrunk_covariance(residuals, dof=n - 1), wanted, rtol=1e-10)


def test_shrinkage_is_that_of_scikit_learn() -> None:
    """Theirs divides by n instead of by the degrees of freedom."""
    covariance = pytest.importorskip("sklearn.covariance")
    residuals = _folds(shape=(1, 30, 12, 1))[0, :, :, 0]
    wanted, _ = covariance.ledoit_wolf(residuals, assume_centered=True)
    np.testing.assert_allclose(shrunk_covariance(residuals, dof=30), wanted, rtol=1e-10)


def test_the_covariance_of_repeats_is_that_of_their_residuals() -> None:
    """Residuals about each stimulus' mean; one mean per stimulus is taken off the freedom."""
    folds = _folds()
    residuals = (folds - folds.mean(axis=0))[..., 0].reshape(-1, 6)
    wanted = prec_from_residuals(residuals, dof=9 * 3, method="shrinkage_eye")
    np.testing.assert_allclose(np.linalg.inv(noise_covariance(folds, name="x")), wanted, rtol=1e-8)


def test_times_share_one_covariance() -> None:
    """It is the mean of those of single times."""
    folds = _folds(shape=(4, 9, 6, 3))
    each = [noise_covariance(folds[..., at : at + 1], name="x") for at in range(3)]
    np.testing.assert_allclose(noise_covariance(folds, name="x"), np.mean(each, axis=0))


def test_whitened_distances_are_mahalanobis() -> None:
    """Both square roots give SciPy's distances; normalising twice changes nothing more."""
    folds = _folds(1)
    covariance = noise_covariance(folds, name="x")
    patterns = folds.mean(axis=0)[..., 0]
    wanted = pdist(patterns, "mahalanobis", VI=np.linalg.inv(covariance))
    np.testing.assert_allclose(pdist(whitened(patterns, covariance, name="x")), wanted)
    normal = multivariate(folds, covariance, name="x").mean(axis=0)[..., 0]
    np.testing.assert_allclose(pdist(normal), wanted)
    np.testing.assert_allclose(normal, patterns @ fractional_matrix_power(covariance, -0.5))


def test_univariate_divides_by_each_units_noise() -> None:
    """With a diagonal covariance it is what multivariate does."""
    folds = _folds(2)
    diagonal = np.diag(np.arange(1.0, 7))
    wanted = multivariate(folds, diagonal, name="x")
    np.testing.assert_allclose(univariate(folds, diagonal), wanted)


def test_no_repeats_and_silent_units_are_refused() -> None:
    """Noise that does not show cannot be normalised by."""
    with pytest.raises(ComparisonError, match=r"one response to each stimulus.*brain.normalise"):
        noise_covariance(_folds()[:1], name="x")
    folds = _folds()
    folds[:, :, 2] = 1
    with pytest.raises(ComparisonError, match=r"1 units whose repeats are all equal.*unit 3"):
        noise_covariance(folds, name="x")


def test_what_is_no_covariance_is_refused() -> None:
    """The smallest eigenvalue is told."""
    with pytest.raises(ComparisonError, match=r"of IT is not positive definite.*-0\.5"):
        cholesky(np.diag([1.0, -0.5]), name="IT")
