"""Variance partitioning: what each of two models explains of an RDM alone, and what both do.

R2 of each model and of the two together; the unique part of a model is what the two explain beyond
the other alone, the shared part is the rest (as in Groen et al. 2018, eLife 7:e32962). The shared
part is below 0 where one model suppresses what is irrelevant in the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.optimize

from lens_pipeline.errors import ComparisonError, nearest
from lens_pipeline.rsa.comparison import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from rsatoolbox.rdm.rdms import RDMs

    from lens_pipeline.rsa.references.loading import Reference
    from lens_pipeline.rsa.scatter import Doubles


@dataclass(frozen=True)
class Partition:
    """R2 of a target by two predictors, cut into parts."""

    # of the two together
    total: float
    # what one adds to the other
    unique_first: float
    unique_second: float
    shared: float


def partition(
    target: Doubles, first: Doubles, second: Doubles, *, fit: str = "nonnegative"
) -> Partition:
    """Return the parts of the variance of one condensed RDM that two others explain.

    `fit`: "nonnegative" weights, as dissimilarities add, or "ordinary" least squares; an intercept
    is free in both. Raises ComparisonError for a constant RDM, other lengths, an unknown fit.
    """
    if fit not in FITS:
        raise ComparisonError(f"There is no fit {fit!r}; {nearest(fit, FITS)}.")
    vectors = [np.asarray(vector, dtype=np.float64) for vector in (target, first, second)]
    if len({len(vector) for vector in vectors}) > 1 or not all(map(np.ptp, vectors)):
        raise ComparisonError("Three RDMs of the same stimuli are needed, none of them constant.")
    y, a, b = [(vector - vector.mean()) / vector.std() for vector in vectors]
    one, other = _r2(y, [a], fit=fit), _r2(y, [b], fit=fit)
    total = _r2(y, [a, b], fit=fit)
    return Partition(total, total - other, total - one, one + other - total)


def partition_table(
    first: RDMs, second: RDMs, references: Sequence[Reference], *, fit: str = "nonnegative"
) -> pd.DataFrame:
    """Return the parts for each pair of rows of two models' RDMs, by the mean RDM of a reference.

    Rows of `first` and `second` are taken in pairs by their names where both have them, else each
    with each. Stimuli are matched by id. Raises ComparisonError for stimuli that a model lacks.
    """
    import pandas as pd

    rows = []
    for reference in references:
        ids = reference.rdms.pattern_descriptors["stimulus_id"]
        target = reference.rdms.dissimilarities.mean(axis=0)
        ours, theirs = in_order(first, ids), in_order(second, ids)
        for one, other in _pairs(first, second):
            parts = partition(
                target, ours.dissimilarities[one], theirs.dissimilarities[other], fit=fit
            )
            names = (_named(first)[one], _named(second)[other], reference.name)
            rows.append((*names, *vars(parts).values(), fit, len(ids)))
    parts_names = ("total", "unique_first", "unique_second", "shared")
    columns = ["first", "second", "reference", *parts_names, "fit", "n_stimuli"]
    return pd.DataFrame(rows, columns=columns)


def _pairs(first: RDMs, second: RDMs) -> list[tuple[int, int]]:
    ours, theirs = _named(first), _named(second)
    common = [name for name in ours if name in theirs]
    if common:
        return [(ours.index(name), theirs.index(name)) for name in common]
    return [(one, other) for one in range(len(ours)) for other in range(len(theirs))]


def _named(rdms: RDMs) -> list[str]:
    names = rdms.rdm_descriptors.get("name") or range(1, rdms.n_rdm + 1)
    return [str(name) for name in names]


def _r2(y: Doubles, predictors: Sequence[Doubles], *, fit: str) -> float:
    x = np.stack(predictors, axis=1)
    rest = y - x @ FITS[fit](x, y)
    return float(1 - rest @ rest / (y @ y))


def _ordinary(x: Doubles, y: Doubles) -> Doubles:
    weights = np.linalg.lstsq(x, y, rcond=None)[0]
    return np.asarray(weights, dtype=np.float64)


def _nonnegative(x: Doubles, y: Doubles) -> Doubles:
    weights: Doubles = scipy.optimize.nnls(x, y)[0]
    return weights


# weights of centred predictors, so the intercept is free
FITS: dict[str, Callable[[Doubles, Doubles], Doubles]] = {
    "nonnegative": _nonnegative,
    "ordinary": _ordinary,
}
