"""torchvision's models: published weights, their stated input, and no weights unasked."""

from __future__ import annotations

import hashlib
import socket
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from lens_pipeline.errors import ModelError
from lens_pipeline.models.loading import load_model
from lens_pipeline.models.preprocessing import prepare
from lens_pipeline.models.resolve import resolve
from lens_pipeline.models.source import check_arguments
from lens_pipeline.models.spec import ModelSpec, Preprocessing
from lens_pipeline.models.torchvision_source import SOURCE, build, names

if TYPE_CHECKING:
    from pathlib import Path


def spec(name: str, weights: str = "random", **arguments: object) -> ModelSpec:
    return ModelSpec("torchvision", name, weights, arguments=tuple(arguments.items()))


def image() -> Image.Image:
    noise = np.random.default_rng(1).integers(0, 256, (301, 417, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def test_all_names_are_known() -> None:
    """Every registered model can be asked for by its name."""
    assert set(names()) == set(torchvision.models.list_models())


def test_the_default_weights_come_first() -> None:
    """DEFAULT is what torchvision says it is."""
    names = SOURCE.weight_names(spec("resnet50"))
    assert names == ("IMAGENET1K_V2", "IMAGENET1K_V1")


def test_an_unknown_model_is_named_with_the_nearest() -> None:
    """A typing error gives the nearest names."""
    with pytest.raises(ModelError, match=r"has no model 'resnet5'; nearest: resnet50"):
        SOURCE.weight_names(spec("resnet5"))


@pytest.mark.parametrize(
    "name",
    ["squeezenet1_1", "inception_v3", "googlenet", "fcn_resnet50", "ssdlite320_mobilenet_v3_large"],
)
def test_random_weights_reach_for_no_network(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the weights nor those of a backbone are fetched, and nothing is warned about."""

    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    build(spec(name))


@pytest.mark.parametrize("argument", ["weights", "weights_backbone", "pretrained"])
def test_weights_cannot_come_in_as_an_argument(argument: str) -> None:
    """What is loaded is said by model.weights alone."""
    given = ModelSpec("torchvision", "fcn_resnet50", arguments=((argument, "DEFAULT"),))
    with pytest.raises(ModelError, match=r"say which weights with model\.weights"):
        check_arguments(given)


def test_arguments_reach_the_builder() -> None:
    """`arguments` are the builder's own."""
    module = build(spec("squeezenet1_1", num_classes=7)).module
    assert module.get_parameter("classifier.1.bias").shape == (7,)


def test_a_refused_argument_is_named() -> None:
    """What the builder raises is one sentence."""
    words = r"Building resnet18 \(torchvision\) with arguments \{'bogus': 1\} failed: TypeError"
    with pytest.raises(ModelError, match=words):
        build(spec("resnet18", bogus=1))


@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v3_small", "efficientnet_b3"])
def test_the_input_is_prepared_as_the_weights_state(name: str) -> None:
    """The recorded values give the bits of torchvision's own transform."""
    stated = build(spec(name)).stated
    assert stated is not None
    preset = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    assert torch.equal(prepare(image(), stated), preset(image()))


def test_a_detection_model_gets_the_bare_image() -> None:
    """Detection models resize and normalise by themselves."""
    stated = build(spec("ssdlite320_mobilenet_v3_large")).stated
    preset = torchvision.models.detection.SSDLite320_MobileNet_V3_Large_Weights.DEFAULT
    assert stated is not None
    assert torch.equal(prepare(image(), stated), preset.transforms()(image()))


def test_a_video_model_is_refused() -> None:
    """Models of videos or image pairs say so."""
    with pytest.raises(ModelError, match="r3d_18 takes no still images"):
        build(spec("r3d_18"))


def publish(what: object, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a file into torch's cache as if it were the published weights of squeezenet1_1."""
    monkeypatch.setenv("TORCH_HOME", str(folder))
    checkpoints = folder / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    torch.save(what, checkpoints / "new.pth")
    digest = hashlib.sha256((checkpoints / "new.pth").read_bytes()).hexdigest()
    (checkpoints / "new.pth").rename(checkpoints / f"squeezenet1_1-{digest[:8]}.pth")
    weights = torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1
    url = f"https://download.pytorch.org/models/squeezenet1_1-{digest[:8]}.pth"
    monkeypatch.setattr(weights.value, "url", url)


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    """A squeezenet whose state dict lies in torch's cache as the published one would."""
    module = build(spec("squeezenet1_1")).module
    publish(module.state_dict(), tmp_path, monkeypatch)
    return module


class _Harmful:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.path), "w")


def test_published_weights_are_never_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code in a weights file does not run, even where the file's digest is as published."""
    harm = tmp_path / "harm"
    publish({"classifier.1.weight": _Harmful(harm)}, tmp_path, monkeypatch)
    resolved = resolve(spec("squeezenet1_1", "default"), assets="strict")
    with pytest.raises(ModelError):
        load_model(resolved.spec)
    assert not harm.exists()


def test_published_weights_are_found_and_loaded(trained: torch.nn.Module) -> None:
    """`default` becomes the weights' name, and the module holds what the file holds."""
    resolved = resolve(spec("squeezenet1_1", "default"), assets="strict")
    assert resolved.spec.weights == "IMAGENET1K_V1"
    assert [path.name[:14] for path in resolved.files] == ["squeezenet1_1-"]
    module = load_model(resolved.spec).module
    for name, value in trained.state_dict().items():
        assert torch.equal(module.state_dict()[name], value)


@pytest.mark.usefixtures("trained")
def test_damaged_published_weights_are_refused() -> None:
    """A file whose digest is not the one in its name is not loaded."""
    resolved = resolve(spec("squeezenet1_1", "IMAGENET1K_V1"), assets="auto")
    with resolved.files[0].open("ab") as file:
        file.write(b".")
    with pytest.raises(ModelError, match="is damaged or another file"):
        load_model(resolved.spec)


@pytest.mark.parametrize(
    ("photograph", "label", "share"),
    [
        ("photos/chelsea.png", 285, 0.55),
        ("photos/coffee.png", 967, 0.87),
        ("photos/rocket.jpg", 657, 0.47),
        ("boss/daisy_RE_15.png", 985, 1.00),
        ("boss/chainsaw_RE_12.png", 491, 0.72),
    ],
)
def test_a_trained_net_sees_what_is_there(
    test_data: Path, photograph: str, label: int, share: float
) -> None:
    """Real weights from a file, with the stated input, give the known top-1 classes."""
    weights = test_data / "weights" / "squeezenet1_1-onnxzoo.pth"
    resolved = resolve(spec("squeezenet1_1", str(weights)), assets="strict")
    model = load_model(resolved.spec)
    assert model.preprocessing == Preprocessing()
    with Image.open(test_data / photograph) as opened, torch.no_grad():
        values = model.transform(opened.convert("RGB"))
        shares = model.module(values[None]).softmax(1)[0]
    assert int(shares.argmax()) == label
    assert float(shares.max()) == pytest.approx(share, abs=0.006)
