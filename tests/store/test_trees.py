from __future__ import annotations

import resource

import numpy as np
import pytest
import xarray as xr

from lens_pipeline.errors import StoreError
from lens_pipeline.store.trees import (
    iter_blocks,
    layer,
    layer_names,
    layer_pass,
    layer_passes,
    open_activations,
)


@pytest.fixture
def tree(toy_run):
    with open_activations(toy_run) as opened:
        yield opened


def test_a_run_folder_and_its_index_open_alike_and_unread(toy_run, toy_values, toy_layers):
    """Values come when they are asked for."""
    for path in (toy_run, str(toy_run / "activations.nc")):
        with open_activations(path) as tree:
            variable = tree["V1.output"].dataset["activation"].variable
            assert not variable._in_memory
            np.testing.assert_array_equal(variable, toy_values(toy_layers[0]))


def test_layers_and_passes_are_listed_in_the_order_of_the_forward_pass(tree):
    """Names are the layers' own, without escapes; a layer in runs is one layer."""
    assert layer_names(tree) == ("V1.output", "conv1", "blocks/0.-x")
    conv1 = (("conv1", 1), ("conv1", 2), ("conv1", 3))
    assert layer_passes(tree) == (("V1.output", 1), ("V1.output", 2), *conv1, ("blocks/0.-x", 1))


def test_a_layer_is_read_by_its_name(tree, toy_values, toy_layers):
    """Any pass of it, in whatever run it lies."""
    np.testing.assert_array_equal(layer(tree, "blocks/0.-x"), toy_values(toy_layers[3]))
    np.testing.assert_array_equal(layer(tree, "conv1", run=2), toy_values(toy_layers[2]))
    third = layer_pass(tree, "conv1", pass_number=3)
    np.testing.assert_array_equal(third, toy_values(toy_layers[2])[:, 1])
    assert (third["pass"].item(), third.dims) == (3, ("stimulus", "channel", "row"))


def test_what_is_not_there_is_named_with_what_is(tree):
    """One sentence each."""
    with pytest.raises(StoreError, match=r"'V1\.out' is not in this store; nearest: V1\.output"):
        layer(tree, "V1.out")
    with pytest.raises(StoreError, match=r"differ in shape.*run=1: passes \[1\], run=2: passes"):
        layer(tree, "conv1")
    with pytest.raises(StoreError, match=r"passes of one shape; read it without run=1"):
        layer(tree, "V1.output", run=1)
    with pytest.raises(StoreError, match="conv1 has no pass 4; it has 1, 2, 3"):
        layer_pass(tree, "conv1", pass_number=4)


@pytest.mark.parametrize("most_units", [1, 2, 4, 5, 7, 20, 41, 60, 1000])
def test_blocks_side_by_side_are_the_flat_layer(tree, toy_values, toy_layers, most_units):
    """In C order, float32, and none larger than asked for."""
    most = most_units * 5 * 4
    blocks = list(iter_blocks(tree, "V1.output", pass_number=2, max_bytes=most))
    assert max(block.nbytes for block in blocks) <= most
    expected = toy_values(toy_layers[0])[:, 1].reshape(5, -1)
    np.testing.assert_array_equal(np.hstack(blocks), expected)
    assert blocks[0].dtype == "float32"


def test_blocks_do_not_keep_the_layer_in_memory(tree):
    """What has been yielded is not cached behind the reader's back."""
    list(iter_blocks(tree, "V1.output", pass_number=1))
    assert not layer(tree, "V1.output").variable._in_memory


def test_missing_and_foreign_files_are_one_sentence(tmp_path):
    """A folder without an index, another netCDF file, a file of noise."""
    xr.Dataset({"x": 1}).to_netcdf(tmp_path / "other.nc")
    (tmp_path / "noise.nc").write_bytes(b"noise")
    with pytest.raises(StoreError, match=r"There is no .*activations\.nc; give a run folder"):
        open_activations(tmp_path)
    with pytest.raises(StoreError, match=r"other\.nc holds no activations of this package"):
        open_activations(tmp_path / "other.nc")
    with pytest.raises(StoreError, match=r"noise\.nc cannot be read as netCDF-4"):
        open_activations(tmp_path / "noise.nc")


def test_a_newer_format_is_refused(toy_run):
    """It might mean something else by the same names."""
    import h5py

    with h5py.File(toy_run / "activations.nc", "r+") as file:
        file.attrs["lens_store_format"] = 99
    with pytest.raises(StoreError, match=r"store format 99, newer than 1.*update lens_pipeline"):
        open_activations(toy_run)


def test_a_shard_that_is_gone_is_said_and_not_read_as_nan(toy_run):
    """HDF5 itself would give NaN."""
    (toy_run / "shards" / "k1.nc").unlink()
    with pytest.raises(StoreError, match=r"1 of 2 shards .* are gone, the first is shards/k1\.nc"):
        open_activations(toy_run)


def test_more_shards_than_open_files_are_allowed_for(toy_run):
    """The limit is raised; where it cannot be, HDF5 would give NaN, so it is an error."""
    from lens_pipeline.store.opening import allow_open_files

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
        with open_activations(toy_run):
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 2 + 128
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if hard != resource.RLIM_INFINITY:
        with pytest.raises(StoreError, match=r"may open only .* files; allow more with `ulimit -n"):
            allow_open_files(hard, toy_run)


def test_xarrays_own_lazy_opening_works_too(toy_run, toy_layers, toy_values):
    """As the README shows it."""
    with xr.open_datatree(toy_run / "activations.nc", chunks={"stimulus": 2}) as tree:
        array = tree["V1.output/activation"]
        assert array.chunks[0] == (2, 2, 1)
        np.testing.assert_array_equal(array[1:4].compute(), toy_values(toy_layers[0])[1:4])
