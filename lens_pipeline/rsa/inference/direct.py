"""Any measure over resamples, by rsatoolbox itself, one resample at a time.

This is for whitened measures, whose whitening depends on which stimuli were drawn; it takes about
as long as rsatoolbox's own bootstrap, less the models that it evaluates more than once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial.distance import squareform

from lens_pipeline.rsa.comparison import COMPARISONS, measure_called
from lens_pipeline.rsa.inference.likeness import Likeness, nothing_yet

if TYPE_CHECKING:
    from lens_pipeline.rsa.inference.likeness import Done, Doubles
    from lens_pipeline.rsa.inference.resamples import Counts, Resamples


def evaluate_direct(
    models: Doubles, subjects: Doubles, resamples: Resamples, *, measure: str, done: Done
) -> Likeness:
    """Evaluate by any key of COMPARISONS; see `evaluate`."""
    method = COMPARISONS[measure].method
    found = nothing_yet(models, subjects, resamples)
    found.scores[:] = likeness_of(models, subjects, measure=measure)
    everyone = np.ones(len(subjects), dtype=np.int64)
    found.bounds[:] = _ceilings(subjects, everyone, method=method)
    for draw in np.flatnonzero(resamples.usable):
        counts, people = resamples.stimuli[draw], resamples.subjects[draw]
        if found.parts != ("subjects",):
            sampled = copied(subjects, counts)
            found.likeness[draw] = likeness_of(copied(models, counts), sampled, measure=measure)
        for at, part in enumerate(found.parts):
            used = subjects if part == "subjects" else sampled
            weights = everyone if part == "stimuli" else people
            found.ceilings[:, draw, at] = _ceilings(used, weights, method=method)
        done((draw + 1) / len(resamples.usable))
    return found


def likeness_of(models: Doubles, subjects: Doubles, *, measure: str) -> Doubles:
    """Return (n_models, n_subjects) for RDMs (n, n_pairs), in which the same pairs may be NaN.

    Raises ComparisonError for an unknown measure.
    """
    from rsatoolbox.rdm.compare import compare

    # RDMs and arrays of them are taken alike
    ask: Any = compare
    found: Doubles = ask(models, subjects, method=measure_called(measure).method)
    return found


def copied(vectors: Doubles, counts: Counts) -> Doubles:
    """Return RDMs with each stimulus so many times; NaN for pairs of a stimulus and its copy."""
    rows = np.repeat(np.arange(len(counts)), counts)
    copies = []
    for vector in vectors:
        square = squareform(vector)
        np.fill_diagonal(square, np.nan)
        copies.append(squareform(square[np.ix_(rows, rows)], checks=False))
    return np.array(copies)


def _ceilings(subjects: Doubles, weights: Counts, *, method: str) -> tuple[float, float]:
    from rsatoolbox.inference.noise_ceiling import boot_noise_ceiling
    from rsatoolbox.rdm.rdms import RDMs

    if len(subjects) < 2:
        return float("nan"), float("nan")
    rows = np.repeat(np.arange(len(weights)), weights)
    sample = RDMs(subjects[rows], rdm_descriptors={"index": rows})  # type: ignore[no-untyped-call]
    lower, upper = boot_noise_ceiling(sample, method=method)  # type: ignore[no-untyped-call]
    return float(lower), float(upper)
