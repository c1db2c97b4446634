"""Five kinds of small networks, each a second of work: what the simulated sweep is made of."""

from __future__ import annotations

import itertools

import torch
from torch import nn


class Conv(nn.Module):
    """Three convolutions and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 8, 16, 32)
        self.blocks = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=2, padding=1)
            for before, after in itertools.pairwise(widths)
        )
        self.top = nn.Linear(32, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (stimulus, 16)."""
        for block in self.blocks:
            x = torch.relu(block(x))
        return self.top(x.mean((2, 3)))


class Residual(Conv):
    """The same with a shortcut around the second convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.short = nn.Conv2d(8, 16, 1, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (stimulus, 16)."""
        x = torch.relu(self.blocks[0](x))
        x = torch.relu(self.blocks[1](x) + self.short(x))
        return self.top(torch.relu(self.blocks[2](x)).mean((2, 3)))


class Recurrent(Conv):
    """The same, and the top applied four times."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.Linear(16, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (stimulus, 16)."""
        x = super().forward(x)
        for _ in range(4):
            x = torch.tanh(self.cell(x))
        return x


class Branching(Conv):
    """Two branches of other sizes, joined."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(3, 16, 7, stride=4, padding=3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (stimulus, 32)."""
        return torch.cat([super().forward(x), torch.relu(self.wide(x)).mean((2, 3))], 1)


class Attention(nn.Module):
    """Patches, one attention, a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, stride=8)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.top = nn.Linear(16, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (stimulus, 16)."""
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        mixed, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return self.top((tokens + mixed).mean(1))


def _seeded(kind: type[nn.Module], seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return kind()


def conv(seed: int = 0) -> nn.Module:
    """Return a Conv."""
    return _seeded(Conv, seed)


def residual(seed: int = 0) -> nn.Module:
    """Return a Residual."""
    return _seeded(Residual, seed)


def recurrent(seed: int = 0) -> nn.Module:
    """Return a Recurrent."""
    return _seeded(Recurrent, seed)


def branching(seed: int = 0) -> nn.Module:
    """Return a Branching."""
    return _seeded(Branching, seed)


def attention(seed: int = 0) -> nn.Module:
    """Return an Attention."""
    return _seeded(Attention, seed)


MODELS = (conv, residual, recurrent, branching, attention)
