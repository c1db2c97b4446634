"""Four things that grow."""

from __future__ import annotations

import numpy as np

from drawing.scene import Part, placed
from drawing.solids import (
    Array,
    Solid,
    Vector,
    bumpy,
    ellipsoid,
    lathe,
    moved,
    rod,
    rotation,
    sphere,
    tube,
    union,
)
from drawing.subject import Subject, pick
from drawing.surfaces import (
    Colour,
    Surface,
    cells,
    clouds,
    grainy,
    mix,
    noise,
    plain,
    ramp,
    srgb,
    stretched,
    wood,
)

_BARK = Surface(
    wood("#3a2a1c", "#7b6247", axis=1, frequency=9), gloss=0.05, relief=grainy(12, 0.05)
)
_LEAF = Surface(plain("#4d7d22", 0.25), gloss=0.4, sheen=0.2)


def apple(rng: np.random.Generator, variant: int) -> Subject:
    """One apple, or two."""
    under, over, cover = [
        ("#d9b545", "#a3141c", 0.75),
        ("#7fa52c", "#a9bf3c", 0.5),
        ("#e0b83a", "#c63a22", 0.45),
        ("#7d0f1a", "#a81f26", 0.6),
    ][variant]

    def round_fruit(p: Array) -> Array:
        narrow = np.hypot(p[0], p[2]) * (1.03 - 0.16 * p[1])
        return (
            np.hypot(narrow - 0.23, p[1] * 0.98)
            - 0.4
            + 0.012 * np.sin(5 * np.arctan2(p[2], p[0])) * ramp(-p[1], 0.1, 0.4)
        )

    def skin(p: Array) -> Array:
        angle = np.arctan2(p[2], p[0])
        streak = np.stack([np.cos(angle) * 5, p[1] * 1.2, np.sin(angle) * 5])
        amount = ramp(0.6 * clouds(p, 1.6, 3) + 0.5 * noise(streak), 0.75 - cover, 1.15 - cover)
        base = mix(srgb(under), srgb(over), amount)
        dots = ramp(0.16 - cells(p, 13)[0], 0, 0.08)
        hollow = ramp(0.2 - np.hypot(p[0], p[2]), 0, 0.15)
        return mix(mix(base, srgb("#e5cf94"), 0.5 * dots), srgb("#8a8a3a"), 0.7 * hollow)

    peel = Surface(skin, gloss=0.72, mirror=0.045)
    stem = tube([(0, 0.2, 0), (0.02, 0.42, 0), (0.09, 0.6, 0.03)], [0.03, 0.022, 0.03])
    leaf = moved(
        ellipsoid((0.2, 0, 0), (0.24, 0.018, 0.1)),
        (0.05, 0.5, 0),
        rotation(1, pick(rng, -60, 60)) @ rotation(2, pick(rng, 0, 25)),
    )
    whole = [Part(round_fruit, peel), Part(stem, _BARK), Part(leaf, _LEAF)][
        : 2 if variant == 2 else 3
    ]
    tilt = rotation(2, pick(rng, -18, 18))
    parts = [placed(part, (0, 0, 0), tilt) for part in whole]
    if variant in (1, 3):
        beside, turn = (pick(rng, 0.9, 1.15), 0, -0.75), rotation(2, -25)
        parts += [placed(part, beside, turn) for part in whole[:2]]
    return Subject(
        tuple(parts), ["table", "cloth", "meadow", "dark"][variant], (-60, 60), above=(14, 32)
    )


def banana(rng: np.random.Generator, variant: int) -> Subject:
    """One banana, or a bunch."""
    count, ripe = [(1, 0.0), (3, 0.35), (2, 0.1), (1, 0.8)][variant]
    angles = np.linspace(-0.95, pick(rng, 0.7, 0.9), 12)
    path = [(1.2 * np.sin(a), -1.2 * np.cos(a) + 1.2, 0.0) for a in angles]
    radii = [0.075, 0.13, 0.175, 0.195, 0.2, 0.2, 0.2, 0.195, 0.18, 0.15, 0.085, 0.06]
    end = path[-1]
    stalk = rod(end, (end[0] + 0.12, end[1] + 0.2, 0), 0.062, 0.05)
    tip = sphere((path[0][0] - 0.05, path[0][1] + 0.04, 0), 0.05)
    flesh = tube(path, radii)

    def ridged(p: Array) -> Array:
        around = np.arctan2(p[2], np.hypot(p[0], p[1] - 1.2) - 1.2)
        return flesh(p) + 0.014 * (1 - np.cos(5 * around))

    def peel(p: Array) -> Array:
        base = mix(srgb("#e8bd22"), srgb("#f2d348"), clouds(p, 2, 3))
        green = mix(
            base, srgb("#9fae2c"), ramp(np.abs(p[0] + 0.05), 0.6, 1.15) * (0.8 - 0.6 * ripe)
        )
        specks = ramp(0.2 + 0.16 * ripe - cells(p, 11)[0] - 0.2 * (1 - noise(p, 3)), 0, 0.09)
        lines = ramp(clouds(stretched(p, 1.5, 9, 9), 1.5, 3), 0.66, 0.74)
        return mix(
            green, srgb("#4a2c12"), np.clip(specks * (0.3 + ripe) + 0.4 * lines * ripe, 0, 1)
        )

    skin, dark = Surface(peel, gloss=0.4), Surface(plain("#3a2a14", 0.3), gloss=0.2)
    green = Surface(plain("#8f8f35", 0.3), gloss=0.3)
    parts: list[Part] = []
    for number in range(count):
        fan = rotation(1, 17 * (number - (count - 1) / 2)) @ rotation(0, 9 * number)
        pivot = np.array([end[0] + 0.1, end[1] + 0.15, 0])
        shift = pivot - fan @ pivot
        parts += [
            placed(Part(solid, surface), shift, fan)
            for solid, surface in ((ridged, skin), (stalk, green), (tip, dark))
        ]
    return Subject(
        tuple(parts),
        ["cloth", "table", "blue", "grey"][variant],
        [(-30, 30), (150, 210), (-20, 40), (100, 150)][variant],
        above=(18, 40),
        pose=rotation(0, -90 if count == 1 else 180 if variant == 1 else -70),
    )


