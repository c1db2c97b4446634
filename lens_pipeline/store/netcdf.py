"""netCDF-4 written by h5py: the conventions by which HDF5 datasets become labelled variables.

A netCDF dimension is an HDF5 dimension scale. Virtual datasets and hard links exist only in HDF5,
and both the netCDF C library and h5netcdf read them. A coordinate that is the same for several
groups, as the stimulus ids are for all, is one dataset under many names: each group is complete by
itself and the values lie in the file once.

A shard of fifty layers is a thousand objects, links and attributes. What is done for each layer is
done by h5py's low-level calls, which take a third of the time of its objects.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lens_pipeline.store.packing import largest_error
from lens_pipeline.store.schema import FORMAT, LayerSpec, attributes, spec_group, stored

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    import h5py

_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable.{:10d}"


@dataclass(frozen=True)
class Tree:
    """A file in the making: what its groups share."""

    root: h5py.File
    # "stimulus" and the label columns, which every group has
    shared: Mapping[str, Any]
    # coordinates that groups have in common, by name and content
    scales: dict[Hashable, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """The group of a layer, or of one of its runs, with its coordinates but no values."""

    tree: Tree
    spec: LayerSpec
    id: Any
    # the scale of each axis of the values, stimulus first
    scales: tuple[Any, ...]


def write_root(
    root: h5py.File,
    stimulus_ids: Sequence[str],
    *,
    labels: Mapping[str, Sequence[str]],
    attrs: Mapping[str, Any],
) -> Tree:
    """Write the stimulus coordinate, its label columns and the root attributes."""
    from h5py import h5ds

    columns = " ".join(labels) or None
    write_attrs(root.id, {"lens_store_format": FORMAT, **attrs, "coordinates": columns})
    stimulus = _texts(root, "stimulus", stimulus_ids)
    h5ds.set_scale(stimulus, b"stimulus")
    shared = {"stimulus": stimulus}
    for name, values in labels.items():
        shared[name] = _texts(root, name, values)
        h5ds.attach_scale(shared[name], stimulus, 0)
    return Tree(root, shared)


def open_group(tree: Tree, spec: LayerSpec) -> Group:
    """Make a layer's group with every coordinate; the values are still to come."""
    group = _new_group(tree, spec_group(spec))
    for name, column in tree.shared.items():
        _link(column, group, name)
    kept = stored(spec)
    scales = [tree.shared["stimulus"], _passes(tree, group, spec.passes)]
    for name, size in zip(kept.dims[1:], kept.shape[1:], strict=True):
        scales.append(_axis(tree, name, size))
        _link(scales[-1], group, name)
    return Group(tree, spec, group, tuple(scales))


def add_values(group: Group, layout: Any, *, fill: float | None) -> Any:
    """Make `activation`, tie it to the coordinates of its group and describe it.

    `fill` marks rows that are not there; None where every row is.
    """
    from h5py import h5d, h5ds, h5s

    spec, kept = group.spec, stored(group.spec)
    space = h5s.create_simple((group.scales[0].shape[0], *kept.shape))
    values = h5d.create(group.id, b"activation", _type(kept.dtype), space, layout)
    for axis, scale in enumerate(group.scales):
        h5ds.attach_scale(values, scale, axis)
    columns = [name for name in group.tree.shared if name != "stimulus"]
    facts = {"layer": spec.name, "run": spec.run, "computed_dtype": spec.dtype, **dict(spec.attrs)}
    write_attrs(values, {**facts, "coordinates": " ".join(("time_step", *columns))})
    if fill is not None:
        _attribute(values, "_FillValue", np.array(fill, dtype=kept.dtype))
    elif spec.dtype == "bool":
        # xarray's own mark for a bool that is stored as int8
        write_attrs(values, {"dtype": "bool"})
    if spec.scaling:
        # as float32, so that xarray reads float32
        _attribute(values, "scale_factor", np.float32(spec.scaling.factor))
        _attribute(values, "add_offset", np.float32(spec.scaling.offset))
        _attribute(values, "largest_error", largest_error(spec.scaling))
    return values


