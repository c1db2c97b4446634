"""Likeness and noise ceilings of RDMs in all data, without a resample.

The numbers are those of rsatoolbox. It ranks and whitens each RDM again for each comparison; here
that is done once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.rsa.inference.linear import LINEAR, linear_whole
from lens_pipeline.rsa.inference.ranked import ranked_ceilings, ranked_likeness

if TYPE_CHECKING:
    from lens_pipeline.rsa.inference.likeness import Doubles


def likeness_of(models: Doubles, subjects: Doubles, *, measure: str) -> Doubles:
    """Return (n_models, n_subjects) for RDMs (n, n_pairs); `measure` is a key of COMPARISONS."""
    if measure in LINEAR:
        return linear_whole(models, subjects, measure=measure)[0]
    return ranked_likeness(models, subjects, measure=measure)


def ceilings_of(subjects: Doubles, *, measure: str) -> tuple[float, float]:
    """Return the lower and upper noise ceiling of RDMs (n_subjects, n_pairs), 2 or more."""
    if measure in LINEAR:
        lower, upper = linear_whole(subjects[:0], subjects, measure=measure)[1]
        return float(lower), float(upper)
    return ranked_ceilings(subjects, measure=measure)
