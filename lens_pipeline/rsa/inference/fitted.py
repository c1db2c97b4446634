"""Models that are fitted to data: layers weighted, or the best of them, cross-validated.

Each fold of stimuli and of subjects is predicted by a model that was fitted to the others, within
every bootstrap draw (Schütt et al. 2023). rsatoolbox defines the numbers. It writes out the copies
in a resample again for each layer, which takes 4 to 600 times as long (20 layers, 15 subjects, 92
stimuli), and takes no resample of 100 stimuli or more in whitened measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.errors import ComparisonError, nearest
from lens_pipeline.rsa.comparison import measure_called
from lens_pipeline.rsa.inference.asked import FITTED_DRAWS
from lens_pipeline.rsa.inference.bootstrap import Evaluated
from lens_pipeline.rsa.inference.drawn import (
    drawn_of,
    least_squares,
    likeness_drawn,
    pooled,
)
from lens_pipeline.rsa.inference.folds import parted_draws
from lens_pipeline.rsa.inference.resamples import LEAST_STIMULI
from lens_pipeline.rsa.inference.results import infer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lens_pipeline.rsa.inference.asked import Asked
    from lens_pipeline.rsa.inference.folds import Fold, Parted
    from lens_pipeline.rsa.inference.likeness import Done, Doubles
    from lens_pipeline.rsa.inference.ranks import Ints

# "selected": the layer that fits best. "weighted": the sum of layers with the weights, none below
# 0, that fit best by least squares of standardised RDMs, whatever measure scores them.
FITTED = ("selected", "weighted")


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


@dataclass(frozen=True)
class _Study:
    """What does not change from draw to draw."""

    # (n_models, n_pairs), (n_subjects, n_pairs)
    models: Doubles
    subjects: Doubles
    # (n_stimuli,) row of the group of each stimulus
    members: Ints
    # members of FITTED
    kinds: tuple[str, ...]
    # key of COMPARISONS
    measure: str


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


def fit(
    models: Doubles,
    subjects: Doubles,
    *,
    measure: str,
    groups: Sequence[str],
    asked: Asked,
    done: Done = lambda _share: None,
) -> tuple[Fitted, ...]:
    """Fit models out of RDMs (n_models, n_pairs) to subjects (n_subjects, n_pairs) and score them.

    There is one for each of `asked.fitted`. `groups` names the group of each stimulus; groups are
    drawn and folded whole. `done` is called with the share of draws that are done. Raises
    ComparisonError for an unknown kind or measure, and for too few groups.
    """
    measure_called(measure)
    members = np.unique(groups, return_inverse=True)[1]
    n_groups, n_draws = int(members.max()) + 1, asked.draws or FITTED_DRAWS
    check_fitted(asked.fitted, n_units=n_groups, name="given")
    study = _Study(models, subjects, members, asked.fitted, measure)
    # scores of each kind, then the lower and the upper ceiling
    found = np.full((n_draws, len(study.kinds) + 2), np.nan)
    draws = parted_draws(n_groups, len(subjects), n_draws=n_draws, seed=asked.seed)
    for draw, parted in enumerate(draws):
        if parted.folds:
            found[draw] = _of_draw(study, parted)
        done((draw + 1) / n_draws)
    return _concluded(study, found, n_groups=n_groups, interval=asked.interval)


def _of_draw(study: _Study, parted: Parted) -> Doubles:
    """Return means over folds."""
    everything = drawn_of(parted.groups[study.members])
    theirs = study.subjects[:, everything.places]
    # what fits best to all that were drawn, as a row of all pairs
    best = np.zeros((1, study.subjects.shape[1]))
    best[:, everything.places] = pooled(theirs, parted.people, everything, measure=study.measure)
    result: Doubles = np.mean([_of_fold(study, fold, best) for fold in parted.folds], axis=0)
    return result


def _of_fold(study: _Study, fold: Fold, best: Doubles) -> Doubles:
    tested, people = drawn_of(fold.tested[study.members]), fold.tested_people
    theirs = study.subjects[:, tested.places]
    lower = pooled(theirs, fold.fitted_people, tested, measure=study.measure)
    rows = np.concatenate(
        [
            _weights(study, fold) @ study.models[:, tested.places],
            lower[None],
            best[:, tested.places],
        ]
    )
    likeness = likeness_drawn(rows, theirs[people > 0], tested, measure=study.measure)
    return np.asarray(likeness @ people[people > 0] / people.sum())


def _weights(study: _Study, fold: Fold) -> Doubles:
    """Return the weights of models (n_kinds, n_models), fitted to some stimuli and subjects."""
    fitted, people = drawn_of(fold.fitted[study.members]), fold.fitted_people
    models = study.models[:, fitted.places]
    theirs, people = study.subjects[np.ix_(people > 0, fitted.places)], people[people > 0]
    weights = np.zeros((len(study.kinds), len(models)))
    for row, kind in enumerate(study.kinds):
        if kind == "weighted":
            weights[row] = least_squares(models, theirs, people, fitted)
        else:
            likeness = likeness_drawn(models, theirs, fitted, measure=study.measure)
            weights[row, np.argmax(likeness @ people)] = 1
    return weights


def _concluded(
    study: _Study, found: Doubles, *, n_groups: int, interval: float
) -> tuple[Fitted, ...]:
    """Return means over draws, with intervals and tests from their variance."""
    several, n_kinds = len(study.subjects) > 1, len(study.kinds)
    means = np.nanmean(found, axis=0)
    bounds = means[n_kinds:] if several else np.full(2, np.nan)
    inferred = infer(
        Evaluated(
            study.measure,
            "both" if several else "stimuli",
            scores=means[:n_kinds],
            bounds=bounds,
            samples=found[:, :n_kinds, None],
            ceilings=found[:, n_kinds:].T[..., None],
            n_units=n_groups,
            n_subjects=len(study.subjects),
        ),
        interval=interval,
    )
    return tuple(
        Fitted(
            kind,
            score=float(means[row]),
            low=float(inferred.low[row]),
            high=float(inferred.high[row]),
            p_zero=float(inferred.p_zero[row]),
            ceiling_lower=float(bounds[0]),
            ceiling_upper=float(bounds[1]),
            n_draws=inferred.n_draws,
        )
        for row, kind in enumerate(study.kinds)
    )
