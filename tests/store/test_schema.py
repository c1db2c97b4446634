from __future__ import annotations

import json
from urllib.parse import unquote

import numpy as np
import pytest

from lens_pipeline.errors import StoreError
from lens_pipeline.store.schema import (
    STORED_AS,
    LayerSpec,
    attributes,
    check_layers,
    layer_group,
    spec_from_json,
    spec_group,
    spec_to_json,
    stored,
    to_stored,
)


def _spec(**changes) -> LayerSpec:
    facts = {"name": "V1", "run": None, "passes": (1,), "dims": ("feature",), "shape": (3,)}
    return LayerSpec(**{**facts, "dtype": "float32", **changes})


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("V1.output", "V1.output"),
        ("conv2d_1_1", "conv2d_1_1"),
        ("V4@1", "V4@1"),
        ("a/b", "a%2Fb"),
        ("..", "%2E."),
        ("-x", "%2Dx"),
        ("100%", "100%25"),
        ("%2F", "%252F"),
        ("tail ", "tail%20"),
        ("line\nbreak", "line%0Abreak"),
        ("日本", "日本"),
        ("e\u0301", "e%CC%81"),
    ],
)
def test_a_group_name_can_be_turned_back_into_the_layer_name(name, group):
    """Only what netCDF or HDF5 objects to is escaped, reversibly."""
    assert layer_group(name) == group
    assert unquote(group) == name


def test_a_run_is_a_child_group():
    """Runs of equal shapes lie under their layer."""
    assert spec_group(_spec(run=2, name="a/b")) == "a%2Fb/run_2"
    assert spec_group(_spec()) == "V1"


@pytest.mark.parametrize("dtype", STORED_AS)
def test_the_stored_number_type_holds_every_value(dtype):
    """Half precision, bool and complex are widened or split, and nothing is lost."""
    values = np.array([[[0, 1, 3]]]).astype(dtype)
    if "complex" in dtype:
        values = values * dtype_of(values, 1 - 2j)
    kept = to_stored(values, _spec(dtype=dtype))
    assert kept.dtype == stored(_spec(dtype=dtype)).dtype
    assert kept.shape == (1, *stored(_spec(dtype=dtype)).shape)
    back = kept[..., 0] + 1j * kept[..., 1] if "complex" in dtype else kept
    np.testing.assert_array_equal(back, values)


def dtype_of(values: np.ndarray, number: complex) -> complex:
    return values.dtype.type(number)


def test_attributes_become_what_netcdf_can_hold():
    """Bools are 0/1, None is left out, containers are JSON text."""
    kept = attributes(
        {"a": True, "b": None, "c": {"x": None}, "d": np.int64(3), "e": ["ü"], "f": ""}
    )
    assert kept == {"a": 1, "c": '{"x": null}', "d": 3, "e": '["ü"]', "f": ""}
    assert type(kept["a"]) is int
    assert json.loads(str(kept["c"])) == {"x": None}


def test_a_layer_survives_json():
    """What a shard's record says is the LayerSpec that was written."""
    spec = _spec(attrs=(("module", "V1"), ("scale", 0.5)))
    assert spec_from_json(json.loads(json.dumps(spec_to_json(spec)))) == spec


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "no layer to store"),
        ([_spec(dims=("pass",))], r"V1 has unit axes \('pass',\)"),
        ([_spec(dims=("row", "row"), shape=(2, 2))], "a name of its own"),
        ([_spec(dims=("row",), shape=(2, 2))], r"of lengths \(2, 2\)"),
        ([_spec(shape=(0,))], "at least one unit"),
        ([_spec(dtype="bfloat16")], "type bfloat16.*dtype:float32"),
        ([_spec(passes=(0, 1))], "start at 1"),
        ([_spec(passes=())], "start at 1"),
        ([_spec(), _spec()], "there 2 times"),
        ([_spec(run=1), _spec(run=2)], "each pass of a layer is stored once"),
        ([_spec(), _spec(run=1, passes=(2,))], "numbers them run=1"),
    ],
)
def test_what_cannot_be_stored_is_refused(layers, message):
    """One sentence names the layer and what is allowed."""
    with pytest.raises(StoreError, match=message):
        check_layers(layers)
