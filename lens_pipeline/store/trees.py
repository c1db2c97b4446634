"""Reading the store: the tree, one layer of it, and one layer's units block by block.

Values stay on disk until they are asked for. The netCDF C engine is used because it keeps the
shards of a layer open between reads; a second block then costs no second round of opening files.
HDF5 takes a shard that it cannot open for one that is not there and would give NaN for it without
a word, so what could cause that (a shard is gone, too few open files are allowed) is looked at
when the tree is opened.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.errors import StoreError, nearest
from lens_pipeline.store.index import INDEX_NAME
from lens_pipeline.store.opening import (
    allow_open_files,
    check_attrs,
    check_filters,
    existing,
    reading,
)
from lens_pipeline.store.schema import layer_group

if TYPE_CHECKING:
    from collections.abc import Iterator

    import xarray as xr


def open_activations(path: Path | str) -> xr.DataTree:
    """Open the index of a run folder, or the index itself; close the tree when done.

    Raises StoreError if it is missing, not of this package, of a newer format, compressed in a way
    that cannot be undone here, or incomplete on disk: shards that the index names are gone.
    """
    import xarray as xr

    file = existing(Path(path), INDEX_NAME)
    with reading(file):
        tree = xr.open_datatree(file, engine="netcdf4")
    try:
        check_attrs(tree.attrs, file, kind="activations")
        shards = json.loads(tree.attrs["shards"])
        _check_shards(shards, file)
        allow_open_files(len(shards), file)
        check_filters(tree.attrs, file)
    except BaseException:
        tree.close()
        raise
    return tree


def layer_names(tree: xr.DataTree) -> tuple[str, ...]:
    """Return the names of all layers, in the order of the forward pass."""
    return tuple(dict.fromkeys(str(array.attrs["layer"]) for array in _arrays(tree)))


def layer_passes(tree: xr.DataTree) -> tuple[tuple[str, int], ...]:
    """Return every (layer, pass) of the tree, in the order of the forward pass."""
    return tuple(
        (str(array.attrs["layer"]), int(number))
        for array in _arrays(tree)
        for number in array["pass"].values
    )


def layer(tree: xr.DataTree, name: str, *, run: int | None = None) -> xr.DataArray:
    """Return one layer (stimulus, pass, units), unread.

    `run` is needed, 1-based, where the passes of a layer differ in shape. Raises StoreError naming
    the nearest layers, or the runs there are.
    """
    runs = _runs(tree, name)
    if run is None and len(runs) == 1:
        return runs[0]
    for array in runs:
        if array.attrs.get("run") == run and run is not None:
            return array
    shown = ", ".join(
        f"run={array.attrs.get('run')}: passes {array['pass'].values.tolist()}" for array in runs
    )
    raise StoreError(
        f"Layer {name} has no run {run}; its passes differ in shape and are read as {shown}."
        if "run" in runs[0].attrs
        else f"Layer {name} has passes of one shape; read it without run={run}."
    )


def layer_pass(tree: xr.DataTree, name: str, *, pass_number: int) -> xr.DataArray:
    """Return one pass of a layer (stimulus, units), unread, in whatever run it lies."""
    runs = _runs(tree, name)
    for array in runs:
        if pass_number in array["pass"].values:
            return array.sel({"pass": pass_number})
    shown = ", ".join(str(number) for array in runs for number in array["pass"].values)
    raise StoreError(f"Layer {name} has no pass {pass_number}; it has {shown}.")


def iter_blocks(
    tree: xr.DataTree, name: str, *, pass_number: int, max_bytes: int = 1 << 28
) -> Iterator[np.ndarray]:
    """Yield float32 blocks (stimulus, unit) of at most `max_bytes`, or of one unit if that is more.

    Side by side the blocks are the flattened layer, units in C order. A shard holds the units of a
    stimulus in one piece, so a block reads one stretch per stimulus: large blocks read fastest,
    and a layer that fits into `max_bytes` is read in one go.
    """
    array = layer_pass(tree, name, pass_number=pass_number)
    n_stimuli, *shape = array.shape
    most = max(1, max_bytes // (4 * max(1, n_stimuli)))
    for units in _unit_blocks(tuple(shape), most):
        block = array[(slice(None), *units)].values
        yield block.reshape(n_stimuli, -1).astype("float32", copy=False)


def _unit_blocks(shape: tuple[int, ...], most: int) -> Iterator[tuple[slice, ...]]:
    """Cut unit axes into boxes of at most `most` units, each one stretch in C order."""
    axis = 0
    while axis < len(shape) and math.prod(shape[axis + 1 :]) > most:
        axis += 1
    if axis >= len(shape):
        yield tuple(slice(None) for _ in shape)
        return
    step = max(1, most // math.prod(shape[axis + 1 :]))
    for outer in np.ndindex(*shape[:axis]):
        fixed = tuple(slice(at, at + 1) for at in outer)
        for start in range(0, shape[axis], step):
            rest = tuple(slice(None) for _ in shape[axis + 1 :])
            yield (*fixed, slice(start, start + step), *rest)


def _arrays(node: xr.DataTree) -> Iterator[xr.DataArray]:
    if "activation" in node.data_vars:
        yield node.dataset["activation"]
    for child in node.children.values():
        yield from _arrays(child)


def _runs(tree: xr.DataTree, name: str) -> list[xr.DataArray]:
    group = tree.children.get(layer_group(name)) or _by_alias(tree, name)
    if group is None:
        hint = nearest(name, layer_names(tree))
        raise StoreError(f"Layer {name!r} is not in this store; {hint}.")
    return list(_arrays(group))


def _by_alias(tree: xr.DataTree, name: str) -> xr.DataTree | None:
    """Return the group of the layer that has the numbers of `name` too, if there is one."""
    for group in tree.children.values():
        for array in _arrays(group):
            if name in json.loads(array.attrs.get("aliases", "[]")):
                return group
    return None


def _check_shards(shards: list[str], file: Path) -> None:
    gone = [name for name in shards if not (file.parent / name).is_file()]
    if gone:
        raise StoreError(
            f"{len(gone)} of {len(shards)} shards of {file} are gone, the first is {gone[0]}; put "
            f"them back or give the run's command again to remake them."
        )
