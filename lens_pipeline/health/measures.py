"""The health of one layer at one pass, from blocks of its units.

Two things are kept while the blocks go by: a running digest per stimulus, which finds duplicates,
and one matrix of products between stimuli, from which the effective dimension follows without the
units ever being together. So memory is bounded by the block and by `MOST` stimuli squared.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable

# The dimension is computed from at most so many stimuli, evenly spaced over the set.
MOST = 1000


@dataclass(frozen=True)
class Health:
    """One row of the table."""

    n_stimuli: int
    n_units: int
    # values that are NaN, and infinite
    nan: int
    inf: int
    # units that have one value for all stimuli
    constant_units: int
    # every unit is constant: nothing about the stimuli is represented
    constant: bool
    # stimuli whose pattern another stimulus has too, bit for bit
    duplicate_stimuli: int
    # rows of the first two stimuli with one pattern; None without duplicates
    first_duplicate: tuple[int, int] | None
    # participation ratio of the stimulus patterns, 1 to `dimension_stimuli` - 1; NaN where it is
    # undefined: for values that are not finite, and for constant passes
    effective_dimension: float
    # stimuli that the dimension was computed from
    dimension_stimuli: int


@dataclass
class _Sums:
    """What grows while the blocks go by."""

    digests: list[Any]
    # rows from which the dimension is computed
    rows: npt.NDArray[np.intp]
    products: npt.NDArray[np.float64] = field(init=False)
    n_units: int = 0
    nan: int = 0
    inf: int = 0
    constant_units: int = 0

    def __post_init__(self) -> None:
        self.products = np.zeros((len(self.rows), len(self.rows)))


def measure(blocks: Iterable[npt.NDArray[Any]], *, n_stimuli: int) -> Health:
    """Return the health of activations given as blocks (n_stimuli, units of the block).

    The effective dimension is the participation ratio of the eigenvalues l of the covariance,
    (sum l)^2 / sum l^2, after Litwin-Kumar et al., Neuron 93, 2017; here it comes from the matrix
    of products between centred patterns, which has the same eigenvalues.

    >>> measure([np.eye(4)], n_stimuli=4).effective_dimension.__round__(9)
    3.0
    """
    n_rows = min(n_stimuli, MOST)
    rows = np.linspace(0, n_stimuli - 1, n_rows).round().astype(np.intp)
    sums = _Sums([hashlib.blake2b(digest_size=16) for _ in range(n_stimuli)], rows)
    for block in blocks:
        _add(sums, block)
    twins = _twins([one.digest() for one in sums.digests])
    constant = sums.constant_units == sums.n_units
    usable = not (constant or sums.nan or sums.inf)
    return Health(
        n_stimuli=n_stimuli,
        n_units=sums.n_units,
        nan=sums.nan,
        inf=sums.inf,
        constant_units=sums.constant_units,
        constant=constant,
        duplicate_stimuli=twins[0],
        first_duplicate=twins[1],
        effective_dimension=_participation(sums.products) if usable else float("nan"),
        dimension_stimuli=n_rows,
    )


def _add(sums: _Sums, block: npt.NDArray[Any]) -> None:
    sums.n_units += block.shape[1]
    for digest, row in zip(sums.digests, block, strict=True):
        # adding 0 makes -0 and 0 the same
        digest.update((row + 0).tobytes())
    if not np.isfinite(block).all():
        sums.nan += int(np.isnan(block).sum())
        sums.inf += int(np.isinf(block).sum())
    sums.constant_units += int((block == block[0]).all(axis=0).sum())
    if not (sums.nan or sums.inf):
        some = block[sums.rows].astype(np.float32)
        some -= some.mean(axis=0, dtype=np.float64).astype(np.float32)
        sums.products += some @ some.T


def _twins(digests: list[bytes]) -> tuple[int, tuple[int, int] | None]:
    """Return how many rows share their digest with another, and the first two that do."""
    counts = Counter(digests)
    shared = [row for row, digest in enumerate(digests) if counts[digest] > 1]
    if not shared:
        return 0, None
    first = digests[shared[0]]
    return len(shared), (shared[0], digests.index(first, shared[0] + 1))


def _participation(products: npt.NDArray[np.float64]) -> float:
    # centred once more, which takes away what rounding left of the mean
    centred = products - products.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    total = float(np.trace(centred))
    squares = float(np.sum(centred**2))
    return total**2 / squares if squares > 0 else float("nan")
