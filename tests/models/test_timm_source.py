"""timm's models, where timm is installed: names and tags, stated input, weights from the cache."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from lens_pipeline.errors import ModelError
from lens_pipeline.models import timm_source
from lens_pipeline.models.loading import load_model
from lens_pipeline.models.preprocessing import prepare
from lens_pipeline.models.resolve import resolve
from lens_pipeline.models.spec import ModelSpec
from lens_pipeline.models.timm_source import SOURCE, build

if TYPE_CHECKING:
    from pathlib import Path

NET = "test_resnet"


def spec(name: str = NET, weights: str = "random", **arguments: object) -> ModelSpec:
    return ModelSpec("timm", name, weights, arguments=tuple(arguments.items()))


def test_a_missing_timm_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without timm the message says how to get it."""
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModelError, match=r"pip install 'lens-pipeline\[timm\]'"):
        resolve(spec(weights="default"), assets="auto")


class TestWithTimm:
    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        pytest.importorskip("timm", reason="timm is not installed")

    @pytest.fixture(autouse=True)
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """An empty cache of the Hugging Face hub."""
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        return tmp_path

    def test_the_tag_in_the_name_or_timms_own_comes_first(self) -> None:
        """resnet18.a2_in1k has a2_in1k as its default, resnet18 what timm takes."""
        assert SOURCE.weight_names(spec("resnet18"))[0] == "a1_in1k"
        assert SOURCE.weight_names(spec("resnet18.a2_in1k"))[0] == "a2_in1k"

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("resnet18x", "has no model 'resnet18x'; nearest: resnet18"),
            ("resnet18.a9_in1k", "no weights 'a9_in1k' for resnet18; nearest: a"),
        ],
    )
    def test_unknown_names_are_refused(self, name: str, words: str) -> None:
        """An unknown architecture or tag gives the nearest."""
        with pytest.raises(ModelError, match=words):
            build(spec(name))

    @pytest.mark.parametrize(
        "name", ["test_resnet", "test_vit2", "mobilenetv3_small_050", "eva02_tiny_patch14_224"]
    )
    def test_the_input_is_prepared_as_timm_prepares_it(self, name: str) -> None:
        """The recorded values give the bits of timm's own evaluation transform."""
        data = importlib.import_module("timm.data")
        built = build(spec(name))
        config = data.resolve_model_data_config(built.module)
        noise = np.random.default_rng(1).integers(0, 256, (301, 417, 3), dtype=np.uint8)
        image = Image.fromarray(noise)
        assert built.stated is not None
        assert torch.equal(prepare(image, built.stated), data.create_transform(**config)(image))

    def test_squashing_models_squash(self) -> None:
        """timm's crop_mode squash is our resize_mode squash."""
        config = {"input_size": (3, 32, 48), "crop_pct": 1.0, "crop_mode": "squash"}
        config |= {"interpolation": "bicubic", "mean": (0.5,) * 3, "std": (0.5,) * 3}
        stated = timm_source._stated(spec(), config)
        assert (stated.resize, stated.resize_mode, stated.crop) == ((32, 48), "squash", (32, 48))
        with pytest.raises(ModelError, match="pads its images"):
            timm_source._stated(spec(), config | {"crop_mode": "border"})

    def test_an_image_size_given_as_argument_sets_the_input(self) -> None:
        """A transformer built for another size gets images of that size."""
        stated = build(spec("test_vit2", img_size=96)).stated
        assert stated is not None
        assert stated.crop == 96

    def test_published_weights_come_from_the_hubs_cache(self, cache: Path) -> None:
        """A file where huggingface_hub keeps it is found and loaded, with no network."""
        safetensors = pytest.importorskip("safetensors.torch")
        absent = resolve(spec(weights="default"), assets="auto")
        assert absent.stand_in is not None
        assert not absent.missing[0].exists()
        trained = build(spec()).module
        folder = cache / "models--timm--test_resnet.r160_in1k"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text("0" * 40)
        file = folder / "snapshots" / ("0" * 40) / "model.safetensors"
        file.parent.mkdir(parents=True)
        safetensors.save_file(trained.state_dict(), file)
        assert absent.missing[0].exists()
        resolved = resolve(spec(weights="default"), assets="strict")
        assert (resolved.spec.weights, resolved.files) == ("r160_in1k", (file,))
        module = load_model(resolved.spec).module
        for name, value in trained.state_dict().items():
            assert torch.equal(module.state_dict()[name], value)

    def test_offline_forbids_the_hub(self) -> None:
        """LENS_OFFLINE=1 holds for timm's weights too."""
        with pytest.raises(ModelError, match="LENS_OFFLINE=1 forbids"):
            resolve(spec(weights="r160_in1k"), assets="auto")
