"""Modes undo what they change, also after an exception."""

from __future__ import annotations

import torch
from torch import nn

from lens_pipeline.runtime.settings import exact_pass, fast_pass, has_bfloat16
from lens_pipeline.tracer.run import trace


def test_exact_pass_uses_no_fused_attention() -> None:
    """The bits are those of the operations that a trace shows."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    x = torch.randn(2, 5, 8)
    with exact_pass():
        assert not torch.is_grad_enabled()
        assert not torch.backends.mha.get_fastpath_enabled()
        assert torch.equal(layer(x), trace(layer, x).ops[-1].value)
    assert torch.backends.mha.get_fastpath_enabled()
    assert torch.is_grad_enabled()


def test_fast_pass_is_inference_in_the_precision_asked_for() -> None:
    """Convolutions and products are bfloat16 where `half`, float32 otherwise."""
    net, x = nn.Linear(2, 2), torch.ones(1, 2)
    for half, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        with fast_pass("cpu", half=half):
            y = net(x)
        assert y.dtype == dtype
        assert y.is_inference()
    assert not torch.is_autocast_enabled("cpu")
    assert not torch.is_inference_mode_enabled()


def test_bfloat16_is_known_by_device() -> None:
    """A device that nobody knows gains nothing."""
    assert has_bfloat16("cpu") in (True, False)
    assert not has_bfloat16("meta")
