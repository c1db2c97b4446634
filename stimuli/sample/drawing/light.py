"""How light falls on the subject and its ground.

One lamp with soft shadows, light from above weakened in corners (ambient occlusion), highlights,
and a mirror image of the surroundings that grows at grazing angles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drawing.scene import Scene, through_sphere
from drawing.solids import Array, column, norm
from drawing.surfaces import ramp

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Hits:
    """Where rays met the subject; every array is (3, n)."""

    points: Array
    # directions of the rays
    towards: Array
    # of the solid
    normal: Array
    # normal bent by the relief of the surface
    bent: Array
    # own colour, linear RGB
    base: Array
    # gloss, mirror and sheen
    facts: Array


def shade(scene: Scene, p: Array, d: Array, origin: Array) -> Array:
    """Return the light (3, n) leaving the subject at points `p` towards the camera."""
    local = scene.local(p)
    owner = np.argmin([part.solid(local) for part in scene.parts], axis=0)
    normal = _gradient(scene.distance, p, 0.0015)
    base, relief = np.zeros_like(p), np.zeros_like(p)
    facts = np.zeros((3, p.shape[1]), np.float32)
    for number, part in enumerate(scene.parts):
        mine = np.flatnonzero(owner == number)
        if not mine.size:
            continue
        surface = part.surface
        base[:, mine] = surface.colour(local[:, mine])
        facts[:, mine] = column((surface.gloss, surface.mirror, surface.sheen))
        if surface.relief is not None:
            slope = _slope(surface.relief, local[:, mine], 0.004)
            relief[:, mine] = scene.turn @ slope
    bent = normal - relief
    bent /= np.maximum(norm(bent), 1e-6)
    return _finish(scene, Hits(p, d, normal, bent, base, facts), origin)


def _finish(scene: Scene, hits: Hits, origin: Array) -> Array:
    p, d, normal, bent, base = hits.points, hits.towards, hits.normal, hits.bent, hits.base
    gloss, mirror, sheen = hits.facts
    lamp, place = scene.lamp, scene.setting
    facing = np.clip(-np.einsum("kn,kn->n", bent, d), 0, 1)
    shadow = shadow_at(scene, p + normal * 0.01, np.broadcast_to(lamp, p.shape), place.sharpness)
    corner = _openness(scene, p, normal)
    direct = np.maximum(lamp[:, 0] @ bent, 0) * shadow
    sky = 0.5 + 0.5 * bent[1]
    bounce = place.ground(np.zeros((3, 1), np.float32)) * 0.55
    ambient = (place.ambient * sky + bounce * (1 - sky) * norm(place.lamp) * 0.3) * corner
    graze = (1 - facing) ** 5
    reflect = mirror + (1 - mirror) * graze * gloss
    half = lamp - d
    half = half / norm(half)
    power = 4 + 400 * gloss**3
    spot = np.maximum(np.einsum("kn,kn->n", bent, half), 0) ** power * (power + 8) / 30
    bounced = d + 2 * facing * bent
    around = place.far(origin, bounced)
    around = np.where(bounced[1] < 0, bounce, np.minimum(around, 3)) * corner
    tint = np.where(mirror > 0.3, base, 1.0)
    result = base * (place.lamp * direct + ambient) * (1 - np.minimum(mirror, 0.85))
    result += tint * around * reflect * ramp(gloss, 0.05, 0.8)
    result += tint * place.lamp * spot * direct * (mirror + 0.02) * gloss
    result += base * sheen * (1 - facing) ** 2 * (0.3 + place.lamp * shadow * 0.4) * corner
    return result


def light(scene: Scene, p: Array, normal: Array) -> Array:
    """Return the light (3, n) falling on the ground at points `p`."""
    place = scene.setting
    towards = np.broadcast_to(scene.lamp, p.shape)
    shadow = shadow_at(scene, p + normal * 0.004, towards, place.sharpness)
    return place.lamp * scene.lamp[1] * shadow + place.ambient * _openness(scene, p, normal)


def shadow_at(scene: Scene, p: Array, towards: Array, sharpness: float) -> Array:
    """Return 1 where nothing stands between points and the lamp, 0 in full shadow."""
    lit = np.ones(p.shape[1], np.float32)
    start, stop = through_sphere(scene, p, towards, 1.35)
    t = np.maximum(start, 0.01)
    active = np.flatnonzero(stop > t)
    for _ in range(44):
        if not active.size:
            break
        here = t[active]
        far = scene.distance(p[:, active] + towards[:, active] * here)
        lit[active] = np.minimum(lit[active], np.clip(sharpness * far / here, 0, 1))
        t[active] = here + np.clip(far * 0.8, 0.015, 0.2)
        active = active[(lit[active] > 0.01) & (t[active] < stop[active])]
    return lit * lit * (3 - 2 * lit)


def _openness(scene: Scene, p: Array, normal: Array) -> Array:
    closed = np.zeros(p.shape[1], np.float32)
    near = np.flatnonzero(norm(p - scene.centre) < scene.radius + 0.8)
    q, up = p[:, near], normal[:, near]
    for reach, weight in ((0.03, 3.0), (0.1, 1.6), (0.24, 0.8), (0.5, 0.4)):
        probe = q + up * reach
        free = np.minimum(scene.distance(probe), np.maximum(probe[1], 0) + 0.02)
        closed[near] += weight * np.maximum(reach - free, 0)
    return np.clip(1 - 1.25 * closed, 0.12, 1)


def _gradient(field: Callable[[Array], Array], p: Array, step: float) -> Array:
    slope = _slope(field, p, step)
    return slope / np.maximum(norm(slope), 1e-6)


def _slope(field: Callable[[Array], Array], p: Array, step: float) -> Array:
    total = np.zeros_like(p)
    for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        total += column(corner) * field(p + column(corner) * step)
    return total / (4 * step)
