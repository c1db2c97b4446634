"""Models that are fitted to data: layers weighted, or the best of them, cross-validated.

rsatoolbox fits and scores them: each fold of stimuli and of subjects is predicted by a model that
was fitted to the others, within every bootstrap draw (Schütt et al. 2023). This hands it numbers
for groups, because it matches by them, keeps the caller's random state, and keeps quiet.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import nnls

from lens_pipeline.errors import ComparisonError, nearest
from lens_pipeline.rsa.comparison import measure_called
from lens_pipeline.rsa.inference.asked import FITTED_DRAWS
from lens_pipeline.rsa.inference.resamples import LEAST_STIMULI

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rsatoolbox.model.model import Model

    from lens_pipeline.rsa.inference.asked import Asked
    from lens_pipeline.rsa.inference.likeness import Doubles

# "selected": the layer that fits best. "weighted": the sum of layers with the weights, none below
# 0, that fit best by least squares.
FITTED = ("selected", "weighted")
# stimuli over which rsatoolbox resamples a whitened measure
_MOST_WHITENED = 99


@dataclass(frozen=True)
class Fitted:
    """The cross-validated score of a fitted model, for new stimuli and new subjects."""

    # member of FITTED
    kind: str
    score: float
    # confidence interval
    low: float
    high: float
    # one-sided, against 0
    p_zero: float
    # cross-validated noise ceiling; NaN with one subject
    ceiling_lower: float
    ceiling_upper: float
    # draws that were evaluated
    n_draws: int


def check_fitted(kinds: Sequence[str], *, n_units: int, name: str) -> None:
    """Raise ComparisonError for an unknown kind of model, or too few stimuli or groups of them."""
    for kind in kinds:
        if kind not in FITTED:
            raise ComparisonError(
                f"There is no fitted model {kind!r} (rsa.fitted); {nearest(kind, FITTED)}."
            )
    if kinds and n_units < 2 * LEAST_STIMULI:
        raise ComparisonError(
            f"The reference {name} has {n_units} stimuli, or groups of them, too few to fit a "
            f"model to some and score it on others; rsa.fitted needs {2 * LEAST_STIMULI}."
        )


def check_fitted_measures(measures: Sequence[str], *, n_stimuli: int, name: str) -> None:
    """Raise ComparisonError for a measure of which rsatoolbox takes no resample of so many stimuli.

    rsatoolbox whitens no RDM in which pairs are missing, as they are between a stimulus and its
    copy, from 100 stimuli on: it then halves in place a matrix of small integers.
    """
    for measure in measures:
        if measure.startswith("whitened") and n_stimuli > _MOST_WHITENED:
            raise ComparisonError(
                f"A model cannot be fitted over {n_stimuli} stimuli of {name} and be scored by "
                f"{measure}, only over {_MOST_WHITENED} or fewer; leave out rsa.fitted, or choose "
                "another rsa.measure."
            )


def fit(
    models: Doubles,
    subjects: Doubles,
    *,
    kind: str,
    measure: str,
    groups: Sequence[str],
    asked: Asked,
) -> Fitted:
    """Fit one model out of RDMs (n_models, n_pairs) to subjects (n_subjects, n_pairs) and score it.

    `groups` names the group of each stimulus; groups are drawn and folded whole. Raises
    ComparisonError for an unknown kind or measure, and for too few groups.
    """
    from rsatoolbox.inference.evaluate import bootstrap_crossval
    from rsatoolbox.rdm.rdms import RDMs

    check_fitted([kind], n_units=len(set(groups)), name="given")
    numbers = np.unique(groups, return_inverse=True)[1]
    make: Any = RDMs
    data = make(subjects, pattern_descriptors={"group": numbers})
    layers = make(models, pattern_descriptors={"group": numbers})
    several = len(subjects) > 1
    with _quiet_and_seeded(asked.seed):
        result = bootstrap_crossval(  # type: ignore[no-untyped-call]
            _model(kind, layers),
            data,
            method=measure_called(measure).method,
            k_rdm=None if several else 1,
            N=asked.draws or FITTED_DRAWS,
            pattern_descriptor="group",
            boot_type="both" if several else "pattern",
            # the correction for the choice of folds can leave no variance at all
            use_correction=False,
        )
    low, high = result.get_ci(asked.interval)
    bounds = np.nanmean(result.noise_ceiling, axis=(1, 2)) if several else np.full(2, np.nan)
    return Fitted(
        kind,
        score=float(result.get_means()[0]),
        low=float(low[0]),
        high=float(high[0]),
        p_zero=float(result.test_zero()[0]),
        ceiling_lower=float(bounds[0]),
        ceiling_upper=float(bounds[1]),
        n_draws=int(np.isfinite(result.evaluations[:, 0, 0, 0]).sum()),
    )


def _model(kind: str, layers: Any) -> Model:
    from rsatoolbox.model.model import ModelSelect, ModelWeighted

    if kind == "selected":
        return ModelSelect(kind, layers)  # type: ignore[no-untyped-call]
    model: Any = ModelWeighted(kind, layers)  # type: ignore[no-untyped-call]
    model.default_fitter = _weights
    return model  # type: ignore[no-any-return]


def _weights(
    model: Any, data: Any, *, method: str, pattern_idx: Any, pattern_descriptor: str
) -> Doubles:
    """Return the weights, none below 0, whose sum is nearest to the mean of standardised subjects.

    `method` is not used: weights are those that fit best by Pearson whatever scores them.
    """
    del method
    layers = model.rdm_obj.subsample_pattern(pattern_descriptor, pattern_idx).get_vectors()
    # pairs of a stimulus with its own copy have no value
    there = ~np.isnan(layers[0])
    layers, subjects = layers[:, there], _standard(data.get_vectors()[:, there])
    weights: Doubles = nnls(_standard(layers).T, subjects.mean(axis=0))[0] / layers.std(axis=1)
    # where none is of use, all are weighted alike, since a sum of nothing has no score
    return weights if weights.any() else np.asarray(1 / layers.std(axis=1))


def _standard(values: Doubles) -> Doubles:
    centred = values - values.mean(axis=1, keepdims=True)
    result: Doubles = centred / centred.std(axis=1, keepdims=True)
    return result


@contextlib.contextmanager
def _quiet_and_seeded(seed: int) -> Iterator[None]:
    """Seed the generator that rsatoolbox draws from, and put it back; keep its bar from view."""
    before = np.random.get_state()  # noqa: NPY002  it is rsatoolbox that uses it
    np.random.seed(seed)  # noqa: NPY002
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
