"""What looking into a trace gives back."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from lens_pipeline import trace
from lens_pipeline.errors import SelectorError
from lens_pipeline.tracer.graph import containing_calls
from lens_pipeline.tracer.records import Op
from tests import zoo

if TYPE_CHECKING:
    from lens_pipeline.tracer.trace import Trace


@pytest.fixture(scope="module")
def recurrent() -> Trace:
    return trace(zoo.Recurrent(), torch.ones(2, 5))


def test_what_is_found_is_an_op(recurrent: Trace) -> None:
    """It has every field of the op in the trace, the very value too, and goes where an op goes."""
    found = recurrent["linear_1_1:2"]
    op = recurrent.ops[4]
    assert isinstance(found, Op)
    for field in dataclasses.fields(Op):
        assert getattr(found, field.name) is getattr(op, field.name)
    assert [call.address for call in containing_calls(recurrent, found)] == ["", "fc"]
    assert dataclasses.replace(found, label="x").label == "x"


def test_ops_in_the_trace_know_no_trace(recurrent: Trace) -> None:
    """Looking up leaves the ops what they are."""
    str(recurrent["fc:1"])
    assert {type(op) for op in recurrent.ops} == {Op}
    assert "trace" not in Op.__slots__


def test_found_ops_are_equal_as_one_op_of_one_trace(recurrent: Trace) -> None:
    """By module and by label it is the same op; another pass or another trace is not."""
    assert recurrent["fc:2"] == recurrent["linear_1_1:2"]
    assert len({recurrent["fc:2"], recurrent["1:2"], recurrent["fc:3"]}) == 2
    assert recurrent["fc:2"] != trace(zoo.Recurrent(), torch.ones(2, 5))["fc:2"]
    assert recurrent["fc:2"] != "linear_1_1:2"


def test_short_forms(recurrent: Trace) -> None:
    """A prompt shows one line, not the values of everything."""
    assert repr(recurrent["fc:2"]) == "<Op linear_1_1:2 of Recurrent>"
    assert repr(recurrent) == "<Trace of Recurrent: 14 ops, 5 layers>"


def test_layer_with_all_its_passes(recurrent: Trace) -> None:
    """A layer is found by whatever names it, or one of its passes."""
    for key in ("linear_1_1", "linear_1", "fc", "fc:2", "Linear", "fc.weight", 1, -4):
        assert recurrent.layer(key).ops == (1, 4, 7, 10)
    with pytest.raises(SelectorError, match="'conv2d_9' names nothing"):
        recurrent.layer("conv2d_9")


def test_module_with_calls_in_two_layers() -> None:
    """The one ReLU of a residual block is two layers, which the error names."""
    traced = trace(zoo.ResidualBlock(), torch.rand(1, 3, 4, 4))
    with pytest.raises(SelectorError, match=r"2 layers of ResidualBlock: relu_1_\d, relu_2_\d;"):
        traced.layer("relu")
    assert traced.layer("relu:2").label.startswith("relu_2_")


def test_a_changed_trace_has_its_own_names(recurrent: Trace) -> None:
    """Names are read from the trace they are asked of, not from the one it was made from."""
    assert recurrent["add_1_2:1"].index == 2
    layers = tuple(
        dataclasses.replace(layer, label=layer.label.replace("add", "plus"))
        for layer in recurrent.layers
    )
    assert dataclasses.replace(recurrent, layers=layers)["plus_1_2:1"].index == 2


def test_describe_one_and_several(recurrent: Trace) -> None:
    """One op is described as it prints; several passes are listed, one a line."""
    assert recurrent.describe("fc:2") == str(recurrent["fc:2"])
    assert recurrent.describe("fc").splitlines() == [
        "fc: 4 passes in Recurrent",
        "  1: linear_1_1:1  (2, 5) float32; from input_1_0; to add_1_2:1",
        "  2: linear_1_1:2  (2, 5) float32; from mul_1_3:1; to add_1_2:2",
        "  3: linear_1_1:3  (2, 5) float32; from mul_1_3:2; to add_1_2:3",
        "  4: linear_1_1:4  (2, 5) float32; from mul_1_3:3; to add_1_2:4",
    ]


def test_a_kept_value_does_not_hold_the_trace() -> None:
    """The value of a found op is the tensor alone."""
    traced = trace(nn.Linear(2, 2), torch.ones(1, 2))
    assert traced["linear_1"].value is traced.ops[1].value
