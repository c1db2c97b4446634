"""Labels beside points that do not lie on each other: the first free of eight places is taken."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.rsa.figures.canvas import INK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from lens_pipeline.rsa.scatter import Doubles

# directions in which a label may stand from its point, best first
_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
# points (1/72 inch) between a point and its label; further out when all nearer places are taken
_DISTANCES = (6.0, 14.0, 24.0, 36.0)
# points from which on a label needs a line to its point
_LINE_FROM = 12.0


@dataclass(frozen=True)
class _Box:
    """A rectangle in points (1/72 inch)."""

    left: float
    bottom: float
    right: float
    top: float


def place_labels(axes: Axes, points: Doubles, names: Sequence[str], *, size: float) -> None:
    """Write each name beside its point, with a thin line where it had to move away."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    spots = axes.transData.transform(points) * 72 / figure.dpi
    corners = axes.bbox.get_points() * 72 / figure.dpi
    frame = _Box(*corners[0], *corners[1])
    taken = [_Box(x - 4, y - 4, x + 4, y + 4) for x, y in spots]
    for spot, point, name in zip(spots, points, names, strict=True):
        box = _choose(spot, name, size=size, taken=taken, frame=frame)
        taken.append(box)
        # the width is an estimate, so the text is tied to the side that faces its point
        left_of_it = box.right < spot[0]
        edge = box.right if left_of_it else box.left
        offset = (edge - spot[0], box.bottom - spot[1])
        far = _gap(spot, box) > _LINE_FROM
        axes.annotate(
            name,
            tuple(point),
            offset,
            textcoords="offset points",
            ha="right" if left_of_it else "left",
            fontsize=size,
            color=INK,
            arrowprops={"arrowstyle": "-", "color": "#999999", "linewidth": 0.5} if far else None,
        )


def _gap(spot: Doubles, box: _Box) -> float:
    """Return the distance from a point to the nearest edge of a rectangle."""
    x = max(box.left - spot[0], 0, spot[0] - box.right)
    y = max(box.bottom - spot[1], 0, spot[1] - box.top)
    return math.hypot(x, y)


def _choose(spot: Doubles, name: str, *, size: float, taken: Sequence[_Box], frame: _Box) -> _Box:
    wide, high = 0.58 * size * len(name), 0.95 * size
    boxes = [
        _beside(spot, wide, high, direction=direction, distance=distance)
        for distance in _DISTANCES
        for direction in _DIRECTIONS
    ]
    return min(boxes, key=lambda box: _trouble(box, taken, frame))


def _beside(
    spot: Doubles, wide: float, high: float, *, direction: tuple[int, int], distance: float
) -> _Box:
    x = spot[0] + direction[0] * distance + (direction[0] - 1) * wide / 2
    y = spot[1] + direction[1] * distance + (direction[1] - 1) * high / 2
    return _Box(x, y, x + wide, y + high)


def _trouble(box: _Box, taken: Sequence[_Box], frame: _Box) -> float:
    covered = sum(_overlap(box, other) for other in taken)
    area = (box.right - box.left) * (box.top - box.bottom)
    return covered + 3 * (area - _overlap(box, frame))


def _overlap(one: _Box, other: _Box) -> float:
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.top, other.top) - max(one.bottom, other.bottom)
    return max(wide, 0) * max(high, 0)
