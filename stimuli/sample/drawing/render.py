"""A camera and its film: from a scene to pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from drawing.light import light, shade, shadow_at
from drawing.scene import Camera, Scene, march, through_sphere
from drawing.solids import Array, column, norm
from drawing.surfaces import mix, ramp

if TYPE_CHECKING:
    from numpy.typing import NDArray


def render(scene: Scene, camera: Camera, *, size: int, fine: int = 2) -> Array:
    """Return linear RGB (size, size, 3), each pixel the mean of `fine` x `fine` rays."""
    towards = _directions(camera, size * fine)
    origin = np.broadcast_to(camera.origin, towards.shape)
    colour = _out_of_focus(*_backdrop(scene, camera.origin, towards), side=size * fine)
    start, stop = through_sphere(scene, origin, towards, 1.02)
    t, hit = march(scene.distance, origin, towards, start, stop)
    chosen = np.flatnonzero(hit)
    points = origin[:, chosen] + towards[:, chosen] * t[chosen]
    if chosen.size:
        colour[:, chosen] = shade(scene, points, towards[:, chosen], camera.origin)
    grid = colour.reshape(3, size, fine, size, fine)
    return np.minimum(grid, 6).mean(axis=(2, 4)).transpose(1, 2, 0)


def develop(linear: Array, seed: int) -> NDArray[np.uint8]:
    """Return 8-bit RGB from linear radiance: exposure curve, vignette and grain of a photograph."""
    size = linear.shape[0]
    rows, columns = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    muted = mix(linear @ np.array((0.3, 0.55, 0.15), np.float32)[:, None], linear, np.float32(0.8))
    x = muted * (1 - 0.16 * (rows**2 + columns**2))[..., None] * 0.62
    film = np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1)
    shown = np.where(film < 0.0031308, film * 12.92, 1.055 * film ** (1 / 2.4) - 0.055)
    grain = np.random.default_rng(seed).normal(0, 0.007, (size, size, 1))
    return np.asarray(np.clip(shown + grain, 0, 1) * 255 + 0.5, np.uint8)


def _directions(camera: Camera, size: int) -> Array:
    ahead = camera.target - camera.origin
    ahead = ahead / norm(ahead)
    right = np.cross(ahead[:, 0], (0, 1, 0))[:, None].astype(np.float32)
    right /= norm(right)
    up = np.cross(right[:, 0], ahead[:, 0])[:, None]
    steps = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    x, y = np.meshgrid(steps * camera.width, -steps * camera.width)
    rays = ahead + right * x.ravel() + up * y.ravel()
    return (rays / norm(rays)).astype(np.float32)


def _out_of_focus(colour: Array, away: Array, *, side: int) -> Array:
    """Blur what lies far from the subject, as a lens focused on the subject does."""
    grid = colour.reshape(3, side, side)
    soft = gaussian_filter(np.minimum(grid, 4), (0, side / 70, side / 70)).reshape(3, -1)
    return mix(colour, soft, ramp(away, 1.4, 5.0))


def _backdrop(scene: Scene, origin: Array, d: Array) -> tuple[Array, Array]:
    """Return what is behind the subject (3, n), and its distance (n,) from the subject."""
    place = scene.setting
    colour = place.far(origin, d)
    reach = -origin[1] / np.minimum(d[1], -1e-4)
    seen = d[1] < -1e-3
    if place.wall is not None:
        seen &= origin[2] + d[2] * reach > place.wall
    index = np.flatnonzero(seen)
    p = origin + d[:, index] * reach[index]
    up = np.broadcast_to(column((0, 1, 0)), p.shape)
    lit = place.ground(p) * light(scene, p, up)
    if place.polish:
        lit += place.polish * _mirror_image(scene, p, d[:, index])
    away = norm(p - scene.centre)
    fade = 1 - np.exp2(-((np.maximum(away - 2, 0) / place.haze) ** 2))
    if place.wall is not None:
        fade = fade * 0.25
    colour[:, index] = mix(lit, colour[:, index], fade)
    distance = np.full(colour.shape[1], 99, np.float32)
    distance[index] = away
    return colour, distance


def _mirror_image(scene: Scene, p: Array, d: Array) -> Array:
    bounced = d * column((1, -1, 1))
    return np.minimum(scene.setting.far(p, bounced), 1.5) * shadow_at(scene, p, bounced, 3.0)
