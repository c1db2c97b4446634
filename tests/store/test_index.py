from __future__ import annotations

import shutil

import h5py
import numpy as np
import pytest
import xarray as xr

from lens_pipeline.errors import StoreError
from lens_pipeline.store.index import write_index
from lens_pipeline.store.schema import LayerSpec, layer_group
from lens_pipeline.store.shards import open_shard, read_shard, shard_path

ENGINES = pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])


@ENGINES
def test_the_index_shows_all_shards_as_one_tree(toy_run, engine, toy_layers, toy_values, toy_ids):
    """Values, ids and labels stand in the order of the stimulus set, not in that of the shards."""
    with xr.open_datatree(toy_run / "activations.nc", engine=engine) as tree:
        assert list(tree.children) == ["V1.output", "conv1", "blocks%2F0.-x"]
        assert "concept" in tree.coords
        assert tree["concept"].values.tolist() == ["a", "b", "c", "d", "e"]
        for spec in toy_layers:
            node = tree[layer_group(spec.name)]
            array = (node if spec.run is None else node[f"run_{spec.run}"])["activation"]
            np.testing.assert_array_equal(array, toy_values(spec))
            assert array["stimulus"].values.tolist() == list(toy_ids)
            assert array["pass"].values.tolist() == list(spec.passes)


@ENGINES
def test_a_group_opened_alone_explains_itself(toy_run, engine, toy_ids):
    """Stimulus ids, labels, passes and time steps are its own coordinates."""
    path = toy_run / "activations.nc"
    with xr.open_dataset(path, group="V1.output", engine=engine) as group:
        assert list(group.data_vars) == ["activation"]
        assert group["stimulus"].values.tolist() == list(toy_ids)
        assert group["concept"].dims == ("stimulus",)
        one = group["activation"].sel({"stimulus": "müsli/日本", "pass": 2})
        assert (one["time_step"].item(), one["concept"].item()) == (1, "a")
    with xr.open_dataset(path, group="conv1/run_2", engine=engine) as group:
        assert group["activation"].dims == ("stimulus", "pass", "channel", "row")


@ENGINES
def test_a_moved_folder_reads_from_anywhere(
    toy_run, engine, tmp_path, monkeypatch, toy_values, toy_layers
):
    """Paths in the index are relative to the index, not to the working directory."""
    moved = tmp_path / "100% elsewhere" / "run"
    shutil.move(toy_run, moved)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with xr.open_dataset(moved / "activations.nc", group="V1.output", engine=engine) as group:
        np.testing.assert_array_equal(group["activation"], toy_values(toy_layers[0]))


def test_the_index_copies_nothing(toy_run):
    """Values lie in the shards alone, and the ids once for all groups."""
    with h5py.File(toy_run / "activations.nc") as file:
        assert file["V1.output/activation"].is_virtual
        assert file["V1.output/stimulus"] == file["stimulus"]


@ENGINES
def test_rows_without_a_shard_are_nan_and_counted(
    tmp_path, engine, toy_shard, toy_ids, toy_values, toy_layers
):
    """A partial index says that it is partial."""
    shard = toy_shard(tmp_path / "shards", "k1", toy_ids[2:])
    path = write_index(tmp_path, [shard], stimulus_ids=toy_ids, labels={}, attrs={})
    with xr.open_datatree(path, engine=engine) as tree:
        assert (tree.attrs["complete"], tree.attrs["n_missing"]) == (0, 2)
        values = tree["V1.output/activation"].values
    assert np.isnan(values[:2]).all()
    np.testing.assert_array_equal(values[2:], toy_values(toy_layers[0], toy_ids[2:]))


@ENGINES
@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_missing_rows_of_integers_are_nan_too(tmp_path, dtype, engine):
    """An integer layer stays one where every row is there, and reads as float where not."""
    spec = LayerSpec("layer", None, (1,), ("feature",), (2,), dtype)
    path = shard_path(tmp_path, "k")
    with open_shard(path, layers=[spec], stimulus_ids=["a"], attrs={}) as shard:
        shard.write(0, {("layer", None): np.array([[[0, 1]]], dtype=dtype)})
    whole = (["a"], np.dtype(dtype).kind, [[0, 1]])
    partial = (["a", "b"], "f", [[0, 1], [np.nan, np.nan]])
    for ids, kind, rows in (whole, partial):
        index = write_index(tmp_path, [read_shard(path)], stimulus_ids=ids, labels={}, attrs={})
        with xr.open_dataset(index, group="layer", engine=engine) as group:
            values = group["activation"].values[:, 0]
        assert values.dtype.kind == kind
        np.testing.assert_array_equal(values, rows)


@ENGINES
def test_label_columns_never_hide_an_axis(tmp_path, engine, toy_shard, toy_ids):
    """A column whose name is taken gets an underscore; spaces and slashes are replaced."""
    shard = toy_shard(tmp_path, "k", toy_ids)
    column = list(toy_ids)
    names = ("row", "pass", "my label", "a/b", "V1.output")
    labels = dict.fromkeys(names, column)
    path = write_index(tmp_path, [shard], stimulus_ids=toy_ids, labels=labels, attrs={})
    with xr.open_dataset(path, group="V1.output", engine=engine) as group:
        found = {str(name) for name in group.coords if group[name].dims == ("stimulus",)}
        assert found == {"stimulus", "row_", "pass_", "my_label", "a%2Fb", "V1.output_"}
        assert group["row_"].values.tolist() == column


def test_shards_that_do_not_fit_together_are_refused(tmp_path, toy_shard, toy_ids):
    """The message names the shard and what to do."""
    first = toy_shard(tmp_path, "first", toy_ids[:3])
    cases = [
        ([first, toy_shard(tmp_path, "same", toy_ids[2:])], toy_ids, "same.nc holds stimuli that"),
        ([first], toy_ids[::-1], "first.nc holds stimuli in another order"),
        ([first], toy_ids[3:], "first.nc holds stimuli in another order or of another set"),
        ([first], ("a", "a"), "id is there twice"),
        ([], toy_ids, "no complete shard"),
    ]
    for shards, ids, message in cases:
        with pytest.raises(StoreError, match=message):
            write_index(tmp_path, shards, stimulus_ids=ids, labels={}, attrs={})
    assert not (tmp_path / "activations.nc").exists()


def test_shards_with_other_layers_are_refused(tmp_path, toy_shard, toy_ids):
    """One index shows one set of layers."""
    spec = LayerSpec("other", None, (1,), ("feature",), (2,), "float32")
    path = shard_path(tmp_path, "odd")
    with open_shard(path, layers=[spec], stimulus_ids=toy_ids[3:], attrs={}) as shard:
        shard.write(0, {("other", None): np.zeros((2, 1, 2), dtype="float32")})
    shards = [toy_shard(tmp_path, "first", toy_ids[:3]), read_shard(path)]
    with pytest.raises(StoreError, match=r"odd\.nc has other layers than first\.nc"):
        write_index(tmp_path, shards, stimulus_ids=toy_ids, labels={}, attrs={})
