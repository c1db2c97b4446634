"""Kendall's counts for one pair of rankings under many weightings of its values at once.

A resample changes how often each pair of stimuli counts, but not how a model and a subject order
them. So the comparisons are made once, and each step is a product of them with the matrix of all
weightings.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from lens_pipeline.rsa.inference.ranks import Ints

Singles = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

# comparisons that are made at a time: 64 MB
_VALUES = 1 << 24


def concordance_by_draw(a: Ints, b: Ints, weights: Singles) -> Doubles:
    """Return concordant less discordant pairs (n_a, n_b, n_draws) of dense ranks.

    `a` (n_a, n), `b` (n_b, n); `weights` (n, n_draws) are whole numbers, 0 for a value not drawn.

    >>> copies = np.array([[1, 1], [1, 0], [1, 2]], np.float32)
    >>> concordance_by_draw(np.array([[0, 1, 2]]), np.array([[0, 2, 1]]), copies)
    array([[[1., 2.]]])
    """
    n_copies = weights.sum(axis=0, dtype=np.float64)
    single = np.einsum("nd,nd->d", weights, weights, dtype=np.float64)
    tied_a, tied_b = ([_squares(row, weights, single) for row in rows] for rows in (a, b))
    found = np.empty((len(a), len(b), weights.shape[1]))
    for at, row in enumerate(a):
        for to, column in enumerate(b):
            order = np.lexsort((column, row))
            both = _squares(row * len(row) + column, weights, single)
            lost = inversions_by_draw(column[order], weights[order])
            found[at, to] = (n_copies**2 - tied_a[at] - tied_b[to] + both) / 2 - 2 * lost
    return found


def inversions_by_draw(values: Ints, weights: Singles) -> Doubles:
    """Return for each draw the sum of w[p] w[q] over p < q with values[p] > values[q].

    >>> inversions_by_draw(np.array([3, 1, 2]), np.array([[1, 2], [1, 1], [1, 3]], np.float32))
    array([2., 8.])
    """
    n, n_draws = weights.shape
    size = math.isqrt(n - 1) + 1
    n_blocks = -(-n // size)
    order = np.arange(n_blocks * size)
    order[:n] = np.argsort(values, kind="stable")
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    padded = np.zeros((len(order), n_draws), np.float32)
    padded[:n] = weights
    by_place = padded.reshape(n_blocks, size, n_draws)
    total = _within(ranks.reshape(n_blocks, size), by_place)
    # within a block of values, pairs of one block of places have been counted
    by_value = padded[order].reshape(n_blocks, size, n_draws)
    total += _within((order // size).reshape(n_blocks, size), by_value)
    return total + _between((ranks // size).reshape(n_blocks, size), by_place)


def _within(values: Ints, weights: Singles) -> Doubles:
    """Sum over p before q in a block with values[p] > values[q]."""
    earlier = np.tri(values.shape[1], k=-1, dtype=bool)
    step = max(1, _VALUES // earlier.size)
    total = np.zeros(weights.shape[2])
    for start in range(0, len(values), step):
        few, theirs = values[start : start + step], weights[start : start + step]
        larger = few[:, None, :] > few[:, :, None]
        larger &= earlier
        # whole numbers below 2**24 are exact in float32; sums over all blocks may be larger
        before = larger.astype(np.float32) @ theirs
        total += np.einsum("bqd,bqd->bd", before, theirs).sum(axis=0, dtype=np.float64)
    return total


def _between(blocks: Ints, weights: Singles) -> Doubles:
    """Sum over pairs of different blocks of places and different blocks of values."""
    n_blocks, _, n_draws = weights.shape
    each = np.arange(n_blocks)[:, None]
    total = np.zeros(n_draws)
    # (block of values, draw): the weights so far of higher blocks of values
    so_far = np.zeros((n_blocks, n_draws), np.float32)
    for block in range(1, n_blocks):
        higher = blocks[block - 1] > each
        so_far += higher.astype(np.float32) @ weights[block - 1]
        total += np.einsum("qd,qd->d", so_far[blocks[block]], weights[block])
    return total


def _squares(ranks: Ints, weights: Singles, single: Doubles) -> Doubles:
    """Return for each draw the sum over ties of their squared weights; `single` if none is tied."""
    order = np.argsort(ranks, kind="stable")
    starts = np.flatnonzero(np.diff(ranks[order], prepend=-1))
    if len(starts) == len(ranks):
        return single
    sums = np.add.reduceat(weights[order], starts, axis=0)
    return np.asarray(np.einsum("nd,nd->d", sums, sums, dtype=np.float64))
