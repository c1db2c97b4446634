"""One resample at a time: likeness, pooling and least squares of RDMs whose stimuli have copies.

For models that are fitted anew in every fold (see `fitted`), where not all resamples can be
evaluated together. Numbers are those that rsatoolbox gives for RDMs with the copies written out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import nnls

from lens_pipeline.rsa.inference.linear import LINEAR, linear_drawn
from lens_pipeline.rsa.inference.rank_measures import RANK_MEASURES
from lens_pipeline.rsa.inference.ranks import dense_keys, midranks
from lens_pipeline.rsa.inference.resamples import pair_rows

if TYPE_CHECKING:
    from lens_pipeline.rsa.inference.likeness import Doubles
    from lens_pipeline.rsa.inference.resamples import Counts


@dataclass(frozen=True)
class Drawn:
    """Stimuli that were drawn, each once, and the pairs of them."""

    # (n_stimuli_drawn,) copies of each, 1 or more
    counts: Counts
    # (n_pairs_drawn,) copies of each pair of different stimuli, in condensed order
    weights: Counts
    # (n_pairs_drawn,) where each pair stands in a condensed RDM of all stimuli
    places: Counts


def drawn_of(counts: Counts) -> Drawn:
    """Return what `counts` (n_stimuli,) say of pairs; 0 for a stimulus that was not drawn.

    >>> drawn_of(np.array([2, 0, 1, 3]))
    Drawn(counts=array([2, 1, 3]), weights=array([2, 6, 3]), places=array([1, 2, 5]))
    """
    stimuli = np.flatnonzero(counts)
    first, second = pair_rows(len(stimuli))
    few = counts[stimuli]
    row, column = stimuli[first], stimuli[second]
    places = row * (2 * len(counts) - row - 3) // 2 + column - 1
    return Drawn(few, few[first] * few[second], places)


def likeness_drawn(models: Doubles, subjects: Doubles, drawn: Drawn, *, measure: str) -> Doubles:
    """Return (n_models, n_subjects) for RDMs (n, n_pairs_drawn); a key of COMPARISONS."""
    if measure in LINEAR:
        return linear_drawn(models, subjects, drawn.counts, drawn.weights, measure=measure)
    ours, theirs = (midranks(dense_keys(rdms), drawn.weights) for rdms in (models, subjects))
    return RANK_MEASURES[measure].across(ours, theirs, drawn.weights)


def pooled(subjects: Doubles, people: Counts, drawn: Drawn, *, measure: str) -> Doubles:
    """Return the RDM (n_pairs_drawn,) that fits best to subjects who were drawn `people` times.

    `subjects` (n_subjects, n_pairs_drawn).
    """
    there = subjects[people > 0]
    if measure not in LINEAR:
        like = midranks(dense_keys(there), drawn.weights).astype(np.float64)
    else:
        like = _standard(there, drawn.weights, centred=LINEAR[measure].centred)
    result: Doubles = people[people > 0] @ like
    return result


def least_squares(models: Doubles, subjects: Doubles, people: Counts, drawn: Drawn) -> Doubles:
    """Return the weights of models, none below 0, whose sum is nearest to standardised subjects.

    All RDMs are (n, n_pairs_drawn) and are less their means. Where no model is of use, all are
    weighted alike, since a sum of nothing has no score.
    """
    target = pooled(subjects, people, drawn, measure="pearson") / people.sum()
    shares = drawn.weights / drawn.weights.sum()
    layers = models - (models @ shares)[:, None]
    sizes = _sizes(layers, shares)
    layers /= sizes[:, None]
    # a triangle with the same least squares stands for all pairs
    design = np.concatenate([layers, target[None]]) * np.sqrt(drawn.weights)
    triangle: Doubles = np.linalg.qr(design.T, mode="r")  # type: ignore[assignment]
    found = nnls(triangle[:, :-1], triangle[:, -1])[0]
    return np.asarray((found if found.any() else 1.0) / sizes)


def _standard(rdms: Doubles, weights: Counts, *, centred: bool) -> Doubles:
    """Return RDMs of size 1; 0 where one is constant over what was drawn."""
    shares = weights / weights.sum()
    result = rdms - (rdms @ shares)[:, None] if centred else rdms
    return result / _sizes(result, shares)[:, None]


def _sizes(rdms: Doubles, shares: Doubles) -> Doubles:
    """Return what to divide RDMs by; infinite for one that is 0."""
    sizes = np.sqrt(rdms**2 @ shares)
    return np.where(sizes > 0, sizes, np.inf)
