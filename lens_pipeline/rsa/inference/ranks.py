"""Midranks of values that are repeated, without repeating them.

A value with weight 3 stands for three copies. All copies share the mean of the ranks that they and
their ties would take, which is what `scipy.stats.rankdata` gives after copying. Ranks are doubled,
so that they are integers and sums of them are exact: two pooled ranks are tied or they are not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

# values that are ranked at a time
_VALUES = 1 << 19


def dense_keys(values: npt.NDArray[Any]) -> Ints:
    """Return for each row integers that are ordered, and tied, as its values are."""
    keys = np.empty(values.shape, dtype=np.int64)
    for row, key in zip(values, keys, strict=True):
        order = np.argsort(row)
        key[order[1:]] = np.cumsum(np.diff(row[order]) > 0)
        key[order[:1]] = 0
    return keys


def midranks(keys: Ints, weights: Ints) -> Ints:
    """Return twice the midranks of each row of `keys` (n_rows, n), all of the same `weights` (n,).

    Keys are not negative. Weights are positive.

    >>> midranks(np.array([[7, 3, 7]]), np.array([1, 2, 1]))
    array([[7, 3, 7]])
    """
    n = keys.shape[1]
    step = max(1, _VALUES // n)
    ranks = np.empty_like(keys)
    for start in range(0, len(keys), step):
        rows = slice(start, start + step)
        _rank(keys[rows], weights, ranks[rows])
    return ranks


def _rank(keys: Ints, weights: Ints, ranks: Ints) -> None:
    n = keys.shape[1]
    bits = max(1, (n - 1).bit_length())
    # the key above the place it came from: one sort of integers gives values and order at once
    packed = (keys << bits) | np.arange(n)
    packed.sort(axis=1)
    order = packed & ((1 << bits) - 1)
    packed >>= bits
    copies = weights[order]
    upto = np.cumsum(copies, axis=1)
    before = upto - copies
    tied = packed[:, 1:] == packed[:, :-1]
    if tied.any():
        _level(before, upto, tied)
    np.put_along_axis(ranks, order, before + upto + 1, axis=1)


def _level(before: Ints, upto: Ints, tied: npt.NDArray[np.bool_]) -> None:
    """Give all members of a tie the counts before its first and up to its last; in place."""
    row, right = np.nonzero(tied)
    starts = np.concatenate([[True], (row[1:] != row[:-1]) | (right[1:] != right[:-1] + 1)])
    run = np.cumsum(starts) - 1
    first = np.flatnonzero(starts)
    last = np.concatenate([first[1:], [len(row)]]) - 1
    low = before[row[first], right[first]]
    high = upto[row[last], right[last] + 1]
    before[row, right + 1] = low[run]
    upto[row, right + 1] = high[run]
    upto[row, right] = high[run]
