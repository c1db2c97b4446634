"""Spearman, rho-a, tau-a and tau-b over resamples, from weighted midranks.

Ranks are integers here (see `ranks`), so a tie in a pooled RDM is a tie in exact arithmetic. The
RDM that fits all subjects best is the mean of their ranks, ranked again; for tau it is taken too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.rsa.inference.likeness import Likeness, nothing_yet
from lens_pipeline.rsa.inference.rank_measures import RANK_MEASURES
from lens_pipeline.rsa.inference.ranks import dense_keys, midranks
from lens_pipeline.rsa.inference.resamples import pair_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from lens_pipeline.rsa.inference.likeness import Done, Doubles
    from lens_pipeline.rsa.inference.rank_measures import RankMeasure
    from lens_pipeline.rsa.inference.ranks import Ints
    from lens_pipeline.rsa.inference.resamples import Counts, Resamples

# draws that are evaluated together by a measure that can
_DRAWS = 256


@dataclass(frozen=True)
class _Drawn:
    """Pairs that a draw of stimuli holds, each with its number of copies."""

    # (n_pairs_drawn,) positions in a condensed RDM
    pairs: Ints
    weights: Ints


def evaluate_ranked(
    models: Doubles, subjects: Doubles, resamples: Resamples, *, measure: str, done: Done
) -> Likeness:
    """Evaluate by a key of RANK_MEASURES; see `evaluate`."""
    how = RANK_MEASURES[measure]
    found = nothing_yet(models, subjects, resamples)
    keys = dense_keys(np.concatenate([models, subjects]))
    n_models = len(models)
    everything = _drawn(np.ones(resamples.stimuli.shape[1], dtype=np.int64))
    ranks = midranks(keys, everything.weights)
    found.scores[:] = how.across(ranks[:n_models], ranks[n_models:], everything.weights)
    everyone = np.ones(len(subjects), dtype=np.int64)
    found.bounds[:] = ceilings(ranks[n_models:], everyone, copies=everything.weights, measure=how)
    over_stimuli = bool({"both", "stimuli"} & set(found.parts))
    if over_stimuli and how.by_draw:
        _fill_by_draw(found.likeness, keys, resamples, by_draw=how.by_draw, done=done)
    for draw in np.flatnonzero(resamples.usable):
        if over_stimuli:
            drawn = _drawn(resamples.stimuli[draw])
            local = midranks(keys[:, drawn.pairs], drawn.weights)
            if not how.by_draw:
                like = how.across(local[:n_models], local[n_models:], drawn.weights)
                found.likeness[draw] = like
        for at, part in enumerate(found.parts):
            weights = resamples.subjects[draw]
            used, sample = (ranks, everything) if part == "subjects" else (local, drawn)
            found.ceilings[:, draw, at] = ceilings(
                used[n_models:],
                weights if part != "stimuli" else everyone,
                copies=sample.weights,
                measure=how,
            )
        done((draw + 1) / len(resamples.usable))
    return found


def _fill_by_draw(
    likeness: Doubles,
    keys: Ints,
    resamples: Resamples,
    *,
    by_draw: Callable[[Ints, Ints, Ints], Doubles],
    done: Done,
) -> None:
    """Fill in the likeness of all draws, so many at a time that their weights fit in a cache."""
    first, second = pair_rows(resamples.stimuli.shape[1])
    n_models = likeness.shape[1]
    usable = np.flatnonzero(resamples.usable)
    for start in range(0, len(usable), _DRAWS):
        draws = usable[start : start + _DRAWS]
        counts = resamples.stimuli[draws].T
        weights = counts[first] * counts[second]
        likeness[draws] = by_draw(keys[:n_models], keys[n_models:], weights)
        done(min(1.0, (start + _DRAWS) / len(usable)))


def ceilings(
    ranks: Ints, weights: Counts, *, copies: Ints, measure: RankMeasure
) -> tuple[float, float]:
    """Return the lower and upper noise ceiling of subjects that were drawn `weights` times."""
    if len(ranks) < 2:
        return float("nan"), float("nan")
    chosen = np.flatnonzero(weights)
    own = weights[chosen, None] * ranks[chosen]
    everyone = own.sum(axis=0)
    pools = np.concatenate([everyone[None], everyone - own]) if len(chosen) > 1 else everyone[None]
    pooled = midranks(pools, copies)
    upper = measure.across(pooled[:1], ranks[chosen], copies).mean()
    if len(chosen) == 1:
        return float(upper), float(upper)
    return float(measure.along(pooled[1:], ranks[chosen], copies).mean()), float(upper)


def _drawn(counts: Counts) -> _Drawn:
    first, second = pair_rows(len(counts))
    weights = counts[first] * counts[second]
    pairs = np.flatnonzero(weights)
    return _Drawn(pairs, weights[pairs])
