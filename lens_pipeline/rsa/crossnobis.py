"""Crossnobis: distances that noise does not lengthen, from repeats.

The difference between two stimuli in one repetition is multiplied by that in another, so that the
noise of the two averages out and stimuli that do not differ are at 0, above or below (Walther et
al. 2016, NeuroImage 137:188; Diedrichsen et al. 2021). Leaving one repetition out in turn, against
the mean of the others, is the mean over all pairs of repetitions, which is what is computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import squareform

from lens_pipeline.errors import ComparisonError

if TYPE_CHECKING:
    from lens_pipeline.rsa.scatter import Doubles


def crossnobis(folds: Doubles, *, name: str) -> Doubles:
    """Return n (n - 1) / 2 squared distances of patterns (n_folds, n_stimuli, n_units).

    Patterns are noise-normalised; else the distances are cross-validated squared Euclidean ones.
    What rsatoolbox calls crossnobis is this divided by the number of units. Raises ComparisonError
    for fewer than two folds.
    """
    n_folds = len(folds)
    if n_folds < 2:
        raise ComparisonError(
            f"The reference {name} has one response to each stimulus, and crossnobis needs "
            "repeats; choose another brain.method."
        )
    total = folds.sum(axis=0)
    within = np.einsum("kiu,kju->ij", folds, folds, optimize=True)
    products = (total @ total.T - within) / (n_folds * (n_folds - 1))
    sizes = products.diagonal()
    square = sizes[:, None] + sizes - products - products.T
    np.fill_diagonal(square, 0)
    result: Doubles = squareform(square, checks=False)
    return result
