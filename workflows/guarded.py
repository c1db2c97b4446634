"""Networks against each other, each at the layer and pass that other data chose for it.

The best of a network's layers flatters it, and the more layers it has the more. So the parts that
each run made of its stimuli (and of subjects, where they are enough) are taken from its parts.csv,
and on each part a network is scored at the layer and pass that the other parts chose (Kriegeskorte,
Simmons, Bellgowan & Baker 2009). All networks are scored on the same resamples of a part, so that
differences are paired. Several networks may be one family, such as initialisations of one
architecture; its score is their mean.

What is promised: no interval is too narrow because parts share subjects. The standard error of a
mean over parts is the mean of theirs, which holds however much they depend on each other.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from entrants import entrants as entrants_of
from scipy.stats import t as student

from lens_pipeline import open_run
from lens_pipeline.pipeline.analysis.brain import open_all
from lens_pipeline.pipeline.analysis.inferring import asked_of
from lens_pipeline.pipeline.config import read_config
from lens_pipeline.rsa.comparison import noise_ceiling
from lens_pipeline.rsa.inference.asked import DRAWS
from lens_pipeline.rsa.inference.bootstrap import evaluate, scores
from lens_pipeline.rsa.inference.draws import draws_for
from lens_pipeline.rsa.inference.multiple import corrected
from lens_pipeline.rsa.inference.resamples import draw_resamples, drawn_groups
from lens_pipeline.rsa.inference.results import infer
from lens_pipeline.rsa.inference.splits import pairs_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from entrants import Doubles, Entrants

    from lens_pipeline.pipeline.config import Config
    from lens_pipeline.rsa.inference.asked import Asked
    from lens_pipeline.rsa.inference.results import Inferred

# columns of the two tables, in order
SCORES = (
    "reference",
    "measure",
    "family",
    # mean over networks of the family and over parts
    "score",
    "ci_low",
    "ci_high",
    # one-sided, against 0
    "p_value",
    "ceiling_lower",
    "ceiling_upper",
    "n_networks",
    # layer and pass of each network and part, by how often it was chosen
    "chosen",
    "n_stimuli",
    "n_subjects",
)
DIFFERENCES = (
    "reference",
    "measure",
    "family",
    "other_family",
    "difference",
    "ci_low",
    "ci_high",
    # two-sided; and corrected for all differences and references of one study
    "p_value",
    "p_corrected",
    "correction",
)


@dataclass(frozen=True)
class Guarded:
    """What holds for new stimuli and subjects, without a layer that was chosen to look good."""

    # SCORES, one row per reference and family
    scores: pd.DataFrame
    # DIFFERENCES, one row per reference and pair of families that was asked for
    differences: pd.DataFrame


def guarded(
    runs: Mapping[str, Path],
    families: Mapping[str, Sequence[str]],
    pairs: Sequence[tuple[str, str]],
) -> Guarded:
    """Return the tables of all families of networks, against every reference of their runs.

    `runs` are run folders by network, over the same stimuli and references; `families` says which
    networks are in which; `pairs` which differences are wanted. References with a time axis have
    none. Raises ComparisonError where the runs did not part their stimuli alike.
    """
    first = open_run(next(iter(runs.values())))
    config = read_config(first.config)
    references = open_all(config, list(first.rdms.pattern_descriptors["stimulus_id"]))
    rows: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    for reference in references:
        for measure in config.rsa.measure if reference.time is None else ():
            entrants = entrants_of(runs, reference, measure=measure)
            shared = {"reference": reference.name, "measure": measure}
            contest = held(entrants, families, measure=measure, asked=asked_of(config))
            ceiling = noise_ceiling(reference.rdms, measure=measure)
            rows += score_rows(contest, shared | dict(zip(_CEILING, ceiling, strict=True)))
            differences += difference_rows(contest, pairs, shared)
    return Guarded(_frame(rows, SCORES), _corrected(differences, config))


def compared(
    sets: Sequence[Mapping[str, Path]],
    families: Mapping[str, Sequence[str]],
    pairs: Sequence[tuple[str, str]],
) -> Guarded:
    """Return `guarded` of several sets of stimuli as one, p-values corrected over all of them."""
    found = [guarded(runs, families, pairs) for runs in sets]
    differences = pd.concat([one.differences for one in found], ignore_index=True)
    if len(differences):
        p_values = differences["p_value"].to_numpy(float)
        how = str(differences["correction"].iloc[0])
        differences["p_corrected"] = corrected(p_values, correction=how)
    return Guarded(pd.concat([one.scores for one in found], ignore_index=True), differences)


_CEILING = ("ceiling_lower", "ceiling_upper")


@dataclass(frozen=True)
class Contest:
    """Families of networks scored on each part of the data."""

    families: Mapping[str, Sequence[str]]
    # one per part
    parts: Sequence[Inferred]
    # family -> names chosen, one per network and part
    chosen: Mapping[str, Sequence[str]]
    interval: float
    n_stimuli: int
    n_subjects: int


def score_rows(contest: Contest, shared: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each family."""
    means = np.mean([part.scores for part in contest.parts], axis=0)
    errors = np.mean([part.sem for part in contest.parts], axis=0)
    return [
        {
            **shared,
            "family": family,
            "score": means[row],
            "ci_low": means[row] - _half(contest, errors[row]),
            "ci_high": means[row] + _half(contest, errors[row]),
            "p_value": student.sf(_ratio(means[row], errors[row]), _dof(contest)),
            "n_networks": len(members),
            "chosen": _counted(contest.chosen[family]),
            "n_stimuli": contest.n_stimuli,
            "n_subjects": contest.n_subjects,
        }
        for row, (family, members) in enumerate(contest.families.items())
    ]


