"""Tiny models about modules and functions: how they are reached, shared, changed, made and nested.

A model without parameters is a function that `zoo_values.Runs` runs.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import cos, nn
from torch.nn.utils import parametrizations, prune, rnn

# ---- functions reached in odd ways -------------------------------------------------------------

PARTIAL = functools.partial(torch.clamp, min=0.5)
BY_NAME = {"sine": torch.sin, "power": torch.Tensor.pow}


def bound_beforehand(x):
    """`from torch import cos`, before any trace."""
    return cos(x)


def partials_and_dicts(x):
    return BY_NAME["power"](BY_NAME["sine"](PARTIAL(x)), 2)


def closure(x):
    scale = x.mean()

    def inner(y):
        return y * scale

    return inner(x)


def library_operator(x):
    return torch.ops.aten.add.Tensor(x, x, alpha=2)


def einsum(x):
    return torch.einsum("ij,jk->ik", x, x)


def fourier(x):
    return torch.fft.irfft(torch.fft.rfft(x), n=x.shape[-1])


def linear_algebra(x):
    q, r = torch.linalg.qr(x)
    return q @ r + torch.linalg.inv(x + 2 * torch.eye(2))


def special(x):
    return torch.special.expit(x) + torch.special.erf(x)


# ---- composite functions -----------------------------------------------------------------------


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)

    def forward(self, x):
        return self.layer(x)


def fused_attention(x):
    return F.scaled_dot_product_attention(x, x, x)


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(4, 3, batch_first=True)

    def forward(self, x):
        return self.gru(x)[0]


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 3, batch_first=True)

    def forward(self, x):
        packed = rnn.pack_padded_sequence(x, [3, 2], batch_first=True)
        return rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0]


# ---- parameters that are computed --------------------------------------------------------------


class WeightNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = parametrizations.weight_norm(nn.Linear(2, 2))

    def forward(self, x):
        return self.fc(x)


class SpectralNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = parametrizations.spectral_norm(nn.Linear(2, 2))

    def forward(self, x):
        return self.fc(x)


class Pruned(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = prune.l1_unstructured(nn.Linear(2, 2), "weight", amount=0.5)

    def forward(self, x):
        return self.fc(x)


class HyperNetwork(nn.Module):
    """One layer computes the weight of another."""

    def __init__(self) -> None:
        super().__init__()
        self.maker = nn.Linear(2, 4)

    def forward(self, x):
        return F.linear(x, self.maker(x.mean(0)).reshape(2, 2))


class Lazy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.LazyLinear(3)

    def forward(self, x):
        return self.fc(x)


# ---- modules -----------------------------------------------------------------------------------


class Identities(nn.Module):
    """Three Identity modules in a row after an op."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = nn.Sequential(nn.Identity(), nn.Identity(), nn.Identity())

    def forward(self, x):
        return self.chain(x.sin()) + 1


class EmptyContainer(nn.Module):
    """A container without children returns its input."""

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Sequential()

    def forward(self, x):
        return self.nothing(x) + 1


class SharedModule(nn.Module):
    """One module at two addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.second = self.first

    def forward(self, x):
        return self.second(torch.sin(self.first(x)))


class WithEncode(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def encode(self, x):
        return torch.sin(self.fc(x))


class OtherMethod(nn.Module):
    """A method other than forward of a submodule."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = WithEncode()

    def forward(self, x):
        return self.inner.encode(x) + 1


class ForwardDirectly(nn.Module):
    """`module.forward` called without the module's own call."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, x):
        return self.fc.forward(x) + 1


class Hooked(nn.Module):
    """A pre-hook and a hook of the user's replace what goes in and what comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.fc.register_forward_pre_hook(lambda _, args: (args[0] * 2,))
        self.fc.register_forward_hook(lambda _, args, output: output.tanh())

    def forward(self, x):
        return self.fc(x) + 1


class Deep(nn.Module):
    """A tower of modules, each inside the one before."""

    def __init__(self, levels: int = 240) -> None:
        super().__init__()
        inside: nn.Module = nn.Linear(2, 2)
        for _ in range(levels - 1):
            inside = nn.Sequential(inside)
        self.tower = inside

    def forward(self, x):
        return self.tower(x)


class ModuleInAList(nn.Module):
    """A module that a plain list holds is not registered."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = [nn.Linear(2, 2)]

    def forward(self, x):
        return self.hidden[0](x)


INPUTS = {
    "Encoder": torch.linspace(-1, 1, 24).reshape(2, 3, 4),
    "Gated": torch.linspace(-1, 1, 24).reshape(2, 3, 4),
    "Packed": torch.linspace(-1, 1, 24).reshape(2, 3, 4),
    "fused_attention": torch.linspace(-1, 1, 24).reshape(2, 3, 4),
    "linear_algebra": torch.tensor([[2.0, 0.5], [0.3, 1.0]]),
}
