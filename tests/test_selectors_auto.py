"""The layers of models without a preset, as lists a vision scientist can judge."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from lens_pipeline.selectors import auto_layers, parse_selectors, select
from lens_pipeline.tracer.run import trace

RESNET = "maxpool layer1 layer2 layer3 layer4 avgpool fc"
EXPECTED = {
    ("resnet18", 64): RESNET,
    ("resnet50", 64): RESNET,
    ("alexnet", 224): (
        "features.2 features.5 features.7 features.9 features.12 "
        "classifier.2 classifier.5 classifier.6"
    ),
    ("vgg11", 64): (
        "features.2 features.5 features.10 features.15 features.20 "
        "classifier.1 classifier.4 classifier.6"
    ),
    ("squeezenet1_1", 96): (
        "features.2 features.5 features.8 features.12 classifier.2 classifier.3"
    ),
    ("swin_t", 64): "features.1 features.3 features.5 features.7 avgpool head",
    ("convnext_tiny", 64): "features.1 features.3 features.5 features.7 avgpool classifier",
    ("densenet121", 64): (
        "features.pool0 features.denseblock1 features.denseblock2 features.denseblock3 "
        "features.denseblock4 classifier"
    ),
    ("googlenet", 96): "maxpool1 maxpool2 maxpool3 maxpool4 inception5b avgpool fc",
    ("mobilenet_v3_small", 96): (
        "features.0 features.1 features.3 features.8 features.12 avgpool classifier.1 classifier.3"
    ),
    ("efficientnet_b0", 96): (
        "features.1 features.2 features.3 features.5 features.8 avgpool classifier"
    ),
}


def layers(model, *shape):
    with torch.no_grad():
        traced = trace(model.eval(), torch.zeros(1, *shape), keep=None)
    names = auto_layers(traced)
    assert [one.name for one in select(traced, parse_selectors(list(names)))] == list(names)
    return list(names)


def build(name):
    options = {"init_weights": False} if name == "googlenet" else {}
    return torchvision.models.get_model(name, weights=None, **options)


@pytest.mark.parametrize(("name", "size"), EXPECTED)
def test_the_main_blocks_of_known_networks(name, size):
    """Stages of convolutional networks, pooled features, and the linear layers."""
    assert layers(build(name), 3, size, size) == EXPECTED[name, size].split()


def test_every_second_block_of_a_transformer(monkeypatch):
    """Twelve equal blocks are thinned evenly, the last among them."""
    model = torchvision.models.VisionTransformer(
        image_size=32, patch_size=16, num_layers=12, num_heads=2, hidden_dim=16, mlp_dim=16
    )
    blocks = [f"encoder.layers.encoder_layer_{number}" for number in range(12)]
    assert layers(model, 3, 32, 32) == ["conv_proj", *blocks[1::2], "heads"]
    monkeypatch.setattr("lens_pipeline.selectors.auto._MOST", 14)
    assert layers(model, 3, 32, 32) == ["conv_proj", *blocks, "heads"]
    monkeypatch.setattr("lens_pipeline.selectors.auto._MOST", 5)
    assert layers(model, 3, 32, 32) == ["conv_proj", blocks[3], blocks[7], blocks[11], "heads"]


def test_a_small_network_gives_all_its_blocks():
    """A block ends with its activation; dropout and flattening add nothing."""
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(),
        nn.Flatten(), nn.Linear(36, 5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 2),
    )  # fmt: skip
    assert layers(model, 3, 8, 8) == ["3", "7", "9"]


def test_a_wrapper_is_looked_through():
    """`module.` or `model.` around a network does not hide its blocks."""
    inner = build("resnet18")
    wrapped = nn.Sequential(nn.Sequential(inner))
    assert layers(wrapped, 3, 64, 64) == [f"0.0.{name}" for name in RESNET.split()]


class Steps(nn.Module):
    """One convolution visited four times."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x):
        x = self.stem(x)
        for _ in range(4):
            x = self.conv(x)
        return x


def test_a_recurrent_module_is_one_block_with_all_its_passes():
    """Auto chooses places; passes stay together."""
    traced = trace(Steps().eval(), torch.zeros(1, 3, 2, 2), keep=None)
    assert auto_layers(traced) == ("stem", "conv")
    (_, conv) = select(traced, parse_selectors(list(auto_layers(traced))))
    assert [number for number, _ in conv.ops] == [1, 2, 3, 4]


class Functions(nn.Module):
    """No submodule at all."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.eye(3))

    def forward(self, x):
        for _ in range(2):
            x = torch.tanh(torch.relu(x @ self.weight) + 1)
        return torch.softmax(x, -1)


def test_a_model_without_modules_gives_layers_of_its_operations(monkeypatch):
    """Evenly spaced, the last among them."""
    monkeypatch.setattr("lens_pipeline.selectors.auto._MOST", 2)
    names = layers(Functions(), 3)
    assert len(names) == 2
    assert names[-1].startswith("softmax")


def test_a_module_with_several_tensors_is_named_by_its_first():
    """An LSTM's sequence, not its states."""
    names = layers(nn.Sequential(nn.LSTM(3, 3)), 2, 3)
    assert names == ["0@0"]
