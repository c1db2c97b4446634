"""A shard: the values of all selected layers for one slice of the stimuli, in one immutable file.

It is written batch by batch, so memory does not grow with the slice, under a hidden name; it gets
its own name only when every row of every layer is there and its seal is on the disk. So a shard
that exists and is sealed is complete, and a run of a thousand shards recognises its work by
reading twenty bytes of each. An ordinary netCDF-4 file by itself: any reader opens it.

Values are contiguous per layer, stimuli outermost. That is the fastest to write, and one layer of
many stimuli is read in pieces as long as the block of units asked for. Uncompressed is the
default: over a raw write, zlib takes 25 times as long and saves 40 % of rectified noise, zstd
takes 6 times as long and needs the package hdf5plugin wherever h5netcdf reads it.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lens_pipeline.errors import StoreError, nearest
from lens_pipeline.store.atomic import replacing
from lens_pipeline.store.netcdf import label_values, open_group, write_root
from lens_pipeline.store.schema import (
    LayerSpec,
    check_layers,
    spec_from_json,
    spec_to_json,
    stored,
    to_stored,
)
from lens_pipeline.store.seal import append_seal, find_seal, is_intact, sealed_record
from lens_pipeline.store.sink import Sink, new_hdf5

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import h5py

# A layer of a shard: its name and its run, None where all passes have one shape.
LayerKey = tuple[str, int | None]

# Bytes of a chunk of a compressed layer: several stimuli of a small layer, part of a large one.
_CHUNK = 1 << 20


@dataclass(frozen=True)
class ShardRecord:
    """What a shard says about itself."""

    path: Path
    # key of the Task that made it
    key: str
    stimulus_ids: tuple[str, ...]
    layers: tuple[LayerSpec, ...]
    # bytes of the file
    size: int
    # CRC-32 of the file up to its last 20 bytes, hexadecimal
    checksum: str


@dataclass(frozen=True)
class ShardWriter:
    """An open shard; made by open_shard, good until its `with` block ends."""

    path: Path
    specs: Mapping[LayerKey, LayerSpec]
    # False until a row has been written
    written: np.ndarray
    _values: Mapping[LayerKey, h5py.Dataset]
    _sink: Sink

    def write(self, start: int, arrays: Mapping[LayerKey, np.ndarray]) -> None:
        """Write one batch: arrays (batch, pass, *shape) for every layer, at row `start`.

        Raises StoreError when layers, shapes, number types or rows are not those announced.
        """
        if arrays.keys() != self.specs.keys():
            raise StoreError(_other_layers(self, arrays))
        rows = {len(values) for values in arrays.values()}
        stop = start + min(rows)
        if len(rows) > 1 or not 0 <= start < stop <= len(self.written):
            raise StoreError(
                f"A batch of {sorted(rows)} rows at row {start} does not fit {self.path.name}, "
                f"which has {len(self.written)} rows."
            )
        for key, values in arrays.items():
            _check_batch(values, self.specs[key])
            self._values[key][start:stop] = to_stored(values, self.specs[key])
            self._sink.check()
        self.written[start:stop] = True


def shard_path(folder: Path, key: str) -> Path:
    """Return where the shard of a Task lies."""
    return folder / f"{key}.nc"


@contextlib.contextmanager
def open_shard(
    path: Path,
    *,
    layers: Sequence[LayerSpec],
    stimulus_ids: Sequence[str],
    attrs: Mapping[str, Any],
    compression: str = "none",
) -> Iterator[ShardWriter]:
    """Write a shard; it appears under `path` when the block ends well, and else not at all.

    `path` comes from shard_path; `attrs` become root attributes.
    Raises StoreError for what cannot be stored, for rows that were never written, and for a disk
    that fails or is full.
    """
    check_layers(layers)
    _check_ids(stimulus_ids)
    if compression not in COMPRESSIONS:
        hint = nearest(compression, COMPRESSIONS)
        raise StoreError(f"Compression {compression!r} is unknown; {hint}.")
    record = {
        "key": path.stem,
        "stimulus_ids": list(stimulus_ids),
        "layers": [spec_to_json(spec) for spec in layers],
    }
    with replacing(path) as temporary:
        with new_hdf5(temporary) as (root, sink):
            write_root(root, stimulus_ids, labels={}, attrs={"task_key": path.stem, **attrs})
            values = {(s.name, s.run): _values(root, s, len(stimulus_ids), compression)
                      for s in layers}  # fmt: skip
            specs = {(spec.name, spec.run): spec for spec in layers}
            written = np.zeros(len(stimulus_ids), dtype=bool)
            yield ShardWriter(path, specs, written, values, sink)
            if not written.all():
                raise StoreError(
                    f"{path} lacks {np.count_nonzero(~written)} of {len(written)} stimuli, the "
                    f"first is {stimulus_ids[int(np.argmin(written))]}; it was not kept."
                )
        append_seal(temporary, record)


def find_complete(folder: Path, keys: Iterable[str]) -> frozenset[str]:
    """Return the keys whose shard is complete; reads the last bytes of each file, no data."""
    return frozenset(key for key in keys if find_seal(shard_path(folder, key)))


def read_shard(path: Path) -> ShardRecord:
    """Return what a shard says about itself, without reading its values.

    Raises StoreError if it is absent, unsealed or says nothing readable.
    """
    seal = find_seal(path)
    if seal is None:
        raise StoreError(_damaged(path, "is missing, truncated or not a shard of this package"))
    try:
        record = sealed_record(path, seal)
        if record["key"] != path.stem:
            raise StoreError(_damaged(path, f"holds the result of another Task, {record['key']}"))
        return ShardRecord(
            path=path,
            key=record["key"],
            stimulus_ids=tuple(record["stimulus_ids"]),
            layers=tuple(spec_from_json(spec) for spec in record["layers"]),
            size=seal.size,
            checksum=f"{seal.checksum:08x}",
        )
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(_damaged(path, "has an unreadable record")) from error


def verify_shard(path: Path) -> ShardRecord:
    """Read a whole shard against its checksum; raises StoreError if a byte has changed."""
    record = read_shard(path)
    seal = find_seal(path)
    if seal is None or not is_intact(path, seal):
        raise StoreError(_damaged(path, "differs from its checksum"))
    return record


def _values(root: h5py.File, spec: LayerSpec, rows: int, compression: str) -> h5py.Dataset:
    group = open_group(root, spec, ())
    kept = stored(spec)
    values = group.create_dataset(
        "activation",
        shape=(rows, *kept.shape),
        dtype=kept.dtype,
        # every cell is written before the shard gets its name
        fill_time="never",
        **COMPRESSIONS[compression]((rows, *kept.shape), np.dtype(kept.dtype).itemsize),
    )
    label_values(values, spec, labels=(), fill=np.nan if kept.dtype.startswith("f") else None)
    return values


def _check_ids(stimulus_ids: Sequence[str]) -> None:
    twice = [name for name, count in Counter(stimulus_ids).items() if count > 1]
    if twice or not stimulus_ids:
        what = f"stimulus {twice[0]!r} twice" if twice else "no stimuli"
        raise StoreError(f"A shard cannot hold {what}; give each stimulus one id of its own.")


def _check_batch(values: np.ndarray, spec: LayerSpec) -> None:
    expected = (len(values), len(spec.passes), *spec.shape)
    allowed = (spec.dtype, stored(spec).dtype if "complex" not in spec.dtype else spec.dtype)
    if values.shape != expected or values.dtype.name not in allowed:
        raise StoreError(
            f"Layer {spec.name} gave values of shape {values.shape} and type {values.dtype}; the "
            f"first batch announced {expected} and {spec.dtype}."
        )


def _other_layers(writer: ShardWriter, arrays: Mapping[LayerKey, np.ndarray]) -> str:
    missing = sorted(name for name, _ in writer.specs.keys() - arrays.keys())
    extra = sorted(name for name, _ in arrays.keys() - writer.specs.keys())
    return (
        f"A batch for {writer.path.name} lacks the layers {missing} and has {extra} that were not "
        f"announced; every batch holds the same layers."
    )


def _damaged(path: Path, what: str) -> str:
    return f"The shard {path} {what}; delete it and give the same command again to remake it."


def _chunks(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    chunk = [1, 1, *shape[2:]]
    for axis in range(2, len(chunk)):
        over = -(-int(np.prod(chunk)) * itemsize // _CHUNK)
        chunk[axis] = max(1, chunk[axis] // over)
    chunk[0] = max(1, min(shape[0], _CHUNK // (int(np.prod(chunk)) * itemsize)))
    return tuple(chunk)


def _zlib(shape: tuple[int, ...], itemsize: int) -> dict[str, Any]:
    return {"chunks": _chunks(shape, itemsize), "compression": "gzip", "compression_opts": 1}


def _zstd(shape: tuple[int, ...], itemsize: int) -> dict[str, Any]:
    try:
        import hdf5plugin
    except ModuleNotFoundError:
        raise StoreError(
            "Compression 'zstd' needs the package hdf5plugin; install it or use 'none' or 'zlib'."
        ) from None
    return {"chunks": _chunks(shape, itemsize), **hdf5plugin.Zstd(1)}


# name -> arguments of h5py's create_dataset, from the shape (stimulus, pass, units) and item size
COMPRESSIONS: Mapping[str, Callable[[tuple[int, ...], int], dict[str, Any]]] = {
    "none": lambda _shape, _itemsize: {},
    "zlib": _zlib,
    "zstd": _zstd,
}
