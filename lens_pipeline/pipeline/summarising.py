"""The summary of the config's model on one of its stimuli, from the command line."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from lens_pipeline.pipeline.config import read_config

if TYPE_CHECKING:
    from collections.abc import Mapping


def summarise(plain: Mapping[str, Any]) -> str:
    """Return the table of the modules of the config's model, with the totals below it.

    It goes as deep as `draw.depth`, 0 being all the way down. The structure and the sizes are the
    same with any weights, so none are fetched for it. Raises LensError if the model cannot be
    loaded, or cannot be run on one of the config's stimuli.
    """
    import torch

    from lens_pipeline.drawing.summary import summary
    from lens_pipeline.extraction import load_example
    from lens_pipeline.models.loading import load_model
    from lens_pipeline.models.resolve import resolve
    from lens_pipeline.pipeline.config import model_spec
    from lens_pipeline.pipeline.inputs import find_stimuli, stimulus_paths
    from lens_pipeline.pipeline.run import torch_threads
    from lens_pipeline.tracer.run import trace

    config = read_config(plain)
    loaded = load_model(resolve(model_spec(config), assets="auto", download=False).spec)
    image = stimulus_paths(find_stimuli(config).stimuli)[0]
    with torch.no_grad(), torch_threads(config.runtime.threads):
        traced = trace(loaded.module, load_example(image, loaded.transform)[None], keep=None)
    named = dataclasses.replace(traced, model_name=loaded.spec.name)
    return summary(named, depth=config.draw.depth)
