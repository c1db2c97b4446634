"""Inner products between patterns, added up over blocks of units.

A layer of 1,854 stimuli x 50,176 units is 372 MB and some layers are far larger, so a layer is
never whole in memory: it arrives as blocks of units, and one block is multiplied at a time.

What is promised: products of float32 data are made in float32, at the speed of the matrix product,
and yet are within 1e-6 of the product of the norms, whatever the offset of the data; of few
patterns they are made in float64, since then it is the reading that takes the time. Each block is
first freed of its own median per pattern, so no large numbers cancel afterwards; it is the median
and not the mean since a rectified layer is mostly one value, and a product that is added again and
again errs in one direction each time unless it is 0. Blocks are added in float64; and what the
block means contribute is added in float64 from the means alone (the pairwise update for co-moments
of Chan, Golub & LeVeque 1979).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lens_pipeline.errors import ComparisonError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Floats = npt.NDArray[np.floating[Any]]
Doubles = npt.NDArray[np.float64]

# values in one block: 32 MB of float32, large enough for the matrix product to run at full speed
_BLOCK_VALUES = 1 << 23
# units in one block when there are very many stimuli, and very few: sums in float32 stay short
_LEAST_UNITS = 256
_MOST_UNITS = 1 << 14
# units of a block whose median is taken for that of all
_SAMPLE = 64
# patterns whose products in float64 take less time than reading them
_FEW_PATTERNS = 32
# the range of sums of squares in which float32 neither overflows nor loses digits
_SAFE_SQUARES = (1e-25, 1e30)
# the largest sum of squares of a block from which sums over blocks do not overflow in float64
_LARGEST_SQUARES = 1e290


class NoRdmError(ComparisonError):
    """Activations from which no dissimilarities can be made; the message is the reason."""

    def __init__(self, reason: str, *, stimuli: tuple[int, ...] = ()) -> None:
        super().__init__(reason)
        # rows of the stimuli at fault; empty when it is all of them
        self.stimuli = stimuli


@dataclass(frozen=True)
class Scatter:
    """Means and centred inner products of n patterns."""

    n_units: int
    # (n,): the mean of each pattern over units
    means: Doubles
    # (n, n): sum over units of (pattern - its mean) x (other pattern - its mean)
    products: Doubles
    # rows of the patterns in which all units have one value
    constant: tuple[int, ...]
    # rows of the patterns in which all units are 0
    zero: tuple[int, ...]
    # mean over patterns of the sum of squares, as the data came
    size: float
    # relative distance of neighbouring numbers of the data's own type
    resolution: float


def scatter(
    blocks: Iterable[npt.NDArray[Any]], *, double: bool = False, remove_common: bool = False
) -> Scatter:
    """Return the scatter of patterns given as blocks (n_stimuli, n_units_of_the_block).

    `double` multiplies in float64 even many patterns stored in float32. `remove_common` first takes
    from each unit its mean over stimuli, which changes no distance and makes small ones accurate.
    Raises NoRdmError when a value is not finite, when all patterns are identical, or when there is
    nothing to multiply.
    """
    sums: _Sums | None = None
    for block in _cut(blocks):
        sums = sums or _Sums(n_patterns=block.shape[0])
        squares = _squares(block)
        sums.look(block, squares)
        fits = _SAFE_SQUARES[0] < squares.max() < _SAFE_SQUARES[1]
        single = fits and not double and len(block) > _FEW_PATTERNS
        work = sums.copy(block, block.dtype if single else np.dtype(np.float64))
        if remove_common:
            work -= work.mean(axis=0)
        sums.add(work)
    if sums is None:
        raise NoRdmError("it has no units")
    return sums.total()


@dataclass
class _Sums:
    """What has been added up so far."""

    n_patterns: int
    products: Doubles = field(init=False)
    # units and means of each block
    sizes: list[int] = field(default_factory=list)
    means: list[Doubles] = field(default_factory=list)
    # what the mean of each block is after what was taken away from it
    rests: list[Doubles] = field(default_factory=list)
    # room for one block and for its product
    work: Floats | None = None
    product: Floats | None = None
    # sum of squares of all values
    squares: float = 0.0
    resolution: float = 0.0
    # rows in which no two values were seen to differ, and the first value of every row
    suspects: npt.NDArray[np.intp] = field(init=False)
    first: Floats | None = None
    # True until two patterns were seen to differ
    identical: bool = True

    def __post_init__(self) -> None:
        self.products = np.zeros((self.n_patterns, self.n_patterns))
        self.suspects = np.arange(self.n_patterns)

    def look(self, block: Floats, squares: Floats) -> None:
        """Note which patterns vary over units and whether any two patterns differ.

        Only what still looks constant is read, so that later blocks of ordinary data cost nothing.
        """
        if self.first is None:
            self.first = block[:, 0].copy()
        if self.identical:
            self.identical = bool((block == block[:1]).all())
        if self.suspects.size:
            still = (block[self.suspects] == self.first[self.suspects, None]).all(axis=1)
            self.suspects = self.suspects[still]
        self.squares += float(squares.sum(dtype=np.float64))
        self.resolution = float(np.finfo(block.dtype).eps)

    def copy(self, block: Floats, dtype: np.dtype[Any]) -> Floats:
        """Return a copy that may be overwritten, in memory that the next copy uses again.

        Fresh memory for each block would cost a tenth of the matrix product in page faults.
        """
        n_units = block.shape[1]
        if self.work is None or self.work.dtype != dtype or self.work.shape[1] < n_units:
            self.work = np.empty(block.shape, dtype)
            self.product = np.empty((self.n_patterns, self.n_patterns), dtype)
        np.copyto(self.work[:, :n_units], block)
        return self.work[:, :n_units]

    def add(self, block: Floats) -> None:
        """Add one block, which is overwritten."""
        n_units = block.shape[1]
        shift = np.median(block[:, _sample(n_units)], axis=1).astype(block.dtype)
        if shift.any():
            block -= shift[:, None]
        rest = block.mean(axis=1).astype(np.float64)
        self.products += np.matmul(block, block.T, out=self.product)
        self.sizes.append(n_units)
        self.means.append(shift.astype(np.float64) + rest)
        self.rests.append(rest)

    def total(self) -> Scatter:
        """Return the sums over all blocks seen; raises NoRdmError if no two patterns differ."""
        if self.identical or self.first is None:
            raise NoRdmError("its pattern is the same for all stimuli, so it carries no signal")
        sizes = np.array(self.sizes, dtype=np.float64)
        means = np.stack(self.means, axis=1)
        mean = means @ sizes / sizes.sum()
        between = (means - mean[:, None]) * np.sqrt(sizes)
        rest = np.stack(self.rests, axis=1) * np.sqrt(sizes)
        return Scatter(
            n_units=int(sizes.sum()),
            means=mean,
            products=self.products - rest @ rest.T + between @ between.T,
            constant=tuple(self.suspects.tolist()),
            zero=tuple(self.suspects[self.first[self.suspects] == 0].tolist()),
            size=self.squares / self.n_patterns,
            resolution=self.resolution,
        )


def _cut(blocks: Iterable[npt.NDArray[Any]]) -> Iterator[Floats]:
    """Yield blocks of a good size: large ones are cut, small neighbours are joined."""
    waiting: list[Floats] = []
    for given in blocks:
        block = _numbers(given)
        width = min(max(_BLOCK_VALUES // block.shape[0], _LEAST_UNITS), _MOST_UNITS)
        for start in range(0, block.shape[1], width):
            waiting.append(block[:, start : start + width])
            if 2 * sum(part.shape[1] for part in waiting) > width:
                yield _joined(waiting)
                waiting = []
    if waiting:
        yield _joined(waiting)


def _numbers(block: npt.NDArray[Any]) -> Floats:
    if block.ndim != 2:
        raise ComparisonError(
            f"Expected blocks (n_stimuli, n_units), got shape {block.shape}; flatten the units."
        )
    if block.dtype.kind not in "fiub":
        raise NoRdmError(f"its values are {block.dtype}, and dissimilarities need real numbers")
    if block.shape[0] < 2:
        raise NoRdmError(f"it has {block.shape[0]} stimulus, and a dissimilarity needs two")
    # float16, small integers and bool become float32; int32 and wider become float64
    return block.astype(np.result_type(block.dtype, np.float32), copy=False)


def _joined(parts: list[Floats]) -> Floats:
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _sample(n_units: int) -> npt.NDArray[np.intp]:
    """Return some units at random, so that a layout of units that repeats is not followed."""
    if n_units <= _SAMPLE:
        return np.arange(n_units)
    return np.random.default_rng(0).integers(n_units, size=_SAMPLE)


def _squares(block: Floats) -> Floats:
    """Return the sum of squares of each row; raises NoRdmError for a value that is not finite."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        squares: Floats = np.einsum("ij,ij->i", block, block)
    if not np.isfinite(squares).all():
        wrong = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if wrong.size:
            reason = "it has values that are not finite (NaN or infinity) for some stimuli"
            raise NoRdmError(reason, stimuli=tuple(wrong.tolist()))
    if block.dtype == np.float64 and squares.max() > _LARGEST_SQUARES:
        raise NoRdmError("its values are too large for sums of squares in float64")
    return squares
