"""RDMs in MATLAB files: version 5, and version 7.3, which is HDF5.

A variable is read if it is a square, a stack of squares, a condensed vector, or a struct array with
a field `RDM`, as the RSA toolbox for MATLAB writes them. The key is VARIABLE, or VARIABLE.NAME
where the structs have a field `name`; NAME may be a glob, as in `RDMs.*BE*`.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.io

from lens_pipeline.errors import ComparisonError, nearest
from lens_pipeline.rsa.matrices import Matrices, as_ids, as_matrices, choose

if TYPE_CHECKING:
    from pathlib import Path

ID_FIELDS = ("stimulus_id", "stimulus_ids", "ids")


def read_mat(path: Path, key: str | None) -> Matrices:
    """Read a .mat file of either kind."""
    import h5py

    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            return read_hdf5_matrices(file, key, path=path)
    contents = scipy.io.loadmat(str(path), chars_as_strings=True)
    variables = {name: value for name, value in contents.items() if not name.startswith("__")}
    ids = next((_cell_ids(variables.pop(name)) for name in ID_FIELDS if name in variables), None)
    usable = {name: value for name, value in variables.items() if _may_be_rdm(value)}
    variable, name = _parse(key, list(usable), path=path)
    value = usable[variable]
    if value.dtype.names:
        return _structs(value, name, ids=ids, where=f"{path}:{variable}")
    return Matrices(as_matrices(_flat(value), where=f"{path}:{variable}"), ids)


def read_hdf5_matrices(file: Any, key: str | None, *, path: Path) -> Matrices:
    """Read a numeric array of a MATLAB 7.3 file, or of any HDF5 file."""
    import h5py

    arrays = {
        name: value
        for name, value in file.items()
        if isinstance(value, h5py.Dataset) and value.dtype.kind in "fiu" and value.ndim in (1, 2, 3)
    }
    ids = next((_stored_ids(file, name) for name in ID_FIELDS if name in file), None)
    chosen = choose(key, [name for name in arrays if name not in ID_FIELDS], path=path)
    # MATLAB stores columns first, so h5py sees each array transposed
    value = arrays[chosen][()]
    if "MATLAB_class" in arrays[chosen].attrs:
        value = value.T
        value = np.moveaxis(value, -1, 0) if value.ndim == 3 else value
    return Matrices(as_matrices(_flat(value), where=f"{path}:{chosen}"), ids)


def _parse(key: str | None, names: list[str], *, path: Path) -> tuple[str, str | None]:
    """Split VARIABLE.NAME; MATLAB's variables contain no dot."""
    if key is None:
        return choose(None, names, path=path), None
    variable, dot, name = key.partition(".")
    return choose(variable, names, path=path), name if dot else None


def _may_be_rdm(value: npt.NDArray[Any]) -> bool:
    if value.dtype.names:
        return "RDM" in value.dtype.names
    if value.dtype.kind not in "fiub" or value.size < 2:
        return False
    try:
        as_matrices(_flat(value), where="")
    except ComparisonError:
        return False
    return True


def _flat(value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a row or column vector of MATLAB as one vector, a (n, n, k) stack as (k, n, n)."""
    if value.ndim == 2 and 1 in value.shape:
        return value.ravel()
    if value.ndim == 3 and value.shape[0] == value.shape[1] != value.shape[2]:
        return np.moveaxis(value, -1, 0)
    return value


def _structs(
    value: npt.NDArray[Any], name: str | None, *, ids: tuple[str, ...] | None, where: str
) -> Matrices:
    entries = list(value.ravel())
    names = [
        _text(entry["name"]) if "name" in (value.dtype.names or ()) else "" for entry in entries
    ]
    if name is not None:
        entries = [e for e, n in zip(entries, names, strict=True) if fnmatch.fnmatchcase(n, name)]
        if not entries:
            raise ComparisonError(f"{where} has no RDM named {name!r}; {nearest(name, names)}.")
        names = [n for n in names if fnmatch.fnmatchcase(n, name)]
    stack = np.concatenate([as_matrices(_flat(entry["RDM"]), where=where) for entry in entries])
    return Matrices(stack, ids, tuple(names))


def _text(value: npt.NDArray[Any]) -> str:
    return str(value.ravel()[0]) if value.size else ""


def _cell_ids(value: npt.NDArray[Any]) -> tuple[str, ...]:
    """Return a MATLAB cell array of texts, or a character matrix, as ids."""
    if value.dtype == object:
        return tuple(_text(np.asarray(item)) for item in value.ravel())
    return tuple(item.strip() for item in as_ids(value))


def _stored_ids(file: Any, name: str) -> tuple[str, ...]:
    """Return ids of a MATLAB 7.3 cell (references to UTF-16 codes) or of plain HDF5 strings."""
    import h5py

    value = file[name][()]
    if h5py.check_ref_dtype(file[name].dtype) is None:
        return as_ids(value)
    codes = [file[reference][()].ravel() for reference in value.ravel()]
    return tuple("".join(map(chr, code)) for code in codes)
