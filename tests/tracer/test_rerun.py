"""New input over a known structure: the values of a full trace, or the operation that differs."""

from __future__ import annotations

import gc
import pickle
import weakref

import pytest
import torch
import torchvision

from lens_pipeline import trace
from lens_pipeline.models.cornet import cornet_s
from lens_pipeline.tracer.rerun import StructureError, outline, rerun
from tests import zoo

MODELS = {
    "recurrent": (zoo.Recurrent(), (2, 5)),
    "in place": (zoo.InPlace(), (2, 3)),
    "through a view": (zoo.InPlaceThroughView(), (2, 3)),
    "setitem": (zoo.SetItem(), (2, 2)),
    "passed through": (zoo.ReturnsItsArgument().eval(), (2, 2)),
    "several outputs": (zoo.MultiOutput(), (2, 4)),
    "attention": (zoo.Attention().eval(), (1, 3, 4)),
    "from numpy": (zoo.FromNumpy(), (2, 4)),
    "residual": (zoo.ResidualBlock().eval(), (1, 3, 4, 4)),
    "cornet_s": (cornet_s().eval(), (1, 3, 32, 32)),
    "densenet": (torchvision.models.densenet121(weights=None).eval(), (1, 3, 32, 32)),
}


@pytest.mark.parametrize("name", MODELS)
def test_values_are_those_of_a_full_trace(name: str) -> None:
    """Every Op of new input has the bits that tracing that input gives."""
    model, shape = MODELS[name]
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(shape, generator=generator) for _ in range(2))
    with torch.no_grad():
        known = outline(trace(model, first, keep=None))
        full = trace(model, second.clone())
        values = rerun(model, second.clone(), known, keep=range(len(known.names)))
    assert values.keys() == {op.index for op in full.ops}
    for op in full.ops:
        assert torch.equal(values[op.index], op.value), op.label


def test_only_what_is_asked_for_is_kept() -> None:
    """Another batch size is no other structure, and two values are two values."""
    model = zoo.Recurrent()
    known = outline(trace(model, torch.ones(2, 5), keep=None))
    values = rerun(model, torch.ones(7, 5), known, keep=[1, 4])
    assert {index: tuple(value.shape) for index, value in values.items()} == {
        1: (7, 5),
        4: (7, 5),
    }


def test_another_branch_is_named() -> None:
    """The first operation that is not the one before is named, with what it replaced."""
    model = zoo.DataDependent()
    known = outline(trace(model, torch.ones(2), keep=None))
    with pytest.raises(StructureError, match="computed cos where sin_1_3 came before"):
        rerun(model, -torch.ones(2), known, keep=[])


def test_fewer_and_more_rounds_are_named() -> None:
    """A loop that ends sooner or later than before is noticed."""
    model = zoo.WhileLoop()
    known = outline(trace(model, torch.ones(2, 5), keep=None))
    with pytest.raises(StructureError, match=r"where .* came before"):
        rerun(model, torch.full((2, 5), 2.9), known, keep=[])
    with pytest.raises(StructureError, match=r"where .* came before"):
        rerun(model, torch.full((2, 5), 0.1), known, keep=[])


def test_outline_travels() -> None:
    """An outline goes through a scheduler; hooks and modes are gone after a rerun."""
    model = cornet_s().eval()
    known = outline(trace(model, torch.ones(1, 3, 32, 32), keep=None))
    assert pickle.loads(pickle.dumps(known)) == known
    rerun(model, torch.ones(1, 3, 32, 32), known, keep=[])
    assert not any(module._forward_hooks for module in model.modules())
    assert torch._C._len_torch_function_stack() == 0


def test_a_pass_stops_after_the_last_op_that_is_wanted() -> None:
    """What comes later does not run, in inner functions as between modules; nothing is left."""

    class Counting(torch.nn.Module):
        ends = 0

        def forward(self, x):
            y = torch.nn.functional.relu(torch.sin(x))
            y = y * 2
            self.ends += 1
            return y.add_(1)

    model, x = Counting(), torch.randn(2, 3)
    known = outline(trace(model, x, keep=None))
    for last in range(1, len(known.names) - 1):
        model.ends = 0
        values = rerun(model, x, known, keep=[last], stop=True)
        assert torch.equal(values[last], trace(model, x).ops[last].value)
        assert model.ends == 1 + (known.names[last] == "add_")
    assert torch._C._len_torch_function_stack() == 0


@pytest.mark.parametrize("kind", [Exception, BaseException])
def test_a_model_that_catches_everything_cannot_hide(kind: type[BaseException]) -> None:
    """A stop that is swallowed keeps its values; a difference that is swallowed is told."""

    class Catching(torch.nn.Module):
        other = False

        def forward(self, x):
            try:
                y = torch.cos(x) if self.other else torch.sin(x)
            except kind:
                y = x
            return y.mul_(3)

    model, x = Catching(), torch.randn(2, 3)
    known = outline(trace(model, x.clone(), keep=None))
    values = rerun(model, x.clone(), known, keep=[1], stop=True)
    assert torch.equal(values[1], torch.sin(x))
    model.other = True
    with pytest.raises(StructureError, match="computed cos where sin"):
        rerun(model, x.clone(), known, keep=[1])


@pytest.mark.parametrize("how", ["trace", "rerun"])
def test_values_go_with_the_last_name_for_them(how: str) -> None:
    """Nothing of a pass is kept alive by itself until a collection of cycles."""
    model, x = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.ReLU()), torch.rand(2, 3)
    known = outline(trace(model, x))
    gc.collect()
    gc.disable()
    try:
        if how == "trace":
            value = weakref.ref(trace(model, x).ops[1].value)
        else:
            value = weakref.ref(rerun(model, x, known, keep=[1])[1])
        assert value() is None
    finally:
        gc.enable()
