"""A run's activations as one ordinary netCDF file, with nothing virtual in it.

Layer by layer and block by block of stimuli, so memory does not grow with the run. The result gets
its name when it is whole and on the disk; `open_activations` opens the file like a run.

Packing into int16 takes the range of every layer first, in a pass of its own, so that the scale
fits and nothing is cut short.
"""

from __future__ import annotations

import dataclasses
import math
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.atomic import replacing
from lens_pipeline.errors import StoreError
from lens_pipeline.store.compression import check_compression, filter_names, layout
from lens_pipeline.store.netcdf import (
    Group,
    add_values,
    fill_value,
    open_group,
    write_attrs,
    write_root,
    write_rows,
)
from lens_pipeline.store.packing import PACKABLE, scaling_of
from lens_pipeline.store.schema import to_stored
from lens_pipeline.store.shards import read_shard
from lens_pipeline.store.sink import Sink, new_hdf5
from lens_pipeline.store.trees import layer, open_activations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import xarray as xr

    from lens_pipeline.store.schema import LayerSpec

DTYPES = ("keep", "float32", "int16-scaled")

# Bytes of rows that are read in one go; and the stimuli of a chunk, of which it takes a multiple.
_BLOCK = 1 << 26
STIMULI = 64
# What the index says about its shards.
OF_SHARDS = ("shards", "shard_rows", "filters", "lens_store_format")


def repack_netcdf(
    folder: Path,
    out: Path,
    *,
    compression: str = "auto",
    dtype: str = "keep",
    done: Callable[[int], None] = lambda _: None,
) -> None:
    """Write one netCDF file; `done` is told the bytes of values that were written.

    Raises StoreError if the run is not complete, `out` is there, or the disk is full.
    """
    check_compression(compression)
    check_absent(out)
    with closing(open_activations(folder)) as tree:
        specs = _specs(folder, tree)
        labels = _labels(tree)
        ids = [str(name) for name in tree["stimulus"].to_numpy()]
        attrs = {str(key): value for key, value in tree.attrs.items() if key not in OF_SHARDS}
        attrs |= {"shards": [], "shard_rows": [len(ids)]}
        with replacing(out) as temporary, new_hdf5(temporary) as (root, sink):
            made = write_root(root, ids, labels=labels, attrs=attrs)
            filters: set[str] = set()
            for spec in specs:
                kept = _as_wanted(spec, tree, dtype)
                filters |= _copy(
                    open_group(made, kept), _blocks(tree, spec), compression, (sink, done)
                )
            write_attrs(root.id, {"filters": sorted(filters)})


def _copy(
    group: Group,
    blocks: Iterator[np.ndarray],
    compression: str,
    told: tuple[Sink, Callable[[int], None]],
) -> set[str]:
    """Write a layer's values and return the filters that they need; `told` hears of each block."""
    spec, values, start = group.spec, None, 0
    for block in blocks:
        rows = to_stored(_as_computed(block, spec), spec)
        if values is None:
            made = layout(compression, group.scales[0].shape[0], rows)
            values = add_values(group, made, fill=fill_value(spec))
        write_rows(values, start, rows)
        start += len(rows)
        sink, done = told
        sink.check()
        done(block.nbytes)
    return set(filter_names(values))


def check_absent(out: Path) -> None:
    """Raise StoreError if something has the name already."""
    if out.exists():
        raise StoreError(f"{out} is there already; delete it or choose another name with out=.")


def check_complete(tree: xr.DataTree, folder: Path) -> None:
    """Raise StoreError if rows are missing, which would look like values."""
    missing = int(tree.attrs.get("n_missing", 0))
    if missing:
        raise StoreError(
            f"{missing} stimuli of {folder} are missing; give the run's command again first."
        )


def _specs(folder: Path, tree: xr.DataTree) -> tuple[LayerSpec, ...]:
    """Return the layers as the shards have them."""
    import json

    check_complete(tree, folder)
    shards = json.loads(tree.attrs["shards"])
    if not shards:
        raise StoreError(f"{folder} is one file already and shows no shards to repack.")
    root = folder if folder.is_dir() else folder.parent
    return read_shard(root / shards[0]).layers


def _labels(tree: xr.DataTree) -> dict[str, list[str]]:
    return {
        str(name): [str(value) for value in column.to_numpy()]
        for name, column in tree.coords.items()
        if column.dims == ("stimulus",) and name != "stimulus"
    }


def _as_wanted(spec: LayerSpec, tree: xr.DataTree, dtype: str) -> LayerSpec:
    """Return how a layer is kept: with the scale that fits it where it is to be packed."""
    if dtype == "float32" or (dtype == "keep" and not spec.scaling):
        return dataclasses.replace(spec, scaling=None)
    if dtype == "keep" or spec.scaling or spec.dtype not in PACKABLE:
        return spec
    lowest, highest = math.inf, -math.inf
    for block in _blocks(tree, spec):
        finite = block[np.isfinite(block)]
        if finite.size:
            lowest, highest = min(lowest, finite.min()), max(highest, finite.max())
    if lowest > highest:
        return spec
    return dataclasses.replace(spec, scaling=scaling_of(float(lowest), float(highest)))


def _as_computed(block: np.ndarray, spec: LayerSpec) -> np.ndarray:
    """Return values as they were handed to the store: bools as bools, parts as complex numbers."""
    if spec.dtype.startswith("complex"):
        return np.ascontiguousarray(block).view(spec.dtype)[..., 0]
    return block


def _blocks(tree: xr.DataTree, spec: LayerSpec) -> Iterator[np.ndarray]:
    array = layer(tree, spec.name, run=spec.run)
    for start, stop in row_ranges(array):
        yield array[start:stop].to_numpy()


def row_ranges(array: xr.DataArray) -> Sequence[tuple[int, int]]:
    """Return the start and stop of each block of stimuli that is read in one go."""
    step, n = rows_per_block(array), array.shape[0]
    return [(start, min(start + step, n)) for start in range(0, n, step)]


def rows_per_block(array: xr.DataArray | xr.Variable) -> int:
    """Return the stimuli of a block, a multiple of those of a chunk."""
    each = max(1, math.prod(array.shape[1:]) * array.dtype.itemsize)
    return max(1, _BLOCK // each // STIMULI) * STIMULI
