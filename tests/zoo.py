"""Tiny models, one odd thing each, named by it."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, triu

from tests.zoo_failing import (  # noqa: F401  one place to ask for any of them
    CatchesInside,
    DataDependent,
    MadeInForward,
    Raises,
    Scripted,
)


class Recurrent(nn.Module):
    """Four times (Linear, +1, x2)."""

    def __init__(self, times: int = 4) -> None:
        super().__init__()
        self.times = times
        self.fc = nn.Linear(5, 5)

    def forward(self, x):
        for _ in range(self.times):
            x = self.fc(x)
            x = x + 1
            x = x * 2
        return x


class ThreeSines(nn.Module):
    def forward(self, x):
        for _ in range(3):
            x = torch.sin(x)
        return x


class NestedLoops(nn.Module):
    """Twice (twice sin, then cos)."""

    def forward(self, x):
        for _ in range(2):
            for _ in range(2):
                x = torch.sin(x)
            x = torch.cos(x)
        return x


class ChangingScalar(nn.Module):
    def forward(self, x):
        for step in range(3):
            x = x + float(step)
        return x


class GrowingTensor(nn.Module):
    """A cache that is concatenated to at each step."""

    def forward(self, x):
        cache = x
        for _ in range(3):
            cache = torch.cat([cache, x])
        return cache


class TwoLoopsApart(nn.Module):
    """Two identical loops without parameters on different lines, another op between."""

    def forward(self, x):
        for _ in range(2):
            x = torch.sin(x)
        x = torch.cos(x)
        for _ in range(2):
            x = torch.sin(x)
        return x


class TwoLoopsOneLinear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 5)

    def forward(self, x):
        for _ in range(2):
            x = self.fc(x)
        x = torch.cos(x)
        for _ in range(3):
            x = self.fc(x)
        return x


class HandUnrolled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 5)

    def forward(self, x):
        x = self.fc(x)
        x = torch.relu(x)
        x = self.fc(x)
        return torch.relu(x)


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.m = nn.Sequential(nn.Linear(5, 5), nn.ReLU())

    def forward(self, x):
        return self.m(x) - self.m(2 * x)


class Tied(nn.Module):
    """One weight at two module addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(5, 5, bias=False)
        self.decoder = nn.Linear(5, 5, bias=False)
        self.decoder.weight = self.encoder.weight

    def forward(self, x):
        return self.decoder(torch.sin(self.encoder(x)))


class ResidualBlock(nn.Module):
    """One ReLU module, called after a normalisation and after the addition."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 3, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.conv2(y)
        y += x
        return self.relu(y)


class Stack(nn.Module):
    """A loop over a ModuleList with an addition written in the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(5, 5) for _ in range(3))

    def forward(self, x):
        for block in self.blocks:
            x = x + block(x)
        return x


class FunctionalStack(nn.Module):
    """A loop over different weights with F.linear and relu."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.ParameterList(torch.randn(5, 5) for _ in range(3))

    def forward(self, x):
        for weight in self.weights:
            x = F.relu(F.linear(x, weight))
        return x


class AlternatingBranch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 5)

    def forward(self, x):
        for step in range(4):
            x = self.fc(x)
            x = torch.sin(x) if step % 2 else torch.cos(x)
        return x


class WhileLoop(nn.Module):
    """Runs until the sum is large: three times for an input of ones."""

    def forward(self, x):
        while x.sum() < 30:
            x = x * 2
        return x


class TwiceInOneExpression(nn.Module):
    def forward(self, x):
        return torch.sin(torch.sin(x))


class InPlace(nn.Module):
    """The value before an in-place call differs from the one after it."""

    def forward(self, x):
        a = x * 1
        b = a.relu_()
        return b + 1


class InPlaceThroughView(nn.Module):
    """A write to a view changes what the base's later readers depend on."""

    def forward(self, x):
        a = x * 1
        a[:, 0].add_(10)
        return a * 2


class SetItem(nn.Module):
    def forward(self, x):
        a = x * 1
        a[0] = 7.0
        return a + 1


class ReturnsItsArgument(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout()
        self.same = nn.Identity()

    def forward(self, x):
        x = x.sin().contiguous()
        return self.same(self.dropout(x))


class TwoSlots(nn.Module):
    def forward(self, x):
        return x + x


class MultiOutput(nn.Module):
    def forward(self, x):
        a, b = x.split(2, dim=1)
        values, _ = b.max(dim=1)
        return a.sum(1) + values


class Recurrence(nn.Module):
    """An LSTM: one call, three output tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 3, batch_first=True)

    def forward(self, x):
        output, (hidden, _) = self.lstm(x)
        return output.sum() + hidden.sum()


class MadeInside(nn.Module):
    """Noise and positions that no input leads to."""

    def forward(self, x):
        return x + torch.rand(x.shape) + torch.arange(x.shape[-1])


class FromNumpy(nn.Module):
    """A constant comes in as a NumPy array."""

    def forward(self, x):
        return x + torch.from_numpy(np.ones(4, dtype="float32"))


class BoundBeforehand(nn.Module):
    """`from torch import triu`, bound before any trace."""

    def forward(self, x):
        return triu(x)


class Nested(nn.Module):
    """Takes and returns nested containers."""

    def forward(self, pair, *, scale):
        return {"sum": pair[0] + pair[1]["b"], "scaled": [scale * 2]}


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x)[0]
