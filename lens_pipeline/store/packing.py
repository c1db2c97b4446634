"""Numbers in two bytes: int16 with a scale and an offset, as netCDF's readers undo it themselves.

One scale serves a whole layer, so what is promised is an absolute error: `largest_error`, half a
step, the same for every unit and stimulus, in the layer's own units. Zero stays zero, so that what
a rectifier cut off is still cut off; NaN stays NaN. A value outside the range is refused, never cut
short.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.errors import StoreError
from lens_pipeline.store.schema import Scaling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lens_pipeline.store.schema import LayerSpec

# Codes lie in -LIMIT ... LIMIT; the one that is left marks NaN.
LIMIT = 32767
MISSING = -32768
# Types that may be packed; the others are exact as they are.
PACKABLE = frozenset({"float16", "float32", "float64"})
# of a float32 number, relative to its size
_ROUNDING = 2.0**-23
# How much further than the probe's few stimuli the others may reach, at least.
_HEADROOM = 4.0


def scaling_of(lowest: float, highest: float) -> Scaling:
    """Return the scaling of values from `lowest` to `highest`.

    >>> scaling_of(-2.0, 2.0).offset
    0.0
    """
    if not (math.isfinite(lowest) and math.isfinite(highest) and lowest <= highest):
        raise StoreError(f"Values from {lowest} to {highest} have no scale; keep them as float32.")
    # a little wider, since the ends are rounded to float32 like everything else
    span = (highest - lowest) * (1 + 4 * _ROUNDING)
    step = float(np.float32(span / (2 * LIMIT))) or abs(highest) or 1.0
    # a whole number of steps, so that zero has a code of its own
    steps = round((lowest / 2 + highest / 2) / step) if span else 0
    return Scaling(factor=step, offset=float(np.float32(steps * step)))


def packed_layers(
    layers: Sequence[LayerSpec],
    ranges: Mapping[tuple[str, int | None], tuple[float, float]],
) -> tuple[LayerSpec, ...]:
    """Return the layers with a scale each, for a run whose values are still to be computed.

    `ranges` are lowest and highest value of each layer and run on a few stimuli; others reach
    further, so the scale reaches four to eight times as far from zero, which costs three of the
    sixteen bits. Ends are powers of two, so that a probe whose last bits differ gives the same
    scale. Layers that are exact as they are (integers, bools, complex numbers) stay.
    """
    return tuple(
        replace(spec, scaling=scaling_of(*_widened(*ranges[spec.name, spec.run])))
        if spec.dtype in PACKABLE
        else spec
        for spec in layers
    )


def _widened(lowest: float, highest: float) -> tuple[float, float]:
    return min(0.0, _further(lowest)), max(0.0, _further(highest))


def _further(end: float) -> float:
    if not end or not math.isfinite(end):
        return end
    return math.copysign(2.0 ** math.ceil(math.log2(abs(end) * _HEADROOM)), end)


def largest_error(scaling: Scaling) -> float:
    """Return how far a value that is read back may be from the value that was packed."""
    largest = abs(scaling.offset) + LIMIT * scaling.factor
    return scaling.factor * 0.505 + 2 * _ROUNDING * largest


def pack(values: np.ndarray, spec: LayerSpec) -> np.ndarray:
    """Return int16 codes; raises StoreError for a value that the layer's scale does not reach."""
    assert spec.scaling is not None
    scaled = np.subtract(values, np.float32(spec.scaling.offset), dtype="float32")
    scaled /= np.float32(spec.scaling.factor)
    np.rint(scaled, out=scaled)
    missing = np.isnan(scaled)
    if missing.any():
        scaled[missing] = MISSING
    worst = np.abs(np.where(missing, 0, scaled)).max(initial=0)
    if worst > LIMIT:
        raise StoreError(_beyond(values, spec))
    codes: np.ndarray = scaled.astype("int16")
    return codes


def _beyond(values: np.ndarray, spec: LayerSpec) -> str:
    assert spec.scaling is not None
    low = spec.scaling.offset - LIMIT * spec.scaling.factor
    high = spec.scaling.offset + LIMIT * spec.scaling.factor
    return (
        f"Layer {spec.name} reaches from {np.nanmin(values):.6g} to {np.nanmax(values):.6g}, and "
        f"its int16 scale from {low:.6g} to {high:.6g}; store it with run.dtype=float32."
    )