def mushroom(rng: np.random.Generator, variant: int) -> Subject:
    """One mushroom or a group of three."""
    cap, stem, spots = [
        ("#b3161a", "#eae3d2", True),
        ("#7a4a26", "#dcc9a6", False),
        ("#e3d9c6", "#f0e9dc", False),
        ("#c65a1a", "#efe4cd", True),
    ][variant]
    wide, tall = pick(rng, 0.55, 0.72), pick(rng, 0.7, 0.95)
    hood = [
        (0, tall + 0.34),
        (wide * 0.45, tall + 0.29),
        (wide * 0.8, tall + 0.13),
        (wide, tall - 0.08),
        (wide * 0.93, tall - 0.12),
        (wide * 0.5, tall - 0.02),
        (0, tall + 0.02),
    ]
    foot = [(0, -0.02), (0.21, 0), (0.22, 0.1), (0.15, 0.3), (0.13, tall + 0.02), (0, tall + 0.02)]
    skirt = [(0.13, tall * 0.72), (0.27, tall * 0.58), (0.26, tall * 0.56), (0.13, tall * 0.66)]

    def skin(p: Array) -> Array:
        base = srgb(cap) * (0.75 + 0.4 * clouds(p, 3, 3))
        return mix(base, srgb("#f2e8d8") * 0.9, ramp(np.hypot(p[0], p[2]), 0.9 * wide, 1.25 * wide))

    def gills(p: Array) -> Array:
        lines = 0.55 + 0.45 * np.sin(46 * np.arctan2(p[2], p[0]))
        return (
            srgb(stem)
            * np.where(p[1] > tall - 0.16, lines, 1)
            * (0.75 + 0.4 * clouds(stretched(p, 14, 1.5, 14), 1, 3))
        )

    crown: Solid = lathe(hood, 0.03)
    warts = bumpy(crown, lambda p: 0.06 * ramp(0.36 - cells(p, 3.6)[0], 0, 0.12) - 0.022, 0.1)
    pieces: list[tuple[Solid, Colour, float]] = [
        (crown, skin, 0.6),
        (lathe(foot, 0.02), gills, 0.1),
    ]
    if spots:
        pieces += [(warts, plain("#f3ecdc", 0.15), 0.1), (lathe(skirt, 0.012), gills, 0.1)]
    places: list[tuple[Vector, float]] = [((0, 0, 0), 1.0)]
    if variant in (1, 2):
        places += [((0.75, 0, 0.35), 0.62), ((-0.55, 0, 0.55), 0.45)]
    parts = [
        placed(
            Part(solid, Surface(colour, gloss=gloss, relief=grainy(20, 0.006))), shift, scale=size
        )
        for shift, size in places
        for solid, colour, gloss in pieces
    ]
    return Subject(
        tuple(parts), ["forest", "meadow", "dark", "evening"][variant], (-60, 60), above=(5, 18)
    )


def tree(rng: np.random.Generator, variant: int) -> Subject:
    """A broad-leaved tree, or a fir."""
    first, second = [
        ("#2f5a1c", "#6f9a35"),
        ("#16331f", "#3f6b3a"),
        ("#a8501a", "#dc9a2c"),
        ("#3d6b22", "#93ad3f"),
    ][variant]

    def leaves(p: Array) -> Array:
        return mix(srgb(first), srgb(second), ramp(clouds(p, 9, 3), 0.3, 0.7)) * (
            0.55 + noise(p, 26)
        )

    foliage = Surface(leaves, gloss=0.1, sheen=0.3, relief=grainy(13, 0.11))
    if variant == 1:
        tiers = [
            moved(
                lathe([(0, 0.85), (0.78, -0.02), (0.7, -0.1), (0, 0.1)]),
                (0, 0.5 + 0.5 * k, 0),
                scale=1 - 0.17 * k,
            )
            for k in range(5)
        ]
        crown = bumpy(union(*tiers), lambda p: 0.17 * clouds(p, 6.5, 3) - 0.07, 0.25)
        wood_part = rod((0, 0, 0), (0, 1.2, 0), 0.13, 0.08)
    else:
        fork = [
            (pick(rng, -0.55, 0.55), pick(rng, 1.35, 1.9), pick(rng, -0.5, 0.5)) for _ in range(7)
        ]
        boughs = [
            tube([(0, 0.7, 0), (0.5 * x, 0.62 * y, 0.5 * z), (x, y, z)], [0.11, 0.07, 0.04])
            for x, y, z in fork
        ]
        wood_part = union(
            tube([(0.03, 0, 0), (0, 0.4, 0.02), (0, 0.8, 0)], [0.2, 0.13, 0.12]), *boughs
        )
        balls = union(sphere((0, 1.75, 0), 0.55), *[sphere(f, pick(rng, 0.34, 0.5)) for f in fork])
        crown = bumpy(balls, lambda p: 0.3 * clouds(p, 4.6, 4) - 0.13, 0.4)
    return Subject(
        (Part(crown, foliage), Part(wood_part, _BARK)),
        ["meadow", "snow", "evening", "beach"][variant],
        (0, 360),
        above=(3, 10),
    )
