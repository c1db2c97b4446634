"""Solids as signed distance functions, and the ways to bend and join them.

A solid is a function from points (3, n) to distances (n,): negative inside, zero on the surface,
positive outside. Distances of ellipsoids, tapered tubes and displaced solids are close bounds, so
the marcher takes steps a little shorter than the distance.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Solid = Callable[[Array], Array]
Vector = Sequence[float]


def column(vector: Vector) -> Array:
    """Return a vector as (3, 1), ready to meet points of (3, n)."""
    return np.asarray(vector, np.float32).reshape(-1, 1)


def norm(points: Array) -> Array:
    """Return the lengths (n,) of vectors (k, n)."""
    return np.sqrt(np.einsum("kn,kn->n", points, points))


def sphere(centre: Vector, radius: float) -> Solid:
    """A ball."""
    middle = column(centre)
    return lambda p: norm(p - middle) - radius


def ellipsoid(centre: Vector, radii: Vector) -> Solid:
    """An ellipsoid with axes along x, y and z."""
    middle, size = column(centre), column(radii)

    def distance(p: Array) -> Array:
        scaled = (p - middle) / size
        near = norm(scaled)
        return near * (near - 1) / np.maximum(norm(scaled / size), 1e-6)

    return distance


def box(centre: Vector, half: Vector, edge: float = 0.02) -> Solid:
    """A box with half sizes `half` and edges rounded with radius `edge`."""
    middle, size = column(centre), column(half) - edge

    def distance(p: Array) -> Array:
        q = np.abs(p - middle) - size
        return norm(np.maximum(q, 0)) + np.minimum(q.max(axis=0), 0) - edge

    return distance


def rod(start: Vector, end: Vector, first: float, last: float | None = None) -> Solid:
    """A rod with round ends whose radius goes from `first` to `last`."""
    base, axis = column(start), column(end) - column(start)
    squared = float(np.sum(axis * axis)) or 1e-9
    growth = (first if last is None else last) - first

    def distance(p: Array) -> Array:
        local = p - base
        along = np.clip((axis[:, 0] @ local) / squared, 0, 1)
        return norm(local - axis * along) - (first + growth * along)

    return distance


def tube(path: Sequence[Vector], radii: Sequence[float]) -> Solid:
    """Rods joined along a path, one radius a corner."""
    steps = zip(path, path[1:], radii, radii[1:], strict=False)
    return union(*[rod(a, b, first, last) for a, b, first, last in steps])


def drum(centre: Vector, radius: float, half: float, edge: float = 0.02, axis: int = 1) -> Solid:
    """A cylinder along one axis, with rounded rims."""
    middle = column(centre)
    across = [k for k in range(3) if k != axis]

    def distance(p: Array) -> Array:
        local = p - middle
        out = norm(local[across]) - (radius - edge)
        up = np.abs(local[axis]) - (half - edge)
        corner = np.hypot(np.maximum(out, 0), np.maximum(up, 0))
        return np.minimum(np.maximum(out, up), 0) + corner - edge

    return distance


def ring(centre: Vector, radius: float, thickness: float, axis: int = 1) -> Solid:
    """A torus around one axis."""
    middle = column(centre)
    across = [k for k in range(3) if k != axis]

    def distance(p: Array) -> Array:
        local = p - middle
        return np.hypot(norm(local[across]) - radius, local[axis]) - thickness

    return distance


def lathe(profile: Sequence[tuple[float, float]], edge: float = 0.0) -> Solid:
    """A closed outline of (radius, height) corners turned around the y axis."""
    corners = np.asarray(profile, np.float32)
    return lambda p: outline(np.hypot(p[0], p[2]), p[1], corners) - edge


def prism(profile: Sequence[tuple[float, float]], half: float, edge: float = 0.02) -> Solid:
    """A closed outline of (x, y) corners drawn out along z by `half` to each side."""
    corners = np.asarray(profile, np.float32)

    def distance(p: Array) -> Array:
        flat, deep = outline(p[0], p[1], corners), np.abs(p[2]) - half
        corner = np.hypot(np.maximum(flat, 0), np.maximum(deep, 0))
        return np.minimum(np.maximum(flat, deep), 0) + corner - edge

    return distance


def outline(x: Array, y: Array, corners: Array) -> Array:
    """Return the signed distance (n,) to a polygon with `corners` (k, 2)."""
    nearest = np.full_like(x, np.inf)
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        ex, ey, wx, wy = bx - ax, by - ay, x - ax, y - ay
        along = np.clip((wx * ex + wy * ey) / (ex * ex + ey * ey), 0, 1)
        nearest = np.minimum(nearest, (wx - ex * along) ** 2 + (wy - ey * along) ** 2)
        if ey:
            inside ^= ((ay > y) != (by > y)) & (wx < wy * (ex / ey))
    return np.where(inside, -1, 1).astype(np.float32) * np.sqrt(nearest)


def union(*solids: Solid) -> Solid:
    """Everything that is in at least one of the solids."""
    return lambda p: functools.reduce(np.minimum, [solid(p) for solid in solids])


def blend(width: float, *solids: Solid) -> Solid:
    """A union whose seams are rounded over `width`, as in flesh or clay."""

    def join(a: Array, b: Array) -> Array:
        gap = np.maximum(width - np.abs(a - b), 0) / width
        return np.minimum(a, b) - gap * gap * (width / 4)

    return lambda p: functools.reduce(join, [solid(p) for solid in solids])


def without(solid: Solid, *holes: Solid) -> Solid:
    """The solid with the holes cut out."""
    return lambda p: functools.reduce(np.maximum, [-hole(p) for hole in holes], solid(p))


def within(*solids: Solid) -> Solid:
    """Everything that is in all of the solids."""
    return lambda p: functools.reduce(np.maximum, [solid(p) for solid in solids])


def moved(solid: Solid, shift: Vector, turn: Array | None = None, scale: float = 1.0) -> Solid:
    """The solid scaled, turned by a rotation matrix, then shifted."""
    offset = column(shift)
    back = (np.eye(3, dtype=np.float32) if turn is None else turn.T) / np.float32(scale)
    return lambda p: solid(back @ (p - offset)) * scale


def mirrored(solid: Solid) -> Solid:
    """The solid at positive z, and its mirror image at negative z."""
    return lambda p: solid(np.stack([p[0], p[1], np.abs(p[2])]))


def bumpy(solid: Solid, height: Callable[[Array], Array], reach: float) -> Solid:
    """The solid with its surface pushed out by `height`, computed only within `reach`."""

    def distance(p: Array) -> Array:
        far = solid(p)
        near = far < reach
        far[near] -= height(p[:, near])
        return far

    return distance


def rotation(axis: int, degrees: float) -> Array:
    """Return the rotation matrix (3, 3) by `degrees` around x (0), y (1) or z (2)."""
    angle = np.deg2rad(degrees)
    first, second = [(1, 2), (2, 0), (0, 1)][axis]
    matrix = np.eye(3, dtype=np.float32)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[second, first], matrix[first, second] = np.sin(angle), -np.sin(angle)
    return matrix
