"""The graph alone, run again, is the model."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lens_pipeline import trace
from lens_pipeline.validation.checking import check, validate
from lens_pipeline.validation.replay import copy, replay, run_call, snapshot
from lens_pipeline.validation.sameness import difference, nearly_same, same
from tests import zoo

ONE = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
OTHER = torch.randn(4, 4, generator=torch.Generator().manual_seed(1))


class Odd(nn.Module):
    """Runs one function with a linear map and a buffer at hand."""

    def __init__(self, function) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.register_buffer("state", torch.zeros(4))
        self.function = function

    def forward(self, x):
        return self.function(self, x)


def buffer_loop(m, x):
    for _ in range(3):
        m.state = m.state + x.mean(0)
        m.state.mul_(2)
    return m.state


def disjoint_views(_, x):
    base = torch.zeros(4, 4)
    top, bottom = base[:2], base[2:]
    top.add_(x[:2])
    bottom.copy_(x[2:])
    return base.sum() + top.sum()


def out_argument(_, x):
    out = torch.zeros(4, 4)
    torch.add(x, 1, out=out)
    return out * 2


def strides(_, x):
    return x.t().as_strided((2, 2), (4, 1)) + x[0, :2].expand(2, 2)


def autocast(m, x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return m.fc(x).softmax(-1)


def dropout_in_place(_, x):
    y = x * 1
    F.dropout(y, 0.5, training=True, inplace=True)
    return y


def many_outputs(_, x):
    values, order = x.sort(dim=1)
    return values.gather(1, order), x


ODD = [
    buffer_loop,
    disjoint_views,
    out_argument,
    strides,
    autocast,
    dropout_in_place,
    many_outputs,
]


@pytest.mark.parametrize("function", ODD, ids=lambda one: one.__name__)
def test_replay_on_other_inputs_is_the_model(function) -> None:
    """What the Ops make of inputs never seen is what the model makes of them."""
    model = Odd(function)
    state = snapshot(model)
    traced = trace(model, ONE)
    model.state = state["state"].clone()
    torch.manual_seed(3)
    expected = model(OTHER)
    torch.manual_seed(3)
    found = replay(traced, state, [OTHER])
    for one, other in zip(
        found, expected if isinstance(expected, tuple) else [expected], strict=True
    ):
        torch.testing.assert_close(one, other.detach())


@pytest.mark.parametrize("function", ODD, ids=lambda one: one.__name__)
def test_odd_models_validate(function) -> None:
    """None of these is an exception to the validation of each Op."""
    report = validate(Odd(function), ONE)
    assert report.ok, str(report)
    assert {verdict.outcome for verdict in report.ops} == {"validated"}


def test_a_generator_of_the_model_is_not_advanced() -> None:
    """An Op that draws from a generator of its own is exempt and leaves the generator alone."""
    generator = torch.Generator()
    model = Odd(lambda _, x: x + torch.rand(4, 4, generator=generator))
    traced = trace(model, ONE)
    before = generator.get_state()
    report = check(traced, model)
    assert torch.equal(before, generator.get_state())
    assert report.ok, str(report)
    assert "draws random numbers" in str(report)


def test_given_ops_are_not_run() -> None:
    """A kept value can stand for an Op."""
    traced = trace(zoo.MadeInside(), ONE)
    torch.manual_seed(7)
    (found,) = replay(traced, {}, [ONE], given=[traced["rand_1"].index])
    assert torch.equal(found, traced.ops[-1].value)


@pytest.mark.parametrize(
    "tensor",
    [ONE.t(), ONE[:, ::2], ONE[0].expand(3, 4), ONE[:0], torch.tensor(1.0), ONE.to_sparse()],
    ids=["transposed", "strided", "expanded", "empty", "scalar", "sparse"],
)
def test_copies_have_the_same_strides_and_their_own_memory(tensor: torch.Tensor) -> None:
    """A copy is laid out like the original and does not share its memory."""
    copied = copy(tensor)
    assert same(copied, tensor)
    if tensor.layout is torch.strided:
        assert copied.stride() == tensor.stride()
        assert copied.untyped_storage().data_ptr() != tensor.untyped_storage().data_ptr() or (
            not tensor.numel()
        )


def test_sameness_knows_nan_dtype_and_rounding() -> None:
    """NaN equals NaN, a dtype is part of what is the same, rounding is the last bits only."""
    holes = torch.tensor([1.0, float("nan")])
    assert same(holes, holes.clone())
    assert not same(holes, holes.double())
    assert not same(ONE, ONE + 1e-7)
    assert nearly_same(ONE, ONE * (1 + 1e-7))
    assert not nearly_same(ONE, ONE + 1e-3)
    assert difference(ONE, ONE + 1) == "16 of 16 numbers differ, by at most 1"
    assert difference(ONE, ONE.long()) == "(4, 4) float32 instead of (4, 4) int64"


def test_autocast_rescues_only_what_ran_under_it() -> None:
    """Mixed types are refused again where the call ran without autocast, and cast where with it."""
    x, weight = torch.ones(2, 4), torch.ones(3, 4, dtype=torch.bfloat16)
    plain = trace(nn.Linear(4, 3), x).ops[1]
    cast = trace(Odd(autocast), x).ops[1]
    assert (plain.name, cast.name) == ("linear", "linear")
    with pytest.raises(RuntimeError, match="dtype"):
        run_call([plain], (x, weight), {})
    assert run_call([cast], (x, weight), {})[0].dtype is torch.bfloat16
