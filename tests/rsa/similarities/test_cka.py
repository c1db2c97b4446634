"""Debiased CKA against the definition summed term by term, and what it is for."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.grams import gram
from lens_pipeline.rsa.similarities.cka import cka, cka_table, hsic


def _gram(seed: int, n: int = 6, width: int = 9) -> np.ndarray:
    patterns = np.random.default_rng(seed).normal(size=(n, width)) + 2
    return gram(lambda: [patterns])


def _direct(one: np.ndarray, other: np.ndarray) -> float:
    """The U-statistic: a mean over all ordered sets of four different stimuli."""
    n = len(one)
    terms = [
        one[i, j] * (other[i, j] + other[q, r] - 2 * other[i, q])
        for i, j, q, r in permutations(range(n), 4)
    ]
    return float(np.mean(terms))


def test_hsic_is_the_mean_over_all_fours() -> None:
    """Song et al.'s closed form equals its definition."""
    one, other = _gram(0), _gram(1)
    scale = np.abs(one).max() * np.abs(other).max()
    assert hsic(one, other) * scale == pytest.approx(_direct(one, other))


def test_equal_geometry_is_one_whatever_the_axes_and_the_scale() -> None:
    """Turned, scaled and shifted patterns are the same representation."""
    patterns = np.random.default_rng(2).normal(size=(12, 7))
    turned = np.linalg.qr(np.random.default_rng(3).normal(size=(7, 7)))[0]
    other = 5 * patterns @ turned + 3
    assert cka(gram(lambda: [patterns]), gram(lambda: [other])) == pytest.approx(1)


def test_wide_random_layers_are_unrelated() -> None:
    """The biased estimate would say 0.99."""
    one, other = _gram(4, 20, 3000), _gram(5, 20, 3000)
    biased = (one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())
    assert biased > 0.95
    found = [cka(_gram(seed, 20, 300), _gram(seed + 99, 20, 300)) for seed in range(20)]
    assert abs(np.nanmedian(found)) < 0.5


def test_the_table_is_symmetric_and_named() -> None:
    """One row and column per layer and pass."""
    table = cka_table({"V1:1": _gram(6, 12, 4), "IT:2": _gram(7, 12, 4)})
    assert list(table.index) == list(table.columns) == ["V1:1", "IT:2"]
    assert table.loc["V1:1", "IT:2"] == table.loc["IT:2", "V1:1"]
    assert table.loc["V1:1", "V1:1"] == 1


def test_other_stimuli_are_refused() -> None:
    """So are fewer than four."""
    with pytest.raises(ComparisonError, match="same 4 or more stimuli, not 6 and 7"):
        hsic(_gram(0), _gram(0, 7))
