from __future__ import annotations

import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from lens_pipeline.errors import StoreError
from lens_pipeline.store.compression import COMPRESSIONS, check_compression, chunk_shape
from lens_pipeline.store.index import write_index
from lens_pipeline.store.schema import LayerSpec
from lens_pipeline.store.shards import open_shard, read_shard

IDS = [f"s{row}" for row in range(8)]
DENSE = np.random.default_rng(0).standard_normal((8, 1, 3, 2000), dtype="float32")
LAYERS = {
    "rectified": np.maximum(DENSE, 0),
    "dense": DENSE,
    "small": np.zeros((8, 1, 3, 20), "float32"),
}


def _shard(folder, **options):
    specs = [
        LayerSpec(name, None, (1,), ("channel", "col"), values.shape[2:], "float32")
        for name, values in LAYERS.items()
    ]
    path = folder / "shards" / "k.nc"
    with open_shard(path, layers=specs, stimulus_ids=IDS, attrs={}, **options) as shard:
        for start in (0, 4):
            shard.write(
                start,
                {(name, None): values[start : start + 4] for name, values in LAYERS.items()},
            )
    return path


def _filters(path):
    with h5py.File(path) as file:
        return {name: list(file[name]["activation"]._filters) for name in LAYERS}


def test_auto_compresses_what_has_many_zeros_and_some_size(tmp_path):
    """The rectified layer by zstd without a shuffle; a dense and a small one not at all."""
    pytest.importorskip("hdf5plugin")
    path = _shard(tmp_path)
    assert _filters(path) == {"rectified": ["32015"], "dense": [], "small": []}
    assert read_shard(path).filters == ("zstd",)


def test_auto_without_hdf5plugin_compresses_nothing(tmp_path, monkeypatch):
    """A machine without the extra writes what any machine can read."""
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    path = _shard(tmp_path)
    assert _filters(path) == {"rectified": [], "dense": [], "small": []}
    assert read_shard(path).filters == ()


def test_bytes_of_dense_layers_are_shuffled(tmp_path):
    """Where zstd or zlib is asked for by name."""
    pytest.importorskip("hdf5plugin")
    assert _filters(_shard(tmp_path, compression="zstd"))["dense"] == ["shuffle", "32015"]
    assert _filters(_shard(tmp_path, compression="zlib"))["dense"] == ["shuffle", "gzip"]


@pytest.mark.parametrize("shape", [(1, 1), (32, 3, 64, 56, 56), (5, 1, 900_000), (200, 1, 10)])
def test_a_chunk_is_a_batch_by_a_box_of_units(shape):
    """At most 64 stimuli of one pass, some 256 kB, and never larger than the shard."""
    chunk = chunk_shape(40, np.empty(shape, "float32"))
    assert chunk[0] == min(40, shape[0], 64)
    assert chunk[1] == 1
    assert np.prod(chunk) * 4 <= 1 << 18
    assert all(0 < size <= whole for size, whole in zip(chunk[1:], shape[1:], strict=True))


def test_unknown_and_absent_compressions_are_named(monkeypatch):
    """With what to do."""
    with pytest.raises(StoreError, match="'zst' is unknown; nearest: zstd"):
        check_compression("zst")
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    with pytest.raises(StoreError, match="needs the package hdf5plugin; install it"):
        check_compression("zstd")
    assert set(COMPRESSIONS) == {"auto", "none", "zstd", "zlib"}


def test_a_machine_that_cannot_undo_zstd_is_told_so(tmp_path):
    """When the tree is opened, not somewhere in the middle of an analysis."""
    pytest.importorskip("hdf5plugin")
    write_index(tmp_path, [read_shard(_shard(tmp_path))], stimulus_ids=IDS, labels={}, attrs={})
    code = "import sys; from lens_pipeline.store.trees import open_activations as o; o(sys.argv[1])"
    for plugins, ok in ((tmp_path / "none", False), (None, True)):
        environment = {**os.environ, "HDF5_PLUGIN_PATH": str(plugins)}
        if plugins is None:
            del environment["HDF5_PLUGIN_PATH"]
        command = [sys.executable, "-c", code, str(tmp_path)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == ok, done.stderr
        if not ok:
            assert "are compressed with zstd, which the netCDF library here" in done.stderr


def test_shards_of_either_kind_read_as_one(tmp_path):
    """Whether a layer is compressed is up to each shard; the index does not care."""
    from lens_pipeline.store.trees import layer, open_activations

    spec = LayerSpec("l", None, (1,), ("channel", "col"), (3, 2000), "float32")
    records = []
    for key, name in (("a", "rectified"), ("b", "dense")):
        path, ids = tmp_path / f"{key}.nc", [f"{key}{row}" for row in range(8)]
        with open_shard(path, layers=[spec], stimulus_ids=ids, attrs={}) as shard:
            shard.write(0, {("l", None): LAYERS[name]})
        records.append(read_shard(path))
    ids = [i for record in records for i in record.stimulus_ids]
    write_index(tmp_path, records, stimulus_ids=ids, labels={}, attrs={})
    with open_activations(tmp_path) as tree:
        whole = layer(tree, "l").to_numpy()
    np.testing.assert_array_equal(whole, np.concatenate([LAYERS["rectified"], DENSE]))
