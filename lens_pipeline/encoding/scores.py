"""How well layers predict units: cross-validated, noise corrected, one row per unit.

A score is Pearson's r between predicted and measured responses within each test fold, averaged over
folds. `r_corrected` is r over the root of the unit's reliability, `r2_corrected` its square with
the sign of r kept.

`brain_score` is (median r / median reliability)^2, both over all units: the explained variance of
Brain-Score's neural benchmarks, which takes the model to be as noisy as the units are (Schrimpf et
al. 2018, bioRxiv 407007; Yamins et al. 2014, PNAS 111:8619). It is larger than r2_corrected for the
same r, and loses the sign of r. It is the convention that is the same and not the number on a
leader board: folds are those of the config, not ten random tenths of the stimuli, and means over
folds and over halvings come before the median over units, where Brain-Score takes the median of
each fold and corrects each halving first.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lens_pipeline.encoding.columns import OF_UNITS
from lens_pipeline.encoding.folds import group_folds, within
from lens_pipeline.encoding.methods import Problem, method_called
from lens_pipeline.encoding.reliability import corrected, correlations, split_half

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lens_pipeline.rsa.references.response_rdms import Recorded
    from lens_pipeline.rsa.scatter import Doubles

# the place of all layers at once, in the column "layer"
ALL = "(all layers)"
_KEYS = ["method", "layer", "pass", "reference", "region", "subject", "time_ms"]
_SCORES = ["r", "reliability", "r_corrected", "r2_corrected"]


@dataclass(frozen=True)
class Fitting:
    """How models are fitted."""

    methods: tuple[str, ...]
    folds: int = 5
    components: int = 25
    draws: int = 100
    seed: int = 0


@dataclass(frozen=True)
class Source:
    """One layer at one pass, as coordinates of the stimuli in the order of the responses."""

    layer: str
    number: int
    # (n_stimuli, at most n_stimuli - 1)
    patterns: Doubles


def predict(
    bands: Sequence[Doubles],
    responses: Doubles,
    *,
    method: str,
    groups: Sequence[str],
    fitting: Fitting,
) -> Doubles:
    """Return r (n_bands, n_units): what each band adds to the mean r over test folds.

    `bands`: patterns (n, any) of the same stimuli; `groups`: what stays on one side of a fold.
    """
    how = method_called(method)
    each = []
    for fold in group_folds(groups, fitting.folds, seed=fitting.seed):
        inner = within(fold, groups, n_folds=fitting.folds, seed=fitting.seed)
        problem = Problem(
            tuple(band[fold[0]] for band in bands),
            tuple(band[fold[1]] for band in bands),
            responses[fold[0]],
            inner,
            components=fitting.components,
            draws=fitting.draws,
            seed=fitting.seed,
        )
        each.append(_shares(how.predict(problem), responses[fold[1]]))
    result: Doubles = np.mean(each, axis=0)
    return result


def _shares(predictions: Doubles, measured: Doubles) -> Doubles:
    """Return how much each band's prediction adds to r: covariances over one common size."""
    total = predictions.sum(axis=0)
    r = np.nan_to_num(correlations(total, measured))
    if len(predictions) == 1:
        return r[None]
    deviations = measured - measured.mean(axis=0)
    parts = (predictions * deviations).sum(axis=1)
    whole = parts.sum(axis=0)
    result: Doubles = np.where(whole == 0, 0, r * parts / np.where(whole == 0, 1, whole))
    return result


def encode(
    sources: Sequence[Source],
    recorded: Recorded,
    *,
    reference: str,
    groups: Sequence[str],
    fitting: Fitting,
    done: Callable[[str, float], None] = lambda _name, _share: None,
) -> pd.DataFrame:
    """Return one row per method, layer, pass, region, subject, time and unit.

    With banded ridge each layer is a band and its rows are what it adds; their sum is ALL. `done`
    is called after each fitted layer with the name of the reference and the share that is done.
    """
    frames = []
    tick = _counted(sources, recorded, fitting=fitting, name=reference, done=done)
    for group in recorded.groups:
        labels = {"reference": reference, "region": group.region, "subject": group.subject}
        for step, time in enumerate(recorded.times):
            repeats = group.repeats.responses[..., step]
            reliability = split_half(repeats, seed=fitting.seed)
            for method in fitting.methods:
                found = _of_method(
                    sources,
                    repeats.mean(axis=0),
                    method=method,
                    groups=groups,
                    fitting=fitting,
                    tick=tick,
                )
                for (layer, number), r in found.items():
                    rows = _rows(r, reliability).assign(**labels, method=method, layer=layer)
                    rows["pass"] = number
                    rows["time_ms"] = float("nan") if time is None else time
                    frames.append(rows)
    return pd.concat(frames, ignore_index=True)[list(OF_UNITS)]


def _counted(
    sources: Sequence[Source],
    recorded: Recorded,
    *,
    fitting: Fitting,
    name: str,
    done: Callable[[str, float], None],
) -> Callable[[], None]:
    """Return what to call after each model that is fitted."""
    each = sum(1 if method_called(one).banded else len(sources) for one in fitting.methods)
    total, so_far = max(1, each * len(recorded.groups) * len(recorded.times)), itertools.count(1)
    return lambda: done(name, next(so_far) / total)


def _of_method(
    sources: Sequence[Source],
    responses: Doubles,
    *,
    method: str,
    groups: Sequence[str],
    fitting: Fitting,
    tick: Callable[[], None],
) -> Mapping[tuple[str, int], Doubles]:
    """Return r of each unit by (layer, pass); pass 0 stands for all passes together."""
    if method_called(method).banded:
        layers = list(dict.fromkeys(source.layer for source in sources))
        bands = [
            np.concatenate([s.patterns for s in sources if s.layer == layer], axis=1)
            for layer in layers
        ]
        shares = predict(bands, responses, method=method, groups=groups, fitting=fitting)
        tick()
        parts = {(layer, 0): share for layer, share in zip(layers, shares, strict=True)}
        return {(ALL, 0): shares.sum(axis=0), **parts}
    found = {}
    for source in sources:
        found[source.layer, source.number] = predict(
            [source.patterns], responses, method=method, groups=groups, fitting=fitting
        )[0]
        tick()
    return found


def _rows(r: Doubles, reliability: Doubles) -> pd.DataFrame:
    of_ceiling = corrected(r, reliability)
    return pd.DataFrame(
        {
            "unit": np.arange(1, len(r) + 1),
            "r": r,
            "reliability": reliability,
            "r_corrected": of_ceiling,
            "r2_corrected": np.sign(r) * of_ceiling**2,
        }
    )


def summarise(units: pd.DataFrame) -> pd.DataFrame:
    """Return the median over units of every score, by layer, pass, region, subject and time.

    `n_reliable` counts the units that the noise-corrected medians are made of.
    """
    grouped = units.groupby(_KEYS, sort=False, dropna=False)
    table = grouped[_SCORES].median()
    table["brain_score"] = (table["r"] / table["reliability"]) ** 2
    table["n_units"] = grouped.size()
    table["n_reliable"] = grouped["r_corrected"].count()
    return table.reset_index()
