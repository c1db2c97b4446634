"""The index `activations.nc`: all shards of a run shown as one tree, with nothing copied.

Each layer is an HDF5 virtual dataset whose rows lie in the shards, named by paths relative to the
index, so that a run folder can be moved whole and opened from any working directory. Stimuli stand
in the order of the stimulus set; a shard finds its rows by stimulus id, never by when it was
written. Rows without a shard read as NaN, and the root attributes count them.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lens_pipeline.atomic import replacing
from lens_pipeline.errors import StoreError
from lens_pipeline.store.netcdf import add_values, fill_value, missing_value, open_group, write_root
from lens_pipeline.store.schema import (
    COMPUTED,
    RESERVED,
    LayerSpec,
    layer_group,
    spec_group,
    stored,
)
from lens_pipeline.store.shards import ShardRecord
from lens_pipeline.store.sink import new_hdf5

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INDEX_NAME = "activations.nc"

# One shard and the row of its first stimulus.
_Placed = tuple[int, ShardRecord]


def write_index(
    folder: Path,
    shards: Sequence[ShardRecord],
    *,
    stimulus_ids: Sequence[str],
    labels: Mapping[str, Sequence[str]],
    attrs: Mapping[str, Any],
) -> Path:
    """Write `folder`/activations.nc over shards under `folder`; return its path.

    `labels` are columns along the stimuli. A column whose name already means something in a group
    gets an underscore behind it. Raises StoreError if shards overlap, hold other layers than the
    first, or hold stimuli that are not in `stimulus_ids` in that order.
    """
    if not shards:
        raise StoreError(f"There is no complete shard in {folder} to show; run the job first.")
    layers = shards[0].layers
    placed = _place(shards, stimulus_ids)
    labels = _free_names(labels, layers)
    missing = len(stimulus_ids) - sum(len(shard.stimulus_ids) for shard in shards)
    state = {
        "kind": "activations",
        "complete": missing == 0,
        "n_missing": missing,
        "n_stimuli": len(stimulus_ids),
        "filters": sorted({name for shard in shards for name in shard.filters}),
        "shard_rows": [len(shard.stimulus_ids) for _, shard in placed],
        "shards": [_relative(shard.path, folder) for _, shard in placed],
    }
    path = folder / INDEX_NAME
    with replacing(path) as temporary, new_hdf5(temporary) as (root, _):
        tree = write_root(root, stimulus_ids, labels=labels, attrs={**attrs, **state})
        for spec in layers:
            made = _virtual(spec, placed=placed, rows=len(stimulus_ids), folder=folder)
            fill = fill_value(spec, partial=missing > 0)
            add_values(open_group(tree, spec), made, fill=fill)
    return path


def _place(shards: Sequence[ShardRecord], stimulus_ids: Sequence[str]) -> list[_Placed]:
    rows = {name: row for row, name in enumerate(stimulus_ids)}
    if len(rows) < len(stimulus_ids):
        raise StoreError("A stimulus id is there twice; give each stimulus one id of its own.")
    placed = [(rows.get(shard.stimulus_ids[0], 0), shard) for shard in shards]
    placed.sort(key=lambda pair: pair[0])
    end = 0
    for row, shard in placed:
        stop = row + len(shard.stimulus_ids)
        if tuple(stimulus_ids[row:stop]) != shard.stimulus_ids:
            raise StoreError(_misfit(shard, "holds stimuli in another order or of another set"))
        if row < end:
            raise StoreError(_misfit(shard, "holds stimuli that another shard holds too"))
        if _bare(shard.layers) != _bare(shards[0].layers):
            raise StoreError(_misfit(shard, f"has other layers than {shards[0].path.name}"))
        end = stop
    return placed


def _bare(layers: Sequence[LayerSpec]) -> list[LayerSpec]:
    """Return layers without the facts beside their values that may be measured anew."""
    return [
        dataclasses.replace(spec, attrs=tuple(fact for fact in spec.attrs if fact[0] == COMPUTED))
        for spec in layers
    ]


def _virtual(spec: LayerSpec, *, placed: Sequence[_Placed], rows: int, folder: Path) -> Any:
    """Return the property list that says where the rows lie.

    By h5py's low-level calls, which are six times as fast as its layouts.
    """
    from h5py import h5p, h5s

    kept = stored(spec)
    shape = (rows, *kept.shape)
    values = _literal(f"{spec_group(spec)}/activation")
    made = h5p.create(h5p.DATASET_CREATE)
    made.set_fill_value(np.array(missing_value(kept.dtype), dtype=kept.dtype))
    space = h5s.create_simple(shape)
    for row, shard in placed:
        block = (len(shard.stimulus_ids), *kept.shape)
        space.select_hyperslab((row, *(0 for _ in kept.shape)), (1,) * len(shape), block=block)
        name = _literal(_relative(shard.path, folder))
        made.set_virtual(space, name, values, h5s.create_simple(block))
    return made


def source_name(shard: Path, folder: Path) -> str:
    """Return the name under which the index of `folder` looks for a shard."""
    return _literal(_relative(shard, folder)).decode()


def _literal(name: str) -> bytes:
    """HDF5 takes the names of sources for printf formats, and ours hold percent signs."""
    return name.replace("%", "%%").encode()


def _free_names(
    labels: Mapping[str, Sequence[str]], layers: Sequence[LayerSpec]
) -> dict[str, Sequence[str]]:
    taken = {
        *RESERVED,
        *(layer_group(spec.name) for spec in layers),
        *(name for spec in layers for name in spec.dims),
    }
    free: dict[str, Sequence[str]] = {}
    for label, column in labels.items():
        # a list of coordinates is separated by spaces
        name = layer_group("_".join(label.split()) or "label")
        while name in taken:
            name += "_"
        taken.add(name)
        free[name] = column
    return free


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _misfit(shard: ShardRecord, what: str) -> str:
    return (
        f"The shard {shard.path} {what} and cannot be shown in one index; delete it and give the "
        f"same command again to remake it."
    )
