"""A car, a hammer and a house."""

from __future__ import annotations

import numpy as np

from drawing.scene import Part
from drawing.solids import (
    Array,
    blend,
    box,
    drum,
    mirrored,
    moved,
    prism,
    rotation,
    sphere,
    tube,
    union,
    without,
)
from drawing.subject import Subject, pick
from drawing.surfaces import (
    Colour,
    Surface,
    clouds,
    grainy,
    mix,
    noise,
    plain,
    ramp,
    srgb,
    wood,
)

_STEEL = Surface(plain("#b4b6b8", 0.15, 14), gloss=0.75, mirror=0.55, relief=grainy(30, 0.002))
_RUBBER = Surface(plain("#18181a", 0.2), gloss=0.2)
_GLASS = Surface(plain("#10161c", 0.1), gloss=0.95, mirror=0.14)


def car(rng: np.random.Generator, variant: int) -> Subject:
    """A car on its wheels."""
    paint = ["#b01218", "#e0a912", "#1c4f9c", "#d8dadb"][variant]
    long, roof = pick(rng, 1.4, 1.5), pick(rng, 1.06, 1.16)
    hull = [
        (-long, 0.3),
        (-long - 0.04, 0.62),
        (-long + 0.1, 0.74),
        (0.55, 0.76),
        (long - 0.1, 0.64),
        (long, 0.5),
        (long, 0.28),
        (1.2, 0.22),
        (-1.2, 0.22),
    ]
    rear = [-1.3, -1.05, -1.25, -1.3][variant]
    cabin = [
        (rear, 0.7),
        (rear + 0.3, roof - 0.04),
        (rear + 0.45, roof),
        (0.1, roof),
        (0.22, roof - 0.03),
        (0.72, 0.7),
    ]
    panes = [(rear + 0.13, 0.76), (rear + 0.38, roof - 0.07), (0.12, roof - 0.07), (0.56, 0.76)]
    wheels = [(x, 0.27, 0.56) for x in (-0.85, 0.88)]
    arches = [drum((x, 0.27, 0.62), 0.34, 0.3, axis=2) for x, _, _ in wheels]
    shell = without(
        mirrored(blend(0.05, prism(hull, 0.56, 0.06), prism(cabin, 0.44, 0.06))),
        *[mirrored(arch) for arch in arches],
    )
    side = mirrored(
        without(
            moved(prism(panes, 0.012, 0.004), (0, 0, 0.502)),
            box((-0.38, 0.9, 0.5), (0.03, 0.4, 0.1)),
        )
    )
    shield = prism(
        [(0.27, roof - 0.05), (0.66, 0.78), (0.76, 0.76), (0.3, roof - 0.02)], 0.4, 0.005
    )
    screen = prism(
        [
            (rear + 0.03, 0.76),
            (rear + 0.24, roof - 0.1),
            (rear + 0.22, roof - 0.06),
            (rear - 0.03, 0.76),
        ],
        0.38,
        0.005,
    )
    tyres = mirrored(union(*[drum(w, 0.27, 0.1, 0.05, axis=2) for w in wheels]))
    hubs = mirrored(
        union(*[drum((x, y, z + 0.07), 0.165, 0.045, 0.02, axis=2) for x, y, z in wheels])
    )
    lights = mirrored(sphere((long - 0.03, 0.52, 0.42), 0.1))
    tails = mirrored(box((-long - 0.02, 0.6, 0.42), (0.06, 0.06, 0.1), 0.02))
    bumper = union(
        *[box((sign * (long + 0.02), 0.34, 0), (0.07, 0.06, 0.58), 0.04) for sign in (1, -1)]
    )

    def enamel(p: Array) -> Array:
        door = (
            ramp(-np.abs(np.abs(p[0] + 0.02) - 0.42), -0.012, -0.006) * (p[1] < 0.75) * (p[1] > 0.3)
        )
        return srgb(paint) * (1 - 0.75 * door) * (0.93 + 0.1 * noise(p, 3))

    return Subject(
        (
            Part(shell, Surface(enamel, gloss=0.85, mirror=0.07)),
            Part(union(side, shield, screen), _GLASS),
            Part(tyres, _RUBBER),
            Part(hubs, _STEEL),
            Part(lights, Surface(plain("#f2f0e6", 0.02), gloss=0.9, mirror=0.1)),
            Part(tails, Surface(plain("#a01014"), gloss=0.7)),
            Part(bumper, Surface(plain("#2c2d30"), gloss=0.4)),
        ),
        ["street", "beach", "grey", "evening"][variant],
        [(-45, -20), (20, 50), (150, 200), (-15, 20)][variant],
        above=(8, 20),
    )


