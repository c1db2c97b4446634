"""RDMs and responses in MATLAB files: version 5, and version 7.3, which is HDF5.

A variable is read if it is a square, a stack of squares, a condensed vector, or a struct array with
a field `RDM`, as the RSA toolbox for MATLAB writes them; sessions in names are averaged for each
subject. The key is VARIABLE, or VARIABLE.NAME where the structs have a field `name`; NAME may be a
glob, as in `RDMs.*BE*`. Responses are an array (presentation, unit) or (presentation, unit, time)
beside cells or vectors that label it, named by the words of AXES: stimulus_id, repetition, region,
subject, time.
"""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.io

from lens_pipeline.errors import ComparisonError, nearest
from lens_pipeline.rsa.references.axes import DIMS, interpret, labels_among, stacked
from lens_pipeline.rsa.references.matrices import Matrices, as_ids, as_matrices, choose

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lens_pipeline.rsa.references.responses import Responses

# how the RSA toolbox for MATLAB names the RDM of one session of a subject
_SESSION = re.compile(r"(.+?) *\| *Session: *(\d+)")


def read_mat(path: Path, key: str | None) -> Matrices | Responses:
    """Read a .mat file of either kind."""
    import h5py

    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            return read_hdf5_matrices(file, key, path=path)
    contents = scipy.io.loadmat(str(path), chars_as_strings=True)
    variables = {name: value for name, value in contents.items() if not name.startswith("__")}
    labels, dims = _split_labels(variables)
    usable = {n: value for n, value in variables.items() if _may_be_read(value, labels)}
    variable, name = _parse(key, list(usable), path=path)
    value, where = usable[variable], f"{path}:{variable}"
    if value.dtype.names:
        ids = as_ids(labels["stimulus"]) if "stimulus" in labels else None
        return _structs(value, name, ids=ids, where=where)
    return interpret(value if dims else _flat(value), labels, dims=dims, where=where)


def _split_labels(
    variables: dict[str, npt.NDArray[Any]],
) -> tuple[dict[str, npt.NDArray[Any]], tuple[str, ...] | None]:
    """Take the variables that label axes out of `variables`."""
    named = labels_among(variables)
    labels = {axis: np.array(_cell_ids(variables.pop(name))) for axis, name in named.items()}
    return labels, _cell_ids(variables.pop(DIMS)) if DIMS in variables else None


def read_hdf5_matrices(file: Any, key: str | None, *, path: Path) -> Matrices | Responses:
    """Read a numeric array of a MATLAB 7.3 file, or of any HDF5 file."""
    named = labels_among(file)
    labels = {axis: np.array(_stored_ids(file, name)) for axis, name in named.items()}
    dims = _stored_ids(file, DIMS) if DIMS in file else None
    arrays = {
        name: value
        for name, value in file.items()
        if name not in named.values() and _is_numeric(value, most=len(dims or (1, 2, 3)))
    }
    chosen = choose(key, list(arrays), path=path)
    # MATLAB stores columns first, so h5py sees each array transposed
    value = arrays[chosen][()]
    if "MATLAB_class" in arrays[chosen].attrs:
        value = value.T
        value = np.moveaxis(value, -1, 0) if _is_stack(value, labels) and not dims else value
    where = f"{path}:{chosen}"
    return interpret(value if dims else _flat(value), labels, dims=dims, where=where)


def _is_numeric(value: Any, *, most: int) -> bool:
    shape = getattr(value, "shape", ())
    return 1 <= len(shape) <= most and value.dtype.kind in "fiu"


def _is_stack(value: npt.NDArray[Any], labels: Mapping[str, npt.NDArray[Any]]) -> bool:
    """Say whether an array (n, n, k) of MATLAB is k squares, and not stimuli x units x times."""
    return value.ndim == 3 and not ("time" in labels and len(labels["time"]) == value.shape[2])


def _parse(key: str | None, names: list[str], *, path: Path) -> tuple[str, str | None]:
    """Split VARIABLE.NAME; MATLAB's variables contain no dot."""
    if key is None:
        return choose(None, names, path=path), None
    variable, dot, name = key.partition(".")
    return choose(variable, names, path=path), name if dot else None


def _may_be_read(value: npt.NDArray[Any], labels: Mapping[str, npt.NDArray[Any]]) -> bool:
    if value.dtype.names:
        return "RDM" in value.dtype.names
    if value.dtype.kind not in "fiub" or value.size < 2:
        return False
    if "stimulus" in labels and value.ndim > 1 and len(labels["stimulus"]) in value.shape[:2]:
        return True
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
    sessions = [found for found in map(_SESSION.fullmatch, names) if found]
    if len(sessions) < len(stack):
        return Matrices(stack, ids, tuple(names))
    labels = {
        "subject": np.array([found[1] for found in sessions]),
        "repetition": np.array([found[2] for found in sessions]),
        **({} if ids is None else {"stimulus": np.array(ids)}),
    }
    return stacked(stack, labels, where=where)


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
