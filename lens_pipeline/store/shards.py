"""A shard: the values of all selected layers for one slice of the stimuli, in one immutable file.

It is written batch by batch, so memory does not grow with the slice, under a hidden name; it gets
its own name only when every row of every layer is there and its seal is on the disk. So a shard
that exists and is sealed is complete, and a run of a thousand shards recognises its work by
reading twenty bytes of each. An ordinary netCDF-4 file by itself: any reader opens it.

Values lie stimuli outermost, in one piece per layer or in compressed chunks; compression.py says
which and why.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lens_pipeline.atomic import replacing
from lens_pipeline.errors import StoreError
from lens_pipeline.store.compression import check_compression, filter_names, layout
from lens_pipeline.store.netcdf import (
    Group,
    add_values,
    fill_value,
    open_group,
    write_root,
    write_rows,
)
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


# A layer of a shard: its name and its run, None where all passes have one shape.
LayerKey = tuple[str, int | None]


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
    # what a reader needs to decompress it, as ("zstd",)
    filters: tuple[str, ...] = ()


@dataclass(frozen=True)
class ShardWriter:
    """An open shard; made by open_shard, good until its `with` block ends."""

    path: Path
    specs: Mapping[LayerKey, LayerSpec]
    # False until a row has been written
    written: np.ndarray
    _groups: Mapping[LayerKey, Group]
    # how the values lie, from the shard's stimuli and a first batch
    _layout: Callable[[int, np.ndarray], Any]
    # filled by the first batch
    _values: dict[LayerKey, Any]
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
            kept = to_stored(values, self.specs[key])
            if key not in self._values:
                self._values[key] = self._new_values(key, kept)
            write_rows(self._values[key], start, kept)
            self._sink.check()
        self.written[start:stop] = True

    def _new_values(self, key: LayerKey, first: np.ndarray) -> Any:
        made = self._layout(len(self.written), first)
        return add_values(self._groups[key], made, fill=fill_value(self.specs[key]))


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
    compression: str = "auto",
) -> Iterator[ShardWriter]:
    """Write a shard; it appears under `path` when the block ends well, and else not at all.

    `path` comes from shard_path; `attrs` become root attributes.
    Raises StoreError for what cannot be stored, for rows that were never written, and for a disk
    that fails or is full.
    """
    check_layers(layers)
    _check_ids(stimulus_ids)
    check_compression(compression)
    record = {
        "key": path.stem,
        "stimulus_ids": list(stimulus_ids),
        "layers": [spec_to_json(spec) for spec in layers],
    }
    with replacing(path) as temporary:
        with new_hdf5(temporary) as (root, sink):
            tree = write_root(root, stimulus_ids, labels={}, attrs={"task_key": path.stem, **attrs})
            specs = {(spec.name, spec.run): spec for spec in layers}
            groups = {key: open_group(tree, spec) for key, spec in specs.items()}
            written = np.zeros(len(stimulus_ids), dtype=bool)
            values: dict[LayerKey, Any] = {}
            how = partial(layout, compression)
            yield ShardWriter(path, specs, written, groups, how, values, sink)
            if not written.all():
                raise StoreError(
                    f"{path} lacks {np.count_nonzero(~written)} of {len(written)} stimuli, the "
                    f"first is {stimulus_ids[int(np.argmin(written))]}; it was not kept."
                )
            filters = sorted({name for one in values.values() for name in filter_names(one)})
        append_seal(temporary, {**record, "filters": filters})


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
            filters=tuple(record.get("filters", ())),
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
    return f"The shard {path} {what}; delete it and give the run's command again to remake it."
