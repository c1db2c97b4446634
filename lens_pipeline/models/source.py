"""What a source of models must offer; each source is one module beside this one.

A source knows which weights are published for its models, what their authors state about the
input, and how to build a module. It never decides between weights: `resolve` does.
Importing a source imports neither torch nor the library behind it.
"""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import ModelError
from lens_pipeline.models.spec import arguments_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import torch
    from PIL.Image import Image
    from torch import nn

    from lens_pipeline.models.published import Published
    from lens_pipeline.models.spec import ModelSpec, Preprocessing

    Transform = Callable[[Image], torch.Tensor]

# What a builder calls the argument that asks for trained weights, and the value that asks for none.
_UNTRAINED = {
    "weights": None,
    "weights_backbone": None,
    "pretrained": False,
    "pretrained_backbone": False,
}

# The ends of file names that mark `weights` as a path rather than a weight name.
_FILE_ENDS = (".pth", ".pt", ".th", ".tar", ".bin", ".ckpt", ".safetensors")


@dataclass(frozen=True)
class Built:
    """A module as its source made it."""

    module: nn.Module
    # what the authors of the weights state about the input; None if nobody does
    stated: Preprocessing | None = None
    # the user's own transform, which replaces `stated`; None if there is none
    transform: Transform | None = None


@dataclass(frozen=True)
class Source:
    """Where models come from; the functions raise ModelError for what they do not know."""

    # names of the weights published for a model, the default first; () if there are none
    weight_names: Callable[[ModelSpec], tuple[str, ...]]
    # where one of them lies
    published: Callable[[ModelSpec, str], Published]
    # builds the module with initial weights, or with the named published weights
    build: Callable[[ModelSpec], Built]
    # files besides the weights that the module is made from
    files: Callable[[ModelSpec], tuple[Path, ...]] = lambda _: ()


def is_path(weights: str) -> bool:
    """Whether `weights` of a spec means a file rather than a weight name.

    >>> is_path("runs/last"), is_path("best.pth"), is_path("IMAGENET1K_V1")
    (True, True, False)
    """
    return "/" in weights or "\\" in weights or weights.endswith(_FILE_ENDS)


def untrained(builder: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that keep `builder` from loading weights of its own.

    Only arguments that it declares and that are not `given`, so that constructing a model with
    random weights never reaches for the network.
    """
    try:
        declared = inspect.signature(builder).parameters
    except (TypeError, ValueError):
        return {}
    return {
        name: value for name, value in _UNTRAINED.items() if name in declared and name not in given
    }


def check_arguments(spec: ModelSpec) -> None:
    """Raise ModelError for an argument that would load weights behind the back of the spec."""
    for name in _UNTRAINED:
        if name in dict(spec.arguments):
            raise ModelError(
                f"model.arguments.{name} is not possible for {spec.name} ({spec.source}); "
                "say which weights with model.weights."
            )


@contextmanager
def building(spec: ModelSpec) -> Iterator[None]:
    """Turn whatever a builder raises into a ModelError that names the model."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise ModelError(
            f"Building {spec.target or spec.name} ({spec.source}) with arguments "
            f"{arguments_of(spec)} failed: {type(error).__name__}: {reason}."
        ) from error
