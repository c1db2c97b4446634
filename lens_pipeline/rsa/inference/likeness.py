"""What evaluating resamples gives, whatever the measure.

What is promised: numbers are those that rsatoolbox computes from the same draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lens_pipeline.rsa.inference.resamples import SCHEMES

if TYPE_CHECKING:
    from lens_pipeline.rsa.inference.resamples import Resamples

Doubles = npt.NDArray[np.float64]
# called with the share of the work that is done, from 0 to 1
Done = Callable[[float], None]


@dataclass(frozen=True)
class Likeness:
    """Likeness of models and subjects in all data and in each resample."""

    # members of a Scheme's parts; their order is that of the last axis of `ceilings`
    parts: tuple[str, ...]
    # (n_models, n_subjects) in all data
    scores: Doubles
    # (2,) lower and upper noise ceiling in all data; NaN with one subject
    bounds: Doubles
    # (n_draws, n_models, n_subjects) with stimuli resampled; equal to scores where they are not
    likeness: Doubles
    # (2, n_draws, n_parts) lower and upper bound; NaN with one subject and where not evaluated
    ceilings: Doubles


def nothing_yet(models: Doubles, subjects: Doubles, resamples: Resamples) -> Likeness:
    """Return a Likeness of NaN, to be filled in."""
    parts = SCHEMES[resamples.scheme].parts
    n_draws = len(resamples.stimuli)
    shape = (len(models), len(subjects))
    return Likeness(
        parts,
        scores=np.full(shape, np.nan),
        bounds=np.full(2, np.nan),
        likeness=np.full((n_draws, *shape), np.nan),
        ceilings=np.full((2, n_draws, len(parts)), np.nan),
    )
