"""A small run in a folder: two layers, one of them in two runs of passes, over five stimuli."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from lens_pipeline.store.index import write_index
from lens_pipeline.store.schema import LayerSpec
from lens_pipeline.store.shards import ShardRecord, open_shard, read_shard, shard_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LAYERS = (
    LayerSpec("V1.output", None, (1, 2), ("channel", "row", "col"), (3, 4, 5), "float32"),
    LayerSpec("conv1", 1, (1,), ("channel", "row"), (3, 4), "float32"),
    LayerSpec("conv1", 2, (2, 3), ("channel", "row"), (3, 2), "float32"),
    LayerSpec("blocks/0.-x", None, (1,), ("feature",), (4,), "float32", (("note", "ein Maß"),)),
)
IDS = ("müsli/日本", "b/c", "x1", "x2", "x3")


def layer_values(spec: LayerSpec, ids: tuple[str, ...] = IDS) -> np.ndarray:
    """Values that differ between layers, and between stimuli by id and not by row."""
    size = (len(spec.passes), *spec.shape)
    rows = [np.random.default_rng(list(f"{spec.name}{spec.run}{i}".encode())) for i in ids]
    return np.stack([rng.standard_normal(size, dtype="float32") for rng in rows])


def write_toy_shard(folder: Path, key: str, ids: tuple[str, ...]) -> ShardRecord:
    path = shard_path(folder, key)
    with open_shard(path, layers=LAYERS, stimulus_ids=ids, attrs={"seed": 3}) as shard:
        for row, name in enumerate(ids):
            batch = {(s.name, s.run): layer_values(s, (name,)) for s in LAYERS}
            shard.write(row, batch)
    return read_shard(path)


@pytest.fixture
def toy_layers() -> tuple[LayerSpec, ...]:
    return LAYERS


@pytest.fixture
def toy_ids() -> tuple[str, ...]:
    return IDS


@pytest.fixture
def toy_values() -> Callable[..., np.ndarray]:
    return layer_values


@pytest.fixture
def toy_shard() -> Callable[..., ShardRecord]:
    return write_toy_shard


@pytest.fixture
def toy_run(tmp_path: Path) -> Path:
    """A run folder with two shards and its index; the shards are given in the wrong order."""
    folder = tmp_path / "run"
    shards = [write_toy_shard(folder / "shards", f"k{n}", IDS[at]) for n, at in _slices()]
    labels = {"concept": ("a", "b", "c", "d", "e")}
    write_index(folder, shards[::-1], stimulus_ids=IDS, labels=labels, attrs={"stand_in": None})
    return folder


def _slices() -> list[tuple[int, slice]]:
    return [(0, slice(0, 2)), (1, slice(2, 5))]
