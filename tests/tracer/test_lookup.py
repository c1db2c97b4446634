"""Every name leads to its op, and no name leads to a guess."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
import torchvision
from torch import nn

from lens_pipeline import trace
from lens_pipeline.errors import SelectorError
from lens_pipeline.selectors import parse_selectors, select
from lens_pipeline.tracer.lookup import directory, find_op, find_place, keys_of
from tests import zoo

if TYPE_CHECKING:
    from lens_pipeline.tracer.trace import Trace


class Misnamed(nn.Module):
    """Modules whose addresses look like labels, and differ in case."""

    def __init__(self) -> None:
        super().__init__()
        self.linear_1 = nn.ReLU()
        self.relu_1_3 = nn.Linear(5, 5)
        self.Norm = nn.LayerNorm(5)
        self.norm = nn.Tanh()
        self.output = nn.Sigmoid()

    def forward(self, x):
        x = self.output(x)
        return self.norm(self.Norm(self.relu_1_3(self.linear_1(x.sin()))))


class TwoCalls(nn.Module):
    """A module that returns two tensors, called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool1d(2, return_indices=True)
        self.unused = nn.Sequential(nn.Linear(5, 5))

    def forward(self, x):
        values, _ = self.pool(x)
        return self.pool(values)


@pytest.fixture(scope="module")
def alexnet() -> Trace:
    torch.manual_seed(0)
    model = torchvision.models.alexnet(weights=None).eval()
    with torch.no_grad():
        return trace(model, torch.rand(1, 3, 64, 64), keep=None)


@pytest.fixture(scope="module")
def recurrent() -> Trace:
    return trace(zoo.Recurrent(), torch.ones(2, 5))


@pytest.fixture(scope="module")
def two_calls() -> Trace:
    return trace(TwoCalls(), torch.rand(1, 2, 8))


ALEXNET_KEYS = [
    *("conv2d_3_7", "conv2d_3", "conv2d_3_7:1", "conv2d_3_7:-1", "CONV2D_3_7", "Conv2d_3:1"),
    *("features.6", "features.6:1", "Features.6", "features.6.weight", "features.6.bias:1"),
    *(7, -17, "7", "-17", "7:1", "conv2d_3_", "V2D_3_7:1"),
]


@pytest.mark.parametrize("key", ALEXNET_KEYS)
def test_every_key_of_one_op(alexnet: Trace, key: str | int) -> None:
    """Labels, addresses, parameters and numbers, in any case, with and without their pass."""
    assert alexnet[key].label == "conv2d_3_7"


@pytest.mark.parametrize(
    ("key", "label"),
    [
        *(
            ("linear_1_1:2", "linear_1_1:2"),
            ("linear_1:-1", "linear_1_1:4"),
            ("1:3", "linear_1_1:3"),
        ),
        *(("fc:3", "linear_1_1:3"), ("fc:-4", "linear_1_1:1"), ("fc.bias:2", "linear_1_1:2")),
        *(("input.x", "input_1_0"), ("output", "output_1_4"), ("LIN:2", "linear_1_1:2")),
    ],
)
def test_passes(recurrent: Trace, key: str, label: str) -> None:
    """A pass may follow any name, counted from 1 or from the last."""
    assert recurrent[key].label == label


def test_one_of_several_tensors(two_calls: Trace) -> None:
    """`@1` is the second tensor that a module returned, as in selectors."""
    for key in ("pool@1:2", "pool@0:1", "pool@1:-1"):
        (selected,) = select(two_calls, parse_selectors([key]))
        assert [op for _, op in selected.ops] == [two_calls[key].index]
    with pytest.raises(SelectorError, match=r"'pool:1' may mean 2 things .*: pool@0:1, pool@1:1\."):
        two_calls["pool:1"]
    with pytest.raises(SelectorError, match=r"write one of: pool@0, pool@1\."):
        two_calls["pool"]


def test_inputs_by_name() -> None:
    """Inputs and outputs go by their place in the arguments and in the result."""
    pair = (torch.ones(2), {"b": torch.ones(2)})
    traced = trace(zoo.Nested(), {"pair": pair, "scale": torch.ones(1)})
    assert traced["input.scale"].kind == "input"
    assert traced["input.pair[1].b"].index == 1
    assert traced["output.scaled[0]"].label == "output_2_6"


