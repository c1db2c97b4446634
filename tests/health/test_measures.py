from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import eigvalsh

from lens_pipeline.health import measures
from lens_pipeline.health.measures import measure

RANDOM = np.random.default_rng(0)


def _cut(values, width):
    return [values[:, start : start + width] for start in range(0, values.shape[1], width)]


@pytest.mark.parametrize("shift", [0, 100])
@pytest.mark.parametrize("width", [7, 50, 1000])
def test_the_dimension_is_that_of_the_covariance(width, shift):
    """SciPy's eigenvalues of NumPy's covariance, whatever the blocks and far from zero."""
    values = RANDOM.standard_normal((20, 50)) @ np.diag(np.arange(50.0)) + shift
    eigenvalues = eigvalsh(np.cov(values.T))
    expected = eigenvalues.sum() ** 2 / (eigenvalues**2).sum()
    found = measure(_cut(values.astype("f4"), width), n_stimuli=20)
    assert found.effective_dimension == pytest.approx(expected, rel=1e-4)
    assert (found.n_units, found.n_stimuli, found.dimension_stimuli) == (50, 20, 20)


def test_many_stimuli_are_sampled_for_the_dimension(monkeypatch):
    """Evenly, and the table says how many."""
    monkeypatch.setattr(measures, "MOST", 10)
    values = RANDOM.standard_normal((91, 30)).astype("f4")
    found = measure([values], n_stimuli=91)
    assert found.dimension_stimuli == 10
    assert found.effective_dimension == pytest.approx(
        measure([values[::10]], n_stimuli=10).effective_dimension
    )


@pytest.mark.parametrize("width", [4, 50])
def test_what_is_not_finite_is_counted(width):
    """NaN and infinity apart; no dimension then."""
    values = RANDOM.standard_normal((6, 50))
    values[1, 3] = values[2, 40] = np.nan
    values[0, 9] = -np.inf
    found = measure(_cut(values, width), n_stimuli=6)
    assert (found.nan, found.inf) == (2, 1)
    assert np.isnan(found.effective_dimension)


@pytest.mark.parametrize("width", [1, 3, 50])
def test_constant_units_and_passes(width):
    """Counted as NumPy's range of each column says."""
    values = RANDOM.standard_normal((6, 50))
    values[:, ::3] = 4
    found = measure(_cut(values, width), n_stimuli=6)
    assert found.constant_units == (np.ptp(values, axis=0) == 0).sum() == 17
    assert not found.constant
    same = measure(_cut(np.ones((6, 50)), width), n_stimuli=6)
    assert same.constant
    assert np.isnan(same.effective_dimension)


@pytest.mark.parametrize("width", [1, 8, 50])
def test_duplicates_are_found_across_blocks(width):
    """As NumPy's unique rows say; a row that agrees in one block only is none."""
    values = RANDOM.standard_normal((9, 50))
    values[7] = values[2]
    values[8] = values[2]
    values[5, :25] = values[4, :25]
    values[:, 0] = 0
    values[7, 0] = -0.0
    found = measure(_cut(values, width), n_stimuli=9)
    _, counts = np.unique(values, axis=0, return_counts=True)
    assert found.duplicate_stimuli == counts[counts > 1].sum() == 3
    assert found.first_duplicate == (2, 7)
    assert measure([values[:5]], n_stimuli=5).first_duplicate is None


def test_one_stimulus_and_two():
    """Nothing to compare is no failure."""
    assert measure([np.ones((1, 4))], n_stimuli=1).constant
    two = measure([np.array([[0.0, 1], [1, 3]])], n_stimuli=2)
    assert two.effective_dimension == pytest.approx(1)
