"""How fast the store writes and finds, as ratios to bare files: medians of interleaved rounds.

Run with `pytest tests/benchmarks/test_store_speed.py -m benchmark -s`.
"""

# ruff: noqa: T201  the numbers are the point

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from lens_pipeline.store.index import write_index
from lens_pipeline.store.schema import LayerSpec
from lens_pipeline.store.shards import find_complete, open_shard, read_shard, shard_path
from lens_pipeline.store.trees import iter_blocks, open_activations

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.benchmark

ROWS, BATCH = 512, 32
SPEC = LayerSpec("layer", None, (1,), ("channel", "row", "col"), (64, 56, 56), "float32")
VALUES = np.maximum(
    np.random.default_rng(0).standard_normal((BATCH, 1, *SPEC.shape), dtype="float32"), 0
)


def _bare(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for _ in range(0, ROWS, BATCH):
            file.write(VALUES)
        os.fsync(file.fileno())


def _shard(path: Path, compression: str) -> None:
    ids = [f"s{row}" for row in range(ROWS)]
    with open_shard(
        path, layers=[SPEC], stimulus_ids=ids, attrs={}, compression=compression
    ) as shard:
        for start in range(0, ROWS, BATCH):
            shard.write(start, {("layer", None): VALUES})


def _seconds(work, path: Path, *arguments: str) -> float:
    path.unlink(missing_ok=True)
    start = time.perf_counter()
    work(path, *arguments)
    return time.perf_counter() - start


def test_an_uncompressed_shard_is_written_at_the_speed_of_a_bare_file(tmp_path):
    """At least 0.85 of a bare write with fsync, checksum and rename included."""
    ratios = []
    for turn in range(17):
        if turn % 2:
            bare = _seconds(_bare, tmp_path / "bare")
            ours = _seconds(_shard, tmp_path / "shard.nc", "none")
        else:
            ours = _seconds(_shard, tmp_path / "shard.nc", "none")
            bare = _seconds(_bare, tmp_path / "bare")
        ratios.append(bare / ours)
    # the first round also imports h5py
    ratios = ratios[1:]
    print(f"\nbare / shard: {statistics.median(ratios):.2f} of {[f'{r:.2f}' for r in ratios]}")
    assert statistics.median(ratios) >= 0.85


@pytest.mark.parametrize("compression", ["zlib", "zstd", "auto"])
def test_what_compression_costs(tmp_path, compression):
    """Only reported, for a rectified layer: `auto` is zstd there."""
    if compression != "zlib":
        pytest.importorskip("hdf5plugin")
    bare = statistics.median(_seconds(_bare, tmp_path / "bare") for _ in range(3))
    ours = _seconds(_shard, tmp_path / "shard.nc", compression)
    size = (tmp_path / "shard.nc").stat().st_size / (tmp_path / "bare").stat().st_size
    print(f"\n{compression}: bare / shard {bare / ours:.2f}, size {size:.2f}")


def _make_shards(folder: Path, keys: list[str], ids: list[str]) -> None:
    layers = [LayerSpec(f"l{i}", None, (1,), ("feature",), (8,), "float32") for i in range(50)]
    values = {(spec.name, None): np.zeros((26, 1, 8), dtype="float32") for spec in layers}
    for number, key in enumerate(keys):
        mine = ids[number * 26 : number * 26 + 26]
        with open_shard(
            shard_path(folder, key), layers=layers, stimulus_ids=mine, attrs={}
        ) as shard:
            shard.write(0, values)


def _timed(what: str, work, *arguments, **options):
    start = time.perf_counter()
    result = work(*arguments, **options)
    seconds = time.perf_counter() - start
    print(f"{what}: {seconds:.2f} s")
    return result, seconds


def test_a_thousand_shards_of_fifty_layers_are_found_and_opened(tmp_path):
    """Found well under a second, opened as one tree under two."""
    ids = [f"s{row}" for row in range(26_000)]
    keys = [f"{number:032x}" for number in range(1000)]
    folder = tmp_path / "shards"
    print()
    _timed("write 1,000 shards", _make_shards, folder, keys, ids)
    complete, found = _timed("find", find_complete, folder, keys)
    records, _ = _timed("read records", lambda: [read_shard(shard_path(folder, k)) for k in keys])
    _timed("write index", write_index, tmp_path, records, stimulus_ids=ids, labels={}, attrs={})
    first, _ = _timed("open, imports included", open_activations, tmp_path)
    first.close()
    tree, opened = _timed("open", open_activations, tmp_path)
    _timed("read one layer", lambda: list(iter_blocks(tree, "l7", pass_number=1)))
    tree.close()
    assert len(complete) == 1000
    assert found < 0.5
    assert opened < 2


PEAK = """
import sys
from pathlib import Path
import numpy as np
from lens_pipeline.store.schema import LayerSpec
from lens_pipeline.store.shards import open_shard
rows = int(sys.argv[2])
spec = LayerSpec("layer", None, (1,), ("feature",), (100_000,), "float32")
ids, values = [f"s{row}" for row in range(rows)], np.ones((4, 1, 100_000), "float32")
with open_shard(Path(sys.argv[1]), layers=[spec], stimulus_ids=ids, attrs={}) as shard:
    for start in range(0, rows, 4):
        shard.write(start, {("layer", None): values})
# ru_maxrss would start with the peak of the parent process
status = Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


def test_memory_does_not_grow_with_the_shard(tmp_path):
    """Peak memory of a process that writes 16 MB and of one that writes 640 MB."""
    peaks = [
        int(subprocess.check_output([sys.executable, "-c", PEAK, str(tmp_path / "k.nc"), rows]))
        for rows in ("40", "1600")
    ]
    print(f"\npeak: {peaks[0] / 1024:.0f} and {peaks[1] / 1024:.0f} MB")
    assert peaks[1] < peaks[0] * 1.1