def test_names_that_mean_two_things() -> None:
    """A full label comes first, a module before the model's output; all else is an error."""
    traced = trace(Misnamed(), torch.ones(2, 5))
    assert traced["output"].name == "sigmoid"
    assert traced["relu_1_3"].name == "relu"
    with pytest.raises(SelectorError, match=r"may mean 2 things .*: linear_1_4, relu_1_3\."):
        traced["linear_1"]
    assert traced["Norm"].name == "layer_norm"
    assert traced["norm"].name == "tanh"
    assert traced["norm.w"].name == "layer_norm"
    with pytest.raises(SelectorError, match=r"'NORM' may mean 2 things .*: Norm, norm\."):
        traced["NORM"]


def test_errors_name_candidates(alexnet: Trace) -> None:
    """What is unknown or ambiguous is answered with names that exist."""
    with pytest.raises(SelectorError, match=r"'conv9d_1' names nothing .*24 ops.*nearest: conv2d_"):
        alexnet["conv9d_1"]
    with pytest.raises(SelectorError, match=r"'relu' may mean 7 .*: relu_1_2, .* and 1 more\."):
        alexnet["relu"]
    for number in (99, "-25"):
        with pytest.raises(SelectorError, match=rf"number {number}; its layers are 0 to 23, or -1"):
            alexnet[number]
    with pytest.raises(SelectorError, match="'' names nothing"):
        alexnet[""]


def test_errors_name_passes(recurrent: Trace) -> None:
    """A layer visited four times does not pretend to have one value."""
    for key, first in (("linear_1", "linear_1_1:1"), ("fc", "fc:1"), (1, "linear_1_1:1")):
        with pytest.raises(SelectorError, match=f"has 4 passes .* say which: {first}, "):
            recurrent[key]
    for key in ("fc:5", "fc:0", "fc:-5"):
        match = rf"'{key}' asks for a pass that is not there in .*; write one of: fc:1, .*, fc:4\."
        with pytest.raises(SelectorError, match=match):
            recurrent[key]


def test_modules_and_parameters_without_an_op(two_calls: Trace) -> None:
    """A module that was not called and a parameter that was not read are said to be that."""
    with pytest.raises(SelectorError, match="'unused' is a Sequential that was not called"):
        two_calls["unused"]
    with pytest.raises(SelectorError, match=r"'unused.0.bias' is a parameter that nothing read"):
        two_calls["unused.0.bias"]


ZOO = {
    "recurrent": (zoo.Recurrent, torch.ones(2, 5)),
    "nested loops": (zoo.NestedLoops, torch.ones(2, 5)),
    "residual block": (zoo.ResidualBlock, torch.rand(1, 3, 4, 4)),
    "tied": (zoo.Tied, torch.ones(2, 5)),
    "several outputs": (zoo.Recurrence, torch.rand(2, 3, 4)),
    "multi output": (TwoCalls, torch.rand(1, 2, 8)),
    "misnamed": (Misnamed, torch.ones(2, 5)),
    "sequential": (lambda: nn.Sequential(nn.Linear(5, 5), nn.Tanh()), torch.ones(2, 5)),
    "made inside": (zoo.MadeInForward, torch.ones(2, 5)),
}


@pytest.mark.parametrize("name", ZOO)
def test_every_listed_key_leads_back(name: str) -> None:
    """keys_of lists the label and the short one, and whatever it lists finds that very op."""
    build, inputs = ZOO[name]
    traced = trace(build(), inputs)
    book = directory(traced)
    for op in traced.ops:
        keys = keys_of(book, op)
        assert op.label in keys
        assert [find_op(book, key) for key in keys] == [op.index] * len(keys)


def test_places_have_their_passes(recurrent: Trace) -> None:
    """A place holds the op of each pass, and one pass of it only that."""
    book = directory(recurrent)
    assert find_place(book, "fc").ops == recurrent.layers[1].ops
    assert find_place(book, "fc:2").ops == (4,)
    assert find_place(book, "fc:2").name == "fc:2"
