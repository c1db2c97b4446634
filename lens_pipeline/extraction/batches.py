"""From stimulus files to batches of model inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.errors import StimulusError
from lens_pipeline.stimulus_set import decode_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import PIL.Image
    import torch

    Transform = Callable[[PIL.Image.Image], torch.Tensor]


def load_example(path: Path, transform: Transform) -> torch.Tensor:
    """Return one stimulus as a model input of shape (channel, row, col), float32.

    Raises StimulusError naming the file if it cannot be decoded or prepared.
    """
    image = decode_image(path)
    try:
        return transform(image)
    except (ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise StimulusError(
            f"{path} ({image.width} x {image.height} pixels) cannot be prepared for the model: "
            f"{reason}; check the preprocessing."
        ) from error


def batches(
    paths: Sequence[Path], transform: Transform, *, batch_size: int
) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield (position of the first stimulus, inputs of shape (batch, channel, row, col)).

    Raises StimulusError if the stimuli of a batch come out in different shapes.
    """
    import torch

    for start in range(0, len(paths), batch_size):
        chosen = paths[start : start + batch_size]
        inputs = [load_example(path, transform) for path in chosen]
        for path, one in zip(chosen, inputs, strict=True):
            if one.shape != inputs[0].shape:
                raise StimulusError(
                    f"{path} gives an input of shape {tuple(one.shape)} where {chosen[0]} gives "
                    f"{tuple(inputs[0].shape)}; set model.preprocessing.crop so that all agree."
                )
        yield start, torch.stack(inputs)