def fill_value(spec: LayerSpec, *, partial: bool = False) -> float | None:
    """Return `_FillValue`; `partial`: rows may be missing.

    Integers have one only if needed, since they then read as floats.
    """
    kept = stored(spec).dtype
    needed = partial or kept.startswith("float") or spec.scaling is not None
    return missing_value(kept) if needed else None


def missing_value(dtype: str) -> float:
    """Return what stands for a value that is not there, in a number type as it is stored."""
    if dtype.startswith("float"):
        return np.nan
    limits = np.iinfo(dtype)
    return limits.max if dtype.startswith("u") else limits.min


def write_attrs(item: Any, attrs: Mapping[str, Any]) -> None:
    """Write attributes of a low-level object in the forms that both netCDF readers know."""
    for name, value in attributes(attrs).items():
        _attribute(item, name, value)


def write_rows(values: Any, start: int, rows: np.ndarray) -> None:
    """Write whole rows, from row `start` on; a third of the time of an assignment to a slice."""
    from h5py import h5s

    rows = np.ascontiguousarray(rows)
    place = values.get_space()
    place.select_hyperslab((start, *(0 for _ in rows.shape[1:])), rows.shape)
    values.write(h5s.create_simple(rows.shape), place, rows)


def _attribute(item: Any, name: str, value: Any) -> None:
    from h5py import h5a, h5s

    text = isinstance(value, str)
    array = np.array(value, dtype=_text() if text else None)
    kind = _text_type() if text else _type(array.dtype.str)
    h5a.create(item, name.encode(), kind, h5s.create(h5s.SCALAR)).write(array)


def _passes(tree: Tree, group: Any, passes: tuple[int, ...]) -> Any:
    """Link `pass` and `time_step` into a group and return the scale."""
    from h5py import h5ds

    if ("pass", passes) not in tree.scales:
        numbers = np.array(passes, dtype="int64")
        scale = tree.scales["pass", passes] = _dataset(tree, numbers)
        h5ds.set_scale(scale, b"pass")
        step = tree.scales["time_step", passes] = _dataset(tree, numbers - 1)
        h5ds.attach_scale(step, scale, 0)
    for name in ("pass", "time_step"):
        _link(tree.scales[name, passes], group, name)
    return tree.scales["pass", passes]


def _axis(tree: Tree, name: str, size: int) -> Any:
    """Return the scale of a unit axis: the names of the parts, or a length without values."""
    from h5py import h5d, h5ds, h5s, h5t

    if (name, size) not in tree.scales:
        if name == "part":
            scale, mark = _texts(tree.root, None, ("real", "imaginary")), name
        else:
            space = h5s.create_simple((size,))
            scale = h5d.create(tree.root.id, None, h5t.IEEE_F32BE, space)
            mark = _NO_VARIABLE.format(size)
        h5ds.set_scale(scale, mark.encode())
        tree.scales[name, size] = scale
    return tree.scales[name, size]


def _dataset(tree: Tree, values: np.ndarray) -> Any:
    from h5py import h5d, h5s

    space = h5s.create_simple(values.shape)
    made = h5d.create(tree.root.id, None, _type(values.dtype.str), space)
    made.write(h5s.ALL, h5s.ALL, values)
    return made


def _texts(root: h5py.File, name: str | None, values: Sequence[str]) -> Any:
    data = np.array(values, dtype=object)
    return root.create_dataset(name, data=data, dtype=_text()).id


def _new_group(tree: Tree, path: str) -> Any:
    """Make a group, and the one above it if need be; both keep the order of what is put in."""
    from h5py import h5g, h5p

    made = h5p.create(h5p.GROUP_CREATE)
    made.set_link_creation_order(h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED)
    group = tree.root.id
    for name in (part.encode() for part in path.split("/")):
        group = h5g.open(group, name) if name in group else h5g.create(group, name, gcpl=made)
    return group


def _link(item: Any, group: Any, name: str) -> None:
    from h5py import h5o

    h5o.link(item, group, name.encode())


@functools.cache
def _type(dtype: str) -> Any:
    from h5py import h5t

    return h5t.py_create(np.dtype(dtype), logical=True)


@functools.cache
def _text_type() -> Any:
    from h5py import h5t

    return h5t.py_create(_text(), logical=True)


@functools.cache
def _text() -> Any:
    import h5py

    return h5py.string_dtype()