def difference_rows(
    contest: Contest, pairs: Sequence[tuple[str, str]], shared: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return a row for each pair of families."""
    rows, at = [], {family: row for row, family in enumerate(contest.families)}
    for one, other in pairs:
        places = at[one], at[other]
        differences = [part.scores[places[0]] - part.scores[places[1]] for part in contest.parts]
        mean = float(np.mean(differences))
        error = float(np.mean([part.sem_pairs[places] for part in contest.parts]))
        rows.append(
            {
                **shared,
                "family": one,
                "other_family": other,
                "difference": mean,
                "ci_low": mean - _half(contest, error),
                "ci_high": mean + _half(contest, error),
                "p_value": 2 * student.sf(abs(_ratio(mean, error)), _dof(contest)),
            }
        )
    return rows


def _dof(contest: Contest) -> int:
    return min(part.dof for part in contest.parts)


def _half(contest: Contest, error: float) -> float:
    return float(error * student.ppf(0.5 + contest.interval / 2, _dof(contest)))


def held(
    entrants: Entrants, families: Mapping[str, Sequence[str]], *, measure: str, asked: Asked
) -> Contest:
    """Score every family on each part, its networks at what the other parts chose for each."""
    networks = [network for members in families.values() for network in members]
    weights = np.array(
        [
            [(network in members) / len(members) for network in networks]
            for members in families.values()
        ]
    )
    parts, chosen = [], {family: [] for family in families}
    for part in np.unique(entrants.stimulus_parts):
        best = {network: _best(entrants, network, part, measure=measure) for network in networks}
        for family, members in families.items():
            chosen[family] += [entrants.names[network][best[network]] for network in members]
        models = np.array([entrants.models[network][best[network]] for network in networks])
        parts.append(_scored(entrants, models, weights, part, measure=measure, asked=asked))
    sizes = len(entrants.stimulus_parts), len(entrants.subject_parts)
    return Contest(families, parts, chosen, asked.interval, *sizes)


def _best(entrants: Entrants, network: str, part: int, *, measure: str) -> int:
    """Return the row of a network that is best on all parts but one."""
    chosen = entrants.stimulus_parts != part
    people = entrants.subjects[entrants.subject_parts != part]
    models = pairs_of(entrants.models[network], chosen)
    return int(np.nanargmax(scores(models, pairs_of(people, chosen), measure=measure)))


def _scored(
    entrants: Entrants,
    models: Doubles,
    weights: Doubles,
    part: int,
    *,
    measure: str,
    asked: Asked,
) -> Inferred:
    """Return what one part says of weighted means of these models."""
    here = entrants.stimulus_parts == part
    people = entrants.subjects[np.isin(entrants.subject_parts, (part, 0))]
    groups = [group for group, inside in zip(entrants.groups, here, strict=True) if inside]
    sizes = {"n_stimuli": len(groups), "n_models": len(models), "n_subjects": len(people)}
    draws = draws_for(asked, measure=measure, **sizes)
    resamples = draw_resamples(
        "dual" if len(people) > 1 else "stimuli",
        n_stimuli=len(groups),
        n_subjects=len(people),
        n_draws=draws or DRAWS,
        seed=asked.seed,
        groups=drawn_groups(groups),
    )
    each = evaluate(
        pairs_of(models, here), pairs_of(people, here), measure=measure, resamples=resamples
    )
    means = dataclasses.replace(
        each, scores=weights @ each.scores, samples=np.einsum("dmp,fm->dfp", each.samples, weights)
    )
    return infer(means, interval=asked.interval)


def _counted(names: Sequence[str]) -> str:
    counts = pd.Series(names).value_counts()
    return ", ".join(name if n == 1 else f"{name} x{n}" for name, n in counts.items())


def _ratio(value: float, error: float) -> float:
    return float(value / max(error, np.finfo(float).eps))


def _frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(columns))


def _corrected(rows: Sequence[Mapping[str, Any]], config: Config) -> pd.DataFrame:
    table = _frame(rows, DIFFERENCES)
    if len(table):
        how = config.rsa.correction
        found = corrected(table["p_value"].to_numpy(float), correction=how)
        table = table.assign(p_corrected=found, correction=how)
    return table
