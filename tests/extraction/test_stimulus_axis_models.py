"""Windows, heads and time merged with the batch: every op by stimulus, as if it had run alone."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from lens_pipeline.extraction.stimulus_axis import (
    LARGE,
    SMALL,
    StimulusAxis,
    difference,
    find_axis,
    stimuli_first,
)
from lens_pipeline.tracer.run import trace


class Windows(nn.Module):
    """Two by two windows of a map are attended to one by one, the batch being the slow part."""

    def __init__(self) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        b, c, h, w = x.shape
        x = x.view(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 3, 5, 1).reshape(-1, 4, c)
        x = self.attend(x, x, x)[0]
        x = x.view(b, h // 2, w // 2, 2, 2, c)
        return x.permute(0, 5, 1, 3, 2, 4).reshape(b, c, h, w)


class WindowsOutside(nn.Module):
    """The windows are the slow part, heads the fast one: stimuli are in the middle."""

    def forward(self, x):
        b, c, h, w = x.shape
        x = x.view(b, 2, c // 2, h // 2, 2, w).permute(3, 0, 1, 2, 4, 5)
        x = x.reshape((h // 2) * b * 2, c // 2, 2, w)
        x = torch.tanh(x)
        return x.view(h // 2, b, -1).transpose(0, 1).flatten(1)


class TimeMerged(nn.Module):
    """Frames of a clip go through a convolution as if they were stimuli; then a recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.rnn = nn.GRU(4, 5)

    def forward(self, clip):
        frames = clip.transpose(1, 2).flatten(0, 1)
        seen = self.conv(frames).relu().mean((2, 3))
        return self.rnn(seen.unflatten(0, (len(clip), -1)).transpose(0, 1))[0][-1]


def small_mvit() -> nn.Module:
    """Two blocks of torchvision's multiscale video transformer, with pooled attention."""
    from torchvision.models.video.mvit import MSBlockConfig, MViT

    blocks = [
        MSBlockConfig(1, 8, 16, [3, 3, 3], [3, 3, 3], [1, 1, 1], [1, 2, 2]),
        MSBlockConfig(2, 16, 16, [3, 3, 3], [3, 3, 3], [1, 2, 2], [1, 1, 1]),
    ]
    return MViT(
        (32, 32),
        4,
        blocks,
        residual_pool=True,
        residual_with_cls_embed=False,
        rel_pos_embed=True,
        proj_after_attn=True,
    )


# name -> model, shape of one stimulus
MODELS = {
    "windows": (Windows, (8, 4, 4)),
    "stimuli in the middle": (WindowsOutside, (4, 6, 3)),
    "frames": (TimeMerged, (3, 5, 6, 6)),
    "heads": (lambda: nn.TransformerEncoderLayer(8, 4, 16), (8,)),
    "swin_t": (lambda: torchvision.models.swin_t(weights=None), (3, 64, 64)),
    "swin_v2_t": (lambda: torchvision.models.swin_v2_t(weights=None), (3, 64, 64)),
    "mvit": (small_mvit, (3, 4, 32, 32)),
    "r3d_18": (lambda: torchvision.models.video.r3d_18(weights=None), (3, 4, 16, 16)),
}
# models whose input has the stimuli second
SEQUENCES = {"heads"}
NOTHING_MERGED = {"mvit", "r3d_18"}


@pytest.mark.parametrize("name", MODELS)
def test_every_stimulus_comes_out_as_if_it_were_alone(name: str) -> None:
    """The rows of a batch are the values of each stimulus in a forward pass of its own."""
    build, shape = MODELS[name]
    torch.manual_seed(0)
    model = build().eval()
    x = torch.randn(LARGE, *shape)
    if name in SEQUENCES:
        x = torch.randn(5, LARGE, *shape)
        batches = [x[:, :SMALL], x, *x.split(1, dim=1)]
    else:
        batches = [x[:SMALL], x, *x.split(1)]
    with torch.no_grad():
        small, large, *alone = (trace(model, batch) for batch in batches)
    n_merged = 0
    for op in large.ops:
        place = find_axis(small.ops[op.index], op)
        if isinstance(place, str):
            assert place == "it does not depend on the stimuli", op.label
            continue
        n_merged += place.merged > 1
        rows = stimuli_first(op.value, place)
        assert len(rows) == LARGE
        for row, one in zip(rows, alone, strict=True):
            own = stimuli_first(one.ops[op.index].value, place)
            assert difference(row[None], own) < 1e-5, op.label
    assert n_merged or name in NOTHING_MERGED


def test_stimuli_in_the_middle_are_found() -> None:
    """A merged axis of windows, stimuli and heads comes apart into two axes of units."""
    x = torch.randn(LARGE, 4, 6, 3)
    small, large = (trace(WindowsOutside(), batch) for batch in (x[:SMALL], x))
    op = next(op for op in large.ops if op.name == "tanh")
    place = find_axis(small.ops[op.index], op)
    assert place == StimulusAxis(0, 6, outer=3)
    assert tuple(stimuli_first(op.value, place).shape) == (LARGE, 3, 2, 2, 2, 3)
