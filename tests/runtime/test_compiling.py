"""A compiled pass gives the values of its taps."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lens_pipeline.runtime.compiling import compiled
from lens_pipeline.runtime.hooks import Tap
from tests.runtime.models import Chain

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _forget() -> None:
    """Compiled code of other tests is not to be found."""
    torch.compiler.reset()
    compiled.cache_clear()


@pytest.mark.filterwarnings("ignore")
def test_values_are_those_of_the_model() -> None:
    """Also of one that is overwritten later, and of a module that is called twice."""
    torch.manual_seed(0)
    model = nn.Sequential(Chain(), nn.ReLU())
    x = torch.randn(3, 4)
    taps = (Tap(0, "0.first", 1, 0, 1), Tap(1, "0.second", 1, 0, 1, copied=True))
    with torch.no_grad():
        forward = compiled(model, taps)
        for batch in (x, x + 1):
            values = forward(batch)
            first = model[0].first(batch)
            torch.testing.assert_close(values[0], first)
            torch.testing.assert_close(values[1], model[0].second(torch.tanh(first)))
    assert compiled(model, taps) is forward
    assert not any(module._forward_hooks for module in model.modules())
