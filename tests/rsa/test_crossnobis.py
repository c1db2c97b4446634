"""Crossnobis against rsatoolbox, and what it is for: no bias by noise."""

from __future__ import annotations

import numpy as np
import pytest
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.crossnobis import crossnobis
from lens_pipeline.rsa.noise import multivariate, noise_covariance


@pytest.mark.parametrize("n_folds", [2, 3, 5])
def test_values_are_those_of_rsatoolbox(n_folds: int) -> None:
    """With the noise's precision, by fold; theirs is per unit."""
    folds = np.random.default_rng(n_folds).normal(size=(n_folds, 7, 5))
    covariance = noise_covariance(folds[..., None], name="x")
    data = Dataset(
        folds.reshape(-1, 5),
        obs_descriptors={
            "stimulus": list("abcdefg") * n_folds,
            "fold": np.repeat(list("12345")[:n_folds], 7).tolist(),
        },
    )
    wanted = calc_rdm(
        data,
        method="crossnobis",
        descriptor="stimulus",
        cv_descriptor="fold",
        noise=np.linalg.inv(covariance),
    )
    white = multivariate(folds[..., None], covariance, name="x")[..., 0]
    np.testing.assert_allclose(crossnobis(white, name="x") / 5, wanted.dissimilarities[0])


def test_noise_alone_is_at_distance_zero() -> None:
    """Squared distances of means grow with noise, these scatter about the true distance."""
    random = np.random.default_rng(0)
    truth = np.zeros((2, 50))
    truth[1, 0] = 3
    found = [crossnobis(truth + random.normal(size=(4, 2, 50)), name="x")[0] for _ in range(300)]
    assert np.mean(found) == pytest.approx(9, abs=3 * np.std(found) / 300**0.5)


def test_one_fold_is_refused() -> None:
    """Nothing to cross."""
    with pytest.raises(ComparisonError, match=r"x has one response.*crossnobis needs repeats"):
        crossnobis(np.zeros((1, 3, 4)), name="x")
