from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from lens_pipeline.atomic import remove_leftovers
from lens_pipeline.errors import StoreError
from lens_pipeline.store.compression import COMPRESSIONS
from lens_pipeline.store.schema import STORED_AS, LayerSpec, layer_group
from lens_pipeline.store.shards import (
    find_complete,
    open_shard,
    read_shard,
    shard_path,
    verify_shard,
)

SPEC = LayerSpec("layer", None, (1, 2), ("channel", "row"), (3, 5), "float32")
KEY = ("layer", None)


def _write(path, values, spec=SPEC, **options):
    ids = [f"s{row}" for row in range(len(values))]
    with open_shard(path, layers=[spec], stimulus_ids=ids, attrs={}, **options) as shard:
        shard.write(0, {(spec.name, spec.run): values})


def _values(rows=4, dtype="float32"):
    numbers = np.random.default_rng(0).standard_normal((rows, 2, 3, 5)) * 9
    return (numbers + (1j if "complex" in dtype else 0)).astype(dtype)


@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])
def test_a_shard_is_an_ordinary_labelled_netcdf_file(
    tmp_path, engine, toy_shard, toy_layers, toy_values, toy_ids
):
    """Both netCDF readers see every layer with its coordinates, in the order of the layers."""
    shard = toy_shard(tmp_path, "k", toy_ids)
    with xr.open_datatree(shard.path, engine=engine) as tree:
        assert list(tree.children) == ["V1.output", "conv1", "blocks%2F0.-x"]
        assert tree.attrs["task_key"] == "k"
        for spec in toy_layers:
            node = tree[layer_group(spec.name)]
            array = (node if spec.run is None else node[f"run_{spec.run}"])["activation"]
            np.testing.assert_array_equal(array, toy_values(spec))
            assert array.dims == ("stimulus", "pass", *spec.dims)
            assert array["stimulus"].values.tolist() == list(toy_ids)
            assert array["pass"].values.tolist() == list(spec.passes)
            assert array["time_step"].values.tolist() == [n - 1 for n in spec.passes]
            assert array.attrs["layer"] == spec.name
            assert np.isnan(array.encoding["_FillValue"])


@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])
@pytest.mark.parametrize("dtype", STORED_AS)
def test_every_number_type_comes_back(tmp_path, dtype, engine):
    """A bool as bool, a complex number as two parts, half precision as single."""
    spec = LayerSpec("layer", None, (1, 2), ("channel", "row"), (3, 5), dtype)
    _write(tmp_path / "k.nc", _values(dtype=dtype), spec)
    with xr.open_dataset(tmp_path / "k.nc", group="layer", engine=engine) as group:
        array = group["activation"].load()
    if "complex" in dtype:
        assert array["part"].values.tolist() == ["real", "imaginary"]
        array = array.sel(part="real") + 1j * array.sel(part="imaginary")
    expected = _values(dtype=dtype)
    assert array.dtype == ("bool" if dtype == "bool" else np.result_type(STORED_AS[dtype], array))
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_compression_gives_the_same_values(tmp_path, compression):
    """Batches need not match the chunks."""
    if compression == "zstd":
        pytest.importorskip("hdf5plugin")
    values, ids = _values(rows=7), [f"s{row}" for row in range(7)]
    path = tmp_path / "k.nc"
    with open_shard(
        path, layers=[SPEC], stimulus_ids=ids, attrs={}, compression=compression
    ) as shard:
        for start in (4, 0, 2, 6):
            shard.write(start, {KEY: values[start : start + 2]})
    with xr.open_dataset(path, group="layer", engine="netcdf4") as group:
        np.testing.assert_array_equal(group["activation"], values)


def test_what_a_shard_says_about_itself(tmp_path, toy_shard, toy_layers):
    """Its record names stimuli and layers without a look at the values."""
    record = toy_shard(tmp_path, "k", ("ü", "b/c"))
    assert (record.key, record.stimulus_ids, record.layers) == ("k", ("ü", "b/c"), toy_layers)
    assert record.size == record.path.stat().st_size
    assert verify_shard(record.path) == record


@pytest.mark.parametrize(
    ("start", "arrays", "message"),
    [
        (0, {}, r"lacks the layers \['layer'\]"),
        (0, {KEY: _values(), ("x", None): _values()}, r"has \['x'\] that were not"),
        (2, {KEY: _values()}, "4.* rows at row 2 does not fit k.nc, which has 4 rows"),
        (0, {KEY: _values()[:, :1]}, r"layer gave values of shape \(4, 1, 3, 5\)"),
        (0, {KEY: _values(dtype="float64")}, "type float64; .* float32"),
        (0, {KEY: _values(rows=3)}, "lacks 1 of 4 stimuli, the first is s3"),
    ],
)
def test_a_batch_that_does_not_fit_ends_the_shard(tmp_path, start, arrays, message):
    """Nothing of the shard is kept."""
    path, ids = tmp_path / "k.nc", ["s0", "s1", "s2", "s3"]
    with (
        pytest.raises(StoreError, match=message),
        open_shard(path, layers=[SPEC], stimulus_ids=ids, attrs={}) as shard,
    ):
        shard.write(start, arrays)
    assert list(tmp_path.iterdir()) == []


