"""From a resolved spec to a module that is ready to run, with the transform of its input.

Building draws from a generator of its own: the same spec gives the same weights, and the caller's
random numbers are untouched.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from lens_pipeline.errors import ModelError
from lens_pipeline.models.catalogue import source_of
from lens_pipeline.models.preprocessing import differences, transform_of, with_overrides
from lens_pipeline.models.source import is_path
from lens_pipeline.models.spec import ModelSpec, Preprocessing
from lens_pipeline.models.state_dicts import digest_weights, fill, read_state_dict

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image
    from torch import nn

    from lens_pipeline.models.source import Built

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedModel:
    """A model in eval mode and float32, on the CPU, and how its input is made."""

    # as it was resolved
    spec: ModelSpec
    module: nn.Module
    # what is done to each image; None if the user's own transform does it
    preprocessing: Preprocessing | None
    # what the authors of the weights state; None if nobody does
    stated: Preprocessing | None
    # RGB image -> (channel, row, col) float32
    transform: Callable[[Image], torch.Tensor]
    # of the state dict as it was loaded: names, types, shapes, bytes
    weights_digest: str


def load_model(spec: ModelSpec) -> LoadedModel:
    """Build the model, load its weights, and prepare the transform of its input.

    Raises ModelError if the spec is not resolved, the model cannot be built, its weights cannot
    be read or do not fit, or its preprocessing makes no sense.
    """
    _check_resolved(spec)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(spec.seed)
        built = source_of(spec).build(spec)
    if is_path(spec.weights):
        path = Path(spec.weights)
        fill(built.module, read_state_dict(path), what=f"The weights {path} and {spec.name}")
    module = built.module.eval().float()
    preprocessing, transform = _input_of(spec, built)
    return LoadedModel(
        spec=spec,
        module=module,
        preprocessing=preprocessing,
        stated=built.stated,
        transform=transform,
        weights_digest=digest_weights(module),
    )


def _check_resolved(spec: ModelSpec) -> None:
    """Refuse weights that a source would otherwise take for none."""
    if spec.weights == "random" or is_path(spec.weights):
        return
    if spec.weights not in source_of(spec).weight_names(spec):
        raise ModelError(
            f"The weights {spec.weights!r} of {spec.name} are not resolved; "
            "call lens_pipeline.models.resolve.resolve first."
        )


def _input_of(
    spec: ModelSpec, built: Built
) -> tuple[Preprocessing | None, Callable[[Image], torch.Tensor]]:
    if built.transform is not None:
        if spec.preprocessing:
            raise ModelError(
                f"model.target={spec.target} returns a transform of its own, so "
                "model.preprocessing must be empty."
            )
        return None, built.transform
    used = with_overrides(built.stated or Preprocessing(), spec.preprocessing)
    if built.stated and (changed := differences(built.stated, used)):
        _logger.warning(
            "The input of %s is not prepared as its weights' authors state: %s.",
            spec.name,
            "; ".join(changed),
        )
    return used, transform_of(used)
