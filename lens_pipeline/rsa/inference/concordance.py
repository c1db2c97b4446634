"""How many pairs of values two rankings order alike, with copies, for Kendall's tau.

Sorted by one ranking, the pairs that the other orders the other way round are inversions. They are
counted block by block: within blocks of places, within blocks of values, and for all others from a
table of blocks x blocks. Each step compares or multiplies whole arrays, for many rows at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lens_pipeline.errors import ComparisonError

if TYPE_CHECKING:
    from lens_pipeline.rsa.inference.ranks import Ints

Singles = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

# values in one array of comparisons: what stays in a processor's own cache
_VALUES = 1 << 19
# bits of an integer that hold both rankings and a place
_BITS = 63


def discordance(a: Ints, b: Ints, copies: Ints) -> tuple[Doubles, Doubles]:
    """Return for each row the pairs that a and b order differently, and those tied in both.

    Rows of `a` and `b` (n_rows, n) are ranks, not negative, of values of which there are `copies`
    (n,). Copies of a value are tied with each other.

    >>> discordance(np.array([[1, 2, 3]]), np.array([[1, 3, 2]]), np.array([1, 1, 2]))
    (array([2.]), array([1.]))
    """
    n = a.shape[1]
    place, rank = (n - 1).bit_length(), int(max(a.max(), b.max())).bit_length()
    if place + 2 * rank > _BITS:
        raise ComparisonError(
            f"Kendall's tau of RDMs with {int(copies.sum())} pairs is out of reach; use "
            "rsa.measure=spearman."
        )
    packed = (a << (rank + place)) | (b << place) | np.arange(n)
    packed.sort(axis=1)
    weights = copies[packed & ((1 << place) - 1)]
    packed >>= place
    tied = _tied(packed, weights)
    packed &= (1 << rank) - 1
    return inversions(packed, weights), tied


def tied_pairs(ranks: Ints, copies: Ints) -> Doubles:
    """Return for each row the number of pairs of copies with one rank.

    >>> tied_pairs(np.array([[1, 1, 2]]), np.array([2, 1, 2]))
    array([4.])
    """
    n = ranks.shape[1]
    bits = (n - 1).bit_length()
    packed = (ranks << bits) | np.arange(n)
    packed.sort(axis=1)
    return _tied(packed >> bits, copies[packed & ((1 << bits) - 1)])


def inversions(values: Ints, weights: Ints) -> Doubles:
    """Return for each row the sum of w[p] w[q] over p < q with values[p] > values[q].

    >>> inversions(np.array([[3, 1, 2]]), np.array([[1, 1, 3]]))
    array([4.])
    """
    n_rows, n = values.shape
    size = max(2, int(0.6 * n**0.5))
    step = max(1, _VALUES // (n * size))
    found = [
        _inversions(values[start : start + step], weights[start : start + step], size)
        for start in range(0, n_rows, step)
    ]
    return np.concatenate(found)


def _inversions(values: Ints, weights: Ints, size: int) -> Doubles:
    n_rows, n = values.shape
    n_blocks = -(-n // size)
    # places beyond the end have the largest value and no weight
    padded = np.full((n_rows, n_blocks * size), int(values.max()) + 1)
    padded[:, :n] = values
    early = np.zeros(padded.shape, np.float32)
    early[:, :n] = weights
    ranks, order = _ranked(padded)
    shape = (n_rows, n_blocks, size)
    late = np.take_along_axis(early, order, axis=1)
    total = _within(ranks.reshape(shape), early.reshape(shape))
    # within a block of values, pairs of one block of places have been counted
    total += _within((order // size).reshape(shape), late.reshape(shape))
    return total + _between(ranks // size, early.reshape(shape))


def _ranked(values: Ints) -> tuple[Ints, Ints]:
    """Return the rank of each place, ties in order of place, and the place of each rank."""
    n = values.shape[1]
    bits = (n - 1).bit_length()
    order = (values << bits) | np.arange(n)
    order.sort(axis=1)
    order &= (1 << bits) - 1
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(n), order.shape), axis=1)
    return ranks, order


def _within(values: Ints, weights: Singles) -> Doubles:
    """Sum the weights of p before q in a block with values[p] > values[q]."""
    size = values.shape[2]
    small: npt.NDArray[Any] = values.astype(np.uint16 if values.max() < 1 << 16 else np.int32)
    larger: npt.NDArray[np.bool_] = small[..., None, :] > small[..., :, None]
    larger &= np.tri(size, k=-1, dtype=bool)
    # whole numbers below 2**24 are exact in float32; sums over all blocks may be larger
    before = (larger.astype(np.float32) @ weights[..., None])[..., 0]
    return np.asarray(np.einsum("rbq,rbq->rb", before, weights).sum(axis=1, dtype=np.float64))


def _between(blocks: Ints, weights: Singles) -> Doubles:
    """Sum over pairs of different blocks of places and different blocks of values."""
    n_rows, n_blocks, size = weights.shape
    cells = np.arange(n_rows * n_blocks).repeat(size) * n_blocks + blocks.ravel()
    counts = np.bincount(cells, weights.ravel(), minlength=n_rows * n_blocks**2)
    table = counts.astype(np.float32).reshape(n_rows, n_blocks, n_blocks)
    below = np.tri(n_blocks, k=-1, dtype=np.float32)
    earlier_and_above = below @ (table @ below)
    return np.asarray(np.einsum("rpv,rpv->r", earlier_and_above, table, dtype=np.float64))


def _tied(values: Ints, weights: Ints) -> Doubles:
    """Count pairs of copies of equal values; `values` are sorted."""
    new = np.ones(values.shape, dtype=bool)
    new[:, 1:] = values[:, 1:] != values[:, :-1]
    n_copies = weights.sum(axis=1)
    if new.all():
        return np.asarray((np.einsum("rn,rn->r", weights, weights) - n_copies) / 2)
    starts = np.flatnonzero(new)
    sums = np.add.reduceat(weights.ravel(), starts).astype(np.float64)
    squares = np.bincount(starts // values.shape[1], sums**2, minlength=len(values))
    result: Doubles = (squares - n_copies) / 2
    return result
