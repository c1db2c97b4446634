"""Where the stimuli are in an operation's output, found by comparing two batch sizes.

The same stimuli are traced in a batch of two and in a batch of three. The axis that grows is the
stimulus axis. Where it is longer than the batch it was merged with others (windows, heads, time).
The first two stimuli must come out the same in both batches, which tells how the merged axis is to
be taken apart: of all ways, the one under which they differ least is the right one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from lens_pipeline.tracer.records import Op

SMALL, LARGE = 2, 3

# Rounding makes the values of a stimulus differ between two batches by about 1e-6 of the largest of
# them, 1e-3 in TF32 or in a very deep network; neighbours that have a part in them, by more.
TOLERANCE = 1e-2


@dataclass(frozen=True)
class StimulusAxis:
    """How to bring the stimuli of an output to the front."""

    # axis of the output that counts stimuli
    axis: int
    # how many entries of that axis belong to one stimulus; 1 where nothing was merged
    merged: int
    # how often the whole batch comes in that axis: 1 where the entries of a stimulus lie together,
    # `merged` where they lie one batch apart, a divisor of it where stimuli are in the middle
    outer: int = 1


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
    if not math.prod(large.shape):
        return f"its shape is {large.shape} for three stimuli, which holds no values"
    axis = grown[0]
    if len(grown) > 1 or small.shape[axis] * LARGE != large.shape[axis] * SMALL:
        return f"its shape is {small.shape} for two stimuli and {large.shape} for three"
    merged = small.shape[axis] // SMALL
    if merged == 1:
        return StimulusAxis(axis, 1)
    return _part(small, large, axis, merged)


def stimuli_first(value: Tensor, place: StimulusAxis) -> Tensor:
    """Return the output with shape (stimulus, *units).

    A merged axis becomes one axis of units, in the place where it was; where the stimuli were in
    its middle, it becomes the two axes on their sides.
    """
    if place.merged == 1:
        return value.movedim(place.axis, 0)
    outer, inner = place.outer, place.merged // place.outer
    n = value.shape[place.axis] // place.merged
    apart: Tensor = value.unflatten(place.axis, (outer, n, inner)).movedim(place.axis + 1, 0)
    if outer == 1:
        return apart.squeeze(place.axis + 1)
    return apart.squeeze(place.axis + 2) if inner == 1 else apart


def difference(one: Tensor, other: Tensor) -> float:
    """Return the largest difference of two equally shaped tensors over the largest magnitude.

    Of numbers that are not floating point, it is the share of those that differ. NaN where one is
    NaN and infinite where one is infinite are the same. 0 for empty tensors.
    """
    if one.shape != other.shape or one.dtype != other.dtype:
        return float("inf")
    if not one.numel():
        return 0.0
    if not (one.is_floating_point() or one.is_complex()):
        return float((one != other).double().mean())
    same = (one == other) | (one.isnan() & other.isnan())
    apart = (one - other).abs().masked_fill(same, 0).max()
    largest = one.abs().masked_fill(~one.isfinite(), 0).max()
    return float(apart.double() / largest.double()) if apart else 0.0


def _part(small: Op, large: Op, axis: int, merged: int) -> StimulusAxis | str:
    if small.value is None or large.value is None:
        return "its value was not kept, so its merged axis cannot be told apart"
    found: list[tuple[float, StimulusAxis]] = []
    for outer in _divisors(merged):
        place = StimulusAxis(axis, merged, outer)
        few, many = stimuli_first(small.value, place), stimuli_first(large.value, place)
        found.append((difference(few, many[:SMALL]), place))
        if found[-1][0] == 0:
            break
    least, place = min(found, key=lambda pair: pair[0])
    return place if least <= TOLERANCE else "stimuli of one batch influence each other in it"


def _divisors(number: int) -> list[int]:
    """Return 1, the number itself, then what else divides it: the commonest places first."""
    between = [part for part in range(2, number) if number % part == 0]
    return [1, number, *between]
