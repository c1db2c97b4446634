"""Numbers of columns as short text with their units."""

from __future__ import annotations

from lens_pipeline.tracer.wording import human_bytes

_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def quantity(value: float, unit: str) -> str:
    """Write a number with its unit.

    >>> quantity(118013952.0, "FLOP"), quantity(0.00042, "s")
    ('118 MFLOP', '0.42 ms')
    """
    if unit == "bytes":
        return human_bytes(value)
    if unit == "s":
        return f"{value * 1e3:.3g} ms"
    for size, prefix in _PREFIXES if unit in ("FLOP", "MAC") else ():
        if value >= size:
            return f"{value / size:.3g} {prefix}{unit}"
    return f"{value:.4g} {unit}".strip()
