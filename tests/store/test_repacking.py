from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest
import xarray as xr

from lens_pipeline.errors import StoreError
from lens_pipeline.store import repacking, zarr_store
from lens_pipeline.store.index import write_index
from lens_pipeline.store.repacking import repack_netcdf
from lens_pipeline.store.schema import STORED_AS, LayerSpec, layer_group
from lens_pipeline.store.shards import open_shard, read_shard
from lens_pipeline.store.trees import iter_blocks, layer, open_activations
from lens_pipeline.store.zarr_store import repack_zarr


@pytest.fixture(params=[1 << 26, 200], ids=["one block", "many blocks"])
def blocks(request, monkeypatch):
    monkeypatch.setattr(repacking, "_BLOCK", request.param)
    for module in (repacking, zarr_store):
        monkeypatch.setattr(module, "STIMULI", 2)


@pytest.mark.parametrize("compression", ["auto", "none", "zlib", "zstd"])
def test_one_file_holds_what_the_run_holds(
    toy_run, blocks, compression, toy_layers, toy_values, toy_ids
):
    """Far from its shards, by both readers, with every label; and it opens like a run."""
    if compression == "zstd":
        pytest.importorskip("hdf5plugin")
    out, counted = toy_run.parent / "one.nc", []
    repack_netcdf(toy_run, out, compression=compression, done=counted.append)
    shutil.rmtree(toy_run)
    assert sum(counted) == sum(toy_values(spec).nbytes for spec in toy_layers)
    for engine in ("netcdf4", "h5netcdf"):
        with xr.open_datatree(out, engine=engine) as tree:
            for spec in toy_layers:
                node = tree[layer_group(spec.name)]
                array = (node if spec.run is None else node[f"run_{spec.run}"])["activation"]
                np.testing.assert_array_equal(array, toy_values(spec))
                assert array["stimulus"].values.tolist() == list(toy_ids)
                assert array["concept"].values.tolist() == ["a", "b", "c", "d", "e"]
    with open_activations(out) as tree:
        np.testing.assert_array_equal(
            next(iter_blocks(tree, "V1.output", pass_number=2)),
            toy_values(toy_layers[0])[:, 1].reshape(5, -1),
        )
    with h5py.File(out) as file:
        assert not file["V1.output/activation"].is_virtual


def test_a_zarr_store_holds_what_the_run_holds(
    toy_run, tmp_path, blocks, toy_layers, toy_values, toy_ids
):
    """Every group complete by itself."""
    pytest.importorskip("zarr")
    out, counted = tmp_path / "run.zarr", []
    repack_zarr(toy_run, out, done=counted.append)
    shutil.rmtree(toy_run)
    assert sum(counted) == sum(toy_values(spec).nbytes for spec in toy_layers)
    with xr.open_datatree(out, engine="zarr") as tree:
        assert tree.attrs["n_stimuli"] == 5
        for spec in toy_layers:
            node = tree[layer_group(spec.name)]
            array = (node if spec.run is None else node[f"run_{spec.run}"])["activation"]
            np.testing.assert_array_equal(array, toy_values(spec))
            assert array.attrs["layer"] == spec.name
    with xr.open_zarr(out, group="V1.output") as group:
        assert group["stimulus"].values.tolist() == list(toy_ids)
        assert group["concept"].values.tolist() == ["a", "b", "c", "d", "e"]
        assert group["time_step"].values.tolist() == [0, 1]


@pytest.mark.parametrize("dtype", STORED_AS)
def test_every_number_type_survives(tmp_path, dtype):
    """Bools and complex numbers too, in one file."""
    spec = LayerSpec("l", None, (1, 2), ("feature",), (5,), dtype)
    values = np.random.default_rng(0).standard_normal((4, 2, 5)) * 9
    values = (values + (1j if "complex" in dtype else 0)).astype(dtype)
    ids = ["a", "b", "c", "d"]
    with open_shard(tmp_path / "k.nc", layers=[spec], stimulus_ids=ids, attrs={}) as shard:
        shard.write(0, {("l", None): values})
    write_index(tmp_path, [read_shard(tmp_path / "k.nc")], stimulus_ids=ids, labels={}, attrs={})
    repack_netcdf(tmp_path, tmp_path / "one.nc")
    with open_activations(tmp_path) as before, open_activations(tmp_path / "one.nc") as after:
        xr.testing.assert_identical(layer(before, "l").load(), layer(after, "l").load())


def test_packing_fits_every_layer_and_can_be_undone(toy_run, tmp_path, toy_layers, toy_values):
    """Half the bytes within the error recorded; int16 stays as it is when repacked again."""
    repack_netcdf(toy_run, tmp_path / "packed.nc", dtype="int16-scaled", compression="none")
    with open_activations(tmp_path / "packed.nc") as tree:
        for spec in toy_layers:
            array = layer(tree, spec.name, run=spec.run)
            assert array.encoding["dtype"] == "int16"
            error = np.abs(array.to_numpy() - toy_values(spec)).max()
            assert 0 < error <= array.attrs["largest_error"]
            assert array.attrs["largest_error"] < np.ptp(toy_values(spec)) * 1e-5


def test_what_cannot_be_repacked_is_one_sentence(toy_run, tmp_path, monkeypatch):
    """A name that is taken, a run with a gap, zarr absent, one file already."""
    out = tmp_path / "one.nc"
    repack_netcdf(toy_run, out)
    with pytest.raises(StoreError, match=r"one\.nc is there already; delete it or choose"):
        repack_netcdf(toy_run, out)
    with pytest.raises(StoreError, match="is one file already and shows no shards"):
        repack_netcdf(out, tmp_path / "two.nc")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(StoreError, match="needs the package zarr; install it"):
        repack_zarr(toy_run, tmp_path / "x.zarr")


def test_a_partial_run_is_refused(toy_run, toy_ids, tmp_path):
    """Rows that are not there would look like values."""
    first = read_shard(toy_run / "shards" / "k0.nc")
    write_index(toy_run, [first], stimulus_ids=toy_ids, labels={}, attrs={})
    for repack in (repack_netcdf, repack_zarr):
        with pytest.raises(StoreError, match=r"3 stimuli of .* are missing"):
            repack(toy_run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


FAILING = """
import sys, time, resource, signal
from pathlib import Path
from lens_pipeline.store.repacking import repack_netcdf
from lens_pipeline.store.zarr_store import repack_zarr
run, out, how, end = sys.argv[1:]
if end == "full":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150, resource.RLIM_INFINITY))
def wait(done):
    if end == "kill":
        print("writing", flush=True)
        time.sleep(60)
{"netcdf": repack_netcdf, "zarr": repack_zarr}[how](Path(run), Path(out), done=wait)
"""


@pytest.mark.parametrize("how", ["netcdf", "zarr"])
def test_a_full_disk_or_a_kill_leaves_no_result(toy_run, tmp_path, how):
    """And the same command works afterwards, over what a killed one left."""
    if how == "zarr":
        pytest.importorskip("zarr")
    out = tmp_path / "result"
    command = [sys.executable, "-W", "ignore", "-c", FAILING, str(toy_run), str(out), how]
    done = subprocess.run([*command, "full"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "result: File too large; nothing of it was kept" in done.stderr.splitlines()[-1]
    assert not list(tmp_path.glob(".result*"))
    with subprocess.Popen([*command, "kill"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        os.kill(process.pid, signal.SIGKILL)
    assert not out.exists()
    {"netcdf": repack_netcdf, "zarr": repack_zarr}[how](toy_run, out)
    assert out.exists()
