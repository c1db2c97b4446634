"""Three scaly animals."""

from __future__ import annotations

import numpy as np

from drawing.animals import WET_BLACK, eyes
from drawing.scene import Part
from drawing.solids import (
    Array,
    Solid,
    Vector,
    blend,
    box,
    column,
    ellipsoid,
    mirrored,
    moved,
    norm,
    rod,
    rotation,
    sphere,
    tube,
    union,
    within,
)
from drawing.subject import Subject, pick
from drawing.surfaces import (
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
)


def fish(rng: np.random.Generator, variant: int) -> Subject:
    """A fish, swimming or laid on a board."""
    deep = [0.42, 0.34, 0.46, 0.26][variant] * pick(rng, 0.95, 1.05)
    body = blend(
        0.16,
        ellipsoid((0.1, 0, 0), (0.72, deep, 0.19)),
        rod((-0.4, 0, 0), (-0.82, 0.02, 0), 0.15, 0.05),
    )

    def fin(centre: Vector, radii: Vector, degrees: float) -> Solid:
        return moved(ellipsoid((0, 0, 0), radii), centre, rotation(2, degrees))

    fins = union(
        fin((-1.0, 0.17, 0), (0.34, 0.12, 0.025), -42),
        fin((-1.0, -0.15, 0), (0.34, 0.12, 0.025), 42),
        fin((0.0, deep * 0.95, 0), (0.42, 0.15, 0.022), -8),
        fin((-0.2, -deep * 0.9, 0), (0.22, 0.12, 0.022), 25),
        mirrored(
            moved(
                ellipsoid((0, 0, 0), (0.2, 0.1, 0.02)),
                (0.18, -0.1, 0.23),
                rotation(1, -28) @ rotation(2, 20),
            )
        ),
    )

    def scales(p: Array) -> Array:
        if variant == 0:
            bands = ramp(np.abs((p[0] + 0.14) % 0.52 - 0.26), 0.15, 0.17)
            edge = ramp(-np.abs(np.abs((p[0] + 0.14) % 0.52 - 0.26) - 0.155), -0.035, -0.02)
            base = mix(mix(srgb("#e8621a"), srgb("#f4efe6"), bands), srgb("#15100e"), edge)
        elif variant == 1:
            base = mix(srgb("#1d49b8"), srgb("#f0c51e"), ramp(-p[0] - 0.3 * p[1], 0.35, 0.5))
            base = mix(
                base, srgb("#0a1030"), ramp(-np.abs(p[1] - 0.12 * np.sin(4 * p[0])), -0.1, 0)
            )
        elif variant == 2:
            base = mix(srgb("#e8842a"), srgb("#f8dca0"), ramp(-p[1], -0.05, 0.4))
        else:
            base = mix(srgb("#cfd3cc"), srgb("#4f5f4c"), ramp(p[1], -0.12, 0.12))
            base = mix(base, srgb("#c07a78"), 0.7 * ramp(-np.abs(p[1] + 0.02), -0.09, -0.02))
            base = mix(base, srgb("#1f2624"), ramp(0.3 - cells(p, 12)[0], 0, 0.1) * (p[1] > -0.05))
        row = 0.5 + 0.5 * np.sin(38 * p[0] + 3 * np.sin(34 * p[1]))
        return base * (0.88 + 0.16 * row)

    def rays(p: Array) -> Array:
        base = scales(p) if variant in (0, 1) else srgb(["", "", "#e0702a", "#7d8a80"][variant])
        return base * (0.7 + 0.45 * np.sin(60 * (p[1] - 0.3 * p[0])) ** 2)

    skin = Surface(
        scales,
        gloss=0.75,
        mirror=0.08,
        relief=lambda p: 0.001 * np.sin(38 * p[0] + 3 * np.sin(34 * p[1])),
    )
    laid = variant == 3
    return Subject(
        (
            Part(body, skin),
            Part(fins, Surface(rays, gloss=0.5, sheen=0.3)),
            Part(
                mirrored(sphere((0.56, 0.1, 0.125), 0.075)),
                Surface(plain("#e8d9a8", 0.03), gloss=0.8),
            ),
            Part(mirrored(sphere((0.585, 0.1, 0.168), 0.045)), WET_BLACK),
        ),
        ["water", "water", "water", "table"][variant],
        [(-30, 0), (150, 205), (20, 45), (15, 40)][variant],
        above=(56, 68) if laid else (4, 14),
        pose=rotation(0, -90) if laid else rotation(2, pick(rng, -8, 12)),
        lift=0.0 if laid else pick(rng, 0.25, 0.5),
    )


