"""A normalisation is folded where nothing but rounding can tell, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from lens_pipeline.models.cornet import cornet_s
from lens_pipeline.runtime.folding import foldable
from lens_pipeline.tracer.run import trace
from tests.runtime.models import SharedConvolution, UsedTwice, normed

if TYPE_CHECKING:
    from collections.abc import Callable

X = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def folded(model: nn.Module, *wanted: str, x: torch.Tensor = X) -> tuple[tuple[str, str], ...]:
    """The pairs of a model of which the outputs of `wanted` modules are selected."""
    with torch.no_grad():
        traced = trace(model, (x,))
    ops = {op for call in traced.module_calls if call.address in wanted for op in call.outputs}
    return foldable(model, traced, ops=ops)


@pytest.mark.parametrize("bias", [False, True])
def test_a_convolution_and_its_normalisation_are_a_pair(*, bias: bool) -> None:
    """Also where what the normalisation gives is wanted, and where a loop calls both."""
    assert folded(normed(bias=bias), "1", "2") == (("0", "1"),)
    loop = nn.Sequential(block := nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)), block)
    assert folded(loop.eval()) == (("0.0", "0.1"),)


def test_what_is_shared_or_selected_in_cornet_s_stays() -> None:
    """A convolution that is shared over steps has a normalisation for each."""
    model, x = cornet_s().eval(), torch.randn(2, 3, 32, 32)
    every, but_one = folded(model, x=x), folded(model, "V1.conv1", x=x)
    assert dict(every) == dict([*but_one, ("V1.conv1", "V1.norm1")])
    assert ("V2.skip", "V2.norm_skip") in every
    assert not any(conv.startswith(("V2.conv", "V4.conv", "IT.conv")) for conv, _ in every)
    assert folded(SharedConvolution()) == (("first", "norm_1"),)


def _in_train_mode() -> nn.Module:
    net = normed()
    net[1].train()
    return net


def _without_statistics() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)).eval()


def _with_a_hook(place: int, kind: str) -> nn.Module:
    net = normed()
    getattr(net[place], kind)(lambda *_: None)
    return net


def _with_a_forward_of_its_own() -> nn.Module:
    net = normed()
    net[1].forward = lambda x, own=net[1].forward: own(x)
    return net


def _with_two_convolutions() -> nn.Module:
    net = normed()
    return nn.Sequential(net[0], net[1], nn.Conv2d(4, 4, 1), net[1])


def _with_a_shared_weight() -> nn.Module:
    one, other = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
    other.weight = one.weight
    return nn.Sequential(one, nn.BatchNorm2d(3), other, nn.BatchNorm2d(3)).eval()


class _Subclassed(nn.Conv2d):
    pass


class _Reading(nn.Module):
    """Reads the convolution's weight by itself, or returns what the convolution gives."""

    def __init__(self, *, weight: bool) -> None:
        super().__init__()
        self.conv, self.norm, _ = normed()
        self.weight = weight

    def forward(self, x):
        x = self.conv(x)
        return self.norm(x), self.conv.weight.sum() if self.weight else x


LEFT: dict[str, Callable[[], nn.Module]] = {
    "used twice": UsedTwice,
    "returned by the model": lambda: _Reading(weight=False),
    "weight read elsewhere": lambda: _Reading(weight=True),
    "in train mode": _in_train_mode,
    "without running statistics": _without_statistics,
    "a hook on the convolution": lambda: _with_a_hook(0, "register_forward_hook"),
    "a pre-hook on the normalisation": lambda: _with_a_hook(1, "register_forward_pre_hook"),
    "a forward of its own": _with_a_forward_of_its_own,
    "one normalisation for two": _with_two_convolutions,
    "a shared weight": _with_a_shared_weight,
    "a subclass": lambda: nn.Sequential(_Subclassed(3, 4, 3), nn.BatchNorm2d(4)).eval(),
    "a parametrized weight": lambda: nn.Sequential(
        parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4)
    ).eval(),
    "something in between": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)
    ).eval(),
}


@pytest.mark.parametrize("what", LEFT)
def test_left_alone(what: str) -> None:
    """Where someone could see the difference, or the constants are not the module's own."""
    assert folded(LEFT[what]()) == ()


def test_a_selected_convolution_is_left_alone() -> None:
    """Its values are wanted as they are before the normalisation."""
    assert folded(normed(), "0") == ()
