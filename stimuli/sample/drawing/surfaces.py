"""What a surface looks like: noise, colours, grain, and how it reflects.

A colour is a function from points (3, n), in the frame of the object, to linear RGB (3, n).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from drawing.solids import Array, column, norm

Colour = Callable[[Array], Array]
Field = Callable[[Array], Array]

_SIDE = 32
_TABLE = np.random.default_rng(7).random((_SIDE,) * 3, np.float32)


@dataclass(frozen=True)
class Surface:
    """How light leaves a surface."""

    colour: Colour
    # 0 (chalk) to 1 (polished): sharpness of highlights
    gloss: float = 0.3
    # strength of mirror reflection seen head on, 0.04 for most things, 0.6 for metal
    mirror: float = 0.04
    # light scattered at grazing angles, as by fur or felt
    sheen: float = 0.0
    # height of fine relief over the object's frame, or None where smooth
    relief: Field | None = None


def srgb(code: str) -> Array:
    """Return '#rrggbb' as linear RGB (3, 1)."""
    values = np.array([int(code[k : k + 2], 16) for k in (1, 3, 5)], np.float32) / 255
    return np.where(values < 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)[:, None]


def noise(points: Array, frequency: float = 1.0) -> Array:
    """Return smooth random values (n,) in [0, 1] with about `frequency` bumps a unit."""
    scaled = points * np.float32(frequency) + np.float32(211.3)
    cell = np.floor(scaled)
    part = scaled - cell
    part = part * part * (3 - 2 * part)
    low = cell.astype(np.int32) % _SIDE
    high = (low + 1) % _SIDE
    total = np.zeros(points.shape[1], np.float32)
    for corner in np.ndindex(2, 2, 2):
        index = tuple(np.where(bit, high[k], low[k]) for k, bit in enumerate(corner))
        weights = [part[k] if bit else 1 - part[k] for k, bit in enumerate(corner)]
        total += _TABLE[index] * weights[0] * weights[1] * weights[2]
    return total


def clouds(points: Array, frequency: float = 1.0, octaves: int = 4) -> Array:
    """Return noise (n,) in [0, 1] summed over octaves, as in clouds, stone or foliage."""
    total, size = np.zeros(points.shape[1], np.float32), 1.0
    for octave in range(octaves):
        size /= 2
        total += size * noise(points + 3.7 * octave, frequency * 2.03**octave)
    return total / (1 - size)


def cells(points: Array, frequency: float) -> tuple[Array, Array]:
    """Return the distances (n,) to the nearest and second nearest of scattered points."""
    scaled = points * np.float32(frequency) + np.float32(97.5)
    base = np.floor(scaled).astype(np.int32)
    first = np.full(points.shape[1], 9, np.float32)
    second = first.copy()
    for step in np.ndindex(3, 3, 3):
        cell = base + np.array(step, np.int32)[:, None] - 1
        i, j, k = cell % _SIDE
        jitter = np.stack([_TABLE[i, j, k], _TABLE[j, k, i], _TABLE[k, i, j]])
        far = norm(cell + jitter - scaled)
        second = np.minimum(second, np.maximum(first, far))
        first = np.minimum(first, far)
    return first, second


def ramp(values: Array, low: float, high: float) -> Array:
    """Return a smooth step from 0 below `low` to 1 above `high`."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(first: Array, second: Array, amount: Array) -> Array:
    """Return `first` where `amount` is 0 and `second` where it is 1."""
    return first + (second - first) * amount


def stretched(points: Array, x: float, y: float, z: float) -> Array:
    """Return points with each axis scaled, so that noise becomes grain or fur."""
    return points * column((x, y, z))


def plain(code: str, spread: float = 0.12, frequency: float = 6.0) -> Colour:
    """One colour, a little lighter and darker from place to place."""
    base = srgb(code)
    return lambda p: base * (1 - spread + 2 * spread * clouds(p, frequency, 3))


def wood(dark: str, light: str, axis: int = 0, frequency: float = 7.0) -> Colour:
    """Boards cut along one axis: wavering rings and fine grain."""
    first, second = srgb(dark), srgb(light)
    along = [0.12 if k == axis else 1.0 for k in range(3)]

    def colour(p: Array) -> Array:
        q = stretched(p, *along)
        rings = 0.5 + 0.5 * np.sin(frequency * (6 * noise(q, 1.6) + 3 * q[(axis + 1) % 3]))
        return mix(first, second, np.clip(0.65 * rings + 0.6 * noise(q, 40) - 0.1, 0, 1))

    return colour


def fur(code: str, belly: str | None = None, patch: str | None = None, low: float = 0.5) -> Colour:
    """Short hair: streaks, a lighter belly below height `low`, perhaps patches."""
    back, below = srgb(code), srgb(belly or code)
    spots = None if patch is None else srgb(patch)

    def colour(p: Array) -> Array:
        base = mix(below, back, ramp(p[1] + 0.2 * noise(p, 4), low - 0.15, low + 0.2))
        if spots is not None:
            base = mix(base, spots, ramp(clouds(p + 0.4, 1.7, 3), 0.52, 0.56))
        return base * (0.62 + 0.76 * noise(stretched(p, 20, 75, 75)))

    return colour


def hair(height: float = 0.003) -> Field:
    """Relief of short hair lying along x."""
    return lambda p: height * noise(stretched(p, 24, 80, 80))


def grainy(frequency: float, height: float) -> Field:
    """Relief of fine random bumps."""
    return lambda p: height * clouds(p, frequency, 2)
