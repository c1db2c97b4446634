"""Tiny models for the ways in which a forward pass can be captured, or not."""

from __future__ import annotations

import torch
from torch import nn


class Chain(nn.Module):
    """Three stages of which the last counts its calls; the second is read and overwritten."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 5)
        self.second = nn.Linear(5, 6)
        self.last = Counted(6, 7)

    def forward(self, x):
        middle = self.second(torch.tanh(self.first(x)))
        after = middle * 2
        middle.relu_()
        return self.last(after + middle)


class Counted(nn.Linear):
    """A linear layer that knows how often it was run."""

    runs = 0

    def forward(self, x):
        self.runs += 1
        return super().forward(x)


class Repeated(nn.Module):
    """One module twice, a pair of outputs, and a module in a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Linear(4, 4)
        self.pair = Pair()
        self.hidden = [nn.Linear(4, 4)]

    def forward(self, x):
        x = self.step(torch.sin(self.step(x)))
        one, other = self.pair(x)
        return self.hidden[0](one + other)


class Pair(nn.Module):
    def forward(self, x):
        return x + 1, x * 2


class Branching(nn.Module):
    """Takes another way for inputs with a negative sum."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Identity()
        self.last = nn.Linear(4, 4)

    def forward(self, x):
        x = self.first(x + 1)
        return self.last(torch.sin(x) if x.sum() > 0 else torch.cos(x))


class Rounds(nn.Module):
    """Calls a module as often as an attribute says, which no input decides."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Linear(4, 4)
        self.rounds = 2

    def forward(self, x):
        for _ in range(self.rounds):
            x = self.step(x)
        return x


class Catching(nn.Module):
    """Catches whatever is raised in it."""

    def __init__(self, kind: type[BaseException]) -> None:
        super().__init__()
        self.kind = kind
        self.inner = nn.Linear(4, 4)
        self.after = Counted(4, 4)

    def forward(self, x):
        try:
            y = self.inner(x)
        except self.kind:
            y = x
        return self.after(y)


def normed(*, bias: bool = False) -> nn.Sequential:
    """A convolution, its batch normalisation with statistics of its own, and a write in place."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, bias=bias), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
    for value in (net[1].running_mean, net[1].weight, net[1].bias):
        nn.init.normal_(value)
    nn.init.uniform_(net[1].running_var, 0.5, 2)
    return net.eval()


class UsedTwice(nn.Module):
    """What the convolution gives is read beside the normalisation too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, _ = normed()

    def forward(self, x):
        x = self.conv(x)
        return self.norm(x) + x


class SharedConvolution(nn.Module):
    """One convolution with a normalisation for each step, as in CORnet-S."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm_1, self.relu = normed()
        self.conv = nn.Conv2d(4, 4, 1)
        self.norm_2, self.norm_3 = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        nn.init.normal_(self.norm_3.running_mean)
        self.eval()

    def forward(self, x):
        x = self.relu(self.norm_1(self.first(x)))
        return self.norm_3(self.conv(self.norm_2(self.conv(x))))
