"""Results of one size for every (layer, pass), as one Dataset: RDMs, projections, pooled values.

Where a layer lacks a pass the values are NaN, and `n_passes` says how many passes a layer has, so
that a missing pass is never mistaken for a result.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lens_pipeline.atomic import replacing
from lens_pipeline.errors import StoreError
from lens_pipeline.store.opening import check_attrs, existing, reading
from lens_pipeline.store.schema import FORMAT, attributes
from lens_pipeline.store.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr


def dense_dataset(
    values: Mapping[tuple[str, int], np.ndarray],
    *,
    name: str,
    dims: Sequence[str],
    coords: Mapping[str, Any],
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """Join arrays of one shape, one per (layer, pass), into `name` (layer, pass, *dims).

    Layers keep the order of `values`; `coords` are coordinates of `dims`, as xarray takes them.
    Raises StoreError if there are no arrays or their shapes differ.
    """
    import xarray as xr

    shapes = {array.shape for array in values.values()}
    if len(shapes) != 1:
        raise StoreError(
            f"{name} needs arrays of one shape for all layers and passes, not {sorted(shapes)}."
        )
    layers = list(Counter(layer for layer, _ in values))
    passes = sorted({number for _, number in values})
    dtype = np.result_type(*values.values(), np.float32)
    joined = np.full((len(layers), len(passes), *shapes.pop()), np.nan, dtype=dtype)
    for (layer, number), array in values.items():
        joined[layers.index(layer), passes.index(number)] = array
    counts = Counter(layer for layer, _ in values)
    return xr.Dataset(
        {
            name: (("layer", "pass", *dims), joined),
            "n_passes": ("layer", np.array([counts[layer] for layer in layers])),
        },
        coords={
            "layer": np.array(layers, dtype=object),
            "pass": passes,
            "time_step": ("pass", np.array(passes) - 1),
            **coords,
        },
        attrs=dict(attrs),
    )


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
