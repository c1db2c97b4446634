"""One layer at one pass of a run, as every export takes it: rows of stimuli, and what is known.

Rows are read in blocks, so an export takes the memory of a block, whatever the size of the layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lens_pipeline.errors import StoreError, nearest
from lens_pipeline.store.schema import layer_group
from lens_pipeline.store.trees import layer_names, layer_pass, layer_passes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import h5py
    import xarray as xr

    from lens_pipeline.store.sink import Sink

# Bytes of rows that are read in one go.
_BLOCK = 1 << 26


@dataclass(frozen=True)
class Part:
    """The activations of one layer at one pass."""

    layer: str
    # 1-based
    number: int
    # the layer has other passes too
    one_of_many: bool
    stimuli: tuple[str, ...]
    # columns along the stimuli, as {"concept": (...)}
    labels: Mapping[str, tuple[str, ...]]
    # unit axes and their lengths
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    # type of the values as they are read; a bool is an int8 of 0 or 1
    dtype: np.dtype[Any]
    # attributes of the run: model, weights, stimuli, stand_in
    facts: Mapping[str, str]
    # each call gives the values anew, as blocks (stimuli of the block, *shape)
    rows: Callable[[], Iterator[np.ndarray]]

    @property
    def n_units(self) -> int:
        """The product of the unit axes."""
        return math.prod(self.shape)


def parts_of(tree: xr.DataTree, layers: Sequence[str] = ()) -> list[Part]:
    """Return every layer and pass of an opened store, or of some layers.

    Raises StoreError for a layer that is not there, with the nearest names.
    """
    known = layer_names(tree)
    for name in layers:
        if name not in known:
            raise StoreError(f"Layer {name!r} is not in this store; {nearest(name, known)}.")
    pairs = [pair for pair in layer_passes(tree) if not layers or pair[0] in layers]
    names = [name for name, _ in pairs]
    return [_part(tree, name, number, many=names.count(name) > 1) for name, number in pairs]


def part_bytes(part: Part) -> int:
    """Return the bytes of the values."""
    return len(part.stimuli) * part.n_units * part.dtype.itemsize


def place_name(part: Part) -> str:
    """Return a name for a file or folder: the layer, escaped, and its pass unless it is the only.

    >>> from types import SimpleNamespace as S
    >>> place_name(S(layer="blocks/0", number=2, one_of_many=True))
    'blocks%2F0_pass2'
    """
    name = layer_group(part.layer)
    return f"{name}_pass{part.number}" if part.one_of_many or part.number > 1 else name


def unit_places(part: Part) -> dict[str, np.ndarray]:
    """Return for each unit axis where along it every unit lies, units in C order, from 0."""
    places = np.indices(part.shape).reshape(len(part.shape), -1) if part.shape else np.zeros((0, 1))
    return dict(zip(part.dims, places.astype(np.int64), strict=True))


def write_values(
    part: Part, values: h5py.Dataset, *, sink: Sink, done: Callable[[int], None]
) -> None:
    """Write the values into a dataset (stimulus, unit) of the file behind `sink`.

    `done` is called with the bytes of each block. Raises OSError for a disk that is full.
    """
    start = 0
    for block in part.rows():
        values[start : start + len(block)] = block.reshape(len(block), -1)
        start += len(block)
        sink.check()
        done(block.nbytes)


def _part(tree: xr.DataTree, name: str, number: int, *, many: bool) -> Part:
    array = layer_pass(tree, name, pass_number=number)
    labels = {
        str(label): tuple(str(value) for value in column.to_numpy())
        for label, column in array.coords.items()
        if column.dims == ("stimulus",) and label != "stimulus"
    }
    shape = tuple(int(size) for size in array.shape[1:])
    return Part(
        layer=name,
        number=number,
        one_of_many=many,
        stimuli=tuple(str(one) for one in array["stimulus"].to_numpy()),
        labels=labels,
        dims=tuple(str(dim) for dim in array.dims[1:]),
        shape=shape,
        dtype=np.dtype("int8" if array.dtype == bool else array.dtype),
        facts={key: str(tree.attrs.get(key, "")) for key in _FACTS},
        rows=lambda: _blocks(array),
    )


_FACTS = ("model", "weights", "weights_digest", "stimuli", "postfunctions", "stand_in")


def _blocks(array: xr.DataArray) -> Iterator[np.ndarray]:
    each = max(1, math.prod(array.shape[1:]) * array.dtype.itemsize)
    step = max(1, _BLOCK // each)
    for start in range(0, array.shape[0], step):
        block = np.ascontiguousarray(array[start : start + step].to_numpy())
        yield block.astype("int8") if block.dtype == bool else block
