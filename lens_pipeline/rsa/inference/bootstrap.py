"""Bootstrap of model scores over stimuli, subjects or both.

rsatoolbox defines the numbers and evaluates one resample and one model at a time; here all models
and subjects of a resample are evaluated together, from counts instead of copies, and given back as
rsatoolbox's own `Result` (see `results`). Whitened measures, of which it takes no resample of 100
stimuli or more, are resampled over any number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.rsa.comparison import measure_called
from lens_pipeline.rsa.inference.linear import LINEAR, evaluate_linear
from lens_pipeline.rsa.inference.rank_measures import RANK_MEASURES
from lens_pipeline.rsa.inference.ranked import evaluate_ranked
from lens_pipeline.rsa.inference.whole import likeness_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from lens_pipeline.rsa.inference.likeness import Done, Doubles, Likeness
    from lens_pipeline.rsa.inference.resamples import Resamples

# one for each key of COMPARISONS
EVALUATIONS: dict[str, Callable[..., Likeness]] = {
    **dict.fromkeys(LINEAR, evaluate_linear),
    **dict.fromkeys(RANK_MEASURES, evaluate_ranked),
}


@dataclass(frozen=True)
class Evaluated:
    """Scores of models in all data and in resamples of them."""

    # key of COMPARISONS and of SCHEMES
    measure: str
    scheme: str
    # (n_models,) mean over subjects in all data
    scores: Doubles
    # (2,) lower and upper noise ceiling in all data; NaN with one subject
    bounds: Doubles
    # (n_draws, n_models, n_parts); NaN for draws that were not evaluated
    samples: Doubles
    # (2, n_draws, n_parts) lower and upper noise ceiling; NaN with one subject
    ceilings: Doubles
    # units of stimuli (stimuli, or groups drawn whole) and subjects
    n_units: int
    n_subjects: int


def evaluate(
    models: Doubles,
    subjects: Doubles,
    *,
    measure: str,
    resamples: Resamples,
    done: Done = lambda _share: None,
) -> Evaluated:
    """Score models (n_models, n_pairs) against subjects (n_subjects, n_pairs) in each resample.

    `done` is called now and then with the share of the work that is done. Raises ComparisonError
    for an unknown measure.
    """
    measure_called(measure)
    found = EVALUATIONS[measure](models, subjects, resamples, measure=measure, done=done)
    counts = resamples.subjects / resamples.subjects.sum(axis=1, keepdims=True)
    samples = np.empty((len(counts), len(models), len(found.parts)))
    for at, part in enumerate(found.parts):
        if part == "stimuli":
            samples[..., at] = found.likeness.mean(axis=2)
        elif part == "both":
            samples[..., at] = np.einsum("dms,ds->dm", found.likeness, counts)
        else:
            samples[..., at] = counts @ found.scores.T
    samples[~resamples.usable] = np.nan
    return Evaluated(
        measure,
        resamples.scheme,
        scores=found.scores.mean(axis=1),
        bounds=found.bounds,
        samples=samples,
        ceilings=found.ceilings,
        n_units=resamples.n_units,
        n_subjects=len(subjects),
    )


def scores(models: Doubles, subjects: Doubles, *, measure: str) -> Doubles:
    """Return the mean likeness of models (n_models, n_pairs) to subjects (n_subjects, n_pairs)."""
    measure_called(measure)
    found: Doubles = likeness_of(models, subjects, measure=measure).mean(axis=1)
    return found
