"""RDMs and features as other programs leave them: plain values, and what all readers share.

Nothing is guessed: where several arrays could be meant, the error lists them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import squareform

from lens_pipeline.errors import ComparisonError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lens_pipeline.rsa.scatter import Doubles

# names under which a file may hold the ids of the rows of its matrices
ID_NAMES = ("stimulus_id", "stimulus_ids", "stimulus", "ids", "id", "uniqueID", "image_id")


@dataclass(frozen=True)
class Matrices:
    """One RDM, or one per subject or session, region and time."""

    # (n_subjects, n, n)
    values: Doubles
    # ids of the n rows, or None where the file has none
    ids: tuple[str, ...] | None
    # one name per subject where the file has them
    names: tuple[str, ...] = ()
    # the region of each, and the start of its time bin in ms; empty where the file has none
    regions: tuple[str, ...] = ()
    times: tuple[float, ...] = ()


@dataclass(frozen=True)
class Table:
    """Features of stimuli, from which an RDM is still to be made."""

    # (n, n_features)
    values: Doubles
    ids: tuple[str, ...] | None


def as_matrices(array: npt.NDArray[Any], *, where: str) -> Doubles:
    """Return (n_subjects, n, n) from a square, a stack of squares, or condensed vectors.

    Condensed vectors are in the order of scipy's `squareform`, which is also MATLAB's.
    """
    if array.dtype.kind not in "fiub":
        raise ComparisonError(f"{where} holds {array.dtype} values; an RDM needs real numbers.")
    values = array.astype(np.float64)
    if values.ndim == 2 and values.shape[0] == values.shape[1] > 1:
        return values[None]
    if values.ndim == 3 and values.shape[1] == values.shape[2]:
        return values
    if values.ndim in (1, 2) and _is_triangular(values.shape[-1]):
        return np.stack([squareform(vector) for vector in np.atleast_2d(values)])
    raise ComparisonError(
        f"{where} has shape {array.shape}; expected a square matrix, a stack (subjects, n, n) or "
        "vectors of n (n - 1) / 2 dissimilarities; responses need labels of their axes beside them "
        "(stimulus_id, and time in ms for a third axis)."
    )


def choose(key: str | None, names: Sequence[str], *, path: Path) -> str:
    """Return the name that `key` means; with no key, the only one there is."""
    if key is None and len(names) == 1:
        return names[0]
    if key in names:
        return str(key)
    if key is None:
        what = f"holds {', '.join(names)}" if names else "holds no array"
        raise ComparisonError(
            f"The reference {path} {what}; say which, as in {path.name}:{(names or ['KEY'])[0]}."
        )
    raise ComparisonError(f"The reference {path} has no {key!r}; {nearest(key, names)}.")


def as_ids(values: npt.NDArray[Any]) -> tuple[str, ...]:
    """Return ids as text; bytes are UTF-8, and whole numbers have no decimals.

    >>> as_ids(np.array([1.0, 2.0])), as_ids(np.array([b"a", b"b"]))
    (('1', '2'), ('a', 'b'))
    """
    return tuple(map(_as_id, np.atleast_1d(values).ravel().tolist()))


def _as_id(item: object) -> str:
    if isinstance(item, bytes):
        return item.decode()
    # programs that know no integers write the numbers of stimuli as floats
    return str(int(item)) if isinstance(item, float) and item.is_integer() else str(item)


def _is_triangular(length: int) -> bool:
    n = round((1 + (1 + 8 * length) ** 0.5) / 2)
    return length > 0 and n * (n - 1) // 2 == length
