"""Reliability against its definition on simulated units of known reliability."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import pearsonr

from lens_pipeline.encoding.reliability import (
    corrected,
    correlations,
    spearman_brown,
    split_half,
)


def _repeats(n_repeats: int, noise: float, *, n: int = 4000, units: int = 3) -> np.ndarray:
    random = np.random.default_rng(n_repeats)
    signal = random.normal(size=(1, n, units))
    return signal + noise * random.normal(size=(n_repeats, n, units))


def test_correlations_are_pearsons() -> None:
    """Column by column; a constant one has none."""
    one, other = np.random.default_rng(0).normal(size=(2, 30, 4))
    one[:, 3] = 1
    found = correlations(one, other)
    for unit in range(3):
        assert found[unit] == pytest.approx(pearsonr(one[:, unit], other[:, unit]).statistic)
    assert np.isnan(found[3])


@pytest.mark.parametrize("n_repeats", [2, 3, 6, 7])
def test_known_reliability_is_found(n_repeats: int) -> None:
    """Of the mean of n repeats it is signal / (signal + noise / n)."""
    found = split_half(_repeats(n_repeats, 2.0))
    np.testing.assert_allclose(found, 1 / (1 + 4 / n_repeats), atol=0.03)


@pytest.mark.parametrize(("n_repeats", "n_halvings"), [(2, 1), (4, 3), (5, 15), (6, 10)])
def test_every_halving_counts_once(n_repeats: int, n_halvings: int) -> None:
    """Where there are few of them nothing is drawn at random."""
    repeats = _repeats(n_repeats, 1.0, n=20)
    half = n_repeats // 2
    halvings = {
        frozenset([frozenset(order[:half]), frozenset(order[half : 2 * half])])
        for order in permutations(range(n_repeats))
    }
    assert len(halvings) == n_halvings
    means = [[repeats[list(half)].mean(axis=0) for half in halves] for halves in halvings]
    r = np.mean([correlations(*pair) for pair in means], axis=0)
    wanted = spearman_brown(r, factor=n_repeats / half)
    for seed in (0, 1):
        np.testing.assert_allclose(split_half(repeats, seed=seed), wanted)


def test_of_many_halvings_some_are_drawn() -> None:
    """With a seed."""
    repeats = _repeats(9, 1.0, n=20)
    first, again, other = (split_half(repeats, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(first, other, atol=0.02)
    assert (first != other).all()


def test_a_perfect_model_reaches_one() -> None:
    """Its r, divided by the root of the reliability, is 1."""
    repeats = _repeats(4, 2.0)
    signal = _repeats(4, 0.0)[0]
    r = correlations(signal, repeats.mean(axis=0))
    assert (r < 0.75).all()
    np.testing.assert_allclose(corrected(r, split_half(repeats)), 1, atol=0.03)


def test_no_repeats_and_unreliable_units_have_no_ceiling() -> None:
    """NaN says so; nothing is divided by next to nothing."""
    assert np.isnan(split_half(_repeats(1, 1.0))).all()
    found = corrected(np.array([0.5, 0.5, 0.5]), np.array([0.05, np.nan, 0.25]))
    np.testing.assert_array_equal(found, [np.nan, np.nan, 1.0])


def test_doubling_a_test() -> None:
    """Spearman and Brown's formula for a factor of two."""
    assert spearman_brown(np.array(0.6), factor=2) == pytest.approx(2 * 0.6 / 1.6)
