"""What is known of a callable, and what is opened to see its inside."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import torchvision

from lens_pipeline import trace
from lens_pipeline.tracer.interception import describe, layer_type
from tests import zoo

NAMES = [
    ("conv2d", "conv2d"),
    ("max_pool2d", "maxpool2d"),
    ("relu_", "relu"),
    ("__add__", "add"),
    ("__radd__", "add"),
    ("__iadd__", "add"),
    ("__rsub__", "rsub"),
    ("__getitem__", "getitem"),
    ("__rpow__", "rpow"),
    ("__invert__", "invert"),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_layer_type(name: str, expected: str) -> None:
    """Labels use the function's name without underscores; reflected sums are sums."""
    assert layer_type(name) == expected


WRITES = [
    (torch.relu_, True),
    (torch.relu, False),
    (torch.Tensor.__setitem__, True),
    (torch.Tensor.__iadd__, True),
    (torch.Tensor.__invert__, False),
    (torch.ops.aten.add_.Tensor, True),
    (torch.ops.aten.add.Tensor, False),
]


@pytest.mark.parametrize(("function", "expected"), WRITES)
def test_in_place_functions_are_known_beforehand(function, *, expected: bool) -> None:
    """A write is foreseen by name or schema, so the old value can be copied in time."""
    assert describe(function, {}).writes is expected


def test_python_functions_are_opened_and_builtins_are_not() -> None:
    """Functions with override guards are run as a copy; builtins are leaves."""
    opened = describe(F.multi_head_attention_forward, {}).opened
    assert opened is not None
    assert opened.__code__ is F.multi_head_attention_forward.__code__
    assert describe(torch.conv2d, {}).opened is None


class _Calls(torch.nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


CALLS = {
    "getitem, property": (lambda x: x[:1].T, "getitem t"),
    "normalize opens": (F.normalize, "linalgvectornorm clampmin expandas div"),
    "einsum": (lambda x: torch.einsum("ij,kj->ik", x, x), "einsum"),
    "method that calls super": (lambda x: x.unflatten(1, (2, 2)), "unflatten"),
    "iteration unbinds": (sum, "unbind unbind add add"),
    "library operator": (torch.ops.aten.sin, "sin"),
    "out": (lambda x: torch.sin(x, out=torch.empty(2, 4)), "empty sin"),
    "shape and size are no ops": (lambda x: x.view(x.shape[0], x.size(1)), "view"),
    "no_grad": (torch.no_grad()(lambda x: x.sin()), "sin"),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_an_operation(name: str) -> None:
    """Each kind of call leaves exactly these operations, and the witness misses none."""
    function, expected = CALLS[name]
    traced = trace(_Calls(function), torch.rand(2, 4))
    types = [traced.layers[op.layer].type for op in traced.ops if op.kind == "call"]
    assert " ".join(types) == expected
    assert traced.complete, traced.gaps


def test_torchvision_operators_are_seen() -> None:
    """nms and roi_align of torchvision's own library are operations."""
    boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 3.9, 3.9]])

    class Detects(torch.nn.Module):
        def forward(self, x):
            kept = torchvision.ops.nms(boxes, x.flatten()[:2], 0.5)
            return torchvision.ops.roi_align(x[None, None], [boxes[kept]], 2)

    types = {layer.type for layer in trace(Detects(), torch.rand(8, 8)).layers}
    assert {"nms", "roialign"} <= types


def test_printing_inside_forward_is_no_operation() -> None:
    """A debugging print does not change the trace."""
    traced = trace(_Calls(lambda x: (f"{x} {x!r}", x.sin())[1]), torch.rand(2))
    assert [layer.type for layer in traced.layers] == ["input", "sin", "output"]


def test_values_are_those_of_the_plain_forward() -> None:
    """Bits are those of the forward pass without a tracer."""
    torch.manual_seed(0)
    model = zoo.ResidualBlock().eval()
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(trace(model, x.clone()).ops[-1].value, model(x))
