"""Three animals with fur or feathers."""

from __future__ import annotations

import numpy as np

from drawing.scene import Part
from drawing.solids import (
    Array,
    Solid,
    Vector,
    blend,
    box,
    bumpy,
    ellipsoid,
    mirrored,
    moved,
    rod,
    rotation,
    sphere,
    tube,
    union,
)
from drawing.subject import Subject, pick
from drawing.surfaces import (
    Surface,
    fur,
    hair,
    mix,
    noise,
    plain,
    ramp,
    srgb,
    stretched,
)

WET_BLACK = Surface(plain("#0d0b0a", 0.05), gloss=0.9, mirror=0.05)


def eyes(centre: Vector, radius: float) -> Part:
    """Return two shining eyes at `centre` and its mirror image."""
    return Part(mirrored(sphere(centre, radius)), WET_BLACK)


def _coat(solid: Solid, height: float = 0.01) -> Solid:
    return bumpy(solid, lambda p: height * noise(stretched(p, 22, 52, 52)), 0.04)


def dog(rng: np.random.Generator, variant: int) -> Subject:
    """A standing dog with hanging or pricked ears."""
    code, belly, patch = [
        ("#8a5a2b", "#c79a62", None),
        ("#e9e2d6", "#f2ede4", "#2b2320"),
        ("#2a2522", "#8a5428", None),
        ("#c9a062", "#e8d3a6", None),
    ][variant]
    leg, step = pick(rng, 0.9, 1.1), pick(rng, -0.08, 0.08)
    body = blend(
        0.22,
        ellipsoid((0.32, 0.78, 0), (0.42, 0.29, 0.25)),
        ellipsoid((-0.36, 0.8, 0), (0.4, 0.25, 0.22)),
        rod((0.52, 0.92, 0), (0.84, 1.22, 0), 0.19, 0.15),
    )
    head = blend(
        0.1,
        ellipsoid((0.9, 1.3, 0), (0.23, 0.21, 0.2)),
        rod((1.0, 1.24, 0), (1.26, 1.18, 0), 0.125, 0.085),
    )
    front = tube(
        [(0.46, 0.66, 0.15), (0.48 + step, 0.34, 0.16), (0.47 + step, 0.06, 0.16)],
        [0.12 * leg, 0.075, 0.065],
    )
    hind = tube(
        [
            (-0.5, 0.72, 0.13),
            (-0.4 - step, 0.42, 0.16),
            (-0.6 - step, 0.26, 0.16),
            (-0.56 - step, 0.06, 0.16),
        ],
        [0.17, 0.1, 0.065, 0.06],
    )
    paws = union(
        ellipsoid((0.53 + step, 0.05, 0.16), (0.11, 0.055, 0.075)),
        ellipsoid((-0.5 - step, 0.05, 0.16), (0.11, 0.055, 0.075)),
    )
    tail = tube([(-0.7, 0.9, 0), (-0.95, 1.05, 0), (-1.1, 1.32, 0.05)], [0.07, 0.06, 0.03])
    legs = mirrored(blend(0.05, front, paws, hind))
    if variant % 2:
        ear = moved(ellipsoid((0, 0, 0), (0.08, 0.2, 0.05)), (0.8, 1.24, 0.2), rotation(0, 12))
    else:
        ear = rod((0.82, 1.42, 0.12), (0.78, 1.66, 0.17), 0.09, 0.02)
    coat = Surface(fur(code, belly, patch, 0.62), gloss=0.12, sheen=0.5, relief=hair(0.004))
    ears = Surface(fur("#4a2f1a" if patch is None else patch), gloss=0.1, sheen=0.5, relief=hair())
    return Subject(
        (
            Part(_coat(blend(0.12, body, head, legs, tail)), coat),
            Part(mirrored(ear), ears),
            Part(sphere((1.345, 1.21, 0), 0.05), WET_BLACK),
            eyes((1.055, 1.37, 0.125), 0.035),
        ),
        ["meadow", "floor", "evening", "street"][variant],
        [(-50, -20), (25, 55), (150, 170), (-30, 20)][variant],
    )


