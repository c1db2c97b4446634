"""How a layer's values lie in a shard: in one piece, or in compressed chunks.

A chunk is one batch of stimuli by a box of units, so that a batch is written once and one layer is
read across all stimuli, whole or by blocks of units, with each chunk decompressed about once.

Measured on rectified maps (half zeros) and on dense ones, in units of a bare write: in one piece
1.0; zstd at level 1 0.3 to 0.6 and half the size for the rectified, 0.9 of the size for the dense;
zlib 0.06 to 0.1. Shuffling bytes saves 5 % of a dense layer and makes a rectified one larger and
a third slower. So `auto` compresses the layers that hold many zeros and leaves the others alone.
"""

from __future__ import annotations

import importlib.util
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lens_pipeline.errors import StoreError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Bytes of a chunk: short enough to hold few units, long enough for the disk.
_CHUNK = 1 << 18
# Stimuli of a chunk at most, however large the batches are.
_STIMULI = 64
# `auto` compresses a layer with at least this share of zeros in its first batch ...
_MANY_ZEROS = 0.25
# ... unless a stimulus takes fewer bytes than this: small layers have nothing to save.
_SMALL = 1 << 12
_ZSTD, _LEVEL = 32015, 1


def check_compression(name: str) -> None:
    """Raise StoreError unless `name` can be used on this machine."""
    if name not in COMPRESSIONS:
        raise StoreError(f"Compression {name!r} is unknown; {nearest(name, COMPRESSIONS)}.")
    if name == "zstd" and not has_zstd():
        raise StoreError(
            "Compression 'zstd' needs the package hdf5plugin; install it with pip install "
            "'lens-pipeline[zstd]', or use 'auto', 'none' or 'zlib'."
        )


def has_zstd() -> bool:
    """Say whether this process can write zstd."""
    try:
        return importlib.util.find_spec("hdf5plugin") is not None
    except ValueError:
        # the name is there and marked as absent
        return False


def layout(name: str, rows: int, first: np.ndarray) -> Any:
    """Return HDF5's property list for values of which `first` (batch, pass, units) is a batch.

    `rows` is the number of stimuli of the shard.
    """
    from h5py import h5d, h5p

    made = h5p.create(h5p.DATASET_CREATE)
    # every cell is written before the shard gets its name
    made.set_fill_time(h5d.FILL_TIME_NEVER)
    COMPRESSIONS[name](made, rows, first)
    return made


def filter_names(values: Any) -> list[str]:
    """Return what a reader needs beyond HDF5 itself to read low-level values."""
    plist = values.get_create_plist()
    codes = [plist.get_filter(number)[0] for number in range(plist.get_nfilters())]
    return ["zstd"] if _ZSTD in codes else []


def _in_one_piece(made: Any, rows: int, first: np.ndarray) -> None:
    """Leave HDF5's default: contiguous."""


def _zlib(made: Any, rows: int, first: np.ndarray) -> None:
    made.set_chunk(chunk_shape(rows, first))
    made.set_shuffle()
    made.set_deflate(1)


def _zstd(made: Any, rows: int, first: np.ndarray) -> None:
    import hdf5plugin

    assert hdf5plugin.Zstd.filter_id == _ZSTD
    made.set_chunk(chunk_shape(rows, first))
    if share_of_zeros(first) < _MANY_ZEROS:
        made.set_shuffle()
    made.set_filter(_ZSTD, 0, (_LEVEL,))


def _auto(made: Any, rows: int, first: np.ndarray) -> None:
    small = first.nbytes < _SMALL * len(first)
    if not small and share_of_zeros(first) >= _MANY_ZEROS and has_zstd():
        _zstd(made, rows, first)


# name -> what makes a property list from the shard's stimuli and its first batch
COMPRESSIONS: Mapping[str, Callable[[Any, int, np.ndarray], None]] = {
    "auto": _auto,
    "none": _in_one_piece,
    "zstd": _zstd,
    "zlib": _zlib,
}


def share_of_zeros(values: np.ndarray) -> float:
    """Return the share of zeros among a few stimuli of a batch."""
    some = values[:: max(1, len(values) // 4)]
    return 1 - np.count_nonzero(some) / some.size


def chunk_shape(rows: int, first: np.ndarray) -> tuple[int, ...]:
    """Return (stimuli, 1, box of units), a box being one stretch of a stimulus in C order.

    >>> chunk_shape(512, np.empty((32, 1, 64, 56, 56), "float32"))
    (32, 1, 1, 28, 56)
    """
    chunk = [min(rows, len(first), _STIMULI), 1, *first.shape[2:]]
    for axis in range(2, len(chunk)):
        over = math.ceil(math.prod(chunk) * first.itemsize / _CHUNK)
        chunk[axis] = max(1, chunk[axis] // over)
    return tuple(chunk)
