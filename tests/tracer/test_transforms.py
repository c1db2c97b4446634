"""Transforms of torch.func inside a model: one op each, with its values, its edges and a replay."""

from __future__ import annotations

import dataclasses
import sys

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp

from lens_pipeline import trace
from lens_pipeline.tracer.graph import containing_calls
from lens_pipeline.tracer.records import OpRef
from lens_pipeline.tracer.rerun import outline, rerun
from lens_pipeline.tracer.run import ForwardError
from lens_pipeline.validation.checking import check, validate
from tests.tracer.plain import GRID, modes, parents, seed, traced_like_plain, types


class Uses(nn.Module):
    """Runs a function with a layer and a buffer at hand."""

    def __init__(self, function) -> None:
        super().__init__()
        seed()
        self.fc = nn.Linear(2, 2)
        self.register_buffer("shift", torch.rand(2))
        self.function = function

    def forward(self, x):
        return self.function(self, x)


def mapped(_, x):
    return torch.vmap(lambda row: row.sin().sum())(x) + 1


def captures(m, x):
    y = x * 2
    return torch.vmap(lambda row: (row * y).sum() + m.shift)(x) + 1


def maps_a_module(m, x):
    return torch.vmap(m.fc)(x).relu()


def maps_two_outputs(_, x):
    one, other = torch.vmap(lambda row: (row.sin(), row.sum()))(x)
    return one + other[:, None]


def maps_some(_, x):
    return torch.vmap(lambda a, b: a * b, in_dims=(0, None))(x, x[0]) + 1


def maps_noise(_, x):
    return torch.vmap(lambda row: row + torch.rand(2), randomness="different")(x) + 1


def maps_in_a_loop(_, x):
    for _ in range(3):
        x = torch.vmap(lambda row: row.sin())(x)
    return x


def differentiates(m, x):
    return grad(lambda t: (t.sin() * m.fc(t)).sum())(x) + 1


def differentiates_parameters(m, x):
    slopes = grad(lambda p: functional_call(m.fc, p, (x,)).pow(2).sum())(
        dict(m.fc.named_parameters())
    )
    return x @ slopes["weight"] + slopes["bias"]


def differentiates_per_sample(m, x):
    state = dict(m.fc.named_parameters())
    one = grad(lambda p, row: functional_call(m.fc, p, (row,)).pow(2).sum())
    return torch.vmap(one, in_dims=(None, 0))(state, x)["weight"].sum(0)


def value_too(_, x):
    slope, value = grad_and_value(lambda t: t.sin().sum())(x)
    return slope + value


def forward_mode(_, x):
    one, other = jvp(torch.sin, (x,), (x * 2,))
    return one + other


def jacobians(_, x):
    return jacrev(torch.sin)(x[0]) @ jacfwd(torch.cos)(x[1]) @ x


def curvature(_, x):
    return hessian(lambda t: t.sin().sum())(x[0]) @ x


def called_with(m, x):
    return functional_call(m.fc, {"weight": torch.vmap(lambda row: row * 2)(m.fc.weight)}, (x,))


ALL = [
    mapped,
    captures,
    maps_a_module,
    maps_two_outputs,
    maps_some,
    maps_noise,
    maps_in_a_loop,
    differentiates,
    differentiates_parameters,
    differentiates_per_sample,
    value_too,
    forward_mode,
    jacobians,
    curvature,
    called_with,
]


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")
@pytest.mark.parametrize("function", ALL, ids=lambda one: one.__name__)
def test_transforms_are_ops(function) -> None:
    """The outputs are the plain forward's, nothing is missed, and every op is run again."""
    model, before = Uses(function), modes()
    traced = traced_like_plain(model)
    assert traced.complete, traced.gaps
    assert traced.ops[traced.ops[-1].parents[0]].kind == "call"
    seed()
    report = validate(model, GRID)
    assert report.ok, str(report)
    assert {verdict.outcome for verdict in report.ops} == {"validated"}, str(report)
    assert modes()["profile"] == before["profile"]
    assert modes()["function modes"] == before["function modes"]
    known = outline(traced)
    last = len(known.names) - 1
    seed()
    assert torch.equal(rerun(model, GRID, known, keep=[last])[last], traced.ops[-1].value)


