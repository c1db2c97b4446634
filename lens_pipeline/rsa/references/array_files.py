"""RDMs and responses in NumPy, netCDF and rsatoolbox files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.references.axes import (
    AXES,
    DIMS,
    axis_called,
    interpret,
    labels_among,
    stacked,
)
from lens_pipeline.rsa.references.matlab_files import read_hdf5_matrices
from lens_pipeline.rsa.references.matrices import Matrices, as_ids, as_matrices, choose

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from lens_pipeline.rsa.references.responses import Responses


# no recording of milliseconds ends before, and none of seconds after
_SECONDS = 20


def read_npz(path: Path, key: str | None) -> Matrices | Responses:
    """Read an array of a .npz (or the one of a .npy); labels stand under the words of AXES."""
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return Matrices(as_matrices(loaded, where=str(path)), None)
    with loaded as arrays:
        labels = labels_among(arrays.files)
        names = [name for name in arrays.files if name not in {*labels.values(), DIMS}]
        chosen = choose(key, names, path=path)
        return interpret(
            arrays[chosen],
            {axis: arrays[name] for axis, name in labels.items()},
            dims=as_ids(arrays[DIMS]) if DIMS in arrays.files else None,
            where=f"{path}:{chosen}",
        )


def read_netcdf(path: Path, key: str | None) -> Matrices | Responses:
    """Read a variable by the names of its dimensions, as Brain-Score's presentation x neuroid.

    In a file as rdms.nc, the key is LAYER or LAYER:PASS.
    """
    import xarray as xr

    with xr.open_dataset(path) as data:
        if "rdm" in data and {"layer", "pass"} <= set(data["rdm"].dims):
            return _of_layer(data, key, path=path)
        usable = [str(name) for name, array in data.items() if _may_be_read(array)]
        if not usable:
            raise ComparisonError(_no_variable(data, path=path))
        array = data[choose(key, usable, path=path)]
        where = f"{path}:{array.name}"
        labels = _coordinates(array)
        if _is_square(array.shape) and not _is_named(array):
            row = array.dims[-2]
            if row in array.coords:
                labels["stimulus"] = array[row].to_numpy()
            return stacked(as_matrices(array.to_numpy(), where=where), labels, where=where)
        return interpret(array.to_numpy(), labels, dims=_dims(array), where=where)


def read_rsatoolbox(path: Path, key: str | None) -> Matrices | Responses:
    """Read RDMs or a data set as rsatoolbox saves them; a key is the `name` of some RDMs."""
    import h5py

    with h5py.File(path) as file:
        if "measurements" in file:
            return _of_dataset(file, path=path)
        if "dissimilarities" not in file:
            return read_hdf5_matrices(file, key, path=path)
        vectors = as_matrices(file["dissimilarities"][()], where=str(path))
        patterns, rows = _arrays(file, "pattern_descriptors"), _arrays(file, "rdm_descriptors")
    keep = np.ones(len(vectors), dtype=bool) if key is None else _called(rows, key, path=path)
    labels = {axis: rows[name][keep] for axis, name in labels_among(rows).items()}
    ids = labels_among(patterns).get("stimulus")
    if ids is not None:
        labels["stimulus"] = patterns[ids]
    if "time" in labels:
        labels["time"] = _milliseconds(labels["time"])
    found = stacked(vectors[keep], labels, where=str(path))
    if not found.names and "name" in rows:
        return replace(found, names=as_ids(rows["name"][keep]))
    return found


def _called(rows: Mapping[str, Any], key: str, *, path: Path) -> npt.NDArray[np.bool_]:
    names = as_ids(rows["name"]) if "name" in rows else ()
    chosen = choose(key, list(names), path=path)
    return np.array([name == chosen for name in names])


def _of_dataset(file: Any, *, path: Path) -> Matrices | Responses:
    values = file["measurements"][()]
    dims = ("stimulus", "unit", "time")[: values.ndim]
    labels: dict[str, Any] = {}
    for group, axes in (
        ("obs_descriptors", ("stimulus", "repetition")),
        ("channel_descriptors", ("region", "subject")),
        ("time_descriptors", ("time",)),
    ):
        arrays = _arrays(file, group)
        found = labels_among(arrays)
        labels.update({axis: arrays[found[axis]] for axis in axes if axis in found})
    if "time" in labels:
        labels["time"] = _milliseconds(labels["time"])
    return interpret(values, labels, dims=dims, where=str(path))


def _milliseconds(times: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return times of rsatoolbox, which names no unit: those all below 20 are seconds."""
    values = np.asarray(times, dtype=np.float64)
    return values * 1000 if np.abs(values).max(initial=0) < _SECONDS else values


