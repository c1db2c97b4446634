"""The stimulus axis is found from two batch sizes, wherever it is."""

from __future__ import annotations

import pytest
import torch

from lens_pipeline import trace
from lens_pipeline.extraction.stimulus_axis import StimulusAxis, find_axis, stimuli_first


class Arranged(torch.nn.Module):
    """Puts the stimuli of a (batch, 4, 6) input somewhere else."""

    def __init__(self, arrange) -> None:
        super().__init__()
        self.arrange = arrange

    def forward(self, x):
        return self.arrange(x) * 1


def axis_of(arrange) -> tuple[StimulusAxis | str, torch.Tensor, torch.Tensor]:
    """The axis found, the value for three stimuli, and the stimuli."""
    x = torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(0))
    model = Arranged(arrange)
    small, large = (trace(model, batch).ops[-1] for batch in (x[:2], x))
    assert large.value is not None
    return find_axis(small, large), large.value, x


ARRANGEMENTS = {
    "first": (lambda x: x, StimulusAxis(0, 1)),
    "last": (lambda x: x.permute(1, 2, 0), StimulusAxis(2, 1)),
    "merged, stimulus slow": (lambda x: x.reshape(-1, 6), StimulusAxis(0, 4)),
    "merged, stimulus fast": (
        lambda x: x.transpose(0, 1).reshape(-1, 6),
        StimulusAxis(0, 4, outer=4),
    ),
    "merged, not first": (
        lambda x: x.permute(2, 0, 1).reshape(6, -1),
        StimulusAxis(1, 4),
    ),
}


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_axis_is_found_and_brought_to_the_front(name: str) -> None:
    """Wherever the stimuli are, they come out first, each with its own numbers."""
    arrange, expected = ARRANGEMENTS[name]
    found, value, x = axis_of(arrange)
    assert found == expected
    assert isinstance(found, StimulusAxis)
    first = stimuli_first(value, found)
    assert len(first) == 3
    for row, stimulus in zip(first, x, strict=True):
        assert torch.equal(row.flatten().sort().values, stimulus.flatten().sort().values)


WITHOUT = {
    "it does not depend on the stimuli": lambda x: torch.arange(5.0),
    "its shape is (2, 2) for two stimuli": lambda x: x.flatten(1) @ x.flatten(1).T,
    "stimuli of one batch influence each other": lambda x: (x - x.mean(0)).reshape(-1, 6),
}


@pytest.mark.parametrize("reason", WITHOUT)
def test_output_without_a_stimulus_axis_says_why(reason: str) -> None:
    """An output that cannot be taken apart by stimulus is named with its reason."""
    found, _, _ = axis_of(WITHOUT[reason])
    assert isinstance(found, str)
    assert found.startswith(reason)
