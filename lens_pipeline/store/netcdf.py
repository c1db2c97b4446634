"""netCDF-4 written by h5py: the conventions by which HDF5 datasets become labelled variables.

A netCDF dimension is an HDF5 dimension scale. Virtual datasets and hard links exist only in HDF5,
and both the netCDF C library and h5netcdf read them. The stimulus ids of all groups are one
dataset under many names: each group is complete by itself and the ids lie in the file once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lens_pipeline.store.schema import FORMAT, LayerSpec, attributes, spec_group, stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import h5py

_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable.{:10d}"


def write_root(
    root: h5py.File,
    stimulus_ids: Sequence[str],
    *,
    labels: Mapping[str, Sequence[str]],
    attrs: Mapping[str, Any],
) -> None:
    """Write the stimulus coordinate, its label columns and the root attributes."""
    write_attrs(root, {"lens_store_format": FORMAT, **attrs})
    stimulus = _coordinate(root, "stimulus", _strings(stimulus_ids))
    for name, values in labels.items():
        column = root.create_dataset(name, data=_strings(values), dtype=_string_type())
        column.dims[0].attach_scale(stimulus)
    write_attrs(root, {"coordinates": " ".join(labels) or None})


def open_group(root: h5py.File, spec: LayerSpec, labels: Iterable[str]) -> h5py.Group:
    """Make a layer's group with every coordinate; the values are still to come."""
    group = root.create_group(spec_group(spec), track_order=True)
    for name in ("stimulus", *labels):
        group[name] = root[name]
    passes = _coordinate(group, "pass", np.array(spec.passes, dtype="int64"))
    step = group.create_dataset("time_step", data=np.array(spec.passes, dtype="int64") - 1)
    step.dims[0].attach_scale(passes)
    kept = stored(spec)
    for name, size in zip(kept.dims[1:], kept.shape[1:], strict=True):
        if name == "part":
            _coordinate(group, name, _strings(("real", "imaginary")))
        else:
            scale = group.create_dataset(name, shape=(size,), dtype=">f4")
            scale.make_scale(_NO_VARIABLE.format(size))
    return group


def label_values(
    values: h5py.Dataset, spec: LayerSpec, *, labels: Iterable[str], fill: float | None
) -> None:
    """Tie a layer's values to the coordinates of their group and describe them.

    `fill` marks rows that are not there; None where every row is.
    """
    group = values.parent
    for axis, name in enumerate(("stimulus", *stored(spec).dims)):
        values.dims[axis].attach_scale(group[name])
    facts = {"layer": spec.name, "run": spec.run, "computed_dtype": spec.dtype, **dict(spec.attrs)}
    write_attrs(values, {**facts, "coordinates": " ".join(("time_step", *labels))})
    if fill is not None:
        values.attrs["_FillValue"] = values.dtype.type(fill)
    elif spec.dtype == "bool":
        # xarray's own mark for a bool that is stored as int8
        values.attrs["dtype"] = "bool"


def write_attrs(item: h5py.HLObject, attrs: Mapping[str, Any]) -> None:
    """Write attributes in the forms that both netCDF readers know."""
    for name, value in attributes(attrs).items():
        item.attrs[name] = value


def _coordinate(group: h5py.Group, name: str, values: np.ndarray) -> h5py.Dataset:
    dtype = _string_type() if values.dtype == object else values.dtype
    scale = group.create_dataset(name, data=values, dtype=dtype)
    scale.make_scale(name)
    return scale


def _strings(values: Sequence[str]) -> np.ndarray:
    return np.array(values, dtype=object)


def _string_type() -> Any:
    import h5py

    return h5py.string_dtype()
