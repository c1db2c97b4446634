"""Folds of a cross-validation in which no concept stands on both sides.

Two photographs of one thing are nearly one stimulus: a model tested on the second after it was
fitted to the first has been told the answer. So whole groups go to a fold.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lens_pipeline.errors import ComparisonError

if TYPE_CHECKING:
    from collections.abc import Sequence

# (rows to fit, rows to test)
Fold = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
# a correlation within a test fold needs some stimuli
LEAST_IN_FOLD = 3


def group_folds(groups: Sequence[str], n_folds: int, *, seed: int) -> tuple[Fold, ...]:
    """Return `n_folds` folds of about equal size; the members of a group stay together.

    Groups are taken in a random order, each into the fold that is smallest by then. Raises
    ComparisonError for fewer than two folds, or where a fold would have too few stimuli.
    """
    counts = Counter(groups)
    names = np.array(list(counts), dtype=object)
    shuffled = names[np.random.default_rng(seed).permutation(len(names))]
    order = sorted(shuffled, key=lambda name: -counts[name])
    sizes = np.zeros(max(n_folds, 1), dtype=int)
    of: dict[str, int] = {}
    for name in order:
        of[name] = int(np.argmin(sizes))
        sizes[of[name]] += counts[name]
    if n_folds < 2 or sizes.min() < LEAST_IN_FOLD:
        raise ComparisonError(
            f"{len(groups)} stimuli in {len(counts)} groups do not make encoding.folds={n_folds} "
            f"of {LEAST_IN_FOLD} or more stimuli each; ask for fewer folds (2 at least) or set "
            "encoding.group=null."
        )
    places = np.array([of[name] for name in groups])
    return tuple(
        (np.flatnonzero(places != fold), np.flatnonzero(places == fold)) for fold in range(n_folds)
    )


def within(fold: Fold, groups: Sequence[str], *, n_folds: int, seed: int) -> tuple[Fold, ...]:
    """Return folds of the rows that a fold fits, for choosing its hyperparameters."""
    return group_folds([groups[row] for row in fold[0]], n_folds, seed=seed)
