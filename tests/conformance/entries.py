"""What an entry of the catalogue is.

A model stands in the catalogue as a function that builds it, so that a model that cannot even be
built still has its row.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    # the model, with random weights, and the inputs as `trace` takes them
    Built = tuple[torch.nn.Module, Any]

# library as the catalogue names it -> its distribution
DISTRIBUTIONS = {
    "lens_pipeline": "lens-pipeline",
    "torch": "torch",
    "torchvision": "torchvision",
    "timm": "timm",
    "transformers": "transformers",
    "diffusers": "diffusers",
    "torch_geometric": "torch-geometric",
    "torchdiffeq": "torchdiffeq",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the catalogue."""

    # unique: "torchvision/resnet18", "torchvision-quantized/resnet18"
    name: str
    # what kind of network: "classification", "language", "optical flow"
    family: str
    # key of DISTRIBUTIONS: what must be installed
    library: str
    # builds the model in eval mode, called with the generators seeded; downloads nothing
    build: Callable[[], Built]


def installed(library: str) -> bool:
    """Say whether a library of the catalogue can be imported."""
    return importlib.util.find_spec(library) is not None


def version(library: str) -> str:
    """Return the version of an installed library; of a source tree without metadata, nothing."""
    try:
        return importlib.metadata.version(DISTRIBUTIONS[library])
    except importlib.metadata.PackageNotFoundError:
        return ""
