from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from lens_pipeline.errors import StoreError
from lens_pipeline.store.dense import open_dense, write_dense

IDS = ["müsli/日本", "b/c", "x"]


def _dataset() -> xr.Dataset:
    values = np.random.default_rng(0).random((2, 3, 3), dtype="float32")
    return xr.Dataset(
        {"rdm": (("layer", "stimulus", "stimulus_b"), values)},
        coords={"layer": ["V1", "IT"], "stimulus": IDS, "stimulus_b": IDS},
        attrs={"method": "correlation", "stand_in": None, "exact": True, "skipped": ["IT:1"]},
    )


@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])
def test_it_comes_back_from_disk(tmp_path, engine):
    """With both readers and through open_dense, from the folder or the file."""
    written = _dataset()
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


def test_missing_and_foreign_files_are_one_sentence(tmp_path):
    """As for activations."""
    with pytest.raises(StoreError, match=r"There is no .*rdms\.nc"):
        open_dense(tmp_path, name="rdms.nc")
    xr.Dataset({"x": 1}).to_netcdf(tmp_path / "rdms.nc")
    with pytest.raises(StoreError, match="holds no dense results of this package"):
        open_dense(tmp_path, name="rdms.nc")


def test_a_failed_write_keeps_the_old_file(tmp_path):
    """A coordinate that netCDF cannot hold."""
    write_dense(tmp_path / "rdms.nc", _dataset())
    with pytest.raises(ValueError, match="dtype"):
        write_dense(tmp_path / "rdms.nc", xr.Dataset({"x": ("y", np.array([1j, object()]))}))
    assert [path.name for path in tmp_path.iterdir()] == ["rdms.nc"]
    open_dense(tmp_path, name="rdms.nc").close()