def test_what_the_function_captures_is_read() -> None:
    """Results, parameters and buffers from around the function are parents and state of the op."""
    traced = trace(Uses(captures), GRID)
    assert types(traced) == "mul vmap add"
    assert parents(traced, "vmap_1") == ["input_1_0", "mul_1_1"]
    assert traced["vmap_1"].buffers == ("shift",)
    assert trace(Uses(maps_a_module), GRID)["vmap_1"].parameters == ("fc.weight", "fc.bias")


def test_what_is_captured_can_be_exchanged() -> None:
    """Run again with other contents of what it captured, the op gives what the model would."""
    traced = trace(Uses(captures), GRID)
    report = validate(Uses(captures), GRID)
    edges = report.ops[traced["vmap_1"].index].edges
    assert [(edge.parent, edge.outcome) for edge in edges] == [(0, "validated"), (1, "validated")]
    doubled, shift = torch.ones(2, 2), torch.tensor([5.0, 7.0])
    found = traced["vmap_1"].function(GRID, captured=(doubled, shift))
    assert torch.equal(found, GRID.sum(1, keepdim=True) * 2 + shift)


def test_a_hidden_capture_is_caught() -> None:
    """Where the record says that another tensor was captured, the op is not what it was."""
    model = Uses(captures)
    traced = trace(model, GRID)
    op = traced.ops[traced["vmap_1"].index]
    wrong = (OpRef(0), op.kwargs["captured"][1])
    bad = dataclasses.replace(op, kwargs={"captured": wrong}, parents=(0,))
    ops = (*traced.ops[: op.index], bad, *traced.ops[op.index + 1 :])
    report = check(dataclasses.replace(traced, ops=ops), model, inputs=GRID)
    assert report.ops[op.index].outcome == "failed"


def test_ops_stand_where_the_transform_was_called() -> None:
    """One op per output, in the calling module, as passes of one layer in a loop."""
    two = trace(Uses(maps_two_outputs), GRID)
    assert [two[key].output_index for key in ("vmap_1", "vmap_2")] == [0, 1]
    assert two["vmap_2"].shape == (2,)
    loop = trace(Uses(maps_in_a_loop), GRID)
    assert [op.label for op in loop.ops if op.kind == "call"] == [
        f"vmap_1_1:{number}" for number in (1, 2, 3)
    ]
    nested = trace(nn.Sequential(Uses(maps_a_module)), GRID)
    (*_, inner) = containing_calls(nested, nested["vmap_1"])
    assert inner.address == "0"
    assert [call.address for call in nested.module_calls] == ["", "0", "0.fc"]


def test_a_failing_transform_leaves_nothing_behind() -> None:
    """Caught or not, an exception inside leaves no profile function, and no op."""

    def catches(_, x):
        try:
            torch.vmap(lambda row: row @ row[:1])(x)
        except RuntimeError:
            x = x.cos()
        return x + 1

    traced = traced_like_plain(Uses(catches))
    assert types(traced) == "cos add"
    assert traced.complete
    with pytest.raises(ForwardError) as caught:
        trace(Uses(lambda _, x: torch.vmap(lambda row: row @ row[:1])(x)), GRID)
    assert len(caught.value.partial.ops) == 1
    assert sys.getprofile() is None


def test_a_function_that_comes_back_is_reported() -> None:
    """vjp gives a function; what a call of that depends on cannot be followed, and is said."""

    def pulls_back(_, x):
        out, back = vjp(torch.sin, x)
        return out + back(x * 2)[0]

    traced = traced_like_plain(Uses(pulls_back))
    assert not traced.complete
    assert "the function that vjp returned" in traced.gaps[0]


def test_beside_a_profiler_the_inside_is_reported() -> None:
    """Where a profile function is set already it stays, and the trace says what it misses."""
    events = []

    def watch(*_) -> None:
        events.append(1)

    sys.setprofile(watch)
    try:
        traced = trace(Uses(mapped), GRID)
        assert sys.getprofile() is watch
    finally:
        sys.setprofile(None)
    assert events
    assert any("inside a torch.func transform" in gap for gap in traced.gaps)
