"""Whether every shard of a run is whole, the right one, and shown where it belongs.

A shard is read twice: its bytes against the checksum in its seal, its numbers for what is not
finite. Then the index is compared with the shards without reading values: the ids, and for every
layer which rows lie in which file. Memory is bounded by one block of rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lens_pipeline.errors import StoreError
from lens_pipeline.store.index import INDEX_NAME, source_name
from lens_pipeline.store.schema import spec_group, stored
from lens_pipeline.store.seal import find_seal
from lens_pipeline.store.shards import read_shard, shard_path, verify_shard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import netCDF4
    import xarray as xr

    from lens_pipeline.store.schema import LayerSpec
    from lens_pipeline.store.shards import ShardRecord

# Bytes of values looked at in one go.
_BLOCK = 1 << 26


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    path: Path
    # one sentence
    what: str
    # the file can be deleted and made again from the model, and is then right
    remake: bool


@dataclass(frozen=True)
class Expected:
    """What the shard of one task has to be."""

    path: Path
    ids: tuple[str, ...]
    layers: tuple[LayerSpec, ...]


def check_shards(tree: xr.DataTree, folder: Path) -> None:
    """Raise StoreError if a shard that an opened store shows is not as it was written.

    For what reads all values and leaves the checksums behind.
    """
    for name in json.loads(tree.attrs["shards"]):
        verify_shard(folder / name)


def find_damaged(
    folder: Path, keys: Sequence[str], *, done: Callable[[int], None] | None = None
) -> frozenset[str]:
    """Return the keys whose shard in `folder` is there and is not what was written.

    Reads every byte of each; `done` is told the bytes that were read. Raises StoreError for a file
    that may not be read.
    """
    return frozenset(key for key in keys if _is_damaged(shard_path(folder, key), done))


def _is_damaged(path: Path, done: Callable[[int], None] | None) -> bool:
    # what may not be read is not made again, but told
    if find_seal(path) is None:
        return path.exists()
    try:
        shard = verify_shard(path)
    except (StoreError, OSError):
        return True
    if done:
        done(shard.size)
    return False


def verify_shards(
    expected: Sequence[Expected], *, done: Callable[[int], None] | None = None
) -> Iterator[Finding]:
    """Yield what is wrong with the shards themselves; `done` is told the bytes that were read."""
    for one in expected:
        yield from _verify_shard(one)
        if done and one.path.is_file():
            done(one.path.stat().st_size)


def _verify_shard(one: Expected) -> Iterator[Finding]:
    import netCDF4

    try:
        shard = verify_shard(one.path)
    except (StoreError, OSError) as error:
        yield Finding(one.path, str(error), remake=True)
        return
    wrong = _misfit(shard, one)
    if wrong:
        what = f"The shard {one.path} {wrong}, so it belongs to something else."
        yield Finding(one.path, what, remake=True)
        return
    try:
        # opened once: opening reads the names of all layers
        with netCDF4.Dataset(shard.path) as file:
            for spec in shard.layers:
                n_bad = _not_finite(file, spec)
                if n_bad:
                    what = f"{n_bad} values of {spec.name} in {one.path} are NaN or infinite, as "
                    what += "the model computed them: the file is unchanged since it was written."
                    yield Finding(one.path, what, remake=False)
    except (OSError, RuntimeError) as error:
        what = f"The shard {one.path} is unchanged but cannot be read here: {error}."
        yield Finding(one.path, what, remake=False)


def _misfit(shard: ShardRecord, one: Expected) -> str:
    if one.ids and shard.stimulus_ids != one.ids:
        return "holds other stimuli than the run has at its place"
    if one.layers and shard.layers != one.layers:
        return "holds other layers than the run has"
    return ""


def _not_finite(file: netCDF4.Dataset, spec: LayerSpec) -> int:
    kept = stored(spec)
    if not kept.dtype.startswith("float") and not spec.scaling:
        return 0
    each = max(1, int(np.prod(kept.shape, dtype=np.int64)) * 4)
    step, count = max(1, _BLOCK // each), 0
    values = file[f"{spec_group(spec)}/activation"]
    values.set_auto_mask(False)
    for start in range(0, len(values), step):
        count += _count(np.asarray(values[start : start + step]), spec, values)
    return count


def _count(block: np.ndarray, spec: LayerSpec, values: Any) -> int:
    if spec.scaling:
        from lens_pipeline.store.packing import MISSING

        missing = MISSING * np.float32(values.scale_factor) + np.float32(values.add_offset)
        return int(np.count_nonzero(block == missing))
    return int(block.size - np.count_nonzero(np.isfinite(block)))


def verify_index(folder: Path, paths: Sequence[Path]) -> Iterator[Finding]:
    """Yield what is wrong with the index of `folder`, which has to show exactly `paths`."""
    index = folder / INDEX_NAME
    if not index.is_file():
        yield Finding(index, f"There is no {index}.", remake=True)
        return
    try:
        yield from (Finding(index, what, remake=True) for what in _index_faults(index, paths))
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        yield Finding(index, f"{index} cannot be read ({error}).", remake=True)


def _index_faults(index: Path, paths: Sequence[Path]) -> Iterator[str]:
    import h5py

    shards = [read_shard(path) for path in paths if _readable(path)]
    with h5py.File(index) as file:
        ids = [name.decode() for name in file["stimulus"][:]]
        rows = {name: row for row, name in enumerate(ids)}
        expected = {}
        for shard in shards:
            start = rows.get(shard.stimulus_ids[0], -1)
            stop = start + len(shard.stimulus_ids)
            if tuple(ids[start:stop]) != shard.stimulus_ids:
                yield f"{index} shows other stimuli than {shard.path} holds."
            expected[source_name(shard.path, index.parent)] = (start, stop)
        if not shards:
            return
        for spec in shards[0].layers:
            shown = _shown(file[f"{spec_group(spec)}/activation"])
            wrong = [name for name, place in expected.items() if shown.get(name) != place]
            if wrong:
                yield (
                    f"{index} does not show {spec.name} of {len(wrong)} shards at their rows, "
                    f"the first is {wrong[0]}."
                )


def _shown(values: Any) -> dict[str, tuple[int, int]]:
    """Return the rows, stop excluded, that each source file takes in a virtual dataset."""
    return {
        source.file_name: (source.vspace.get_select_bounds()[0][0],
                           source.vspace.get_select_bounds()[1][0] + 1)
        for source in values.virtual_sources()
    }  # fmt: skip


def _readable(path: Path) -> bool:
    try:
        read_shard(path)
    except (StoreError, OSError):
        return False
    return True
