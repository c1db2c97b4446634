"""From evaluated resamples to intervals, p-values and rsatoolbox's `Result`.

The variance of a dual bootstrap is made of three: over draws of both factors, of subjects and of
stimuli (Schütt, Kipnis, Diedrichsen & Kriegeskorte 2023, eLife 12:e82566, equations for finite
samples). Tests are t-tests with it. Numbers are those of rsatoolbox's Result with one difference:
that takes the mean over resamples for the score of a model and for the noise ceiling, while the
intervals and tests here take those of all data, which are the ones that are reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from lens_pipeline.rsa.inference.resamples import SCHEMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsatoolbox.inference.result import Result

    from lens_pipeline.rsa.inference.bootstrap import Evaluated
    from lens_pipeline.rsa.inference.likeness import Doubles

# a variance that is smaller is rounding: no test divides by it
_LEAST_VARIANCE = float(np.finfo(float).eps)


@dataclass(frozen=True)
class Inferred:
    """What holds for new stimuli, new subjects or both, depending on the scheme."""

    # (n_models,) in all data, mean over subjects
    scores: Doubles
    # (n_models,) standard error
    sem: Doubles
    # (n_models,) confidence interval
    low: Doubles
    high: Doubles
    # (n_models,) one-sided, against 0
    p_zero: Doubles
    # (n_models,) two-sided, against the lower noise ceiling; NaN with one subject
    p_ceiling: Doubles
    # (n_models, n_models) standard error of differences, 0 on the diagonal
    sem_pairs: Doubles
    # (n_models, n_models) two-sided, of differences; 1 on the diagonal
    p_pairs: Doubles
    # degrees of freedom of all tests
    dof: int
    # draws that were evaluated
    n_draws: int


def infer(evaluated: Evaluated, *, interval: float = 0.95) -> Inferred:
    """Return intervals that cover the score of new draws with probability `interval`, and tests."""
    scores, dof, n = evaluated.scores, _dof(evaluated), len(evaluated.scores)
    covariances = _covariances(evaluated)
    own = np.einsum("kii->ki", covariances)
    # variances of the differences of all columns: models, then the two bounds of the ceiling
    apart = _combined(own[:, :, None] + own[:, None] - 2 * covariances, evaluated)
    sem = np.sqrt(np.maximum(_combined(own[:, :n], evaluated), 0))
    half = sem * student.ppf(0.5 + interval / 2, dof)
    p_ceiling = np.full(n, np.nan)
    if evaluated.n_subjects > 1:
        p_ceiling = 2 * student.sf(np.abs(_t(scores - evaluated.bounds[0], apart[:n, n])), dof)
    differences = np.subtract.outer(scores, scores)
    return Inferred(
        scores,
        sem,
        low=scores - half,
        high=scores + half,
        p_zero=student.sf(_t(scores, sem**2), dof),
        p_ceiling=p_ceiling,
        sem_pairs=np.sqrt(np.maximum(apart[:n, :n], 0)),
        p_pairs=2 * student.sf(np.abs(_t(differences, apart[:n, :n])), dof),
        dof=dof,
        n_draws=int(np.isfinite(evaluated.samples[:, 0, 0]).sum()),
    )


def as_result(evaluated: Evaluated, models: Doubles, *, names: Sequence[str]) -> Result:
    """Return rsatoolbox's Result; `models` (n_models, n_pairs) are the RDMs that were evaluated."""
    from rsatoolbox.inference.result import Result
    from rsatoolbox.model.model import ModelFixed

    from lens_pipeline.rsa.comparison import COMPARISONS

    single = len(SCHEMES[evaluated.scheme].parts) == 1
    samples, ceilings = evaluated.samples, evaluated.ceilings
    covariances = _covariances(evaluated)
    result = Result(  # type: ignore[no-untyped-call]
        [ModelFixed(name, rdm) for name, rdm in zip(names, models, strict=True)],  # type: ignore[no-untyped-call]
        samples[..., 0] if single else samples[:, :, None, None],
        method=COMPARISONS[evaluated.measure].method,
        cv_method=SCHEMES[evaluated.scheme].cv_method,
        noise_ceiling=ceilings[..., 0] if single else ceilings[:, :, None],
        variances=covariances[0] if single else covariances,
        dof=_dof(evaluated),
        # a factor that was not resampled has no part in the correction for small samples
        n_rdm=None if evaluated.scheme == "stimuli" else evaluated.n_subjects,
        n_pattern=None if evaluated.scheme == "subjects" else evaluated.n_units,
    )
    result.n_rdm, result.n_pattern = evaluated.n_subjects, evaluated.n_units
    return result


def _t(differences: Doubles, variances: Doubles) -> Doubles:
    result: Doubles = differences / np.sqrt(np.maximum(variances, _LEAST_VARIANCE))
    return result


def _dof(evaluated: Evaluated) -> int:
    sizes = {"stimuli": evaluated.n_units, "subjects": evaluated.n_subjects}
    return sizes.get(evaluated.scheme, min(sizes.values())) - 1


def _covariances(evaluated: Evaluated) -> Doubles:
    """Return for each part the covariance over draws of all models, and of both ceilings if any."""
    usable = np.isfinite(evaluated.samples[:, 0, 0])
    columns = evaluated.samples[usable]
    if evaluated.n_subjects > 1:
        bounds = np.moveaxis(evaluated.ceilings[:, usable], 0, 1)
        columns = np.concatenate([columns, bounds], axis=1)
    columns = np.moveaxis(columns - columns.mean(axis=0), -1, 0)
    found: Doubles = np.matmul(columns.transpose(0, 2, 1), columns) / (columns.shape[1] - 1)
    return found


def _combined(variances: Doubles, evaluated: Evaluated) -> Doubles:
    """Return one variance from those of each part (n_parts, ...), corrected for small samples."""
    if evaluated.scheme == "dual":
        subjects, stimuli = (n / (n - 1) for n in (evaluated.n_subjects, evaluated.n_units))
        both, of_subjects, of_stimuli = variances
        least = np.maximum(subjects * of_subjects, stimuli * of_stimuli)
        joint = both - of_subjects - of_stimuli
        found = subjects * of_subjects + stimuli * of_stimuli - subjects * stimuli * joint
        return np.asarray(np.minimum(np.maximum(found, least), both))
    dof = _dof(evaluated)
    return np.asarray(variances[0] * (dof + 1) / dof)
