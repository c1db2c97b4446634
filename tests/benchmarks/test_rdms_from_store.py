"""RDMs straight from the store: their time over read and matrix product, their memory, and what
`rsa.online` adds to extraction. Ratios are medians of interleaved rounds. Run by hand:
`OMP_NUM_THREADS=2 pytest tests/benchmarks/test_rdms_from_store.py -m benchmark -o log_cli=true`.
"""

from __future__ import annotations

import logging
import statistics
import time
import tracemalloc
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lens_pipeline import open_run
from lens_pipeline.pipeline.job.job import run_job
from lens_pipeline.pipeline.job.online import drop_activations
from lens_pipeline.rsa.rdm_files import rdms_of_tree
from lens_pipeline.store.index import write_index
from lens_pipeline.store.schema import LayerSpec
from lens_pipeline.store.shards import open_shard, read_shard, shard_path
from lens_pipeline.store.trees import iter_blocks, open_activations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.benchmark

LOG = logging.getLogger(__name__)
N_STIMULI, SHARDS, ROUNDS = 1854, 6, 5
SPEC = LayerSpec("layer", None, (1,), ("channel", "row", "col"), (64, 28, 28), "float32")


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,854 x 50,176 values in six shards, 372 MB."""
    folder = tmp_path_factory.mktemp("run")
    ids = [f"s{row:04}" for row in range(N_STIMULI)]
    random = np.random.default_rng(0)
    records = []
    for number, part in enumerate(np.array_split(np.arange(N_STIMULI), SHARDS)):
        path = shard_path(folder / "shards", f"k{number}")
        names = [ids[row] for row in part]
        with open_shard(path, layers=[SPEC], stimulus_ids=names, attrs={}) as shard:
            for at in range(len(part)):
                values = random.random((1, 1, *SPEC.shape), dtype=np.float32)
                shard.write(at, {("layer", None): values})
        records.append(read_shard(path))
    write_index(folder, records, stimulus_ids=ids, labels={}, attrs={})
    return folder


def test_a_layer_costs_little_more_than_its_read_and_product(store: Path) -> None:
    """At most 1.3 times reading its blocks and multiplying them."""
    with closing(open_activations(store)) as tree:

        def ours() -> object:
            return rdms_of_tree(tree)

        def bare() -> object:
            total = np.zeros((N_STIMULI, N_STIMULI), np.float32)
            for block in iter_blocks(tree, "layer", pass_number=1):
                total += block @ block.T
            return total

        ours(), bare()
        rounds = [(_seconds(ours), _seconds(bare)) for _ in range(ROUNDS)]
    ratio = statistics.median(mine / other for mine, other in rounds)
    LOG.warning("RDM from the store / read and product: %.2f in %s", ratio, rounds)
    assert ratio <= 1.3


def test_memory_is_that_of_blocks(store: Path) -> None:
    """At most 700 MB whatever its width: a block as read, its copies, and three matrices."""
    with closing(open_activations(store)) as tree:
        tracemalloc.start()
        rdms_of_tree(tree)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    LOG.warning("peak %.0f MB beside a layer of %.0f MB", peak / 1e6, 4 * N_STIMULI * 50_176 / 1e6)
    assert peak < 700e6


def test_online_adds_little_to_extraction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RDMs of five block outputs of ResNet-50 and deletion: at most a tenth of 64 images' time."""
    monkeypatch.chdir(tmp_path)
    plain: dict[str, Any] = {
        "model": {"source": "torchvision", "name": "resnet50", "weights": "random"},
        "stimuli": {"source": "sample", "name": "sample"},
        "layers": ["layer1", "layer2", "layer3", "layer4", "avgpool"],
        "run": {"folder": "out"},
    }
    run = open_run(run_job(plain))
    extraction = run.record.seconds["activations"]

    def rdms() -> object:
        with closing(open_activations(run.folder)) as tree:
            return rdms_of_tree(tree)

    seconds = statistics.median(_seconds(rdms) for _ in range(3))
    seconds += _seconds(lambda: drop_activations(run.folder))
    LOG.warning(
        "online / extraction: %.3f (%.2f s, %.2f s)", seconds / extraction, seconds, extraction
    )
    assert seconds <= 0.1 * extraction
