"""Sizes of memory and disk as settings: a number of bytes, or a number and a unit."""

from __future__ import annotations

import math
import re
from typing import Any

from lens_pipeline.pipeline.settings import Kind, optional

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def read_size(value: Any) -> int:
    """Return a positive number of bytes.

    >>> read_size("16GB"), read_size("1.5 MiB"), read_size(4096)
    (16000000000, 1572864, 4096)

    Raises ValueError for what is no size.
    """
    if isinstance(value, bool):
        raise ValueError  # noqa: TRY004  the reader of settings turns ValueError into the sentence
    found = re.fullmatch(r"\s*(\d+\.?\d*)\s*([kmgt]?i?)b?\s*", str(value).lower())
    unit = {**_UNITS, **_BINARY}.get(found[2]) if found else None
    if found is None or unit is None or not float(found[1]):
        raise ValueError
    return math.ceil(float(found[1]) * unit)


SIZE = Kind("a size such as 16GB", read_size)
OPTIONAL_SIZE = optional(SIZE)
