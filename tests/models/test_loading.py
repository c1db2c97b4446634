"""A resolved spec becomes a module: seeded, in eval mode, filled, with its input's transform."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image

from lens_pipeline.errors import ModelError
from lens_pipeline.models.loading import load_model
from lens_pipeline.models.spec import ModelSpec, Preprocessing
from lens_pipeline.models.state_dicts import digest_weights

if TYPE_CHECKING:
    from pathlib import Path


def spec(weights: str = "random", seed: int = 0, **preprocessing: object) -> ModelSpec:
    return ModelSpec(
        "cornet", "cornet_z", weights, seed=seed, preprocessing=tuple(preprocessing.items())
    )


def test_the_seed_decides_the_weights() -> None:
    """One seed gives one digest, whatever was drawn before; another seed gives another."""
    torch.manual_seed(1)
    first = load_model(spec())
    torch.manual_seed(2)
    assert load_model(spec()).weights_digest == first.weights_digest
    assert load_model(spec(seed=1)).weights_digest != first.weights_digest


def test_the_callers_random_numbers_are_untouched() -> None:
    """Building a model draws nothing from the caller's generator."""
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    load_model(spec())
    assert torch.equal(torch.rand(3), expected)


def test_the_module_is_ready_to_run() -> None:
    """Eval mode, float32, and the digest of what it holds."""
    model = load_model(spec())
    assert not any(module.training for module in model.module.modules())
    assert {value.dtype for value in model.module.parameters()} == {torch.float32}
    assert model.weights_digest == digest_weights(model.module)


def test_half_precision_weights_are_loaded_as_float32(tmp_path: Path) -> None:
    """The file's values survive, in the module's type."""
    state = {name: v.half() for name, v in load_model(spec()).module.state_dict().items()}
    torch.save(state, tmp_path / "half.pth")
    weight = load_model(spec(str(tmp_path / "half.pth"))).module.get_parameter("V1.conv.weight")
    assert weight.dtype == torch.float32
    assert torch.equal(weight, state["V1.conv.weight"].float())


@pytest.mark.parametrize("weights", ["default", "IMAGENET1K_V9"])
def test_an_unresolved_spec_is_refused(weights: str) -> None:
    """Weights that nobody settled never become random ones."""
    with pytest.raises(ModelError, match=f"weights '{weights}' of cornet_z are not resolved"):
        load_model(spec(weights))


def test_the_stated_preprocessing_is_used() -> None:
    """Without settings the authors' preparation is what is done, silently."""
    model = load_model(spec())
    assert model.preprocessing == model.stated == Preprocessing()
    assert model.transform(Image.new("RGB", (300, 400))).shape == (3, 224, 224)


def test_a_difference_from_what_is_stated_is_warned_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Replaced settings are used, both are kept, and a warning names the difference."""
    with caplog.at_level(logging.WARNING):
        model = load_model(spec(resize=64, resize_mode="squash", crop=None))
    assert model.stated == Preprocessing()
    assert model.preprocessing == Preprocessing(64, "squash", crop=None)
    assert model.transform(Image.new("RGB", (300, 400))).shape == (3, 64, 64)
    assert "resize 64 instead of 256; resize_mode squash instead of shorter" in caplog.text
