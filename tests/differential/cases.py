"""The models on which two tracers are compared, each with its input, seeded.

Imports neither of the two tracers: both sides build the same model and the same input from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.nn.utils import parametrizations

from lens_pipeline.models import cornet
from tests import zoo

if TYPE_CHECKING:
    from collections.abc import Callable

# a model and what `model(*inputs)` takes
Case = tuple[nn.Module, tuple[Any, ...]]


class Calling(nn.Module):
    """A model whose forward is a function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.function(*inputs)


class ParameterOut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight


def disjoint_views(x: torch.Tensor) -> torch.Tensor:
    y = x * 1
    one, other = y[:2], y[2:]
    one.add_(1)
    other.mul_(2)
    return y + 1


def base_of_a_view(x: torch.Tensor) -> torch.Tensor:
    y = x * 1
    view = y[:2]
    y.add_(1)
    return view * 2


def copy_into_a_part(x: torch.Tensor) -> torch.Tensor:
    y = torch.zeros(5, 5)
    y[1:3].copy_(x[1:3])
    return y


def dead_end(x: torch.Tensor) -> torch.Tensor:
    torch.rand(3)
    return x + 1


def masks(x: torch.Tensor) -> torch.Tensor:
    y = x * 1
    y[y > 0.5] = 0
    mask = torch.triu(torch.ones(5, 5), diagonal=1).bool()
    return torch.where(x > 0.2, y, x).masked_fill(mask, -1.0).softmax(-1)


def rows(x: torch.Tensor) -> torch.Tensor:
    total = torch.zeros(5)
    for row in x:
        total = total + row
    return torch.stack([total, *x.unbind(0)]).permute(1, 0)


def arithmetic(x: torch.Tensor) -> torch.Tensor:
    return -abs(+x) + (1 - x) / (2 / (x + 1)) ** 2 % 3 // 1


def library(x: torch.Tensor) -> torch.Tensor:
    roi = torchvision.ops.roi_align(x, torch.tensor([[0, 0, 0, 4, 4.0]]), 2)
    return torch.ops.aten.relu(roi) + torch.einsum("bcij,bcjk->bcik", roi, roi)


def regions(x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        y = x + 1
    with torch.autocast("cpu", dtype=torch.bfloat16):
        z = y @ x
    return z.float() + y


def interpolate(x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(F.pad(x, (1, 1)), scale_factor=2, mode="bilinear")


def sparse_product(x: torch.Tensor) -> torch.Tensor:
    return torch.sparse.mm((x * (x > 0.5)).to_sparse(), x)


def square() -> torch.Tensor:
    return torch.rand(5, 5)


def image(side: int = 64) -> torch.Tensor:
    return torch.rand(1, 3, side, side)


def vision(name: str, side: int = 64, **options: Any) -> Callable[[], Case]:
    return lambda: (torchvision.models.get_model(name, weights=None, **options), (image(side),))


def calling(function: Callable[..., Any]) -> Callable[[], Case]:
    return lambda: (Calling(function), (square(),))


def small_vit() -> Case:
    model = torchvision.models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32
    )
    return model, (image(32),)


CASES: dict[str, Callable[[], Case]] = {
    "recurrent": lambda: (zoo.Recurrent(), (square(),)),
    "hand-unrolled": lambda: (zoo.HandUnrolled(), (square(),)),
    "siamese": lambda: (zoo.Siamese(), (square(),)),
    "tied": lambda: (zoo.Tied(), (square(),)),
    "residual block": lambda: (zoo.ResidualBlock(), (image(8),)),
    "stack": lambda: (zoo.Stack(), (square(),)),
    "functional stack": lambda: (zoo.FunctionalStack(), (square(),)),
    "alternating branch": lambda: (zoo.AlternatingBranch(), (square(),)),
    "while loop": lambda: (zoo.WhileLoop(), (torch.ones(2, 2),)),
    "growing tensor": lambda: (zoo.GrowingTensor(), (square(),)),
    "several outputs": lambda: (zoo.MultiOutput(), (square()[:, :4],)),
    "lstm": lambda: (zoo.Recurrence(), (torch.rand(2, 3, 4),)),
    "made inside": lambda: (zoo.MadeInside(), (square(),)),
    "bound beforehand": lambda: (zoo.BoundBeforehand(), (square(),)),
    "returns its argument": lambda: (zoo.ReturnsItsArgument(), (square(),)),
    "attention": lambda: (zoo.Attention(), (torch.rand(2, 3, 4),)),
    "in place": lambda: (zoo.InPlace(), (square(),)),
    "in place through a view": lambda: (zoo.InPlaceThroughView(), (square(),)),
    "setitem": lambda: (zoo.SetItem(), (square(),)),
    "cornet_z": lambda: (cornet.cornet_z(), (image(),)),
    "cornet_r": lambda: (cornet.cornet_r(), (image(),)),
    "cornet_rt": lambda: (cornet.cornet_rt(), (image(),)),
    "cornet_s": lambda: (cornet.cornet_s(), (image(),)),
    "alexnet": vision("alexnet"),
    "vgg11": vision("vgg11", 32),
    "resnet18": vision("resnet18"),
    "squeezenet1_1": vision("squeezenet1_1"),
    "mobilenet_v3_small": vision("mobilenet_v3_small"),
    "densenet121": vision("densenet121", 32),
    "googlenet": vision("googlenet", init_weights=False),
    "shufflenet_v2_x0_5": vision("shufflenet_v2_x0_5"),
    "efficientnet_b0": vision("efficientnet_b0", 32),
    "convnext_tiny": vision("convnext_tiny", 32),
    "regnet_y_400mf": vision("regnet_y_400mf", 32),
    "swin_v2_t": vision("swin_v2_t", 64),
    "vit": small_vit,
    "disjoint views": calling(disjoint_views),
    "base of a view": calling(base_of_a_view),
    "copy into a part": calling(copy_into_a_part),
    "dead end": calling(dead_end),
    "input returned": calling(lambda x: x),
    "masks": calling(masks),
    "rows": calling(rows),
    "arithmetic": calling(arithmetic),
    "regions": calling(regions),
    "library": lambda: (Calling(library), (image(8),)),
    "interpolate": lambda: (Calling(interpolate), (image(8),)),
    "weight norm": lambda: (parametrizations.weight_norm(nn.Linear(5, 5)), (square(),)),
    "spectral norm": lambda: (parametrizations.spectral_norm(nn.Linear(5, 5)), (square(),)),
    "parameter returned": lambda: (ParameterOut(), (square(),)),
    "sparse product": calling(sparse_product),
    "attention without gradients": lambda: (zoo.Attention(), (torch.rand(2, 3, 4),)),
    "encoder layer without gradients": lambda: (
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        (torch.rand(2, 4, 8),),
    ),
}


def build(name: str) -> tuple[nn.Module, tuple[Any, ...], bool]:
    """Return the model of a case in eval mode, its inputs, and whether gradients are on."""
    torch.manual_seed(0)
    model, inputs = CASES[name]()
    return model.eval(), inputs, "without gradients" not in name
