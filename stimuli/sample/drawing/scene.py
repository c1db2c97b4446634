"""A scene, and the march of rays through it.

Rays are marched inside the sphere around the subject only; ground, wall and sky are met by formula.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from drawing.solids import Array, Solid, Vector, column, moved, union

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drawing.settings import Setting
    from drawing.surfaces import Surface

_STEPS = 90
# steps are shorter than the distance, since some distances are bounds
_CAUTION = np.float32(0.8)


@dataclass(frozen=True)
class Part:
    """A solid and its surface, in the frame of the object."""

    solid: Solid
    surface: Surface


def placed(part: Part, shift: Vector, turn: Array | None = None, scale: float = 1.0) -> Part:
    """Return the part scaled, turned and shifted together with its texture."""
    offset = column(shift)
    back = (np.eye(3, dtype=np.float32) if turn is None else turn.T) / np.float32(scale)
    colour = part.surface.colour
    surface = replace(part.surface, colour=lambda p: colour(back @ (p - offset)))
    return Part(moved(part.solid, shift, turn, scale), surface)


@dataclass(frozen=True)
class Scene:
    """Parts placed in a setting; the subject touches y = 0 or floats above it."""

    parts: tuple[Part, ...]
    # from world to object: turn (3, 3) and scale, then shift (3, 1)
    turn: Array
    scale: float
    shift: Array
    setting: Setting
    # unit vector (3, 1) towards the lamp
    lamp: Array
    # centre (3, 1) and radius of a sphere around the subject
    centre: Array
    radius: float

    def local(self, p: Array) -> Array:
        """Return world points in the frame of the object."""
        return self.turn.T @ (p - self.shift) / np.float32(self.scale)

    def distance(self, p: Array) -> Array:
        """Return the distance (n,) from world points to the subject."""
        return union(*[part.solid for part in self.parts])(self.local(p)) * self.scale


@dataclass(frozen=True)
class Camera:
    """A camera at `origin` looking at `target`."""

    origin: Array
    target: Array
    # width of the view at distance one
    width: float


def extent(solid: Solid, *, size: float = 4.0, rays: int = 56) -> Array:
    """Return the bounding box (2, 3) of a solid, found by rays from six sides."""
    bounds = np.zeros((2, 3), np.float32)
    u, v = np.meshgrid(*[np.linspace(-size, size, rays, dtype=np.float32)] * 2)
    for axis in range(3):
        for side, sign in enumerate((1.0, -1.0)):
            origin = np.empty((3, u.size), np.float32)
            origin[axis] = -sign * size
            origin[(axis + 1) % 3], origin[(axis + 2) % 3] = u.ravel(), v.ravel()
            towards = np.zeros_like(origin)
            towards[axis] = sign
            reach = np.full(u.size, 2 * size, np.float32)
            t, hit = march(solid, origin, towards, np.zeros_like(reach), reach)
            bounds[side, axis] = sign * ((t[hit].min() if hit.any() else size) - size)
    return bounds


def march(
    solid: Solid, origin: Array, towards: Array, start: Array, stop: Array
) -> tuple[Array, NDArray[np.bool_]]:
    """Return for each ray the length travelled (n,) and whether it met the solid."""
    t = start.copy()
    hit = np.zeros(t.shape, bool)
    active = np.flatnonzero(stop > start)
    for _ in range(_STEPS):
        if not active.size:
            break
        far = solid(origin[:, active] + towards[:, active] * t[active])
        near = far < 0.0006 * (1 + t[active])
        hit[active[near]] = True
        t[active] += np.where(near, 0, far * _CAUTION)
        active = active[~near & (t[active] < stop[active])]
    return t, hit


def through_sphere(scene: Scene, origin: Array, d: Array, wider: float) -> tuple[Array, Array]:
    """Return where rays enter and leave the sphere around the subject, made `wider`."""
    away = origin - scene.centre
    along = np.einsum("kn,kn->n", away, d)
    inside = along**2 - np.einsum("kn,kn->n", away, away) + (scene.radius * wider) ** 2
    half = np.sqrt(np.maximum(inside, 0))
    start = np.maximum(-along - half, 0)
    return start, np.where(inside > 0, -along + half, start)
