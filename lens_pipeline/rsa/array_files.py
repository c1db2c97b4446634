"""RDMs in NumPy, netCDF and rsatoolbox files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lens_pipeline.rsa.matlab_files import read_hdf5_matrices
from lens_pipeline.rsa.matrices import ID_NAMES, Matrices, as_ids, as_matrices, choose

if TYPE_CHECKING:
    from pathlib import Path


def read_npz(path: Path, key: str | None) -> Matrices:
    """Read an array of a .npz (or the one of a .npy); ids stand under one of ID_NAMES."""
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return Matrices(as_matrices(loaded, where=str(path)), None)
    with loaded as arrays:
        names = [name for name in arrays.files if name not in ID_NAMES]
        chosen = choose(key, names, path=path)
        ids = next((as_ids(arrays[name]) for name in ID_NAMES if name in arrays.files), None)
        return Matrices(as_matrices(arrays[chosen], where=f"{path}:{chosen}"), ids)


def read_netcdf(path: Path, key: str | None) -> Matrices:
    """Read a variable with two stimulus dimensions; ids are the coordinate of the first.

    In a file as rdms.nc, the key is LAYER or LAYER:PASS.
    """
    import xarray as xr

    with xr.open_dataset(path) as data:
        if "rdm" in data and {"layer", "pass"} <= set(data["rdm"].dims):
            return _of_layer(data, key, path=path)
        squares = [str(name) for name, array in data.items() if _is_square(array.shape)]
        array = data[choose(key, squares, path=path)]
        row = array.dims[-2]
        ids = as_ids(array[row].to_numpy()) if row in array.coords else None
        return Matrices(as_matrices(array.to_numpy(), where=f"{path}:{array.name}"), ids)


def read_rsatoolbox(path: Path, key: str | None) -> Matrices:
    """Read RDMs as rsatoolbox saves them; the key is the `name` of one of them."""
    import h5py

    with h5py.File(path) as file:
        if "dissimilarities" not in file:
            return read_hdf5_matrices(file, key, path=path)
        vectors = as_matrices(file["dissimilarities"][()], where=str(path))
        patterns, rows = file["pattern_descriptors"], file["rdm_descriptors"]
        ids = next((as_ids(patterns[name][()]) for name in ID_NAMES if name in patterns), None)
        names = as_ids(rows["name"][()]) if "name" in rows else ()
    if key is not None:
        chosen = choose(key, list(names), path=path)
        vectors = vectors[[name == chosen for name in names]]
        names = tuple(name for name in names if name == chosen)
    return Matrices(vectors, ids, names)


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


def _is_square(shape: tuple[int, ...]) -> bool:
    return len(shape) in (2, 3) and shape[-1] == shape[-2]
