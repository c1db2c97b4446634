"""FLOPs against torch's counter on whole models, and autograd's bytes against what it saved."""

from __future__ import annotations

import random

import pytest
import torch
import torchvision.models
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from lens_pipeline import trace
from lens_pipeline.columns import table
from tests import zoo


class Products(nn.Module):
    """Matrix products in many spellings, some of them of vectors, transposed or broadcast."""

    def __init__(self) -> None:
        super().__init__()
        self.bilinear = nn.Bilinear(4, 4, 3)
        self.cell = nn.GRUCell(4, 4)

    def forward(self, x):
        y = torch.einsum("ij,kj->ik", x, x) @ x
        y = torch.addmm(y, y, torch.eye(4)) + F.linear(y, torch.ones(4, 4), bias=torch.ones(4))
        z = torch.matmul(y[None, None], torch.ones(3, 1, 4, 2)) + (y @ torch.ones(4)).sum()
        z = z + torch.baddbmm(torch.ones(3, 4, 2), torch.ones(3, 4, 4), torch.ones(3, 4, 2))
        z = z + torch.tensordot(y, torch.ones(4, 2), dims=1) + torch.dot(y[0], y[1])
        return self.bilinear(y, y), self.cell(y), torch.cdist(y, y), y.mm(y).__matmul__(y), z


class Convolutions(nn.Module):
    """One to three dimensions, grouped, dilated, transposed, without a batch."""

    def forward(self, x):
        y = F.conv1d(x, torch.ones(6, 2, 3), stride=2, padding=1, groups=2)
        y = F.conv_transpose1d(y, torch.ones(6, 5, 3), stride=2)
        z = F.conv3d(x[:, :, None, None], torch.ones(2, 4, 1, 1, 2), dilation=2)
        w = F.conv2d(x[:1], torch.ones(2, 1, 3, 3), padding="same")
        return y, z, w, nn.functional.conv2d(input=x[None], weight=torch.ones(2, 2, 1, 1))


class Attentions(nn.Module):
    """Scaled dot product attention with a mask, causal, across, and of fewer heads."""

    def forward(self, x):
        q = x.view(2, 3, 4, 5)
        mask = torch.zeros(4, 4)
        across = F.scaled_dot_product_attention(q, q[:, :, :2], q[:, :, :2])
        grouped = F.scaled_dot_product_attention(q, q[:, :1], q[:, :1], enable_gqa=True)
        masked = F.scaled_dot_product_attention(q, q, q, attn_mask=mask)
        return across + grouped + masked + F.scaled_dot_product_attention(q, q, q, is_causal=True)


class Autocast(nn.Module):
    """A product of two types, which autocast makes one."""

    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            return torch.einsum("ij,kj->ik", F.linear(x, torch.ones(3, 4)), torch.ones(5, 3))


_MODELS = {
    "autocast": lambda: (Autocast(), torch.randn(4, 4)),
    "products": lambda: (Products(), torch.randn(4, 4)),
    "convolutions": lambda: (Convolutions(), torch.randn(2, 4, 9)),
    "attentions": lambda: (Attentions(), torch.randn(120)),
    "encoder": lambda: (nn.TransformerEncoderLayer(8, 2, 16), torch.randn(3, 2, 8)),
    "gru": lambda: (nn.GRU(4, 3), torch.randn(5, 2, 4)),
    "alexnet": lambda: (torchvision.models.alexnet(), torch.randn(1, 3, 64, 64)),
    "googlenet": lambda: (
        torchvision.models.googlenet(init_weights=False, aux_logits=False),
        torch.randn(1, 3, 32, 32),
    ),
    "mobilenet_v3_small": lambda: (
        torchvision.models.mobilenet_v3_small(),
        torch.randn(1, 3, 32, 32),
    ),
    "vit": lambda: (
        torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32),
        torch.randn(2, 3, 32, 32),
    ),
}


@pytest.mark.parametrize("name", _MODELS)
def test_flops_are_those_of_torchs_counter(name: str) -> None:
    """Summed over the Ops of a model, they are what FlopCounterMode counts in a plain forward."""
    torch.manual_seed(0)
    model, x = _MODELS[name]()
    model.eval()
    found = table(trace(model, x, keep=None), columns=["flops", "macs"])
    # without gradients fused encoder layers run, for which the counter has no formula
    with FlopCounterMode(display=False) as counter:
        model(x)
    assert sum(found["flops"]) == counter.get_total_flops() > 0
    assert [2 * macs for macs in found["macs"]] == found["flops"]


def test_an_lstm_counts_its_products() -> None:
    """The fused kernel of the CPU has no formula; the same products step by step do."""
    found = table(trace(nn.LSTM(4, 5), torch.randn(7, 2, 4)), columns=["label", "flops"])
    gates = 7 * 2 * (4 * 20 + 5 * 20) * 2
    assert dict(zip(found["label"], found["flops"], strict=True))["lstm_1_3"] == gates
    assert sum(found["flops"]) == gates