def hammer(rng: np.random.Generator, variant: int) -> Subject:
    """A claw hammer, lying or standing on its head."""
    shaft: Colour = [
        wood("#7a4f24", "#c99a5c"),
        plain("#b8281e"),
        wood("#a97b45", "#e2c18b"),
        plain("#1f2226"),
    ][variant]
    long = pick(rng, 1.5, 1.75)
    handle = blend(
        0.1,
        tube(
            [(-long, 0, 0), (-long + 0.5, 0, 0), (-0.5, 0, 0), (0.12, 0, 0)],
            [0.105, 0.125, 0.075, 0.085],
        ),
    )
    poll = union(
        drum((0, 0.5, 0), 0.19, 0.1, 0.03),
        drum((0, 0.33, 0), 0.13, 0.12, 0.02),
        box((0, 0.08, 0), (0.16, 0.22, 0.15), 0.05),
    )
    prongs = mirrored(
        tube(
            [(0, -0.05, 0.06), (-0.03, -0.35, 0.09), (-0.14, -0.58, 0.11), (-0.3, -0.74, 0.12)],
            [0.12, 0.09, 0.06, 0.02],
        )
    )
    parts = [Part(handle, Surface(shaft, gloss=0.35)), Part(blend(0.05, poll, prongs), _STEEL)]
    if variant in (1, 3):
        sleeve = tube([(-long - 0.02, 0, 0), (-long + 0.75, 0, 0)], [0.135, 0.14])
        grip = Surface(
            plain("#16171a" if variant == 1 else "#d98a1c"),
            gloss=0.15,
            relief=lambda p: 0.01 * np.sin(50 * p[0]),
        )
        parts.append(Part(sleeve, grip))
    return Subject(
        tuple(parts),
        ["table", "grey", "floor", "street"][variant],
        [(10, 50), (-60, -20), (120, 160), (200, 240)][variant],
        above=(30, 50),
        pose=rotation(0, [-90, -80, 90, -90][variant]),
    )


def house(rng: np.random.Generator, variant: int) -> Subject:
    """A house with a gabled roof, a door, windows and a chimney."""
    wall, roof, trim = [
        ("#e6dcc4", "#8a3522", "#5a3a22"),
        ("#9c4a35", "#3d4248", "#ece8e0"),
        ("#86a0ae", "#4a3a34", "#f2efe8"),
        ("#d9b458", "#74402c", "#3c5a46"),
    ][variant]
    long, high, deep = pick(rng, 0.85, 1.1), pick(rng, 0.68, 0.85), pick(rng, 0.6, 0.72)
    top = high + pick(rng, 0.45, 0.62)
    gable = rotation(1, 90)
    body = moved(
        prism([(-deep, 0), (deep, 0), (deep, high), (0, top), (-deep, high)], long, 0.0),
        (0, 0, 0),
        gable,
    )
    over, lip = deep + 0.13, high - 0.13 * (top - high) / deep
    slab = [
        (-over, lip),
        (0, top),
        (over, lip),
        (over, lip + 0.07),
        (0, top + 0.09),
        (-over, lip + 0.07),
    ]
    tiles = moved(prism(slab, long + 0.12, 0.01), (0, 0, 0), gable)
    stack = box((0.45 * long, top, -0.15), (0.11, 0.32, 0.11), 0.01)

    def bricks(p: Array) -> Array:
        row = np.floor(p[1] / 0.075)
        along = (p[0] + p[2]) / 0.2 + 0.5 * (row % 2)
        gap = np.maximum(
            ramp(np.abs(along % 1 - 0.5), 0.44, 0.48),
            ramp(np.abs(p[1] / 0.075 - row - 0.5), 0.38, 0.46),
        )
        shade = 0.75 + 0.5 * noise(np.stack([np.floor(along), row, row]), 0.77)
        return mix(srgb(wall) * shade, srgb("#b9b0a2"), 0.8 * gap)

    def boards(p: Array) -> Array:
        edge = ramp(np.abs((p[1] / 0.11) % 1 - 0.5), 0.38, 0.49)
        return srgb(wall) * (1 - 0.45 * edge) * (0.85 + 0.25 * clouds(p, 4, 4))

    def shingles(p: Array) -> Array:
        row = np.floor(p[1] / 0.07)
        along = p[0] / 0.12 + 0.5 * (row % 2)
        shade = 0.7 + 0.6 * noise(np.stack([np.floor(along), row, row]), 0.77)
        return srgb(roof) * shade * (0.45 + 0.6 * ramp((p[1] / 0.07) % 1, 0.0, 0.35))

    openings = [(-0.55 * long, 0.45), (0.55 * long, 0.45)]
    front = [box((x, y, deep), (0.15, 0.17, 0.02), 0.005) for x, y in openings]
    gables = [(sign * long, y) for sign in (1, -1) for y in (0.42, high + 0.1)]
    sides = [box((x, y, 0), (0.02, 0.16, 0.14), 0.005) for x, y in gables]
    frames = [box((x, y, deep), (0.19, 0.21, 0.012), 0.005) for x, y in openings]
    frames += [box((x, y, 0), (0.012, 0.2, 0.18), 0.005) for x, y in gables]
    bars = [box((x, y, deep + 0.012), (0.15, 0.012, 0.016), 0.002) for x, y in openings]
    bars += [box((x, y, deep + 0.012), (0.012, 0.17, 0.016), 0.002) for x, y in openings]
    return Subject(
        (
            Part(body, Surface(bricks if variant == 1 else boards, gloss=0.05)),
            Part(tiles, Surface(shingles, gloss=0.1, relief=grainy(16, 0.01))),
            Part(stack, Surface(bricks, gloss=0.05)),
            Part(union(*frames, *bars), Surface(plain(trim), gloss=0.2)),
            Part(union(*front, *sides), _GLASS),
            Part(
                box((0, 0.26, deep), (0.15, 0.27, 0.025), 0.01),
                Surface(wood("#3a1f10", "#6b3f1e", axis=1), gloss=0.3),
            ),
        ),
        ["meadow", "evening", "snow", "beach"][variant],
        [(-40, -15), (20, 45), (-30, 30), (-60, -35)][variant],
        above=(5, 20),
    )
