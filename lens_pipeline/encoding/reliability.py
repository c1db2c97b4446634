"""Reliability of units from repeats: the ceiling of what any model could predict.

The correlation of two halves of the repeats, corrected to their full number by the formula of
Spearman (1910, Br. J. Psychol. 3:271) and Brown (1910, Br. J. Psychol. 3:296). A model that knew
the noise-free response would reach r = sqrt(reliability) with the mean of all repeats, so r is
divided by that (Spearman 1904, Am. J. Psychol. 15:72).
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lens_pipeline.rsa.scatter import Doubles

# halvings that are averaged, at most
_SPLITS = 50
# units less reliable than this are left out of noise-corrected summaries: their r is divided by
# next to nothing
LEAST_RELIABILITY = 0.1


def correlations(one: Doubles, other: Doubles) -> Doubles:
    """Return Pearson's r of each column of (n, n_units) with the same column of the other.

    NaN where a column is constant.
    """
    a, b = one - one.mean(axis=0), other - other.mean(axis=0)
    sizes = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Doubles = np.where(sizes > 0, (a * b).sum(axis=0) / sizes, np.nan)
    return result


def split_half(repeats: Doubles, *, seed: int = 0) -> Doubles:
    """Return the reliability of the mean of repeats (n_repetitions, n_stimuli, n_units), by unit.

    The mean over all halvings, or over some at random where there are many; with an odd number of
    repeats each leaves one out, and the correction is to all of them. NaN without repeats.
    """
    n = len(repeats)
    if n < 2:
        return np.full(repeats.shape[2], np.nan)
    each = [
        correlations(repeats[list(one)].mean(axis=0), repeats[list(other)].mean(axis=0))
        for one, other in _halvings(n, seed=seed)
    ]
    r = np.mean(each, axis=0)
    result: Doubles = spearman_brown(r, factor=n / (n // 2))
    return result


def _halvings(n: int, *, seed: int) -> list[tuple[Sequence[int], Sequence[int]]]:
    """Return the two halves of `n` repeats in each halving."""
    half = n // 2
    if math.comb(n, half) * math.comb(n - half, half) // 2 > _SPLITS:
        random = np.random.default_rng(seed)
        orders = [random.permutation(n).tolist() for _ in range(_SPLITS)]
        return [(order[:half], order[half : 2 * half]) for order in orders]
    return [
        (one, other)
        for one in itertools.combinations(range(n), half)
        for other in itertools.combinations(sorted(set(range(n)) - set(one)), half)
        if one < other
    ]


def spearman_brown(r: Doubles, *, factor: float) -> Doubles:
    """Return the reliability of `factor` times as many repeats.

    >>> float(spearman_brown(np.array(0.5), factor=2.0))
    0.6666666666666666
    """
    result: Doubles = factor * r / (1 + (factor - 1) * r)
    return result


def corrected(r: Doubles, reliability: Doubles) -> Doubles:
    """Return r divided by its ceiling; NaN for units that are not reliable enough."""
    usable = reliability >= LEAST_RELIABILITY
    result: Doubles = np.where(usable, r / np.sqrt(np.where(usable, reliability, 1)), np.nan)
    return result