def test_flops_of_layers_modules_and_the_model_add_up() -> None:
    """A module has those of the Ops inside it over all calls, a Layer those of its passes."""
    traced = trace(zoo.Recurrent(), torch.randn(2, 5))
    layers = table(traced, "layers", columns=["type", "flops"])
    assert layers["flops"] == [4 * 100 if kind == "linear" else 0 for kind in layers["type"]]
    assert table(traced, "modules", columns=["flops"])["flops"] == [400, 400]
    assert table(traced, "module_calls", columns=["flops"])["flops"] == [400, 100, 100, 100, 100]
    assert table(traced, "model", columns=["flops"])["flops"] == [400]


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2


class Custom(nn.Module):
    def forward(self, x):
        return Doubled.apply(x @ x)


def test_code_of_the_user_is_not_run_again(monkeypatch) -> None:
    """What an autograd.Function costs is unknown, as is then the sum; torch's own is known."""
    traced = trace(Custom(), torch.randn(2, 2))
    monkeypatch.setattr(Doubled, "forward", None)
    found = table(traced, columns=["type", "flops"])
    kinds = dict(zip(found["type"], found["flops"], strict=True))
    unknown = [kind for kind, flops in kinds.items() if flops is None]
    assert kinds["matmul"] == 16
    assert unknown in ([], ["doubled"], ["apply"])
    assert (table(traced, "model", columns=["flops"])["flops"] == [None]) is bool(unknown)


class Picks(nn.Module):
    """Shapes that depend on numbers: it cannot be run without them."""

    def forward(self, x):
        return x[x > 0].sum() + torch.nonzero(x).sum() + torch.unique(x).sum()


def test_picking_by_value_costs_nothing_and_leaves_no_mark() -> None:
    """What cannot be run on shapes alone but multiplies nothing is 0; no generator moves."""
    traced = trace(Picks(), torch.randn(3))
    torch.manual_seed(7)
    random.seed(7)
    before = torch.get_rng_state(), random.getstate(), torch.is_grad_enabled()
    found = table(traced, columns=["flops", "autograd_bytes"])
    assert {*found["flops"], *found["autograd_bytes"]} == {0}
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), torch.is_grad_enabled()) == before[1:]


_KEPT = {
    "linear": lambda x: F.linear(x, torch.ones(5, 4)),
    "relu": torch.relu,
    "relu_": lambda x: torch.relu_(x * 1),
    "mul": lambda x: x * x,
    "softmax": lambda x: x.softmax(-1),
    "layer_norm": lambda x: F.layer_norm(x, [4]),
    "max": lambda x: x.max(dim=1)[0],
    "sum": lambda x: x.sum(),
    "view": lambda x: x.view(-1),
    "eval_dropout": lambda x: F.dropout(x, training=False),
    "dropout": F.dropout,
    "conv1d": lambda x: F.conv1d(x[None], torch.ones(2, 3, 2)),
    "index_select": lambda x: x.index_select(0, torch.tensor([0, 2])),
}


class _Applied(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize("name", _KEPT)
def test_autograd_bytes_are_what_autograd_saves(name: str) -> None:
    """As many bytes as the hooks on saved tensors see in a plain forward of one operation."""
    x = torch.randn(3, 4, requires_grad=True)
    saved: list[int] = []

    def note(tensor):
        saved.append((tensor.untyped_storage()._cdata, tensor.untyped_storage().nbytes()))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        kept = _KEPT[name](x)
    found = table(trace(_Applied(_KEPT[name]), x), columns=["autograd_bytes"])["autograd_bytes"]
    assert kept.requires_grad
    assert sum(found) == sum(dict(saved).values())


def test_autograd_bytes_leave_out_parameters_and_know_what_they_do_not_know() -> None:
    """A weight is kept in any case; another kernel than the device's keeps other tensors."""
    x = torch.randn(3, 4, requires_grad=True)
    assert sum(table(trace(nn.Linear(4, 2), x), columns=["autograd_bytes"])["autograd_bytes"]) == 48
    with torch.no_grad():
        traced = trace(nn.LSTM(4, 2), x)
    assert set(table(traced, columns=["autograd_bytes"])["autograd_bytes"]) == {0}
    found = table(trace(nn.LSTM(4, 2), x), columns=["type", "autograd_bytes"])
    kinds = dict(zip(found["type"], found["autograd_bytes"], strict=True))
    assert kinds["lstm"] in (None, 0)
    assert None in found["autograd_bytes"]


def test_what_runs_under_a_transform_is_unknown() -> None:
    """The inside of vmap is code of the user, which is not run again: its cost is empty."""

    class Maps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(2, 2)
            self.register_buffer("shift", torch.zeros(2))

        def forward(self, x):
            return torch.vmap(lambda row: self.fc(row) + self.shift)(x)

    found = table(trace(Maps(), torch.ones(3, 2)), columns=["type", "flops"])
    assert found == {"type": ["input", "vmap", "output"], "flops": [0, None, 0]}
