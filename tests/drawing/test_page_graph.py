"""What the page draws agrees with the Trace, and its selectors select what they stand at."""

from __future__ import annotations

import json

import pytest
import torch

from lens_pipeline import trace
from lens_pipeline.columns import Overview
from lens_pipeline.drawing.page.graph import graph, names_of
from lens_pipeline.selectors import parse_selectors, select
from tests import zoo
from tests.drawing.page_models import NASTY, Deep, Nasty

X = torch.ones(2, 3, 4, 4)


def drawn(model, x=X):
    traced = trace(model.eval(), x)
    return traced, graph(Overview(traced), title="A title")


def test_graph_is_the_trace() -> None:
    """Labels, parents, layers and module calls are those of the Trace."""
    traced, found = drawn(Deep())
    assert found["title"] == "A title"
    assert found["ops"]["label"] == [op.label for op in traced.ops]
    assert [tuple(one) for one in found["ops"]["parents"]] == [op.parents for op in traced.ops]
    assert [len(one) for one in found["layers"]["ops"]] == [len(one.ops) for one in traced.layers]
    assert found["calls"]["address"] == [call.address for call in traced.module_calls]
    assert found["calls"]["parent"][0] == -1
    assert len({len(values) for values in found["ops"].values()}) == 1
    assert len({len(values) for values in found["calls"].values()}) == 1


def test_boxes_say_sizes_and_parameters() -> None:
    """Shapes, bytes, types and parameter shapes; frozen parameters in square brackets."""
    model = Deep()
    model.stem[0].bias.requires_grad_(False)
    traced, found = drawn(model)
    at = traced["conv2d_1"].index
    assert found["ops"]["size"][at] == "2x4x4x4 (512 B)"
    assert found["ops"]["parameters"][at] == "weight (4x3x3x3), bias [4]"
    assert found["ops"]["size"][traced["gt_1"].index] == "scalar bool (1 B)"
    assert found["ops"]["made_inside"][traced["full_1"].index] == 1
    assert found["ops"]["buffers"][traced["batchnorm_1"].index] == 1


def test_branches_are_told() -> None:
    """A branch has its test, the arm taken, what decided it and what ran in it."""
    traced, found = drawn(Deep())
    (branch,) = found["branches"]
    assert (branch["kind"], branch["taken"]) == ("if", "else")
    assert branch["tests"] == ["x.mean() > 100"]
    assert [traced.ops[op].name for op in branch["deciding"]] == ["mean", "gt"]
    assert [traced.ops[op].name for op in branch["ops"]] == ["full", "mul"]


def test_branches_are_marked_as_in_a_picture() -> None:
    """The tests, what leads up to them and the arms that were taken, by operation."""
    traced, found = drawn(Deep())
    names = ("mean_1", "gt_1", "full_1", "mul_1")
    mean, gt, full, mul = (str(traced[name].index) for name in names)
    marks = json.loads(json.dumps(found["marks"]))
    assert marks["tests"] == {gt: ["if x.mean() > 100: no"]}
    assert marks["deciding"] == {mean: [[0, "IF"]], gt: [[0, "IF"]]}
    assert marks["arms"] == {full: [[0, "ELSE"]], mul: [[0, "ELSE"]]}


@pytest.mark.parametrize(
    ("model", "x"),
    [(Deep(), X), (Nasty(), torch.ones(2, 3)), (zoo.Siamese(), torch.ones(2, 5))],
    ids=lambda one: type(one).__name__,
)
def test_selectors_select(model, x) -> None:
    """The first of each pair selects the operation, the second it with its other passes."""
    traced, found = drawn(model, x)
    for op, pairs in enumerate(found["ops"]["selectors"]):
        for one, every in pairs:
            (only,) = select(traced, parse_selectors(one))
            assert [index for _, index in only.ops] == [op]
            (whole,) = select(traced, parse_selectors(every))
            assert op in [index for _, index in whole.ops]


def test_modules_are_selected() -> None:
    """A module call has a selector of what it returned; also odd names have one."""
    traced, found = drawn(Nasty(), torch.ones(2, 3))
    assert found["calls"]["selectors"][0] == []
    for call, texts in enumerate(found["calls"]["selectors"]):
        if texts:
            (only,) = select(traced, parse_selectors(texts[0]))
            assert [op for _, op in only.ops] == found["calls"]["outputs"][call]
    assert ["a?b?c", "a?b?c"] in found["calls"]["selectors"]
    assert ["?ll", "?ll"] in found["calls"]["selectors"]
    assert NASTY in found["calls"]["address"]


def test_names_of_several_outputs_have_their_place() -> None:
    """What a module returned second is called by its address and place."""

    class Pair(torch.nn.Module):
        def forward(self, x):
            return x + 1, x * 2

    class Outer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pair = Pair()

        def forward(self, x):
            return sum(self.pair(x))

    traced = trace(Outer(), X)
    o = Overview(traced)
    assert ("pair@1", 1) in names_of(o, traced["mul_1"])


def test_gaps_and_facts_are_told() -> None:
    """What a trace lacks is in the page, and the sentences of its report."""
    _, found = drawn(Deep())
    assert found["gaps"] == []
    assert found["facts"][0].startswith("Structure: recurrent")
    assert found["facts"][-1] == "Modules: 11, 11 called"