def rabbit(rng: np.random.Generator, variant: int) -> Subject:
    """A sitting rabbit, ears up."""
    code, belly, patch = [
        ("#8d7355", "#d9c9b2", None),
        ("#ece8e2", "#f7f4ef", None),
        ("#6b6a6c", "#b9b6b2", None),
        ("#f0ebe3", "#f7f3ec", "#5b3b22"),
    ][variant]
    spread, lean = pick(rng, 0.06, 0.16), pick(rng, -0.25, 0.05)
    ear = moved(
        ellipsoid((0, 0.3, 0), (0.085, 0.36, 0.05)),
        (0.42, 1.0, 0.08),
        rotation(0, 90 * spread) @ rotation(2, 20 - 60 * lean),
    )
    body = blend(
        0.18,
        ellipsoid((-0.15, 0.46, 0), (0.52, 0.44, 0.36)),
        ellipsoid((0.25, 0.5, 0), (0.26, 0.34, 0.26)),
        ellipsoid((0.5, 0.86, 0), (0.25, 0.23, 0.2)),
        ellipsoid((0.66, 0.8, 0), (0.14, 0.12, 0.13)),
        mirrored(ellipsoid((-0.25, 0.3, 0.27), (0.3, 0.28, 0.15))),
    )
    feet = mirrored(
        union(
            ellipsoid((0.05, 0.06, 0.27), (0.27, 0.065, 0.09)),
            rod((0.36, 0.4, 0.13), (0.44, 0.06, 0.13), 0.09, 0.06),
        )
    )
    coat = Surface(fur(code, belly, patch, 0.35), gloss=0.08, sheen=0.8, relief=hair(0.004))
    pale = Surface(fur("#f2ece4"), gloss=0.05, sheen=0.8, relief=hair(0.004))
    inner = Surface(plain("#d8a296"), sheen=0.5)
    flap = moved(
        ellipsoid((0.035, 0.3, 0.02), (0.055, 0.29, 0.042)),
        (0.42, 1.0, 0.08),
        rotation(0, 90 * spread) @ rotation(2, 20 - 60 * lean),
    )
    return Subject(
        (
            Part(_coat(blend(0.06, body, feet, mirrored(ear)), 0.014), coat),
            Part(_coat(sphere((-0.68, 0.36, 0), 0.14), 0.03), pale),
            Part(mirrored(flap), inner),
            Part(ellipsoid((0.8, 0.84, 0), (0.025, 0.022, 0.035)), Surface(plain("#b06a68"))),
            eyes((0.6, 0.93, 0.165), 0.042),
        ),
        ["meadow", "grey", "snow", "floor"][variant],
        [(-40, -10), (20, 50), (140, 165), (-60, -35)][variant],
    )


def bird(rng: np.random.Generator, variant: int) -> Subject:
    """A small song bird on its feet."""
    back, breast, wing = [
        ("#6a5742", "#c8552a", "#54442f"),
        ("#2f62b5", "#d98a4e", "#1f4690"),
        ("#e3b81d", "#f0d24a", "#4a4a3c"),
        ("#7b8088", "#a9aeb4", "#4c5058"),
    ][variant]
    bow = pick(rng, -6, 10)
    turn = rotation(2, 22 + bow)
    body = moved(ellipsoid((0, 0, 0), (0.56, 0.36, 0.34)), (0, 0.82, 0), turn)
    head = (0.5, 1.25 + bow / 120, 0)
    skull = sphere(head, 0.25)
    tail = moved(box((-0.85, 0.02, 0), (0.4, 0.028, 0.11), 0.025), (0, 0.8, 0), rotation(2, 14))
    blade = moved(
        ellipsoid((0, 0, 0), (0.58, 0.24, 0.07)),
        (-0.18, 0.82, 0.29),
        rotation(2, 20) @ rotation(1, -8),
    )
    beak = rod(
        (head[0] + 0.2, head[1] - 0.02, 0), (head[0] + 0.46, head[1] - 0.06, 0), 0.075, 0.006
    )
    leg = tube([(0.02, 0.5, 0.12), (-0.03, 0.22, 0.13), (0.02, 0.02, 0.13)], [0.035, 0.022, 0.02])
    toes = union(
        *[
            rod((0.02, 0.02, 0.13), (0.02 + x, 0.012, 0.13 + z), 0.018, 0.01)
            for x, z in ((0.17, 0), (0.14, 0.09), (0.14, -0.09), (-0.12, 0))
        ]
    )
    plume, chest = srgb(back), srgb(breast)

    def feathers(p: Array) -> Array:
        front = ramp(p[0] * 0.75 - p[1] + 0.72, -0.06, 0.1) * ramp(p[0], -0.35, 0.0)
        base = mix(plume, chest, front)
        base = mix(base, srgb("#eee6d8"), ramp(0.62 - p[1], -0.03, 0.08))
        return base * (0.65 + 0.7 * noise(stretched(p, 14, 30, 30)))

    def flight(p: Array) -> Array:
        rows = 0.5 + 0.5 * np.sin(34 * (p[1] + 0.38 * p[0]) + 2 * noise(p, 4))
        bar = ramp(-np.abs(p[0] + 0.05 - 0.3 * (p[1] - 0.8)), -0.05, -0.02)
        base = mix(srgb(wing) * (0.55 + 0.6 * rows), srgb("#e9e4da"), 0.45 * bar)
        return base * (0.8 + 0.4 * noise(stretched(p, 10, 50, 50)))

    down = Surface(feathers, gloss=0.15, sheen=0.5, relief=hair(0.003))
    return Subject(
        (
            Part(_coat(blend(0.2, body, skull), 0.007), down),
            Part(union(mirrored(blade), tail), Surface(flight, gloss=0.3, sheen=0.2)),
            Part(beak, Surface(plain("#c98a2b" if variant != 0 else "#3a3128"), gloss=0.5)),
            Part(mirrored(union(leg, toes)), Surface(plain("#7a4a32"), gloss=0.3)),
            eyes((head[0] + 0.1, head[1] + 0.06, 0.2), 0.042),
        ),
        ["snow", "forest", "table", "street"][variant],
        [(-30, 10), (-50, -20), (150, 200), (10, 45)][variant],
        above=(4, 16),
    )
