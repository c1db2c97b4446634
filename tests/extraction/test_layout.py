"""The names of unit axes where an axis was merged with the stimuli."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lens_pipeline.extraction.layout import unit_names
from lens_pipeline.extraction.probe import probe
from lens_pipeline.extraction.stimulus_axis import StimulusAxis
from tests.extraction.test_probe import of_module


@pytest.mark.parametrize(
    ("shape", "place", "names"),
    [
        ((64, 49, 96), StimulusAxis(0, 64), ("axis_1", "token", "channel")),
        ((197, 12, 64), StimulusAxis(1, 12, outer=12), ("token", "axis_2", "channel")),
        ((3, 2, 8), StimulusAxis(0, 6, outer=3), ("axis_1", "axis_2", "axis_3")),
        ((197, 768), StimulusAxis(0, 197), ("token", "channel")),
        ((64, 56, 56), StimulusAxis(0, 1), ("channel", "row", "col")),
    ],
)
def test_what_was_merged_with_the_stimuli_is_no_feature_map(
    shape: tuple[int, ...], place: StimulusAxis, names: tuple[str, ...]
) -> None:
    """Windows and heads are an axis of their own; what is left are tokens and channels."""
    assert unit_names(shape, place) == names


class Windows(nn.Module):
    """Four windows of 16 tokens each, beside the batch while they are projected."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(3, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n = len(x)
        windows = x.view(n, 3, 2, 4, 2, 4).permute(0, 2, 4, 3, 5, 1).reshape(n * 4, 16, 3)
        return self.project(windows).reshape(n, -1)


def test_a_spatial_mean_leaves_windows_and_a_token_mean_is_within_them() -> None:
    """Averaging tokens and channels together would leave one number a window."""
    examples = torch.randn(3, 3, 8, 8)
    for chain, shape in (("spatial_mean", (4, 16, 5)), ("token_mean", (4, 5))):
        structure = probe(of_module(Windows()), ["project"], [chain], examples=examples)
        assert structure.layers[0].shape == shape
