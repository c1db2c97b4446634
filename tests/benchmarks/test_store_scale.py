"""What a task, a read and a check of the store cost: medians of interleaved rounds.

Run with `pytest tests/benchmarks/test_store_scale.py -m benchmark -s`.
"""

# ruff: noqa: T201  the numbers are the point

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from lens_pipeline.health.table import health_table
from lens_pipeline.store.index import write_index
from lens_pipeline.store.schema import LayerSpec
from lens_pipeline.store.shards import open_shard, read_shard, verify_shard
from lens_pipeline.store.trees import iter_blocks, open_activations

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.benchmark

RANDOM = np.random.default_rng(0)
SPEC = LayerSpec("layer", None, (1,), ("channel", "row", "col"), (64, 28, 28), "float32")
DENSE = RANDOM.standard_normal((64, 1, *SPEC.shape), dtype="float32")
RECTIFIED = np.maximum(DENSE, 0)


def _write(path: Path, values: np.ndarray, n: int, **options: str) -> Path:
    ids = [f"s{row}" for row in range(n)]
    with open_shard(path, layers=[SPEC], stimulus_ids=ids, attrs={}, **options) as shard:
        for start in range(0, n, len(values)):
            shard.write(start, {("layer", None): values})
    return path


def _read(tree, max_bytes: int) -> None:
    for _ in iter_blocks(tree, "layer", pass_number=1, max_bytes=max_bytes):
        pass


def _median(work, rounds: int = 9, *, clock=time.perf_counter) -> float:
    times = []
    for _ in range(rounds + 1):
        start = clock()
        work()
        times.append(clock() - start)
    # the first also imports
    return statistics.median(times[1:])


def test_a_shard_of_fifty_layers_costs_little_beside_its_values(tmp_path):
    """At most 20 ms of work for making, writing, sealing and naming it, the disk's time apart."""
    layers = [LayerSpec(f"l{n}", None, (1,), ("feature",), (8,), "float32") for n in range(50)]
    values = {(spec.name, None): np.zeros((26, 1, 8), "float32") for spec in layers}
    ids = [f"s{row}" for row in range(26)]

    def make() -> None:
        with open_shard(tmp_path / "k.nc", layers=layers, stimulus_ids=ids, attrs={}) as shard:
            shard.write(0, values)

    milliseconds = 1000 * _median(make, rounds=40, clock=time.process_time)
    whole = 1000 * _median(make, rounds=20)
    print(f"\nshard of 50 layers: {milliseconds:.1f} ms of work, {whole:.1f} ms with the disk")
    assert milliseconds <= 20


@pytest.mark.parametrize(("name", "values"), [("dense", DENSE), ("rectified", RECTIFIED)])
def test_one_layer_reads_across_all_stimuli(tmp_path, name, values):
    """Only reported: whole and by blocks of units, for each way of lying."""
    pytest.importorskip("hdf5plugin")
    print()
    for compression in ("none", "zstd", "zlib", "auto"):
        folder = tmp_path / compression
        path = _write(folder / "k.nc", values, 1024, compression=compression)
        shard = read_shard(path)
        ids = shard.stimulus_ids
        write_index(folder, [shard], stimulus_ids=ids, labels={}, attrs={})
        with open_activations(folder) as tree:
            size = 1024 * values[0].nbytes / 1e6
            rates = [size / _median(partial(_read, tree, most), 3) for most in (1 << 30, 1 << 24)]
        share = path.stat().st_size / (size * 1e6)
        print(f"{name} {compression}: {share:.2f} of the size, {rates[0]:.0f} MB/s whole, "
              f"{rates[1]:.0f} MB/s by 16 MB of units")  # fmt: skip


def test_a_checksum_runs_at_the_speed_of_reading(tmp_path):
    """Only reported: verify over a bare read of the same file."""
    path = _write(tmp_path / "k.nc", DENSE, 1024, compression="none")
    bare = _median(path.read_bytes, 5)
    ours = _median(lambda: verify_shard(path), 5)
    rate = path.stat().st_size / ours / 1e6
    print(f"\nverify: {rate:.0f} MB/s, bare read / verify {bare / ours:.2f}")


PEAK = """
import sys
from pathlib import Path
from lens_pipeline.health import table
from lens_pipeline.store.trees import open_activations
table._BLOCK = 1 << 24
with open_activations(sys.argv[1]) as tree:
    table.health_table(tree)
status = Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


def test_health_takes_the_memory_of_a_block(tmp_path):
    """A layer eight times as large takes hardly more, and a table of it is reported."""
    peaks = []
    for n in (256, 2048):
        folder = tmp_path / str(n)
        shard = read_shard(_write(folder / "k.nc", RECTIFIED, n, compression="none"))
        write_index(folder, [shard], stimulus_ids=shard.stimulus_ids, labels={}, attrs={})
        peaks.append(int(subprocess.check_output([sys.executable, "-c", PEAK, str(folder)])))
    with open_activations(folder) as tree:
        seconds = _median(lambda: health_table(tree), 1)
    print(f"\npeak {peaks[0] / 1024:.0f} and {peaks[1] / 1024:.0f} MB; 411 MB in {seconds:.1f} s")
    assert peaks[1] < peaks[0] * 1.25
