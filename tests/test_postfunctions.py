"""Names, parameters and chains of postfunctions, and the functions of this package."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from lens_pipeline.errors import PostfunctionError
from lens_pipeline.postfunctions import (
    POSTFUNCTIONS,
    chain_texts,
    compile_chain,
    parse_postfunctions,
    unit_dims,
)

CONV = ("channel", "row", "col")
PARAMETERS = {"srp": "4", "channels": "1", "dtype": "float64"}


def run(texts, tensor, dims=None, layer="V1.output"):
    chain = compile_chain(parse_postfunctions(texts))
    return chain(tensor, dims or unit_dims(tuple(tensor.shape[1:])), layer=layer)


def numbers(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).float()


@pytest.mark.parametrize(
    ("shape", "dims"),
    [
        ((), ()),
        ((1000,), ("feature",)),
        ((197, 768), ("token", "channel")),
        ((64, 56, 56), CONV),
        ((56, 56, 56), CONV),
        ((64, 40, 56), CONV),
        ((7, 7, 768), ("row", "col", "channel")),
        ((4, 8, 56, 56), ("axis_1", "axis_2", "axis_3", "axis_4")),
    ],
)
def test_unit_axes_are_named_by_their_number(shape, dims):
    """Maps are channel, row, col; two equal axes before a third are rows and columns."""
    assert unit_dims(shape) == dims


@pytest.mark.parametrize("name", POSTFUNCTIONS)
@pytest.mark.parametrize("shape", [(3, 6, 4, 4), (3, 5, 6), (3, 1, 6, 2, 2, 2)])
def test_every_function_keeps_the_contract(name, shape):
    """The stimuli are kept and every unit axis of the result has a name."""
    text = f"{name}:{PARAMETERS[name]}" if name in PARAMETERS else name
    if name == "channels" and len(shape) == 6:
        pytest.skip("channels needs a channel axis")
    result, dims = run(text, numbers(*shape))
    assert result.shape[0] == 3
    assert len(dims) == result.ndim - 1
    assert POSTFUNCTIONS[name].__doc__


def test_spatial_functions_agree_with_numpy():
    """Rows and columns are pooled by name, wherever they stand."""
    maps = numbers(2, 5, 3, 4)
    mean, dims = run("spatial_mean", maps)
    assert dims == ("channel",)
    np.testing.assert_allclose(mean, maps.numpy().mean(axis=(2, 3)), atol=1e-6)
    last = maps.permute(0, 2, 3, 1)
    for text, reduce in (("spatial_mean", np.mean), ("spatial_max", np.max)):
        pooled, dims = run(text, last, ("row", "col", "channel"))
        assert dims == ("channel",)
        np.testing.assert_allclose(pooled, reduce(last.numpy(), axis=(1, 2)), atol=1e-6)


def test_token_functions_agree_with_numpy():
    """`cls` keeps token 0, `token_mean` averages over all."""
    tokens = numbers(2, 7, 3)
    np.testing.assert_array_equal(run("cls", tokens)[0], tokens.numpy()[:, 0])
    np.testing.assert_allclose(run("token_mean", tokens)[0], tokens.numpy().mean(1), atol=1e-6)
    assert run("cls", tokens)[1] == ("channel",)


@pytest.mark.parametrize("text", ["spatial_mean", "spatial_max", "cls", "token_mean"])
def test_a_layer_without_the_axes_is_left_alone(text):
    """One chain serves convolutions and vectors: `fc` passes through a spatial mean unchanged."""
    vector = numbers(4, 10)
    result, dims = run(text, vector)
    assert result is vector
    assert dims == ("feature",)


def test_flatten_puts_units_in_memory_order():
    """All units become one axis, also of a scalar per stimulus and of no stimuli at all."""
    maps = numbers(2, 3, 4, 5)
    flat, dims = run("flatten", maps)
    np.testing.assert_array_equal(flat, maps.numpy().reshape(2, -1))
    assert dims == ("feature",)
    assert run("flatten", numbers(3))[0].shape == (3, 1)
    assert run("flatten", numbers(0, 3, 4))[0].shape == (0, 12)


def test_means_of_half_and_integer_layers_are_taken_in_float32():
    """A bfloat16 mean over many positions would lose digits."""
    maps = torch.full((1, 1, 64, 64), 1.0, dtype=torch.bfloat16)
    maps[0, 0, 0, 0] = 2.0
    assert run("spatial_mean", maps)[0].item() == 1 + 1 / 4096
    assert run("spatial_mean", torch.tensor([[[[1, 2]]]]), CONV)[0].item() == 1.5
    assert run("spatial_mean", maps.double())[0].dtype == torch.float64


def test_channels_are_kept_in_the_order_written():
    """Ranges and single channels are joined by +; the axis is found by name."""
    maps = numbers(2, 9, 3, 3)
    kept, dims = run("channels:7+0-2", maps)
    np.testing.assert_array_equal(kept, maps.numpy()[:, [7, 0, 1, 2]])
    assert dims == CONV
    last, _ = run("channels:7+0-2", maps.permute(0, 2, 3, 1), ("row", "col", "channel"))
    np.testing.assert_array_equal(last, kept.permute(0, 2, 3, 1))


def test_a_channel_out_of_range_names_layer_and_channels():
    """What a layer has is known only when it is met; the error then names it."""
    with pytest.raises(
        PostfunctionError, match=r"'channels:0-63' failed on layer 'V1.output'.*0-8"
    ):
        run("channels:0-63", numbers(2, 9, 3, 3))
    with pytest.raises(PostfunctionError, match=r"'fc' .*no channel axis \(its axes: feature\)"):
        run("channels:0", numbers(2, 9), layer="fc")


def test_dtype_converts():
    """Layers come out in the width asked for."""
    assert run("dtype:float64", numbers(2, 3))[0].dtype == torch.float64
    assert run("dtype:float32", torch.tensor([[1, 2]]))[0].dtype == torch.float32


def test_a_chain_applies_in_order():
    """`[channels, spatial_mean, flatten]` is three functions, the first first."""
    maps = numbers(2, 9, 3, 3)
    result, dims = run(["channels:2+3", "spatial-mean", "dtype:float64", "flatten"], maps)
    np.testing.assert_allclose(result, maps.numpy()[:, 2:4].mean(axis=(2, 3)), atol=1e-6)
    assert dims == ("feature",)
    assert run(None, maps)[0] is maps


def test_a_chain_is_parsed_again_from_its_texts():
    """The texts are the chain: what a Task carries to a worker."""
    chain = parse_postfunctions(["spatial-mean", "srp:16:3", "channels:0-3+9"])
    assert chain_texts(chain) == ("spatial_mean", "srp:16:3", "channels:0-3+9")
    assert parse_postfunctions(chain_texts(chain)) == chain
    assert parse_postfunctions("flatten") == parse_postfunctions(["flatten"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("spatial_meen", "no postfunction 'spatial_meen'; nearest: spatial_mean"),
        ("flatten:3", "takes no parameter"),
        ("flatten:", "ends in a colon"),
        ("srp", "write srp:K"),
        ("srp:0", "K of at least 1"),
        ("srp:abc", "write srp:K"),
        ("srp:4:x", "srp:K:SEED"),
        ("channels", "as in channels:0-63"),
        ("channels:1,2", "as in channels:0-63"),
        ("channels:5-", "as in channels:0-63"),
        ("channels:5-2", "range 5-2 runs backwards"),
        ("channels:0-3+2", "named twice"),
        ("dtype:float16", "netCDF stores no float16"),
        ("dtype:int8", "write dtype:float32 or dtype:float64"),
        ("", "a name such as spatial_mean"),
        (4, "a name such as spatial_mean"),
    ],
)
def test_a_wrong_name_or_parameter_is_refused_when_parsed(text, message):
    """Nothing has been loaded by then; the sentence says what is allowed."""
    with pytest.raises(PostfunctionError) as caught:
        parse_postfunctions([text])
    assert message in str(caught.value)


def test_parsing_imports_no_torch():
    """`--help` and the rerun of a finished job check their postfunctions without it."""
    code = (
        "import sys; from lens_pipeline.postfunctions import *;"
        "parse_postfunctions(['flatten', 'srp:8', 'channels:0-3', 'dtype:float32']);"
        "sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
