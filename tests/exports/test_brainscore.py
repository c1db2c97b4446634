from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from lens_pipeline.exports.formats import export_tree

ENGINES = pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])


@ENGINES
def test_an_assembly_has_presentations_and_neuroids(tree, tmp_path, expected, ids, engine):
    """One array, every coordinate along one of the two; they become indexes as Brain-Score does."""
    export_tree(tree, tmp_path, "brainscore")
    with xr.open_dataarray(tmp_path / "V1.output_pass2.nc", engine=engine) as array:
        array.load()
    assert (array.name, array.dims) == ("data", ("presentation", "neuroid"))
    np.testing.assert_array_equal(array, expected["V1.output", 2].reshape(5, -1))
    assert array["stimulus_id"].dims == ("presentation",)
    assert array["stimulus_id"].values.tolist() == list(ids)
    assert array["concept"].values.tolist() == ["é", "x", "x", "y", "z"]
    assert array["model_"].values.tolist() == ["m"] * 5
    assert array.attrs["identifier"] == "net-toys-V1.output-t1"
    assert (array.attrs["pass"], array.attrs["time_step"]) == (2, 1)
    indexes = {
        dim: [name for name, column in array.coords.items() if column.dims == (dim,)]
        for dim in array.dims
    }
    gathered = array.set_index(append=True, **indexes)
    one = gathered.sel(neuroid_num=37, stimulus_id="日本").squeeze()
    assert one.item() == expected["V1.output", 2][4].ravel()[37]


@ENGINES
def test_a_map_has_brain_scores_words_in_its_order(tree, tmp_path, expected, engine):
    """channel_x is the row, as in Brain-Score's own extractor."""
    export_tree(tree, tmp_path, "brainscore")
    with xr.open_dataarray(tmp_path / "V1.output_pass1.nc", engine=engine) as array:
        array.load()
    for unit in (0, 7, 59):
        neuroid = array.isel(neuroid=unit)
        at = tuple(neuroid[name].item() for name in ("channel", "channel_x", "channel_y"))
        np.testing.assert_array_equal(neuroid, expected["V1.output", 1][(slice(None), *at)])
        assert neuroid["neuroid_id"].item() == f"net.V1.output.{unit}"
        assert (neuroid["layer"].item(), neuroid["model"].item()) == ("V1.output", "net")


def test_tokens_are_channel_and_embedding(tree, tmp_path, expected):
    """The token is called channel there."""
    export_tree(tree, tmp_path, "brainscore")
    with xr.open_dataarray(tmp_path / "blocks%2F0.nc") as array:
        neuroid = array.isel(neuroid=3)
        at = (neuroid["channel"].item(), neuroid["embedding"].item())
        np.testing.assert_array_equal(neuroid, expected["blocks/0", 1][(slice(None), *at)])
    with xr.open_dataarray(tmp_path / "mask.nc") as array:
        assert array.dtype == "int8"
        np.testing.assert_array_equal(array, expected["mask", 1])
