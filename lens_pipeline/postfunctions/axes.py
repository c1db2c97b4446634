"""The names of a layer's unit axes, and the interface of every postfunction.

`Dims` names each axis of a tensor but the first, which counts stimuli.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Dims: TypeAlias = tuple[str, ...]

_BY_RANK: dict[int, Dims] = {
    0: (),
    1: ("feature",),
    2: ("token", "channel"),
    3: ("channel", "row", "col"),
}


class Postfunction(Protocol):
    """A function of a tensor (stimulus, *units) and the names of its unit axes.

    The result has as many stimuli and one name per unit axis; it may share memory with the input.
    """

    def __call__(self, tensor: Tensor, dims: Dims, /) -> tuple[Tensor, Dims]:
        """Return the new tensor and the names of its unit axes."""
        ...


def unit_dims(shape: tuple[int, ...]) -> Dims:
    """Name the unit axes of an output whose shape, without the stimulus axis, is `shape`.

    Three axes are channel, row, col, as torch's convolutions have them. When the first two are
    equal and the third differs they are row, col, channel: the layout of Swin and of ConvNeXt's
    inner layers, which a convolution's output matches only if it is not square.

    >>> unit_dims((64, 56, 56)), unit_dims((7, 7, 768)), unit_dims((197, 768))
    (('channel', 'row', 'col'), ('row', 'col', 'channel'), ('token', 'channel'))
    """
    if len(shape) == 3 and shape[0] == shape[1] != shape[2]:
        return ("row", "col", "channel")
    if len(shape) in _BY_RANK:
        return _BY_RANK[len(shape)]
    return tuple(f"axis_{number}" for number in range(1, len(shape) + 1))
