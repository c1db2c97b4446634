"""Where a thing is photographed: a ground, what is seen behind it, and the light.

The camera looks along -z. `far` is the radiance along directions (3, n): sky, wall or water.
Indoors the wall is a plane behind the subject, so `far` also takes the camera's position.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from drawing.solids import Array, column
from drawing.surfaces import clouds, mix, noise, ramp, srgb, stretched, wood

Far = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Setting:
    """A place with a ground plane at y = 0."""

    # colour of the ground at points (3, n)
    ground: Callable[[Array], Array]
    # radiance from (origin (3, 1), directions (3, n)) where nothing is hit
    far: Far
    # light from above and its reflection, linear RGB (3, 1)
    ambient: Array
    # colour of the sun or lamp, linear RGB (3, 1)
    lamp: Array
    # height of the lamp in degrees, from and to
    elevation: tuple[float, float] = (35, 65)
    # distance at which the ground has half faded into what lies behind it
    haze: float = 14.0
    # z of a wall behind the subject, or None outdoors
    wall: float | None = None
    # mirror reflection of the ground
    polish: float = 0.0
    # size of the lamp: 6 gives wide soft shadows, 24 hard ones
    sharpness: float = 14.0


def _sky(zenith: str, horizon: str, hills: str | None, shift: float) -> Far:
    top, low = srgb(zenith), srgb(horizon)

    def far(_origin: Array, d: Array) -> Array:
        up = np.maximum(d[1], 0)
        sky = mix(low, top, up**0.45)
        flat = stretched(d / (up + 0.22), 1.3, 0.2, 1.3) + shift
        sky = mix(sky, column((0.95, 0.95, 0.97)), 0.8 * ramp(clouds(flat, 0.9, 5), 0.5, 0.75))
        if hills is None:
            return sky
        crest = 0.02 + 0.16 * clouds(stretched(d, 1, 0, 1) + shift, 4.0, 5)
        leaves = 0.5 + clouds(d + shift, 28, 3)
        return mix(sky, srgb(hills) * leaves, ramp(crest - d[1], -0.012, 0.012))

    return far


def _wall(
    paint: str, skirting: str | None, depth: float, pattern: Callable[[Array], Array] | None
) -> Far:
    colour = srgb(paint)

    def far(origin: Array, d: Array) -> Array:
        reach = (-depth - origin[2]) / np.minimum(d[2], -1e-3)
        p = origin + d * np.minimum(reach, 40)
        base = colour * (0.9 + 0.15 * clouds(p, 1.5, 3))
        if pattern is not None:
            base = base * pattern(p)
        if skirting is not None:
            base = mix(base, srgb(skirting), ramp(0.45 - p[1], -0.02, 0.02))
            base = base * (1 - 0.5 * ramp(-np.abs(p[1] - 0.45), -0.05, -0.005))
        light = 0.35 + 0.75 * np.exp(-(((p[0] - 1.2) / 5) ** 2) - ((p[1] - 2.2) / 3.5) ** 2)
        window = ramp(d[0], 0.2, 0.45) * ramp(d[1], 0.25, 0.4) * ramp(d[2], -0.1, 0.25)
        pane = window * (0.25 + 0.75 * ramp(np.abs(np.sin(9 * d[0])), 0.1, 0.3))
        return base * light + 4.0 * pane

    return far


def _planks(dark: str, light: str, width: float, *, turned: bool) -> Callable[[Array], Array]:
    grain = wood(dark, light, axis=2 if turned else 0, frequency=9)

    def ground(p: Array) -> Array:
        across = p[0] if turned else p[2]
        board = np.floor(across / width)
        shade = 0.8 + 0.4 * noise(np.stack([board * 7.1, board * 3.3, board]), 0.73)
        gap = np.abs(across / width - board - 0.5)
        return grain(p + 5.3 * board) * shade * (1 - 0.75 * ramp(gap, 0.475, 0.495))

    return ground


def _earth(
    codes: tuple[str, str], coarse: float, fine: float, streak: float = 1.0
) -> Callable[[Array], Array]:
    first, second = srgb(codes[0]), srgb(codes[1])

    def ground(p: Array) -> Array:
        patches = clouds(p, coarse, 4)
        detail = noise(stretched(p, 1, 1, streak), fine)
        return mix(first, second, ramp(patches, 0.25, 0.75)) * (0.5 + detail)

    return ground


def _tiles(first: str, second: str, size: float) -> Callable[[Array], Array]:
    def ground(p: Array) -> Array:
        i, k = np.floor(p[0] / size), np.floor(p[2] / size)
        base = mix(srgb(first), srgb(second), ((i + k) % 2).astype(np.float32))
        edge = np.maximum(np.abs(p[0] / size - i - 0.5), np.abs(p[2] / size - k - 0.5))
        return base * (0.85 + 0.3 * clouds(p, 3, 4)) * (1 - 0.5 * ramp(edge, 0.48, 0.495))

    return ground


def _sand_with_ripples(p: Array) -> Array:
    waves = 0.5 + 0.5 * np.sin(9 * p[2] + 5 * clouds(p, 0.7, 2) + 0.8 * p[0])
    return srgb("#d8bd8c") * (0.68 + 0.22 * waves + 0.3 * noise(p, 45))


def _caustics(p: Array) -> Array:
    q = p + 0.5 * np.stack([noise(p, 2.0), noise(p + 9, 2.0), noise(p + 5, 2.0)])
    lines = np.exp(-14 * np.abs(noise(q, 2.2) - 0.5))
    return srgb("#a8a57c") * (0.45 + 0.4 * noise(p, 30) + 1.1 * lines)


def _water(_origin: Array, d: Array) -> Array:
    deep = mix(srgb("#08415c"), srgb("#5fc4d6"), ramp(d[1], -0.35, 0.75))
    shafts = 0.85 + 0.5 * noise(stretched(d, 5, 0.7, 1), 2.0) * ramp(d[1], -0.2, 0.6)
    return deep * shafts


def _woods(_origin: Array, d: Array) -> Array:
    leaves = mix(srgb("#1c3016"), srgb("#8fa850"), ramp(clouds(d + 2, 7, 4), 0.35, 0.75))
    trunk = ramp(noise(stretched(d + 0.04 * d[1], 1, 0.12, 0.0), 11), 0.62, 0.68)
    return mix(leaves, srgb("#33261a") * (0.6 + noise(stretched(d, 5, 1, 1), 9)), trunk)


def _studio(centre: str, rim: str) -> tuple[Callable[[Array], Array], Far]:
    middle, outer = srgb(centre), srgb(rim)

    def ground(p: Array) -> Array:
        spread = np.exp(-(p[0] ** 2 + p[2] ** 2) / 14)
        return mix(outer, middle, spread) * (0.96 + 0.08 * noise(p, 20))

    def far(_origin: Array, d: Array) -> Array:
        glow = np.exp(-((d[0] / 0.5) ** 2) - ((d[1] - 0.1) / 0.45) ** 2)
        soft = ramp(d[1], 0.45, 0.55) * ramp(-np.abs(d[0] - 0.35), -0.5, -0.4)
        return mix(outer, middle, glow) + 2.5 * soft

    return ground, far


def _stripes(p: Array) -> Array:
    return 0.86 + 0.14 * ramp(np.sin(6 * p[0]), -0.15, 0.15)


def _bricks(p: Array) -> Array:
    row = np.floor(p[1] / 0.22)
    along = p[0] / 0.55 + 0.5 * (row % 2)
    mortar = np.maximum(
        ramp(np.abs(along % 1 - 0.5), 0.46, 0.49), ramp(np.abs(p[1] / 0.22 - row - 0.5), 0.42, 0.47)
    )
    shade = 0.6 + 0.7 * noise(np.stack([np.floor(along), row, row]), 0.77)
    return mix(shade * column((1, 1, 1)), column((1.3, 1.5, 1.6)), mortar)


_GREY, _BLUE = _studio("#d9d7d2", "#7d7c7a"), _studio("#9fc3d8", "#3f6f8f")
_DARK = _studio("#6b5a50", "#1d1917")
_SUN, _LATE = column((2.6, 2.4, 2.1)), column((3.0, 2.0, 1.2))
_BULB, _DAY = column((2.3, 1.9, 1.4)), column((2.0, 2.05, 2.1))

SETTINGS: dict[str, Setting] = {
    "meadow": Setting(
        _earth(("#48602a", "#7c8a48"), 0.6, 34, 0.35),
        _sky("#2f6fc4", "#cfe0ee", "#33511f", 0.0),
        column((0.42, 0.5, 0.6)),
        _SUN,
    ),
    "evening": Setting(
        _earth(("#4d5428", "#857a48"), 0.5, 30, 0.4),
        _sky("#5a7bb0", "#f5c48a", "#2c3320", 4.0),
        column((0.42, 0.4, 0.42)),
        _LATE,
        elevation=(18, 30),
    ),
    "forest": Setting(
        _earth(("#3a2a18", "#7a5a2c"), 1.2, 18),
        _woods,
        column((0.35, 0.42, 0.3)),
        column((2.0, 1.9, 1.4)),
        haze=6,
    ),
    "beach": Setting(
        _sand_with_ripples,
        _sky("#3a86cf", "#e3eef2", None, 8.0),
        column((0.55, 0.58, 0.62)),
        _SUN,
        haze=10,
    ),
    "snow": Setting(
        _earth(("#c9d4e4", "#f4f7fb"), 0.5, 9),
        _sky("#7fa3cc", "#e8edf3", "#3d4d49", 2.0),
        column((0.5, 0.56, 0.66)),
        column((2.1, 1.95, 1.75)),
        elevation=(22, 40),
    ),
    "street": Setting(
        _earth(("#4c4c4e", "#6b6966"), 0.4, 40),
        _wall("#8f5440", "#76706a", 7.0, _bricks),
        column((0.5, 0.52, 0.56)),
        _SUN,
        wall=-7.0,
    ),
    "floor": Setting(
        _planks("#5a3317", "#b27a43", 0.42, turned=True),
        _wall("#d6cdb8", "#f0ece2", 4.5, None),
        column((0.45, 0.42, 0.38)),
        _BULB,
        wall=-4.5,
        polish=0.12,
        sharpness=8,
    ),
    "tiled": Setting(
        _tiles("#c9c4ba", "#3d4a52", 0.7),
        _wall("#7fa39a", "#e9e6dd", 5.0, _stripes),
        column((0.5, 0.5, 0.5)),
        _DAY,
        wall=-5.0,
        polish=0.18,
        sharpness=9,
    ),
    "table": Setting(
        _planks("#83562f", "#b98a58", 0.6, turned=False),
        _wall("#6d7f86", None, 9.0, lambda p: 0.35 + 1.3 * ramp(clouds(p, 0.5, 2), 0.4, 0.62)),
        column((0.42, 0.42, 0.42)),
        _BULB,
        haze=5.5,
        polish=0.08,
        sharpness=9,
    ),
    "cloth": Setting(
        lambda p: (
            _tiles("#a33a35", "#e8dfd3", 0.3)(p) * (0.85 + 0.3 * noise(stretched(p, 60, 1, 60)))
        ),
        _wall("#4a4038", None, 9.0, lambda p: 0.3 + 1.5 * ramp(clouds(p, 0.6, 2), 0.4, 0.6)),
        column((0.45, 0.44, 0.42)),
        _DAY,
        haze=6,
        sharpness=8,
    ),
    "grey": Setting(_GREY[0], _GREY[1], column((0.6, 0.6, 0.6)), _DAY, haze=5, sharpness=7),
    "blue": Setting(_BLUE[0], _BLUE[1], column((0.5, 0.54, 0.58)), _DAY, haze=5, sharpness=7),
    "dark": Setting(
        _DARK[0], _DARK[1], column((0.26, 0.25, 0.26)), _BULB, haze=5, polish=0.1, sharpness=8
    ),
    "water": Setting(
        _caustics, _water, column((0.32, 0.5, 0.58)), column((1.6, 1.9, 1.9)), (60, 80), haze=4.0
    ),
}
