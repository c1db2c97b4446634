"""AlexNet, whose layers the documents of TorchLens name, traced once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
import torchvision

from lens_pipeline.compat import torchlens as tl

if TYPE_CHECKING:
    from lens_pipeline.compat.history import ModelHistory


@pytest.fixture(scope="package")
def alexnet() -> torch.nn.Module:
    torch.manual_seed(0)
    return torchvision.models.alexnet(weights=None).eval()


@pytest.fixture(scope="package")
def image() -> torch.Tensor:
    return torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="package")
def history(alexnet: torch.nn.Module, image: torch.Tensor) -> ModelHistory:
    return tl.log_forward_pass(alexnet, image, layers_to_save="all", random_seed=7)
