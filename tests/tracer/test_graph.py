"""Relations derived from a trace."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from lens_pipeline import trace
from lens_pipeline.columns import table
from lens_pipeline.tracer import graph
from tests import zoo


def test_children_are_the_reverse_of_parents() -> None:
    """Every edge is seen from both ends."""
    traced = trace(zoo.MultiOutput(), torch.randn(2, 4))
    down = graph.children(traced)
    edges = {(parent, op.index) for op in traced.ops for parent in op.parents}
    assert {(parent, child) for parent, found in enumerate(down) for child in found} == edges


def test_tensors_made_inside_do_not_depend_on_the_input() -> None:
    """rand has no input ancestor; what adds it to the input has one."""
    traced = trace(zoo.MadeInside(), torch.zeros(2, 3))
    depends = graph.depends_on_input(traced)
    assert not depends[traced["rand_1"].index]
    assert depends[traced["add_1"].index]


class Reads(torch.nn.Module):
    """Runs a function."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (torch.zeros_like, False),
        (lambda x: x.new_ones(2), False),
        (lambda x: torch.rand_like(x) * 2, False),
        (lambda x: torch.full_like(x, x.max()), True),
        (lambda x: x.new_tensor(3.0) + x, True),
        (lambda x: torch.zeros_like(x).copy_(x), True),
    ],
    ids=["zeros_like", "new_ones", "rand_like", "full_like", "new_tensor", "copied into"],
)
def test_shape_alone_is_no_dependence(function, *, expected: bool) -> None:
    """To depend on an input is to be computed from its contents; the tables say the same."""
    traced = trace(Reads(function), torch.ones(2))
    assert graph.depends_on_input(traced)[-1] is expected
    assert table(traced, columns=["has_input_ancestor"])["has_input_ancestor"][-1] is expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (zoo.Recurrent(), True),
        (zoo.Recurrent(times=1), False),
        (zoo.ThreeSines(), True),
        (zoo.Siamese(), False),
        (zoo.Stack(), False),
    ],
    ids=["loop", "one round", "one op", "siamese", "stack"],
)
def test_recurrent_has_one_meaning(model: torch.nn.Module, *, expected: bool) -> None:
    """The graph, the report and the table of the model agree on what is recurrent."""
    traced = trace(model, torch.ones(2, 5))
    assert graph.is_recurrent(traced) is expected
    assert table(traced, "model")["is_recurrent"] == [expected]
    assert ("recurrent," in str(traced)) is expected


def test_containing_calls_go_from_the_model_inwards() -> None:
    """An op in a nested module knows all of them, outermost first."""
    traced = trace(zoo.Siamese(), torch.ones(1, 5))
    calls = graph.containing_calls(traced, traced["linear_1:2"])
    assert [(call.address, call.number) for call in calls] == [("", 1), ("m", 2), ("m.0", 2)]


def test_structure_ignores_shapes_and_sees_everything_else() -> None:
    """Two batch sizes have one digest; another branch or a lost edge has another."""
    model = zoo.DataDependent()
    one, more = trace(model, torch.ones(1, 2)), trace(model, torch.ones(3, 2))
    other = trace(model, -torch.ones(1, 2))
    assert graph.structure_digest(one) == graph.structure_digest(more)
    assert graph.first_difference(one, more) is None
    assert graph.structure_digest(one) != graph.structure_digest(other)
    assert "became cos_1_3" in str(graph.first_difference(one, other))
    cut = dataclasses.replace(
        one, ops=(*one.ops[:-1], dataclasses.replace(one.ops[-1], parents=()))
    )
    assert graph.structure_digest(cut) != graph.structure_digest(one)