def test_bad_announcements_are_refused(tmp_path):
    """Repeated ids, no ids, and an unknown compression."""
    for ids, message in ((["a", "a"], "'a' twice"), ([], "no stimuli")):
        with pytest.raises(StoreError, match=message):
            open_shard(tmp_path / "k.nc", layers=[SPEC], stimulus_ids=ids, attrs={}).__enter__()
    with pytest.raises(StoreError, match="'zlip' is unknown; nearest: zlib"):
        _write(tmp_path / "k.nc", _values(), compression="zlip")


def test_zstd_without_its_package_is_one_sentence(tmp_path, monkeypatch):
    """And leaves no file."""
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    with pytest.raises(StoreError, match="needs the package hdf5plugin"):
        _write(tmp_path / "k.nc", _values(), compression="zstd")
    assert list(tmp_path.iterdir()) == []


def test_complete_shards_are_found_by_key(tmp_path):
    """A truncated shard, an unsealed netCDF file and a temporary file are not complete."""
    for key in ("good", "cut", "plain"):
        _write(shard_path(tmp_path, key), _values())
    whole = shard_path(tmp_path, "cut").read_bytes()
    shard_path(tmp_path, "cut").write_bytes(whole[: len(whole) // 2])
    xr.Dataset({"x": 1}).to_netcdf(shard_path(tmp_path, "plain"))
    (tmp_path / ".temp.nc.1-a.part").write_bytes(whole)
    assert find_complete(tmp_path, ["good", "cut", "plain", "temp", "absent"]) == {"good"}
    assert find_complete(tmp_path / "absent", ["good"]) == frozenset()
    with pytest.raises(StoreError, match=r"cut\.nc is missing, truncated or not a shard"):
        read_shard(shard_path(tmp_path, "cut"))


def test_an_altered_shard_is_found(tmp_path):
    """One flipped bit among the values; and a shard under another Task's name."""
    path = shard_path(tmp_path, "k")
    _write(path, _values())
    data = bytearray(path.read_bytes())
    data[data.index(_values().tobytes()) + 100] ^= 4
    path.write_bytes(data)
    assert read_shard(path).key == "k"
    with pytest.raises(StoreError, match="differs from its checksum; delete it"):
        verify_shard(path)
    path.rename(shard_path(tmp_path, "other"))
    with pytest.raises(StoreError, match="holds the result of another Task, k;"):
        read_shard(shard_path(tmp_path, "other"))


KILLED = """
import sys, time
from pathlib import Path
import numpy as np
from lens_pipeline.store.schema import LayerSpec
from lens_pipeline.store.shards import open_shard
spec = LayerSpec("layer", None, (1,), ("feature",), (100_000,), "float32")
ids = [f"s{row}" for row in range(8)]
if sys.argv[2] == "full":
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
with open_shard(Path(sys.argv[1]), layers=[spec], stimulus_ids=ids, attrs={}) as shard:
    for row in range(8):
        shard.write(row, {("layer", None): np.ones((1, 1, 100_000), "float32")})
        if row == 4:
            print("writing", flush=True)
            time.sleep(60)
"""


def test_a_run_killed_in_the_middle_of_a_write_leaves_no_shard(tmp_path):
    """SIGKILL leaves a temporary file, which counts as nothing and is cleaned up."""
    path = shard_path(tmp_path, "k")
    command = [sys.executable, "-c", KILLED, str(path), "kill"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        os.kill(process.pid, signal.SIGKILL)
    assert len(list(tmp_path.iterdir())) == 1
    assert find_complete(tmp_path, ["k"]) == frozenset()
    assert len(remove_leftovers(tmp_path)) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_ends_in_one_sentence_and_no_file(tmp_path):
    """A file size limit stands for the disk: the write fails half-way with an OSError."""
    command = [sys.executable, "-c", KILLED, str(tmp_path / "k.nc"), "full"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "StoreError: Could not write " in done.stderr.splitlines()[-1]
    assert "k.nc: File too large; nothing of it was kept" in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_finding_complete_shards_needs_no_heavy_library():
    """Neither torch nor xarray nor h5py is loaded, so a finished run is recognised at once."""
    code = (
        "import sys, lens_pipeline.store.shards; "
        "print([m for m in ('torch', 'xarray', 'h5py', 'netCDF4', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
