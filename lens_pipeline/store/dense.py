"""Results of one size for every (layer, pass), as one Dataset in one netCDF file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lens_pipeline.atomic import replacing
from lens_pipeline.store.opening import check_attrs, existing, reading
from lens_pipeline.store.schema import FORMAT, attributes
from lens_pipeline.store.sink import Sink

if TYPE_CHECKING:
    import xarray as xr


def write_dense(path: Path, dataset: xr.Dataset) -> None:
    """Write a Dataset so that it is there whole or not at all.

    Attributes become netCDF's: bools 0/1, None left out, dicts and lists as JSON.
    """
    marks = {"lens_store_format": FORMAT, "kind": "dense results"}
    dataset = dataset.assign_attrs(marks)
    dataset.attrs = attributes(dataset.attrs)
    with replacing(path) as temporary, temporary.open("w+b", buffering=0) as file:
        sink = Sink(file)
        dataset.to_netcdf(sink, engine="h5netcdf")
        sink.check()


def open_dense(path: Path | str, *, name: str) -> xr.Dataset:
    """Open a dense Dataset, or the one called `name` in a run folder, unread; close it when done.

    Raises StoreError if it is missing, not of this package, or of a newer format.
    """
    import xarray as xr

    file = existing(Path(path), name)
    with reading(file):
        dataset = xr.open_dataset(file, engine="netcdf4")
    try:
        check_attrs(dataset.attrs, file, kind="dense results")
    except BaseException:
        dataset.close()
        raise
    return dataset
