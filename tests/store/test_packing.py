from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist

from lens_pipeline.errors import StoreError
from lens_pipeline.store.index import write_index
from lens_pipeline.store.packing import (
    LIMIT,
    MISSING,
    largest_error,
    pack,
    packed_layers,
    scaling_of,
)
from lens_pipeline.store.schema import LayerSpec, spec_from_json, spec_to_json
from lens_pipeline.store.shards import open_shard, read_shard
from lens_pipeline.store.trees import iter_blocks, open_activations

ENGINES = pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])
RANDOM = np.random.default_rng(0)


def _spec(values, scaling=None, dtype="float32"):
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    axes = ("channel", "row")[: values.ndim - 2]
    return LayerSpec(
        "l", None, (1,), axes, values.shape[2:], dtype, (), scaling or scaling_of(low, high)
    )


def _read(path, engine="netcdf4"):
    with xr.open_dataset(path, group="l", engine=engine) as group:
        return group["activation"].load()


def _write(folder, values, spec):
    ids = [f"s{row}" for row in range(len(values))]
    path = folder / "k.nc"
    with open_shard(path, layers=[spec], stimulus_ids=ids, attrs={}) as shard:
        for start in range(0, len(values), 3):
            shard.write(start, {("l", None): values[start : start + 3]})
    write_index(folder, [read_shard(path)], stimulus_ids=ids, labels={}, attrs={})
    return path


@ENGINES
@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (1e-6, 0), (3e4, 0), (2, 1000), (1, -7)])
def test_values_come_back_within_the_error_that_is_recorded(tmp_path, engine, scale, shift):
    """As float32 in the layer's own units, in shards and through the index, by either reader."""
    values = (RANDOM.standard_normal((7, 1, 4, 5)) * scale + shift).astype("float32")
    spec = _spec(values)
    path = _write(tmp_path, values, spec)
    for file in (path, tmp_path / "activations.nc"):
        array = _read(file, engine)
        assert array.dtype == "float32"
        assert array.encoding["dtype"] == "int16"
        error = np.abs(array.to_numpy().astype(float) - values.astype(float)).max()
        assert 0 < error <= array.attrs["largest_error"] == largest_error(spec.scaling)
        assert error < np.ptp(values) / 60_000 + 2e-7 * np.abs(values).max()


@pytest.mark.parametrize("low", [-0.3, 0.0])
def test_zero_stays_zero_and_nan_stays_nan(tmp_path, low):
    """What a rectifier cut off is told from what is merely small."""
    values = np.maximum(RANDOM.standard_normal((6, 1, 50), dtype="float32"), low)
    values[:, :, ::3] = 0
    values[2, 0, 7] = np.nan
    array = _read(_write(tmp_path, values, _spec(values))).to_numpy()
    assert (array[values == 0] == 0).all()
    np.testing.assert_array_equal(np.isnan(array), np.isnan(values))


def test_rdms_of_packed_values_are_those_of_the_values(tmp_path):
    """Correlation distances by SciPy, from the blocks that the RSA reads."""
    values = np.maximum(RANDOM.standard_normal((12, 1, 8, 40), dtype="float32"), 0)
    _write(tmp_path, values, _spec(values))
    with open_activations(tmp_path) as tree:
        blocks = list(iter_blocks(tree, "l", pass_number=1, max_bytes=12 * 4 * 90))
    assert len(blocks) > 1
    found = pdist(np.concatenate(blocks, axis=1), "correlation")
    expected = pdist(values.reshape(12, -1).astype(float), "correlation")
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_a_value_beyond_the_scale_is_refused(tmp_path):
    """Infinity too; nothing is cut short, and nothing of the shard is kept."""
    values = np.ones((3, 1, 4), "float32")
    for bad in (8.0, -8.0, np.inf):
        spec = _spec(values, scaling_of(-2, 2))
        wrong = values.copy()
        wrong[1, 0, 2] = bad
        with pytest.raises(StoreError, match=r"its int16 scale from -2 to 2; .*float32"):
            _write(tmp_path, wrong, spec)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StoreError, match="have no scale"):
        scaling_of(0, float("inf"))


@pytest.mark.parametrize("value", [0.0, 3.5, -1e-30, 1e30])
def test_a_constant_layer_is_exact(value):
    """A range of nothing has a step all the same."""
    values = np.full((2, 1, 3), value, "float32")
    spec = _spec(values)
    codes = pack(values, spec)
    found = codes * np.float32(spec.scaling.factor) + np.float32(spec.scaling.offset)
    np.testing.assert_allclose(found, values, rtol=1e-6)


def test_the_ends_of_the_range_have_codes():
    """Over many ranges, none falls off."""
    for _ in range(300):
        low, high = np.sort(RANDOM.standard_normal(2) * 10 ** RANDOM.uniform(-6, 6)).astype("f4")
        values = np.array([[[low, high, 0 if low < 0 < high else low]]], "float32")
        codes = pack(values, _spec(values))
        assert codes.min() > MISSING
        assert codes.max() <= LIMIT


def test_a_scale_is_part_of_what_a_shard_says(tmp_path):
    """And survives the record; a spec without one is as it was."""
    values = RANDOM.standard_normal((3, 1, 4)).astype("float32")
    spec = _spec(values)
    assert read_shard(_write(tmp_path, values, spec)).layers == (spec,)
    plain = spec_to_json(spec)
    del plain["scaling"]
    assert spec_from_json(plain).scaling is None


def test_scales_of_a_run_reach_further_than_its_first_stimuli():
    """Four to eight times as far from zero, the same for ranges that differ in the last bits."""
    layers = (
        LayerSpec("relu", None, (1,), ("feature",), (4,), "float32"),
        LayerSpec("logits", 2, (1,), ("feature",), (4,), "float64"),
        LayerSpec("argmax", None, (1,), (), (), "int64"),
    )
    ranges = {("relu", None): (0.0, 5.0), ("logits", 2): (-3.0, 1.0), ("argmax", None): (0, 9)}
    relu, logits, argmax = packed_layers(layers, ranges)
    for spec, low, high in ((relu, 0, 32), (logits, -16, 4)):
        codes = pack(np.array([[[low, high]]], "float32"), spec)
        assert codes.max() > LIMIT - 3
        assert codes.min() < 3 - LIMIT
    assert argmax == layers[2]
    ranges["relu", None] = (0.0, 5.000001)
    assert packed_layers(layers, ranges)[0] == relu
    with pytest.raises(StoreError, match="have no scale"):
        packed_layers(layers[:1], {("relu", None): (0.0, float("inf"))})
