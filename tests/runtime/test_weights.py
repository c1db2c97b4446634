"""The weights of fast passes come and go, and the model's own come back themselves."""

from __future__ import annotations

import contextlib

import pytest
import torch
from torch import nn

from lens_pipeline.runtime.weights import FastWeights, ordered
from tests.runtime.models import normed

X = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))
PAIR = [("0", "1")]


def looks(model: nn.Module) -> list[tuple[object, ...]]:
    """What a model's parameters and buffers are, where they lie, and what its modules are."""
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}.items()
    tensors = [(name, id(t), t.data_ptr(), t.stride(), t.dtype, t.tolist()) for name, t in state]
    return [*tensors, *((name, *vars(module)) for name, module in model.named_modules())]


@pytest.mark.parametrize("bias", [False, True])
def test_a_folded_convolution_gives_what_the_normalisation_gave(*, bias: bool) -> None:
    """In double precision, to the last digits; the normalisation passes it through."""
    net = normed(bias=bias).double()
    weights = FastWeights(net, channels_last=False, folded=PAIR)
    with torch.no_grad():
        conv, exact = net[0](X.double()), net[:2](X.double())
        with weights.swapped_in():
            torch.testing.assert_close(net[0](X.double()), exact, rtol=1e-12, atol=1e-12)
            assert net[1](conv) is conv


@pytest.mark.parametrize("bias", [False, True])
def test_all_is_as_it_was_afterwards(*, bias: bool) -> None:
    """The tensors themselves come back, not copies of them, and so does every attribute."""
    net = normed(bias=bias)
    before = looks(net)
    weights = FastWeights(net, channels_last=True, folded=PAIR)
    assert looks(net) == before
    for _ in range(2):
        with contextlib.suppress(ValueError), weights.swapped_in():
            assert looks(net) != before
            raise ValueError
        assert looks(net) == before


def test_channels_come_last() -> None:
    """In weights of four dimensions and in images; nothing else moves."""
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 2))
    linear = net[2].weight.data_ptr()
    weights = FastWeights(net, channels_last=True)
    with weights.swapped_in():
        assert net[0].weight.is_contiguous(memory_format=torch.channels_last)
        assert net[2].weight.data_ptr() == linear
    assert ordered(X).is_contiguous(memory_format=torch.channels_last)
    assert ordered(tokens := torch.zeros(2, 3)) is tokens
