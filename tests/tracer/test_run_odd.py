"""Forward passes that fail, leave torch, or are too odd to be written down."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import nn

from lens_pipeline import trace
from lens_pipeline.errors import TraceError
from lens_pipeline.tracer.records import OpRef
from lens_pipeline.tracer.run import ForwardError
from tests import zoo


def test_failure_names_the_operation_and_keeps_what_was_done() -> None:
    """A wrong shape is one sentence with the operation and its module; the trace so far is kept."""
    with pytest.raises(ForwardError) as caught:
        trace(zoo.HandUnrolled(), torch.ones(2, 4))
    assert str(caught.value) == (
        "The forward pass of HandUnrolled failed in linear in module fc after 1 operations: "
        "RuntimeError: addmm: mat1 and mat2 shapes cannot be multiplied (2x4 and 5x5)."
    )
    with pytest.raises(ForwardError) as caught:
        trace(zoo.Raises(), torch.ones(2, 5))
    partial = caught.value.partial
    assert [layer.type for layer in partial.layers] == ["input", "linear"]
    assert partial.gaps == ("the forward pass was stopped by ValueError",)


def test_generator_forward_runs_to_its_end() -> None:
    """A forward that yields is traced to the end; each tensor it yields is an output."""

    class Yields(torch.nn.Module):
        def forward(self, x):
            for _ in range(3):
                x = x.sin()
                yield x

    traced = trace(Yields(), torch.ones(2))
    assert [layer.label for layer in traced.layers[:2]] == ["input_1_0", "sin_1_1"]
    assert sum(op.kind == "output" for op in traced.ops) == 3


def test_host_reads_are_recorded_and_recognised() -> None:
    """A number or list read from a tensor is written down, and named by the op it comes back to."""

    class RoundTrip(torch.nn.Module):
        def forward(self, x):
            largest = x.max().item()
            listed = torch.tensor(x.tolist())
            return x / largest + listed

    traced = trace(RoundTrip(), torch.tensor([1.0, 2.5]))
    assert [(read.name, read.value) for read in traced.host_reads] == [
        ("item", 2.5),
        ("tolist", None),
    ]
    assert traced["div_1"].host_reads == (0,)
    assert traced["tensor_1"].host_reads == (1,)
    assert traced["add_1"].host_reads == ()


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_nested_tensor_is_a_named_error() -> None:
    """What cannot be written down is refused with the operation's name."""

    class MakesNested(torch.nn.Module):
        def forward(self, x):
            return torch.nested.nested_tensor([x, x[:1]])

    with pytest.raises(TraceError, match="made a nested tensor"):
        trace(MakesNested(), torch.ones(3))


def test_deep_graph_with_gradients_is_freed_safely() -> None:
    """Looking at autograd nodes must not make torch free 60,000 of them by recursion."""

    class Deep(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(2, 2)

        def forward(self, x):
            for _ in range(30_000):
                x = torch.relu(self.fc(x))
            return x

    traced = trace(Deep(), torch.ones(1, 2), keep=None)
    assert len(traced.ops) == 60_002
    assert traced["linear_1:1"].grad_fn == "AddmmBackward0"


class Pair(NamedTuple):
    """Two tensors."""

    left: torch.Tensor
    right: torch.Tensor


def test_tensors_in_a_slice_and_in_a_named_tuple_are_parents() -> None:
    """They are arguments like any other, and what is recorded is where they came from."""

    class Odd(nn.Module):
        def forward(self, x):
            part = x[x.argmin() : x.argmax()]
            return torch.cat(Pair(part.sin(), part.cos()))

    traced = trace(Odd(), torch.arange(6.0))
    names = {op.name: [traced.ops[parent].name for parent in op.parents] for op in traced.ops}
    assert names["__getitem__"] == ["input.x", "argmin", "argmax"]
    assert names["cat"] == ["sin", "cos"]
    assert traced["cat"].args == (Pair(OpRef(4), OpRef(5)),)
