"""A run's activations as a Zarr store, for clouds and clusters that read no HDF5.

Written in a hidden folder that gets its name when everything is on the disk. One group per layer,
complete by itself; a chunk is 64 stimuli by a box of units, so a layer is some files and not
thousands. Format 2 of Zarr, the one whose texts every reader knows.
"""

from __future__ import annotations

import math
import shutil
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from lens_pipeline.atomic import not_written, sync
from lens_pipeline.errors import StoreError
from lens_pipeline.store.repacking import (
    OF_SHARDS,
    STIMULI,
    check_absent,
    check_complete,
    row_ranges,
    rows_per_block,
)
from lens_pipeline.store.trees import open_activations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import xarray as xr

# Bytes of a chunk, each of which is a file.
_CHUNK = 1 << 24


def repack_zarr(folder: Path, out: Path, *, done: Callable[[int], None] = lambda _: None) -> None:
    """Write a Zarr store, compressed as Zarr does by default; one group per layer.

    Raises StoreError if the run is not complete, the package zarr is absent, `out` is there, or
    the disk is full.
    """
    _check_zarr()
    check_absent(out)
    place = out.with_name(f".{out.name}.part")
    shutil.rmtree(place, ignore_errors=True)
    try:
        with closing(open_activations(folder)) as tree:
            check_complete(tree, folder)
            _write_zarr(tree, place, done)
        for path in place.rglob("*"):
            sync(path)
        place.rename(out)
        sync(out.parent)
    except OSError as error:
        raise not_written(out, error) from error
    finally:
        with suppress(OSError):
            shutil.rmtree(place, ignore_errors=True)


def _write_zarr(tree: xr.DataTree, place: Path, done: Callable[[int], None]) -> None:
    """Write the root, then each layer."""
    import xarray as xr

    root = tree.to_dataset(inherit=False)
    attrs = {key: value for key, value in root.attrs.items() if key not in OF_SHARDS}
    plain = {key: value.item() if hasattr(value, "item") else value for key, value in attrs.items()}
    xr.Dataset(coords=root.coords, attrs=plain).to_zarr(place, zarr_format=2, consolidated=False)
    for node in tree.subtree:
        if "activation" in node.data_vars:
            where = {"group": node.path, "zarr_format": 2, "consolidated": False}
            _write_layer(node.to_dataset(inherit=True), place, where, done)
    _consolidate(place)


def _write_layer(
    dataset: xr.Dataset, place: Path, where: dict[str, Any], done: Callable[[int], None]
) -> None:
    """Make every array in its full size, then write the values region by region."""
    values = dataset["activation"].variable
    lazy = dataset.assign(activation=values.chunk({"stimulus": rows_per_block(values)}))
    lazy["activation"].encoding["chunks"] = _zarr_chunks(values)
    lazy.to_zarr(place, compute=False, **where)
    alone = dataset[["activation"]].drop_vars(list(dataset.coords))
    for start, stop in row_ranges(dataset["activation"]):
        rows = alone.isel(stimulus=slice(start, stop))
        rows.to_zarr(place, region={"stimulus": slice(start, stop)}, **where)
        done(rows["activation"].nbytes)


def _consolidate(place: Path) -> None:
    import zarr

    zarr.consolidate_metadata(str(place), zarr_format=2)


def _zarr_chunks(array: xr.Variable) -> tuple[int, ...]:
    chunk = [min(STIMULI, array.shape[0]), 1, *array.shape[2:]]
    for axis in range(2, len(chunk)):
        over = math.ceil(math.prod(chunk) * array.dtype.itemsize / _CHUNK)
        chunk[axis] = max(1, chunk[axis] // over)
    return tuple(chunk)


def _check_zarr() -> None:
    try:
        import zarr  # noqa: F401  only whether it is there
    except ModuleNotFoundError:
        raise StoreError(
            "A Zarr store needs the package zarr; install it with pip install "
            "'lens-pipeline[zarr]', or repack to=netcdf."
        ) from None
