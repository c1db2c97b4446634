"""A mug, a bottle and a chair."""

from __future__ import annotations

import numpy as np

from drawing.scene import Part
from drawing.solids import (
    Array,
    blend,
    box,
    drum,
    lathe,
    mirrored,
    moved,
    ring,
    rod,
    rotation,
    tube,
    union,
    without,
)
from drawing.subject import Subject, pick
from drawing.surfaces import (
    Colour,
    Surface,
    clouds,
    mix,
    noise,
    plain,
    ramp,
    srgb,
    stretched,
    wood,
)


def mug(rng: np.random.Generator, variant: int) -> Subject:
    """A mug with a handle, full of coffee."""
    glaze, band = [
        ("#c9402e", "#f0e8dc"),
        ("#e9e6df", "#2f5a8c"),
        ("#2c6e73", "#163a40"),
        ("#d9a436", "#6b3d1c"),
    ][variant]
    high, wide, foot = pick(rng, 0.95, 1.2), 0.45, pick(rng, 0.36, 0.45)
    wall = [(0, 0), (foot, 0), (wide, high), (wide - 0.05, high), (foot - 0.05, 0.08), (0, 0.08)]
    grip = tube(
        [
            (0.38, high * 0.82, 0),
            (0.62, high * 0.84, 0),
            (0.76, high * 0.62, 0),
            (0.7, high * 0.34, 0),
            (0.38, high * 0.2, 0),
        ],
        [0.055, 0.06, 0.06, 0.055, 0.05],
    )

    def colour(p: Array) -> Array:
        if variant == 1:
            mark = ramp(np.sin(9 * p[1] + 0.3), 0.55, 0.62)
        elif variant == 3:
            mark = ramp(0.4 * high + 0.1 * (clouds(p, 3, 2) - 0.5) - p[1], -0.01, 0.01)
        else:
            mark = ramp(np.abs(p[1] - 0.55 * high), 0.27 * high, 0.28 * high) * (variant == 0)
        base = mix(srgb(glaze), srgb(band), mark)
        return base * (0.9 + 0.2 * clouds(p, 5, 3) - 0.25 * (noise(p, 40) > 0.86) * (variant > 1))

    cup = without(lathe(wall, 0.015), drum((0, high, 0), wide - 0.06, high * 0.4, 0.01))
    drink = Surface(plain("#2a1509", 0.1), gloss=0.85, mirror=0.05)
    return Subject(
        (
            Part(blend(0.06, cup, without(grip, drum((0, 0.5, 0), 0.4, 1))), Surface(colour, 0.75)),
            Part(drum((0, high * 0.82, 0), wide - 0.03, 0.02), drink),
        ),
        ["table", "grey", "cloth", "floor"][variant],
        [(-50, -20), (10, 40), (-70, -40), (130, 170)][variant],
        above=(18, 36),
    )


