"""Every torchvision classification model: all values as plain hooks see them, nothing missed."""

from __future__ import annotations

import warnings

import pytest
import torch
import torchvision
from torch.overrides import TorchFunctionMode

from lens_pipeline import trace
from tests.tracer.plain import hook_values

# Inputs as small as the architecture allows; 64 x 64 where it is not said.
SIZES = {"inception_v3": 75, "swin": 64, "vit": 224, "maxvit_t": 224, "alexnet": 64}

# More than 400 MB of weights, each of an architecture that a smaller model here shares.
LARGE = {
    *("vit_h_14", "vit_l_16", "vit_l_32", "vit_b_32", "convnext_large", "efficientnet_v2_l"),
    *("regnet_y_128gf", "regnet_y_32gf", "regnet_x_32gf", "wide_resnet101_2", "vgg11", "vgg13"),
    *("vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"),
}

NAMES = torchvision.models.list_models(module=torchvision.models)


class _Inert(TorchFunctionMode):
    """Changes nothing but what an active mode does: fused attention is not used."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


def _size(name: str) -> int:
    return SIZES.get(name) or SIZES.get(name.split("_", maxsplit=1)[0], 64)


def _build(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return torchvision.models.get_model(name, weights=None).eval()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.huge] if n in LARGE else []) for n in NAMES]
)
def test_every_module_output_equals_its_hook(name: str) -> None:
    """Each module call that returns one tensor has the hook's bits, and the trace is complete."""
    model = _build(name)
    x = torch.rand(1, 3, _size(name), _size(name))
    with torch.no_grad():
        with _Inert():
            seen = hook_values(model, x)
        traced = trace(model, x)
    assert traced.complete, traced.gaps
    calls = [call for call in traced.module_calls if call.address in seen]
    assert len(calls) == sum(map(len, seen.values()))
    for call in calls:
        value = traced.ops[call.outputs[0]].value
        assert torch.equal(value, seen[call.address][call.number - 1]), call.address
