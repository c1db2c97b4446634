"""Weighted midranks and inversions against copying and counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau, rankdata

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.inference.concordance import discordance, inversions, tied_pairs
from lens_pipeline.rsa.inference.ranks import dense_keys, midranks
from lens_pipeline.rsa.inference.reweighted import concordance_by_draw, inversions_by_draw

RANDOM = np.random.default_rng(3)


@pytest.mark.parametrize("n", [1, 2, 17, 300])
@pytest.mark.parametrize("n_values", [3, 10_000])
def test_midranks_are_those_of_copies(n: int, n_values: int) -> None:
    """scipy ranks the copies; doubled, with and without ties."""
    values = RANDOM.integers(0, n_values, (4, n)).astype(float)
    copies = RANDOM.integers(1, 5, n)
    found = midranks(dense_keys(values), copies)
    first = np.cumsum(copies) - copies
    for row, ranks in zip(values, found, strict=True):
        np.testing.assert_array_equal(ranks, 2 * rankdata(np.repeat(row, copies))[first])


def _by_hand(values: np.ndarray, weights: np.ndarray) -> float:
    before = np.triu(np.ones((len(values), len(values))), 1)
    return float(weights @ (before * (values[:, None] > values)) @ weights)


@pytest.mark.parametrize("n", [1, 2, 3, 30, 257])
@pytest.mark.parametrize("n_values", [3, 10_000])
def test_inversions_are_counted(n: int, n_values: int) -> None:
    """Both ways of counting agree with all pairs compared one by one."""
    values = RANDOM.integers(0, n_values, (5, n))
    weights = RANDOM.integers(0, 4, (5, n))
    wanted = [_by_hand(row, copies) for row, copies in zip(values, weights, strict=True)]
    np.testing.assert_array_equal(inversions(values, weights), wanted)
    by_draw = inversions_by_draw(values[0], weights.T.astype(np.float32))
    np.testing.assert_array_equal(by_draw, [_by_hand(values[0], copies) for copies in weights])


@pytest.mark.parametrize("n_values", [4, 10_000])
def test_kendall_is_that_of_copies(n_values: int) -> None:
    """tau-b made of the counts is scipy's on the copied values."""
    a, b = dense_keys(RANDOM.integers(0, n_values, (2, 3, 40)).reshape(6, 40)).reshape(2, 3, 40)
    copies = RANDOM.integers(1, 4, 40)
    n = copies.sum()
    lost, tied = discordance(a, b, copies)
    untied = [n * (n - 1) / 2 - tied_pairs(ranks, copies) for ranks in (a, b)]
    alike = untied[0] + untied[1] - n * (n - 1) / 2 + tied - 2 * lost
    wanted = [
        kendalltau(np.repeat(x, copies), np.repeat(y, copies)).statistic
        for x, y in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(alike / np.sqrt(untied[0] * untied[1]), wanted, atol=1e-12)
    by_draw = concordance_by_draw(a, b, copies[:, None].astype(np.float32))
    np.testing.assert_array_equal(np.diagonal(by_draw[..., 0]), alike)


def test_too_many_pairs_for_tau_are_refused() -> None:
    """One sentence with what to take instead, rather than numbers that wrapped around."""
    ranks = np.array([[1, 2**31, 3]])
    with pytest.raises(ComparisonError, match=r"out of reach; use rsa.measure=spearman"):
        discordance(ranks, ranks, np.array([1, 1, 1]))