def bottle(rng: np.random.Generator, variant: int) -> Subject:
    """A bottle with a label and a cap."""
    body, label, cap = [
        ("#16351c", "#ece2c6", "#7a1420"),
        ("#1f6fb0", "#f4f4f0", "#e9e9e6"),
        ("#5c2a10", "#d9b23a", "#b8952f"),
        ("#c23a22", "#f0e6d2", "#f2f0ea"),
    ][variant]
    wide, neck = pick(rng, 0.3, 0.36), [0.1, 0.12, 0.1, 0.09][variant]
    shoulder = [1.3, 1.05, 1.15, 1.2][variant]
    outline = [
        (0, 0),
        (wide, 0),
        (wide, shoulder),
        (wide * 0.85, shoulder + 0.14),
        (neck * 1.25, shoulder + 0.34),
        (neck, shoulder + 0.7),
        (0, shoulder + 0.7),
    ]

    def paper(p: Array) -> Array:
        angle = np.arctan2(p[2], p[0])
        line = ramp(np.sin(p[1] * 55), 0.2, 0.5) * ramp(noise(stretched(p, 26, 8, 26)), 0.35, 0.45)
        text = (
            line
            * ramp(-np.abs(p[1] - 0.42), -0.14, -0.12)
            * ramp(-np.abs(angle - 1.57), -0.8, -0.75)
        )
        mark = ramp(0.13 - np.hypot(angle - 1.57, (p[1] - 0.75) * 2.4) * 0.35, -0.01, 0.01)
        return mix(mix(srgb(label), srgb("#2a2420"), 0.85 * text), srgb(cap) * 0.8, mark)

    band = drum((0, 0.58, 0), wide + 0.012, 0.33, 0.005)
    screw = drum((0, shoulder + 0.72, 0), neck + 0.03, 0.13, 0.02)
    lying = variant == 3
    return Subject(
        (
            Part(lathe(outline, 0.03), Surface(plain(body, 0.1), gloss=0.9, mirror=0.08)),
            Part(
                band if not lying else drum((0, 0.58, 0), wide + 0.035, 0.33, 0.005),
                Surface(paper, gloss=0.15),
            ),
            Part(screw, Surface(plain(cap), gloss=0.5)),
            Part(ring((0, shoulder + 0.58, 0), neck + 0.02, 0.03), Surface(plain(body), gloss=0.9)),
        )
        if lying
        else (
            Part(lathe(outline, 0.0), Surface(plain(body, 0.1), gloss=0.9, mirror=0.08)),
            Part(band, Surface(paper, gloss=0.15)),
            Part(screw, Surface(plain(cap), gloss=0.5)),
        ),
        ["table", "tiled", "dark", "beach"][variant],
        [(-25, 15), (-10, 30), (0, 40), (20, 60)][variant],
        above=(6, 20) if not lying else (20, 32),
        pose=rotation(2, 90) if lying else None,
    )


def chair(rng: np.random.Generator, variant: int) -> Subject:
    """A chair with a slatted or a solid back."""
    grain: Colour = [
        wood("#5a3216", "#a56b35", axis=1),
        plain("#2f7f7a"),
        wood("#b58a52", "#e0bd84", axis=1),
        plain("#c2332a"),
    ][variant]
    wide, seat, back = pick(rng, 0.42, 0.5), pick(rng, 0.78, 0.9), pick(rng, 0.75, 0.95)
    legs = mirrored(
        union(
            rod((0.4, seat, wide - 0.06), (0.45, 0.03, wide - 0.02), 0.055, 0.038),
            rod((-0.38, seat, wide - 0.06), (-0.48, 0.03, wide - 0.04), 0.055, 0.038),
            rod(
                (-0.4, seat, wide - 0.07),
                (-0.4 - 0.16, seat + back, wide - 0.07),
                0.05,
                0.04,
            ),
            rod((0.43, 0.32, wide - 0.05), (-0.44, 0.32, wide - 0.05), 0.028),
        )
    )
    board = box((0, seat, 0), (0.48, 0.045, wide), 0.035)
    if variant % 2:
        rest = box((-0.47, seat + 0.62 * back, 0), (0.035, 0.3 * back, wide - 0.08), 0.03)
        frame = [moved(rest, (0, 0, 0)), board, legs]
    else:
        rails = [
            rod(
                (-0.42 - 0.1 * k, seat + back * k, -wide + 0.07),
                (-0.42 - 0.1 * k, seat + back * k, wide - 0.07),
                0.04,
            )
            for k in (0.35, 0.97)
        ]
        slats = [
            rod((-0.45, seat + 0.35 * back, z), (-0.52, seat + 0.95 * back, z), 0.026)
            for z in np.linspace(-wide + 0.2, wide - 0.2, 4)
        ]
        frame = [board, legs, *rails, *slats]
    parts = [Part(union(*frame), Surface(grain, gloss=0.45))]
    if variant in (1, 2):
        cushion = box((0.02, seat + 0.09, 0), (0.43, 0.065, wide - 0.05), 0.06)
        cloth = Surface(
            lambda p: (
                srgb("#b8863a" if variant == 1 else "#4a6a8c")
                * (0.7 + 0.5 * noise(stretched(p, 50, 50, 50)))
                * (0.8 + 0.3 * ramp(np.sin(22 * p[2]), -0.2, 0.2))
            ),
            gloss=0.05,
            sheen=0.6,
        )
        parts.append(Part(cushion, cloth))
    return Subject(
        tuple(parts),
        ["floor", "tiled", "grey", "meadow"][variant],
        [(-60, -30), (20, 50), (-45, -10), (130, 160)][variant],
        above=(12, 26),
    )
