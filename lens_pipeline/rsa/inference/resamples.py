"""Bootstrap resamples as counts: how often each stimulus and each subject was drawn.

A resample with repeated stimuli has repeated pairs, and pairs of a stimulus with its own copy,
whose dissimilarity is 0 by construction. The latter are left out, as rsatoolbox does, so what
remains is every pair (i, j) of different stimuli, count[i] * count[j] times. Counts therefore say
all there is to say about a resample, and nothing has to be copied to evaluate it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lens_pipeline.errors import ComparisonError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

Counts = npt.NDArray[np.int64]

# Over fewer stimuli, many resamples would hold two or three different ones only.
LEAST_STIMULI = 8
LEAST_SUBJECTS = 2
# different stimuli (or groups of them) without which a resample is not evaluated
_LEAST_DISTINCT = 3


@dataclass(frozen=True)
class Scheme:
    """What is drawn with replacement, and which resamples are evaluated."""

    # members of "both", "subjects", "stimuli", in rsatoolbox's order
    parts: tuple[str, ...]
    # what rsatoolbox calls a Result of it
    cv_method: str


# "dual" evaluates each draw three times, to correct a variance that is too large when both factors
# are resampled at once (Schütt, Kipnis, Diedrichsen & Kriegeskorte 2023, eLife 12:e82566).
SCHEMES: dict[str, Scheme] = {
    "dual": Scheme(("both", "subjects", "stimuli"), "dual_bootstrap"),
    "both": Scheme(("both",), "bootstrap"),
    "stimuli": Scheme(("stimuli",), "bootstrap_pattern"),
    "subjects": Scheme(("subjects",), "bootstrap_rdm"),
}


@dataclass(frozen=True)
class Resamples:
    """Draws with replacement; row b of both arrays is one draw."""

    # key of SCHEMES
    scheme: str
    # (n_draws, n_stimuli)
    stimuli: Counts
    # (n_draws, n_subjects)
    subjects: Counts
    # units that were drawn: stimuli, or groups of them
    n_units: int
    # (n_draws,) False for a draw with too few different stimuli, which is not evaluated
    usable: npt.NDArray[np.bool_]


def scheme_called(name: str) -> Scheme:
    """Return the scheme of that name, or raise ComparisonError with the nearest ones."""
    try:
        return SCHEMES[name]
    except KeyError:
        raise ComparisonError(
            f"There is no way to resample {name!r} (rsa.resample); {nearest(name, SCHEMES)}."
        ) from None


def check_resampling(scheme: str, *, n_units: int, n_subjects: int, name: str) -> None:
    """Raise ComparisonError if a reference is too small for what is to be resampled.

    `n_units` counts stimuli, or groups where whole groups are drawn.
    """
    parts = scheme_called(scheme).parts
    if set(parts) & {"both", "stimuli"} and n_units < LEAST_STIMULI:
        raise ComparisonError(
            f"The reference {name} has {n_units} stimuli, or groups of them, in common with the "
            f"run, and a bootstrap needs {LEAST_STIMULI}; give more, or set rsa.bootstrap=0."
        )
    if set(parts) & {"both", "subjects"} and n_subjects < LEAST_SUBJECTS:
        raise ComparisonError(
            f"The reference {name} has {n_subjects} subject, and a bootstrap over subjects "
            f"(rsa.resample={scheme}) needs {LEAST_SUBJECTS}; set rsa.resample=stimuli."
        )


def draw_resamples(
    scheme: str,
    *,
    n_stimuli: int,
    n_subjects: int,
    n_draws: int,
    seed: int,
    groups: Sequence[str] = (),
) -> Resamples:
    """Draw with replacement as many as there are; the same seed gives the same draws.

    `groups` names the group of each stimulus, such as its concept, and whole groups are drawn;
    without it each stimulus is drawn alone.
    """
    random = np.random.default_rng(seed)
    members = np.unique(groups, return_inverse=True)[1] if groups else np.arange(n_stimuli)
    n_groups = int(members.max()) + 1
    subjects = _counts(random.integers(n_subjects, size=(n_draws, n_subjects)), n_subjects)
    drawn = _counts(random.integers(n_groups, size=(n_draws, n_groups)), n_groups)
    return from_counts(scheme, stimuli=drawn[:, members], subjects=subjects, groups=drawn)


def from_counts(
    scheme: str, *, stimuli: Counts, subjects: Counts, groups: Counts | None = None
) -> Resamples:
    """Return Resamples of counts that were drawn elsewhere."""
    distinct = np.count_nonzero(stimuli if groups is None else groups, axis=1)
    resamples_stimuli = set(scheme_called(scheme).parts) & {"both", "stimuli"}
    usable = (
        distinct >= _LEAST_DISTINCT if resamples_stimuli else np.ones(len(subjects), dtype=bool)
    )
    n_units = (stimuli if groups is None else groups).shape[1]
    return Resamples(scheme, stimuli, subjects, n_units, usable)


def stimuli_of(vectors: npt.NDArray[np.float64]) -> int:
    """Return over how many stimuli RDMs (n_rdms, n_pairs) are.

    >>> stimuli_of(np.zeros((2, 6)))
    4
    """
    return (1 + math.isqrt(1 + 8 * vectors.shape[1])) // 2


def pair_rows(n_stimuli: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the two stimuli of each pair, in the order of scipy's `squareform`."""
    first, second = np.triu_indices(n_stimuli, 1)
    return first.astype(np.int32), second.astype(np.int32)


def drawn_groups(groups: Sequence[str]) -> tuple[str, ...]:
    """Return what is drawn: groups where there are enough of them, else each stimulus alone."""
    if len(set(groups)) < LEAST_STIMULI:
        return tuple(f"{row}" for row in range(len(groups)))
    return tuple(groups)


def _counts(draws: npt.NDArray[np.int64], n: int) -> Counts:
    rows = np.arange(len(draws))[:, None] * n
    flat = np.bincount((draws + rows).ravel(), minlength=len(draws) * n)
    return flat.reshape(len(draws), n).astype(np.int64)
