"""Networks of no zoo: CORnets, recurrence, equilibria, graphs, diffusion."""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tests.conformance.entries import Entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.entries import Built


class EulerOde(nn.Module):
    """A neural ODE by Euler's method, after Chen et al. 2018 (arXiv 1806.07366)."""

    def __init__(self, steps: int = 10) -> None:
        super().__init__()
        self.field = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 4))
        self.steps = steps

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.steps):
            x = x + self.field(x) / self.steps
        return x


class SolvedOde(nn.Module):
    """A neural ODE in torchdiffeq's hands; its step size follows the data."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.field = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 4))
        self.method = method

    def forward(self, x: Tensor) -> Tensor:
        odeint = importlib.import_module("torchdiffeq").odeint
        times = torch.linspace(0.0, 1.0, 5)
        found: Tensor = odeint(lambda _, y: self.field(y), x, times, method=self.method)
        return found[-1]


class DeepEquilibrium(nn.Module):
    """A deep equilibrium model by plain iteration, after Bai et al. 2019 (arXiv 1909.01377)."""

    def __init__(self) -> None:
        super().__init__()
        self.inject, self.cell, self.head = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        u = self.inject(x)
        z = torch.zeros_like(u)
        for _ in range(50):
            following = torch.tanh(self.cell(z) / 2 + u)
            close = (following - z).norm() < 1e-4
            z = following
            if close:
                break
        return self.head(z)


class Tagger(nn.Module):
    """Words to tags by a recurrent layer."""

    def __init__(self, layer: Callable[..., nn.Module], *, bidirectional: bool) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 8)
        self.layer = layer(8, 12, num_layers=2, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(24 if bidirectional else 12, 5)

    def forward(self, words: Tensor) -> Tensor:
        found, _ = self.layer(self.words(words))
        return self.head(found)


class CellLoop(nn.Module):
    """A recurrent cell called once per time step."""

    def __init__(self, cell: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.cell, self.head = cell(6, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for step in x.unbind(1):
            state = self.cell(step, state)
        return self.head(state[0] if isinstance(state, tuple) else state)


class PackedReader(nn.Module):
    """Sequences of several lengths through a packed LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(6, 8, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        found, _ = self.layer(packed)
        padded, _ = nn.utils.rnn.pad_packed_sequence(found, batch_first=True)
        return padded


class GraphNet(nn.Module):
    """Two graph layers and a readout of the whole graph."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        layers = importlib.import_module("torch_geometric.nn")
        layer = getattr(layers, kind)
        self.first, self.second = _graph_layer(layer, 5, 8), _graph_layer(layer, 8, 3)
        self.pool = layers.global_mean_pool

    def forward(self, x: Tensor, edges: Tensor, graph: Tensor) -> Tensor:
        return self.pool(self.second(torch.relu(self.first(x, edges)), edges), graph)


def _graph_layer(layer: Callable[..., nn.Module], n_in: int, n_out: int) -> nn.Module:
    if layer.__name__ == "GINConv":
        return layer(nn.Sequential(nn.Linear(n_in, n_out), nn.ReLU(), nn.Linear(n_out, n_out)))
    return layer(n_in, n_out)


def _points() -> Tensor:
    return torch.randn(2, 4)


def _ode(build: Callable[[], nn.Module]) -> Built:
    return build().eval(), _points()


def _tagger(layer: Callable[..., nn.Module], *, bidirectional: bool = False) -> Built:
    return Tagger(layer, bidirectional=bidirectional).eval(), torch.randint(0, 20, (2, 7))


def _cells(cell: Callable[..., nn.Module]) -> Built:
    return CellLoop(cell).eval(), torch.randn(2, 5, 6)


def _packed() -> Built:
    return PackedReader().eval(), (torch.randn(3, 5, 6), torch.tensor([5, 3, 2]))


def _encoder() -> Built:
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    return encoder.eval(), torch.randn(2, 5, 16)


def _cornet(name: str) -> Built:
    from lens_pipeline.models import cornet

    model: nn.Module = getattr(cornet, name)()
    return model.eval(), torch.rand(1, 3, 64, 64)


def _graph(kind: str) -> Built:
    edges = torch.tensor([[0, 1, 1, 2, 3, 4, 4, 5], [1, 0, 2, 1, 4, 3, 5, 4]])
    return GraphNet(kind).eval(), (torch.randn(6, 5), edges, torch.tensor([0, 0, 0, 1, 1, 1]))


def _diffusion(name: str) -> Built:
    diffusers: Any = importlib.import_module("diffusers")

    small: dict[str, Any] = {"sample_size": 16, "block_out_channels": (8, 16), "norm_num_groups": 4}
    sample, time = torch.randn(1, 4, 16, 16), torch.tensor([7])
    if name == "unet_2d":
        blocks = {
            "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
            "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
        }
        unet = diffusers.UNet2DModel(in_channels=4, out_channels=4, **small, **blocks)
        return unet.eval(), {"sample": sample, "timestep": time}
    if name == "autoencoder_kl":
        return diffusers.AutoencoderKL(norm_num_groups=4, block_out_channels=(8,)).eval(), {
            "sample": torch.randn(1, 3, 16, 16)
        }
    unet = diffusers.UNet2DConditionModel(
        **small,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=12,
        attention_head_dim=4,
    )
    words = torch.randn(1, 3, 12)
    return unet.eval(), {"sample": sample, "timestep": time, "encoder_hidden_states": words}


def entries() -> list[Entry]:
    """Return the Entries of this file."""
    some = functools.partial
    found = [
        Entry(f"cornet/{name}", "cornet", "lens_pipeline", some(_cornet, name))
        for name in ("cornet_z", "cornet_r", "cornet_rt", "cornet_s")
    ]
    recurrent: dict[str, Callable[[], Built]] = {
        "lstm": some(_tagger, nn.LSTM),
        "lstm_bidirectional": some(_tagger, nn.LSTM, bidirectional=True),
        "gru": some(_tagger, nn.GRU),
        "rnn": some(_tagger, nn.RNN),
        "lstm_cell": some(_cells, nn.LSTMCell),
        "gru_cell": some(_cells, nn.GRUCell),
        "lstm_packed": _packed,
    }
    found += [Entry(f"recurrent/{name}", "recurrent", "torch", b) for name, b in recurrent.items()]
    found += [
        Entry("torch/transformer_encoder", "attention", "torch", _encoder),
        Entry("ode/euler", "ode and equilibrium", "torch", some(_ode, EulerOde)),
        Entry("deq/iteration", "ode and equilibrium", "torch", some(_ode, DeepEquilibrium)),
    ]
    found += [
        Entry(
            f"ode/torchdiffeq_{method}",
            "ode and equilibrium",
            "torchdiffeq",
            some(_ode, some(SolvedOde, method)),
        )
        for method in ("rk4", "dopri5")
    ]
    found += [
        Entry(f"graph/{kind}", "graph", "torch_geometric", some(_graph, kind))
        for kind in ("GCNConv", "GATConv", "SAGEConv", "GINConv")
    ]
    found += [
        Entry(f"diffusers/{name}", "diffusion", "diffusers", some(_diffusion, name))
        for name in ("unet_2d", "unet_2d_condition", "autoencoder_kl")
    ]
    return found
