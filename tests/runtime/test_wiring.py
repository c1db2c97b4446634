"""Which Ops hooks can pick up is found out by trying, and is right for other inputs too."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch import nn

from lens_pipeline.models.cornet import cornet_s
from lens_pipeline.runtime.hooks import hooked
from lens_pipeline.runtime.settings import exact_pass
from lens_pipeline.runtime.wiring import Wiring, guessed_taps, is_fixed, wire
from lens_pipeline.tracer.run import trace
from tests import zoo
from tests.runtime.models import Branching, Chain, Repeated

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))


def wired(model: nn.Module, x: torch.Tensor) -> Wiring:
    """Every call of the model, wired."""
    with torch.no_grad():
        traced = trace(model, (x,))
    calls = [op.index for op in traced.ops if op.kind == "call"]
    return wire(model, x, traced, ops=calls)


MODELS = {
    "chain": (Chain, (3, 4)),
    "repeated": (Repeated, (3, 4)),
    "residual": (zoo.ResidualBlock, (2, 3, 4, 4)),
    "attention": (zoo.Attention, (2, 3, 4)),
    "encoder": (lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), (2, 3, 4)),
    "cornet_s": (cornet_s, (2, 3, 32, 32)),
}


@pytest.mark.parametrize("name", MODELS)
def test_taps_give_the_bits_of_a_trace_of_other_inputs(name: str) -> None:
    """What was tried on one batch holds for the next."""
    build, shape = MODELS[name]
    torch.manual_seed(0)
    model = build().eval()
    wiring = wired(model, torch.randn(shape))
    assert wiring.taps
    other = torch.randn(shape)
    with exact_pass(), hooked(model, wiring.taps, model_name=name) as forward:
        values = forward(other.clone())
        traced = trace(model, (other.clone(),))
    for tap in wiring.taps:
        assert torch.equal(values[tap.op], traced.ops[tap.op].value), tap


def test_only_what_is_overwritten_later_is_copied() -> None:
    """The second stage is written to in place by the model, after it has returned."""
    wiring = wired(Chain(), X)
    assert [(tap.address, tap.copied) for tap in wiring.taps] == [
        ("first", False),
        ("second", True),
        ("last", False),
    ]


def test_a_write_that_changes_nothing_for_the_probe_is_seen() -> None:
    """A ReLU in place over positive values leaves them alone, and over others it will not."""

    class Rectified(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.same = nn.Hardtanh(-10, 10)

        def forward(self, x):
            return self.same(x).relu_()

    wiring = wired(Rectified(), X.abs())
    assert [(tap.address, tap.copied) for tap in wiring.taps] == [("same", True)]


def test_what_no_module_of_the_model_returns_has_no_tap() -> None:
    """Functions between modules, and modules kept in a plain list, are counted for."""
    model = Repeated()
    wiring = wired(model, X)
    assert [(tap.address, tap.call, tap.place) for tap in wiring.taps] == [
        ("step", 1, 0),
        ("step", 2, 0),
        ("pair", 1, 0),
        ("pair", 1, 1),
    ]
    assert wiring.hooks_for(wiring.ops) is None
    assert wiring.hooks_for([tap.op for tap in wiring.taps]) == wiring.taps


def test_a_value_overwritten_before_its_module_returned_has_no_tap() -> None:
    """A hook would see what the module made of it."""

    class Overwriting(nn.Module):
        def forward(self, x):
            y = x * 2
            view = y.view(-1)
            view.add_(1)
            return y

    model = nn.Sequential(Overwriting(), nn.Linear(4, 4))
    with torch.no_grad():
        traced = trace(model, (X,))
    product = next(op.index for op in traced.ops if op.name in ("mul", "__mul__"))
    assert product in {tap.op for tap in guessed_taps(traced, [product])}
    assert not wire(model, X, traced, ops=[product]).taps


class Masked(nn.Module):
    def forward(self, x):
        return x[x > 0].sum()


class Found(nn.Module):
    def forward(self, x):
        return torch.nonzero(x).sum()


class OwnNumber(nn.Module):
    """Reads a number that no input has a part in."""

    def forward(self, x):
        return x * torch.ones(3).sum().item()


@pytest.mark.parametrize("model", [Chain(), OwnNumber()], ids=lambda m: type(m).__name__)
def test_a_graph_that_no_input_can_change(model: nn.Module) -> None:
    """Python may read numbers that no input has a part in."""
    assert is_fixed(trace(model, (X,)))


@pytest.mark.parametrize("model", [Branching(), Masked(), Found()], ids=lambda m: type(m).__name__)
def test_a_graph_that_inputs_may_change(model: nn.Module) -> None:
    """Python saw a value of the input, or a shape made of its values."""
    assert not is_fixed(trace(model, (X,)))


def test_a_wiring_travels() -> None:
    """It is sent to workers."""
    wiring = wired(Chain(), X)
    assert pickle.loads(pickle.dumps(wiring)) == wiring
