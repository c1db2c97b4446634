"""From stimulus files to batches of model inputs, made ahead of their use in other threads."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from lens_pipeline.digests import digest_bytes, digest_value
from lens_pipeline.errors import StimulusError
from lens_pipeline.extraction.overlap import Seconds, counted, made_ahead
from lens_pipeline.extraction.prepared import frame_digest
from lens_pipeline.models.preprocessing import framed, normalised
from lens_pipeline.stimulus_set import decode_image, read_image
from lens_pipeline.task import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    import numpy as np
    import PIL.Image
    import torch

    from lens_pipeline.extraction.prepared import Prepared
    from lens_pipeline.models.loading import LoadedModel

    Transform = Callable[[PIL.Image.Image], torch.Tensor]
    # from a stimulus's file and the digest of its content to a model input
    Load = Callable[[Path, str], torch.Tensor]

# Threads that decode. Two keep up with a small network on one core, and leave it most of the other.
_THREADS = 2
# Batches that are made ahead of the one in use.
_AHEAD = 2


def load_example(path: Path, transform: Transform) -> torch.Tensor:
    """Return one stimulus as a model input of shape (channel, row, col), float32.

    Raises StimulusError naming the file if it cannot be decoded or prepared.
    """
    return _transformed(path, decode_image(path), transform)


def _transformed(path: Path, image: PIL.Image.Image, transform: Transform) -> torch.Tensor:
    try:
        return transform(image)
    except (ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise StimulusError(
            f"{path} ({image.width} x {image.height} pixels) cannot be prepared for the model: "
            f"{reason}; check the preprocessing."
        ) from error


def loader(loaded: LoadedModel, prepared: Prepared | None = None) -> Load:
    """Return what makes a model input of a file and the digest of its content.

    With `prepared`, pixels that an earlier model used in the same frame are taken from there. A
    user's own transform is always applied anew, since nobody knows what it depends on. A file that
    has other content by now is a StimulusError: its shard would say that it holds the old.
    """
    preprocessing = loaded.preprocessing
    if prepared is None or preprocessing is None:
        return lambda path, digest: _load_unchanged(path, loaded.transform, digest)
    frame = frame_digest(preprocessing, versions())

    def load(path: Path, digest: str) -> torch.Tensor:
        import torch

        def make() -> np.ndarray:
            pixels = _load_unchanged(path, lambda image: framed(image, preprocessing), digest)
            return pixels.numpy()

        pixels = prepared.fetch(digest_value([frame, digest]), make)
        return normalised(torch.from_numpy(pixels), preprocessing)

    return load


def _load_unchanged(path: Path, transform: Transform, digest: str) -> torch.Tensor:
    """Return a stimulus whose very bytes have the digest, since they are read once."""
    content = read_image(path)
    if digest_bytes(content) != digest:
        raise StimulusError(
            f"{path} was changed or removed after the run began; give the same command again, "
            "which computes what has changed."
        )
    return _transformed(path, decode_image(path, content), transform)


def batches(
    files: Sequence[tuple[Path, str]],
    load: Load,
    *,
    batch_size: int,
    seconds: Seconds | None = None,
) -> Generator[tuple[int, torch.Tensor], None, None]:
    """Yield (position of the first stimulus, inputs of shape (batch, channel, row, col)).

    `files` are paths with the digests of their content; decoding goes on in other threads, two
    batches ahead, and `seconds` takes down how long it took. Raises StimulusError if a file cannot
    be decoded, or the stimuli of a batch come out in different shapes.
    """
    spent = seconds or Seconds()

    def make(file: tuple[Path, str]) -> tuple[torch.Tensor, float]:
        start = time.perf_counter()
        return load(*file), time.perf_counter() - start

    ahead = _AHEAD * batch_size
    # closed here: Ctrl-C is lost in a generator that is collected while it waits for its threads
    with closing(made_ahead(make, files, threads=_THREADS, ahead=ahead)) as made:
        for start in range(0, len(files), batch_size):
            chosen = files[start : start + batch_size]
            with counted(spent, "waiting"):
                inputs, times = zip(*(next(made) for _ in chosen), strict=True)
            spent.decoding += sum(times)
            yield start, _stacked(inputs, [path for path, _ in chosen])


def _stacked(inputs: Sequence[torch.Tensor], paths: Sequence[Path]) -> torch.Tensor:
    import torch

    for path, one in zip(paths, inputs, strict=True):
        if one.shape != inputs[0].shape:
            raise StimulusError(
                f"{path} gives an input of shape {tuple(one.shape)} where {paths[0]} gives "
                f"{tuple(inputs[0].shape)}; set model.preprocessing.crop so that all agree."
            )
    return torch.stack(list(inputs))
