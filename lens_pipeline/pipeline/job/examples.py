"""The config's model with its first stimuli as one batch, for the commands that look at a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.pipeline.console import announce

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import torch

    from lens_pipeline.models.loading import LoadedModel
    from lens_pipeline.pipeline.config import Config


@dataclass(frozen=True)
class Example:
    """A model and what to run it on."""

    # its module is where the batch is
    loaded: LoadedModel
    # (stimulus, channel, row, col), float32
    batch: torch.Tensor
    # name of the stimulus set
    stimuli: str
    # one sentence per asset that something stands in for
    stand_ins: tuple[str, ...]


def structural_example(config: Config) -> Example:
    """Return the model with any weights, on the CPU; none are fetched, and nothing is announced.

    Structure and sizes are the same with any. Raises LensError for what is not there.
    """
    return _example(config, n=1, weights=False)


def example_of(config: Config, *, n: int) -> Example:
    """Return the model that a run would use, on its device, with the first `n` stimuli.

    Stand-ins are announced. Raises LensError for what is not there.
    """
    return _example(config, n=n, weights=True)


def running(example: Example) -> AbstractContextManager[None]:
    """Name the model and the shape of its input in the TraceError of one that cannot take it."""
    from lens_pipeline.extraction.probe import taking

    return taking(example.loaded, example.batch)


def _example(config: Config, *, n: int, weights: bool) -> Example:
    import torch

    from lens_pipeline.extraction import load_example
    from lens_pipeline.models.loading import load_model
    from lens_pipeline.models.resolve import resolve
    from lens_pipeline.pipeline.config import model_spec
    from lens_pipeline.pipeline.job.inputs import find_device, find_stimuli, stimulus_paths

    found = find_stimuli(config)
    assets = config.assets if weights else "auto"
    resolved = resolve(model_spec(config), assets=assets, download=weights)
    stand_ins = tuple(text for text in (resolved.stand_in, found.stand_in) if text)
    if weights:
        announce(stand_ins)
    loaded = load_model(resolved.spec)
    paths = stimulus_paths(found.stimuli)[:n]
    batch = torch.stack([load_example(path, loaded.transform) for path in paths])
    device = find_device(config.runtime.device) if weights else "cpu"
    loaded.module.to(device)
    return Example(loaded, batch.to(device), found.stimuli.name, stand_ins)
