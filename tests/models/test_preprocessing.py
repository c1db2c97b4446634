"""The transform of the input, held beside torchvision's own presets, and its settings."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as reference
from torchvision.transforms._presets import ImageClassification, SemanticSegmentation

from lens_pipeline.errors import ModelError
from lens_pipeline.models.preprocessing import (
    check_overrides,
    differences,
    prepare,
    transform_of,
    with_overrides,
)
from lens_pipeline.models.spec import Preprocessing

# width, height: wide, tall, square, of odd sides, and smaller than the crop
SIZES = [(300, 451), (175, 175), (640, 427), (97, 61), (256, 256)]


def photograph(size: tuple[int, int]) -> Image.Image:
    width, height = size
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest", "lanczos"])
def test_equal_to_torchvisions_classification_preset(size: tuple[int, int], mode: str) -> None:
    """Shorter side, central crop and normalisation give torchvision's bits."""
    preset = ImageClassification(
        crop_size=224, resize_size=232, interpolation=InterpolationMode(mode)
    )
    ours = Preprocessing(resize=232, interpolation=mode, crop=224)  # type: ignore[arg-type]
    image = photograph(size)
    assert torch.equal(prepare(image, ours), preset(image))


@pytest.mark.parametrize("crop", [300, (120, 257)])
def test_a_crop_larger_than_the_image_is_padded_as_torchvision_pads(
    crop: int | tuple[int, int],
) -> None:
    """What the crop has beyond the image is black before normalisation."""
    image = photograph((201, 130))
    expected = reference.pil_to_tensor(
        reference.center_crop(image, list(crop) if isinstance(crop, tuple) else [crop])
    )
    ours = prepare(image, Preprocessing(None, "none", crop=crop, mean=(), std=()))
    assert torch.equal(ours, expected / 255)


def test_equal_to_torchvisions_segmentation_preset() -> None:
    """Without a crop the longer side keeps its share."""
    image = photograph((97, 61))
    ours = Preprocessing(resize=120, crop=None)
    assert torch.equal(prepare(image, ours), SemanticSegmentation(resize_size=120)(image))


def test_squash_sets_both_sides() -> None:
    """Squash gives exactly the size asked for, as PIL resizes."""
    image = photograph((97, 61))
    ours = Preprocessing(resize=(50, 70), resize_mode="squash", crop=None, mean=(), std=())
    small = image.resize((70, 50), Image.Resampling.BILINEAR)
    assert torch.equal(prepare(image, ours), reference.to_tensor(small))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_without_antialias_it_samples_as_torchvision_samples_tensors(mode: str) -> None:
    """antialias=False is honoured, though PIL has no such thing."""
    image = photograph((97, 61))
    ours = Preprocessing(40, interpolation=mode, antialias=False, crop=None, mean=(), std=())  # type: ignore[arg-type]
    tensor = reference.pil_to_tensor(image)
    expected = reference.resize(tensor, [40], InterpolationMode(mode), antialias=False)
    assert torch.equal(prepare(image, ours), expected / 255)


def test_a_transform_can_be_sent_to_a_worker() -> None:
    """The transform survives pickling and gives contiguous float32."""
    transform = transform_of(Preprocessing())
    values = pickle.loads(pickle.dumps(transform))(photograph((64, 48)))
    assert values.dtype == torch.float32
    assert values.is_contiguous()
    assert torch.equal(values, transform(photograph((64, 48))))


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({}, Preprocessing()),
        ({"resize": 224}, Preprocessing(resize=224)),
        (
            {"resize": 224, "resize_mode": "squash", "crop": None},
            Preprocessing(resize=224, resize_mode="squash", crop=None),
        ),
        ({"resize": None}, Preprocessing(resize=None, resize_mode="none")),
        ({"resize_mode": "none"}, Preprocessing(resize=None, resize_mode="none")),
        ({"mean": (), "std": ()}, Preprocessing(mean=(), std=())),
    ],
)
def test_overrides_replace_what_is_stated(
    overrides: dict[str, Any], expected: Preprocessing
) -> None:
    """Only the named settings change."""
    assert with_overrides(Preprocessing(), tuple(overrides.items())) == expected


def test_a_resize_given_where_none_was_stated_is_not_ignored() -> None:
    """A detection model's images can be resized by naming a size alone."""
    stated = Preprocessing(resize=None, resize_mode="none")
    used = with_overrides(stated, (("resize", 200),))
    assert (used.resize, used.resize_mode) == (200, "shorter")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("resise", 224, "no setting 'resise'.*nearest: resize"),
        ("resize", -1, "resize=-1 is not possible; allowed: a positive int"),
        ("resize", True, "resize=True is not possible"),
        ("crop", (1, 2, 3), "crop=.* is not possible"),
        ("resize_mode", "longer", "allowed: shorter, squash, none"),
        ("interpolation", "cubic", "allowed: nearest, bilinear, bicubic, lanczos"),
        ("antialias", "yes", "allowed: true, false"),
        ("mean", (0.5,), r"allowed: \[\] or three numbers"),
        ("std", (1.0, 0.0, 1.0), "three positive numbers"),
    ],
)
def test_impossible_settings_are_refused(name: str, value: object, words: str) -> None:
    """The message names the setting and what it takes."""
    with pytest.raises(ModelError, match=words):
        check_overrides(((name, value),))


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"resize": (200, 300)}, "names two sides, which needs .*squash"),
        ({"interpolation": "lanczos", "antialias": False}, "lanczos always filters"),
        ({"mean": ()}, "go together"),
    ],
)
def test_settings_that_mean_nothing_together_are_refused(
    overrides: dict[str, Any], words: str
) -> None:
    """Each setting is possible, their combination is not."""
    with pytest.raises(ModelError, match=words):
        with_overrides(Preprocessing(), tuple(overrides.items()))


def test_differences_are_named() -> None:
    """What is not as stated is said field by field."""
    used = Preprocessing(resize=224, resize_mode="squash")
    assert differences(Preprocessing(), used) == (
        "resize 224 instead of 256",
        "resize_mode squash instead of shorter",
    )
    assert differences(used, used) == ()
