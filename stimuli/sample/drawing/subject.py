"""A thing to draw: its parts, and how and where it is usually photographed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from drawing.scene import Part
    from drawing.solids import Array


@dataclass(frozen=True)
class Subject:
    """One exemplar of a concept; x is its front, y is up."""

    parts: tuple[Part, ...]
    # key of SETTINGS
    setting: str
    # degrees that the thing is turned around the vertical, from and to; 0 shows its right side
    yaw: tuple[float, float]
    # degrees that the camera looks down, from and to
    above: tuple[float, float] = (8, 24)
    # how it is laid down before it is turned, or None when it stands
    pose: Array | None = None
    # height over the ground, in sizes of the thing
    lift: float = 0.0


def pick(rng: np.random.Generator, low: float, high: float) -> float:
    """Return one random number from a range."""
    return float(rng.uniform(low, high))
