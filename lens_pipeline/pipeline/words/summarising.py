"""The summary of the config's model on one of its stimuli, from the command line."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import ConfigError
from lens_pipeline.pipeline.config import read_config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lens_pipeline.pipeline.sections.drawing import DrawConfig


def summarise(plain: Mapping[str, Any]) -> str:
    """Return the table of the modules of the config's model, with the totals below it.

    It goes as deep as `draw.depth`, 0 being all the way down. Raises LensError for another
    setting of `draw`, and for a model that cannot be loaded, or run on one of the config's stimuli.
    """
    import torch

    from lens_pipeline.drawing.summary import summary
    from lens_pipeline.pipeline.job.examples import running, structural_example
    from lens_pipeline.pipeline.job.run import torch_threads
    from lens_pipeline.tracer.run import trace

    config = read_config(plain)
    _check_settings(config.draw)
    example = structural_example(config)
    with torch.no_grad(), torch_threads(config.runtime.threads), running(example):
        traced = trace(example.loaded.module, example.batch, keep=None)
    named = dataclasses.replace(traced, model_name=example.loaded.spec.name)
    return summary(named, depth=config.draw.depth)


def _check_settings(given: DrawConfig) -> None:
    for field in dataclasses.fields(given):
        if field.name != "depth" and getattr(given, field.name) != field.default:
            raise ConfigError(
                f"draw.{field.name} changes nothing in a summary; it goes as deep as draw.depth."
            )
