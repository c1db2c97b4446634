"""From a decoded RGB image to a model's input, as a Preprocessing says it.

With the values that torchvision or timm state for their weights, the result equals theirs to the
bit (a test holds them side by side). Preprocessing is data: what the authors of the weights state,
what the user replaced, and where the two differ can all be recorded.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any, get_args

from lens_pipeline.errors import ModelError, nearest
from lens_pipeline.models.spec import Interpolation, Preprocessing, ResizeMode

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from PIL.Image import Image, Resampling

_FIELDS = tuple(field.name for field in dataclasses.fields(Preprocessing))
_SIZE = "a positive int, [height, width] or null"
_NUMBERS = "[] or three numbers"


def check_overrides(overrides: tuple[tuple[str, Any], ...]) -> None:
    """Raise ModelError for a field that Preprocessing lacks or a value that it does not take."""
    for name, value in overrides:
        if name not in _FIELDS:
            raise ModelError(
                f"Preprocessing has no setting {name!r} (model.preprocessing.{name}); "
                f"{nearest(name, _FIELDS)}."
            )
        accepts, allowed = _ACCEPTED[name]
        if not accepts(value):
            raise ModelError(
                f"model.preprocessing.{name}={value!r} is not possible; allowed: {allowed}."
            )


def with_overrides(stated: Preprocessing, overrides: tuple[tuple[str, Any], ...]) -> Preprocessing:
    """Return `stated` with the fields that the user replaced.

    A new `resize` alone keeps the stated mode, or sets the shorter side where nothing was resized;
    `resize=null` turns resizing off. Raises ModelError as `check_overrides` does, and for values
    that mean nothing together.
    """
    check_overrides(overrides)
    chosen = dict(overrides)
    if "resize" in chosen and "resize_mode" not in chosen and stated.resize_mode == "none":
        chosen["resize_mode"] = "shorter"
    return _consistent(dataclasses.replace(stated, **chosen))


def transform_of(preprocessing: Preprocessing) -> Callable[[Image], torch.Tensor]:
    """Return the function from an RGB image to a (channel, row, col) float32 tensor.

    It can be pickled.
    """
    return functools.partial(prepare, preprocessing=preprocessing)


def prepare(image: Image, preprocessing: Preprocessing) -> torch.Tensor:
    """Return an RGB image as (channel, row, col) float32: resized, cropped, normalised."""
    return normalised(framed(image, preprocessing), preprocessing)


def framed(image: Image, preprocessing: Preprocessing) -> torch.Tensor:
    """Return an RGB image as (channel, row, col) uint8: resized and cropped, not yet normalised."""
    pixels = _resized(image, preprocessing)
    return pixels if preprocessing.crop is None else _central(pixels, *_pair(preprocessing.crop))


def normalised(pixels: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """Return framed pixels as float32, of zero mean and unit deviation over the training set."""
    import torch

    values = pixels.float() / 255
    if not preprocessing.mean:
        return values.contiguous()
    mean = torch.tensor(preprocessing.mean).view(-1, 1, 1)
    std = torch.tensor(preprocessing.std).view(-1, 1, 1)
    return values.sub(mean).div_(std).contiguous()


def differences(stated: Preprocessing, used: Preprocessing) -> tuple[str, ...]:
    """Say field by field where the preparation used is not the one stated.

    >>> differences(Preprocessing(), Preprocessing(resize=224))
    ('resize 224 instead of 256',)
    """
    pairs = ((name, getattr(used, name), getattr(stated, name)) for name in _FIELDS)
    return tuple(f"{name} {now} instead of {then}" for name, now, then in pairs if now != then)


def _consistent(chosen: Preprocessing) -> Preprocessing:
    if chosen.resize is None or chosen.resize_mode == "none":
        chosen = dataclasses.replace(chosen, resize=None, resize_mode="none")
    if chosen.resize_mode == "shorter" and isinstance(chosen.resize, tuple):
        raise ModelError(
            f"model.preprocessing.resize={list(chosen.resize)} names two sides, which needs "
            "model.preprocessing.resize_mode=squash; for the shorter side give one number."
        )
    if chosen.interpolation == "lanczos" and not chosen.antialias:
        raise ModelError(
            "model.preprocessing.interpolation=lanczos always filters; "
            "use bilinear or bicubic with model.preprocessing.antialias=false."
        )
    if bool(chosen.mean) != bool(chosen.std):
        raise ModelError(
            "model.preprocessing.mean and .std go together; give both or set both to []."
        )
    return chosen


def _resized(image: Image, preprocessing: Preprocessing) -> torch.Tensor:
    """Return the image as (channel, row, col) uint8 of the size asked for."""
    if preprocessing.resize is None:
        return _pixels(image)
    width, height = image.size
    rows, cols = _target(height, width, preprocessing)
    if (rows, cols) == (height, width):
        return _pixels(image)
    if preprocessing.antialias or preprocessing.interpolation == "nearest":
        return _pixels(image.resize((cols, rows), _resampling(preprocessing.interpolation)))
    return _sampled(_pixels(image), (rows, cols), preprocessing.interpolation)


def _target(height: int, width: int, preprocessing: Preprocessing) -> tuple[int, int]:
    resize = preprocessing.resize
    assert resize is not None
    if preprocessing.resize_mode == "squash" or isinstance(resize, tuple):
        return _pair(resize)
    # The longer side is rounded down, as torchvision does.
    if width <= height:
        return int(resize * height / width), resize
    return resize, int(resize * width / height)


def _pixels(image: Image) -> torch.Tensor:
    import numpy as np
    import torch

    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def _sampled(pixels: torch.Tensor, size: tuple[int, int], interpolation: str) -> torch.Tensor:
    """Resize without a low-pass filter, which PIL cannot do."""
    import torch
    from torch.nn import functional

    batch = pixels[None].float()
    resized = functional.interpolate(batch, size, mode=interpolation, align_corners=False)
    return resized[0].clamp(0, 255).round().to(torch.uint8)


def _central(pixels: torch.Tensor, rows: int, cols: int) -> torch.Tensor:
    """Crop the centre, with a black border where the image is smaller than the crop."""
    from torch.nn import functional

    height, width = pixels.shape[-2:]
    more_rows, more_cols = max(rows - height, 0), max(cols - width, 0)
    if more_rows or more_cols:
        sides = (more_cols // 2, (more_cols + 1) // 2, more_rows // 2, (more_rows + 1) // 2)
        pixels = functional.pad(pixels, sides)
        height, width = pixels.shape[-2:]
    top, left = round((height - rows) / 2), round((width - cols) / 2)
    return pixels[:, top : top + rows, left : left + cols]


def _resampling(interpolation: str) -> Resampling:
    from PIL.Image import Resampling

    return Resampling[interpolation.upper()]


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def _is_size(value: Any) -> bool:
    sides = value if isinstance(value, tuple) and len(value) == 2 else (value,)
    return value is None or all(type(side) is int and side > 0 for side in sides)


def _is_three_numbers(value: Any) -> bool:
    return isinstance(value, tuple) and (
        not value or (len(value) == 3 and all(isinstance(number, int | float) for number in value))
    )


# field -> (whether it takes a value, what it takes)
_ACCEPTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "resize": (_is_size, _SIZE),
    "resize_mode": (lambda value: value in get_args(ResizeMode), ", ".join(get_args(ResizeMode))),
    "interpolation": (
        lambda value: value in get_args(Interpolation),
        ", ".join(get_args(Interpolation)),
    ),
    "antialias": (lambda value: isinstance(value, bool), "true, false"),
    "crop": (_is_size, _SIZE),
    "mean": (_is_three_numbers, _NUMBERS),
    "std": (
        lambda value: _is_three_numbers(value) and all(number > 0 for number in value),
        "[] or three positive numbers",
    ),
}
