from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from lens_pipeline.errors import StoreError
from lens_pipeline.store.dense import dense_dataset, open_dense, write_dense

IDS = ["müsli/日本", "b/c", "x"]


def _dataset(values) -> xr.Dataset:
    return dense_dataset(
        values,
        name="rdm",
        dims=("stimulus", "stimulus_b"),
        coords={"stimulus": IDS, "stimulus_b": IDS},
        attrs={"method": "correlation", "stand_in": None, "exact": True, "skipped": ["IT:1"]},
    )


def _values() -> dict:
    rng = np.random.default_rng(0)
    return {key: rng.random((3, 3), dtype="float32") for key in [("V1", 1), ("IT", 1), ("IT", 3)]}


def test_a_pass_that_a_layer_lacks_is_nan_and_counted():
    """Layers keep their order, passes are the numbers that occur."""
    dataset = _dataset(_values())
    assert dataset["rdm"].dims == ("layer", "pass", "stimulus", "stimulus_b")
    assert dataset["layer"].values.tolist() == ["V1", "IT"]
    assert (dataset["pass"].values.tolist(), dataset["time_step"].values.tolist()) == (
        [1, 3],
        [0, 2],
    )
    assert dataset["n_passes"].sel(layer="IT").item() == 2
    assert np.isnan(dataset["rdm"].sel({"layer": "V1", "pass": 3})).all()
    for (layer, number), array in _values().items():
        found = dataset["rdm"].sel({"layer": layer, "pass": number})
        np.testing.assert_array_equal(found, array)
    assert dataset["rdm"].dtype == "float32"


@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])
def test_it_comes_back_from_disk(tmp_path, engine):
    """With both readers and through open_dense, from the folder or the file."""
    written = _dataset(_values())
    write_dense(tmp_path / "rdms.nc", written)
    for path in (tmp_path, tmp_path / "rdms.nc"):
        with open_dense(path, name="rdms.nc") as found:
            xr.testing.assert_equal(found, written)
            assert found["stimulus"].values.tolist() == IDS
    with xr.open_dataset(tmp_path / "rdms.nc", engine=engine) as found:
        xr.testing.assert_equal(found, written)
        assert (found.attrs["exact"], found.attrs["skipped"]) == (1, '["IT:1"]')
        assert "stand_in" not in found.attrs
    assert written.attrs["exact"] is True


def test_arrays_of_different_shapes_are_refused():
    """One Dataset holds one size."""
    with pytest.raises(StoreError, match=r"arrays of one shape.*\(2, 2\), \(3, 3\)"):
        _dataset({**_values(), ("V4", 1): np.zeros((2, 2))})
    with pytest.raises(StoreError, match="arrays of one shape"):
        _dataset({})


def test_missing_and_foreign_files_are_one_sentence(tmp_path):
    """As for activations."""
    with pytest.raises(StoreError, match=r"There is no .*rdms\.nc"):
        open_dense(tmp_path, name="rdms.nc")
    xr.Dataset({"x": 1}).to_netcdf(tmp_path / "rdms.nc")
    with pytest.raises(StoreError, match="holds no dense results of this package"):
        open_dense(tmp_path, name="rdms.nc")


def test_a_failed_write_keeps_the_old_file(tmp_path):
    """A coordinate that netCDF cannot hold."""
    write_dense(tmp_path / "rdms.nc", _dataset(_values()))
    with pytest.raises(ValueError, match="dtype"):
        write_dense(tmp_path / "rdms.nc", xr.Dataset({"x": ("y", np.array([1j, object()]))}))
    assert [path.name for path in tmp_path.iterdir()] == ["rdms.nc"]
    open_dense(tmp_path, name="rdms.nc").close()