def _arrays(file: Any, group: str) -> dict[str, Any]:
    return {name: item[()] for name, item in file.get(group, {}).items() if hasattr(item, "shape")}


def _of_layer(data: Any, key: str | None, *, path: Path) -> Matrices:
    layers = as_ids(data["layer"].to_numpy())
    passes = data["pass"].to_numpy().tolist()
    there = data["rdm"].notnull().any(("stimulus", "stimulus_b")).to_numpy()
    found = {
        f"{layer}:{number}": (row, column)
        for row, layer in enumerate(layers)
        for column, number in enumerate(passes)
        if there[row, column]
    }
    only = [name for name in found if name.rpartition(":")[0] == key]
    row, column = found[only[0] if len(only) == 1 else choose(key, list(found), path=path)]
    matrix = data["rdm"][row, column].to_numpy()
    return Matrices(as_matrices(matrix, where=str(path)), as_ids(data["stimulus"].to_numpy()))


def _no_variable(data: Any, *, path: Path) -> str:
    there = "; ".join(f"{name} ({', '.join(map(str, a.dims))})" for name, a in data.items())
    return (
        f"{path} has no variable whose dimensions are known: it has {there or 'none'}; call them "
        f"{', '.join(AXES)}, or stimulus twice for an RDM."
    )


def _may_be_read(array: Any) -> bool:
    return _is_square(array.shape) or (array.ndim > 1 and _is_named(array))


def _is_named(array: Any) -> bool:
    """Say whether the dimensions' names are all known words, or a square's stimuli are."""
    return None not in {axis_called(name) for name in _dims(array)}


def _dims(array: Any) -> list[str]:
    """Return the dimensions' names; the second of a square may have any name."""
    names = [str(name) for name in array.dims]
    if _is_square(array.shape[-2:]) and axis_called(names[-1]) in (None, "stimulus"):
        names[-1] = names[-2] if axis_called(names[-2]) == "stimulus" else names[-1]
    return names


def _coordinates(array: Any) -> dict[str, Any]:
    """Return axis -> labels from the coordinates that lie along that axis, or along its units.

    Of a stack of RDMs each may have its own, along the first dimension whatever its name.
    """
    stack = str(array.dims[0]) if array.ndim == 3 and _is_square(array.shape) else None
    carriers = {"repetition": ("repetition", "stimulus"), "region": ("region", "unit"),
                "subject": ("subject", "unit")}  # fmt: skip
    labels = {}
    for axis in AXES:
        here = carriers.get(axis, (axis,))
        names = {
            str(name): coordinate
            for name, coordinate in array.coords.items()
            if coordinate.ndim == 1
            and (axis_called(str(coordinate.dims[0])) in here or coordinate.dims[0] == stack)
        }
        name = labels_among(names).get(axis)
        if name is not None:
            scale = 1000 if axis == "time" and names[name].attrs.get("units") == "s" else None
            values = names[name].to_numpy()
            labels[axis] = values if scale is None else values * scale
    return labels


def _is_square(shape: tuple[int, ...]) -> bool:
    return len(shape) in (2, 3) and shape[-1] == shape[-2]
