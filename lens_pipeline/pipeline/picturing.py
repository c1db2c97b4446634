"""The picture of the config's model, from the command line.

The model is the one that a run would use, with its weights, traced on the first stimulus; no value
is kept, since a picture needs none.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import TraceError
from lens_pipeline.pipeline.config import Config, read_config
from lens_pipeline.pipeline.console import announce, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lens_pipeline.models.loading import LoadedModel
    from lens_pipeline.tracer.trace import Trace


def draw_model(plain: Mapping[str, Any], *, sweep: bool = False) -> Path:
    """Draw the config's model as its section `draw` says, and return where the picture is.

    A job of a sweep that was given no file puts the model's name into that of the file. Raises
    LensError if the model cannot be loaded or traced, or the picture not drawn.
    """
    from lens_pipeline.drawing.pictures import check_ending
    from lens_pipeline.drawing.static import draw
    from lens_pipeline.models.loading import load_model
    from lens_pipeline.models.resolve import resolve
    from lens_pipeline.pipeline.config import model_spec
    from lens_pipeline.pipeline.inputs import find_stimuli, stimulus_paths
    from lens_pipeline.pipeline.run import torch_threads

    config = read_config(plain)
    path = _file(config, sweep=sweep)
    check_ending(path)
    found = find_stimuli(config)
    resolved = resolve(model_spec(config), assets=config.assets)
    announce(tuple(text for text in (resolved.stand_in, found.stand_in) if text))
    with torch_threads(config.runtime.threads):
        loaded = load_model(resolved.spec)
        traced = _traced(loaded, stimulus_paths(found.stimuli)[0], device=config.runtime.device)
    wanted = config.draw
    draw(
        dataclasses.replace(traced, model_name=loaded.spec.name),
        path,
        rolled=wanted.rolled,
        depth=wanted.depth,
        module=wanted.module or "",
        direction=wanted.direction,
        color=wanted.color,
        buffers=wanted.buffers,
    )
    say(f"the graph of {loaded.spec.name}: {path}")
    return path


def _file(config: Config, *, sweep: bool) -> Path:
    name = f"graph-{config.model.name}.svg" if sweep else "graph.svg"
    return config.draw.file or Path(name).absolute()


def _traced(loaded: LoadedModel, image: Path, *, device: str) -> Trace:
    import torch

    from lens_pipeline.extraction import load_example
    from lens_pipeline.pipeline.inputs import find_device
    from lens_pipeline.tracer.run import ForwardError, trace

    where = find_device(device)
    loaded.module.to(where)
    example = load_example(image, loaded.transform)[None].to(where)
    try:
        with torch.no_grad():
            return trace(loaded.module, example, keep=None)
    except ForwardError as error:
        raise TraceError(
            f"{loaded.spec.name} cannot take an input of shape {tuple(example.shape)}: {error} "
            "Check the preprocessing (resize, crop) and the model's arguments."
        ) from error
