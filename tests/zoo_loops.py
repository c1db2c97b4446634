"""Tiny models that visit a layer several times in odd ways."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import relu


class TiedStack(nn.Module):
    """The first and the last of three modules share a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(5, 5, bias=False) for _ in range(3))
        self.layers[2].weight = self.layers[0].weight

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class StochasticSteps(nn.Module):
    """A random number of steps."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 5)

    def forward(self, x):
        for _ in range(int(torch.randint(2, 6, ()))):
            x = relu(self.fc(x))
        return x


class ParallelLoops(nn.Module):
    """Two loops side by side, then a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(5, 5), nn.Linear(5, 5)

    def forward(self, x):
        a, b = x, x
        for _ in range(3):
            a = torch.sin(self.left(a))
        for _ in range(2):
            b = torch.sin(self.right(b))
        return a + b


class InterleavedLinear(nn.Module):
    """Two states in turn through one Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 5)

    def forward(self, x):
        a, b = x, -x
        for _ in range(3):
            a = self.fc(a)
            b = self.fc(b)
        return a + b


class Diamond(nn.Module):
    """Two ways and a sum in each step."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 5)

    def forward(self, x):
        for _ in range(3):
            x = self.fc(x)
            x = torch.sin(x) + torch.cos(x)
        return x


class CollectsOutputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 5)

    def forward(self, x):
        seen = []
        for _ in range(3):
            x = self.fc(x)
            seen.append(x * 2)
        return torch.stack(seen)


class KeyValueCache(nn.Module):
    """Attention over a cache that grows with each step."""

    def __init__(self) -> None:
        super().__init__()
        self.key = nn.Linear(5, 5)

    def forward(self, x):
        cache = x[:0]
        for _ in range(3):
            cache = torch.cat([cache, self.key(x)])
            x = torch.softmax(x @ cache.t(), dim=-1) @ cache
        return x


class DepthOfTheInput(nn.Module):
    """As many steps as the input says."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 5)

    def forward(self, x):
        steps = 0
        while steps < int(x.sum()):
            x = torch.tanh(self.fc(x)) * 0 + 1
            steps += 3
        return x


class InputInjected(nn.Module):
    """A loop body that starts without a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 5)

    def forward(self, x):
        y = x
        for _ in range(4):
            y = self.fc(torch.sin(y + x))
        return y


class InTurn(nn.Module):
    """Two states that read each other, step by step in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(5, 5), nn.Linear(5, 5)

    def forward(self, x):
        a, b = x, x
        for _ in range(2):
            a = torch.sin(self.left(a + b))
            b = torch.sin(self.right(b - a))
        return a + b