def snake(rng: np.random.Generator, variant: int) -> Subject:
    """A snake, winding or coiled."""
    first, second = [
        ("#4f6b2a", "#c8b45c"),
        ("#8a3b22", "#e6c79a"),
        ("#2c2a26", "#b89b4a"),
        ("#6f8f2f", "#2f4a1c"),
    ][variant]
    s = np.linspace(0, 1, 40)
    if variant % 2:
        angle, far = 13.5 * s + pick(rng, 0, 2), 0.22 + 0.75 * (1 - s)
        x, z, y = far * np.cos(angle), far * np.sin(angle), 0.09 + 0.42 * s**1.5
    else:
        x, z, y = 2.6 * s - 1.3, 0.42 * np.sin(10.5 * s + pick(rng, -1, 1)), 0.08 + 0.5 * s**12
    path = np.stack([x, y, z], axis=1)
    girth = 0.115 * np.minimum(1, 0.12 + 2.6 * s) * (1 - 0.35 * ramp(s.astype(np.float32), 0.85, 1))
    ahead = path[-1] - path[-3]
    ahead[1] = 0.1
    ahead /= np.linalg.norm(ahead)
    tip = path[-1] + 0.19 * ahead
    side = np.array([-ahead[2], 0, ahead[0]])
    head = blend(0.06, rod(path[-1], tip, 0.105, 0.06), sphere(path[-1] + 0.04 * ahead, 0.115))
    spots = [
        path[-1] + 0.13 * ahead + 0.05 * np.array([0, 1.0, 0]) + sign * 0.066 * side
        for sign in (1, -1)
    ]
    tongue = rod(tip, tip + 0.16 * ahead, 0.012, 0.006)
    corners = path.astype(np.float32)

    def along(p: Array) -> Array:
        return np.argmin([norm(p - column(c)) for c in corners], axis=0).astype(np.float32)

    def skin(p: Array) -> Array:
        place = np.stack([along(p) * 0.21, 0 * p[0], 0 * p[0]])
        band = ramp(np.sin(along(p) * 1.26 + 2.5 * noise(p, 9)) + 0.4 * noise(place, 1), -0.1, 0.35)
        edge = ramp(cells(p, 30)[1] - cells(p, 30)[0], 0.02, 0.25)
        return mix(srgb(first), srgb(second), band) * (0.45 + 0.7 * edge)

    hide = Surface(skin, gloss=0.6, relief=lambda p: 0.006 * ramp(cells(p, 30)[0], 0, 0.5))
    return Subject(
        (
            Part(blend(0.03, tube(list(path), list(girth)), head), hide),
            Part(union(*[sphere(spot, 0.022) for spot in spots]), WET_BLACK),
            Part(tongue, Surface(plain("#7a1420"))),
        ),
        ["forest", "beach", "street", "meadow"][variant],
        (-40, 40),
        above=(26, 40),
    )


def turtle(rng: np.random.Generator, variant: int) -> Subject:
    """A tortoise walking."""
    shell, plate, flesh = [
        ("#3a2c14", "#a8823a", "#7a7048"),
        ("#26351f", "#6f8f45", "#5d6b3a"),
        ("#4a3a2c", "#8a7258", "#8c8066"),
        ("#2c2418", "#c79a3c", "#63583c"),
    ][variant]
    high = pick(rng, 0.44, 0.58)
    dome = within(ellipsoid((0, 0.24, 0), (0.82, high, 0.64)), box((0, 0.64, 0), (2, 0.44, 2)))
    rim = ellipsoid((0, 0.27, 0), (0.88, 0.09, 0.7))
    reach = pick(rng, -0.08, 0.08)
    limbs = mirrored(
        union(
            tube(
                [(0.48, 0.3, 0.42), (0.68 + reach, 0.18, 0.56), (0.74 + reach, 0.05, 0.57)],
                [0.15, 0.13, 0.12],
            ),
            tube(
                [(-0.5, 0.28, 0.38), (-0.66 - reach, 0.14, 0.5), (-0.7 - reach, 0.05, 0.5)],
                [0.16, 0.13, 0.12],
            ),
        )
    )
    neck = rod((0.66, 0.3, 0), (1.02, 0.5, 0), 0.13, 0.11)
    head = blend(0.08, neck, ellipsoid((1.14, 0.54, 0), (0.2, 0.135, 0.14)))
    tail = rod((-0.8, 0.22, 0), (-1.02, 0.1, 0), 0.07, 0.015)

    def plates(p: Array) -> Array:
        first, second = cells(stretched(p, 1, 0.55, 1), 2.9)
        seam = ramp(second - first, 0.03, 0.12)
        rings = 0.75 + 0.3 * np.sin(26 * first)
        centre = mix(srgb(plate), srgb(shell), ramp(first, 0.2, 0.55))
        return centre * rings * (0.3 + 0.7 * seam) * (0.8 + 0.4 * clouds(p, 14, 2))

    def leather(p: Array) -> Array:
        first, second = cells(p, 16)
        return (
            srgb(flesh) * (0.4 + 0.7 * ramp(second - first, 0.0, 0.3)) * (0.8 + 0.4 * noise(p, 5))
        )

    def grooves(p: Array) -> Array:
        first, second = cells(stretched(p, 1, 0.55, 1), 2.9)
        return 0.03 * ramp(second - first, 0, 0.2) + 0.006 * np.sin(26 * first)

    return Subject(
        (
            Part(union(dome, rim), Surface(plates, gloss=0.5, relief=grooves)),
            Part(
                union(blend(0.05, head, tail), limbs),
                Surface(leather, gloss=0.2, relief=grainy(24, 0.02)),
            ),
            eyes((1.22, 0.6, 0.115), 0.03),
        ),
        ["beach", "meadow", "grey", "forest"][variant],
        [(-45, -15), (150, 175), (20, 50), (-20, 15)][variant],
        above=(12, 28),
    )
