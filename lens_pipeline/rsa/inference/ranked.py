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
from lens_pipeline.rsa.inference.resamples import pair_rows, stimuli_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from lens_pipeline.rsa.inference.likeness import Done, Doubles
    from lens_pipeline.rsa.inference.rank_measures import RankMeasure, Singles
    from lens_pipeline.rsa.inference.ranks import Ints
    from lens_pipeline.rsa.inference.resamples import Counts, Resamples

# draws that are evaluated together by a measure that can, and the weights of them: 128 MB
_DRAWS = 256
_WEIGHTS = 1 << 25


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
    everything = _everything(subjects)
    ranks = midranks(keys, everything.weights)
    found.scores[:] = how.across(ranks[:n_models], ranks[n_models:], everything.weights)
    everyone = np.ones(len(subjects), dtype=np.int64)
    # a copy, so that the ranks of models do not stay in memory
    ranks = ranks[n_models:].copy()
    found.bounds[:] = ceilings(ranks, everyone, copies=everything.weights, measure=how)
    over_stimuli = bool({"both", "stimuli"} & set(found.parts))
    together = how.by_draw if over_stimuli else None
    if together:
        first = _share(done, 0, 0.5 if len(subjects) > 1 else 1)
        _fill_by_draw(found.likeness, keys, resamples, by_draw=together, done=first)
        if len(subjects) == 1:
            return found
        done = _share(done, 0.5, 0.5)
    ranked = keys[n_models:] if together else keys
    for draw in np.flatnonzero(resamples.usable):
        if over_stimuli:
            drawn = _drawn(resamples.stimuli[draw])
            local = midranks(ranked[:, drawn.pairs], drawn.weights)
            theirs = local[-len(subjects) :]
            if not together:
                found.likeness[draw] = how.across(local[:n_models], theirs, drawn.weights)
        for at, part in enumerate(found.parts):
            weights = resamples.subjects[draw]
            whole = part == "subjects"
            found.ceilings[:, draw, at] = ceilings(
                ranks if whole else theirs,
                weights if part != "stimuli" else everyone,
                copies=everything.weights if whole else drawn.weights,
                measure=how,
            )
        done((draw + 1) / len(resamples.usable))
    return found


def _share(done: Done, before: float, of_all: float) -> Done:
    return lambda share: done(before + of_all * share)


def ranked_likeness(models: Doubles, subjects: Doubles, *, measure: str) -> Doubles:
    """Return (n_models, n_subjects) in all data, by a key of RANK_MEASURES."""
    everything = _everything(subjects)
    ours, theirs = (midranks(dense_keys(rdms), everything.weights) for rdms in (models, subjects))
    return RANK_MEASURES[measure].across(ours, theirs, everything.weights)


def ranked_ceilings(subjects: Doubles, *, measure: str) -> tuple[float, float]:
    """Return the lower and upper noise ceiling in all data, by a key of RANK_MEASURES."""
    everything = _everything(subjects)
    return ceilings(
        midranks(dense_keys(subjects), everything.weights),
        np.ones(len(subjects), dtype=np.int64),
        copies=everything.weights,
        measure=RANK_MEASURES[measure],
    )


def _everything(rdms: Doubles) -> _Drawn:
    return _drawn(np.ones(stimuli_of(rdms), dtype=np.int64))


def _fill_by_draw(
    likeness: Doubles,
    keys: Ints,
    resamples: Resamples,
    *,
    by_draw: Callable[[Ints, Ints, Singles], Doubles],
    done: Done,
) -> None:
    """Fill in the likeness of all draws, so many at a time that their weights fit in a cache."""
    first, second = pair_rows(resamples.stimuli.shape[1])
    n_models = likeness.shape[1]
    usable = np.flatnonzero(resamples.usable)
    step = max(1, min(_DRAWS, _WEIGHTS // len(first)))
    for start in range(0, len(usable), step):
        draws = usable[start : start + step]
        counts = resamples.stimuli[draws].T.astype(np.float32)
        weights = counts[first] * counts[second]
        likeness[draws] = by_draw(keys[:n_models], keys[n_models:], weights)
        done(min(1.0, (start + step) / len(usable)))


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
