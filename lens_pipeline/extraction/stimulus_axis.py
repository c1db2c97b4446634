"""Where the stimuli are in an operation's output, found by comparing two batch sizes.

The same stimuli are traced in a batch of two and in a batch of three. The axis that grows is the
stimulus axis. Where it is longer than the batch it was merged with another one (windows, heads,
time); whether stimuli are its slow or its fast part is read off the values, since the first two
stimuli must come out the same in both batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from lens_pipeline.tracer.records import Op

SMALL, LARGE = 2, 3


@dataclass(frozen=True)
class StimulusAxis:
    """How to bring the stimuli of an output to the front."""

    # axis of the output that counts stimuli
    axis: int
    # how many entries of that axis belong to one stimulus; 1 where nothing was merged
    merged: int
    # merged entries of one stimulus lie together (slow) or one batch apart (fast)
    stimulus_is_slow: bool = True


def find_axis(small: Op, large: Op) -> StimulusAxis | str:
    """Return the stimulus axis of an Op from its outputs for 2 and 3 stimuli, or why there is none.

    Both Ops need their values where an axis is merged.
    """
    if len(small.shape) != len(large.shape):
        return "its number of axes depends on the batch size"
    grown = [
        axis
        for axis, (few, many) in enumerate(zip(small.shape, large.shape, strict=True))
        if few != many
    ]
    if not grown:
        return "it does not depend on the stimuli"
    axis = grown[0]
    if len(grown) > 1 or small.shape[axis] * LARGE != large.shape[axis] * SMALL:
        return f"its shape is {small.shape} for two stimuli and {large.shape} for three"
    merged = small.shape[axis] // SMALL
    if merged == 1:
        return StimulusAxis(axis, 1)
    return _part(small, large, axis, merged)


def stimuli_first(value: Tensor, place: StimulusAxis) -> Tensor:
    """Return the output with shape (stimulus, *units); a merged axis becomes two."""
    if place.merged == 1:
        return value.movedim(place.axis, 0)
    n = value.shape[place.axis] // place.merged
    sizes = (n, place.merged) if place.stimulus_is_slow else (place.merged, n)
    apart: Tensor = value.unflatten(place.axis, sizes)
    return apart.movedim(place.axis + (0 if place.stimulus_is_slow else 1), 0)


def _part(small: Op, large: Op, axis: int, merged: int) -> StimulusAxis | str:
    if small.value is None or large.value is None:
        return "its value was not kept, so its merged axis cannot be told apart"
    for slow in (True, False):
        place = StimulusAxis(axis, merged, slow)
        few, many = (
            stimuli_first(op.value, place) for op in (small, large) if op.value is not None
        )
        if _same(few, many[:SMALL]):
            return place
    return "stimuli of one batch influence each other in it"


def _same(one: Tensor, other: Tensor) -> bool:
    if not one.is_floating_point():
        return bool((one == other).all())
    return bool(one.isclose(other, rtol=1e-3, atol=1e-5, equal_nan=True).all())
