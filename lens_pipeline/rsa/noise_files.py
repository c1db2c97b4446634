"""Noise covariances of layers, as the user gives them: .npz of arrays (units, units)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.errors import ComparisonError, nearest
from lens_pipeline.rsa.noise import cholesky

if TYPE_CHECKING:
    from pathlib import Path

    from lens_pipeline.rsa.scatter import Doubles

# key -> covariance; the key "" is for all layers
Covariances = Mapping[str, "Doubles"]


def read_covariances(path: Path, key: str | None) -> dict[str, Doubles]:
    """Return covariances by LAYER or LAYER:PASS, each checked; a single one is for all layers.

    Raises ComparisonError for a file or array that is none.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = {"": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except (OSError, ValueError) as error:
        raise ComparisonError(
            f"The noise covariance {path} (rsa.noise) cannot be read: {error}; give a .npz."
        ) from error
    if key is not None:
        if key not in arrays:
            raise ComparisonError(f"{path} (rsa.noise) has no {key!r}; {nearest(key, arrays)}.")
        arrays = {"": arrays[key]}
    elif len(arrays) == 1:
        arrays = {"": next(iter(arrays.values()))}
    for name, array in arrays.items():
        cholesky(array, name=name or path.name)
    return {name: array.astype(np.float64) for name, array in arrays.items()}


def covariance_of(found: Covariances, layer: str, number: int) -> Doubles | None:
    """Return the covariance of a layer at a pass: its own, its layer's, or that for all."""
    for name in (f"{layer}:{number}", layer, ""):
        if name in found:
            return found[name]
    return None
