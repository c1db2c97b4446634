"""Tables of inference: what scores are worth, how models differ, and which one was chosen.

Rows of stimuli are matched by id here, once for each reference; everything below works on arrays.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lens_pipeline.rsa.columns import ADDED, CHOSEN, COMPARED, FITTED_MODELS, PARTED
from lens_pipeline.rsa.comparison import in_order
from lens_pipeline.rsa.inference.asked import parting_for, scheme_for
from lens_pipeline.rsa.inference.bootstrap import evaluate
from lens_pipeline.rsa.inference.choice import choose
from lens_pipeline.rsa.inference.draws import affordable, draws_for
from lens_pipeline.rsa.inference.fitted import fit
from lens_pipeline.rsa.inference.multiple import by_data, correct
from lens_pipeline.rsa.inference.resamples import draw_resamples, drawn_groups
from lens_pipeline.rsa.inference.results import infer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from lens_pipeline.rsa.inference.asked import Asked
    from lens_pipeline.rsa.inference.choice import Parted
    from lens_pipeline.rsa.inference.likeness import Doubles
    from lens_pipeline.rsa.inference.results import Inferred
    from lens_pipeline.rsa.rdms import RdmSet
    from lens_pipeline.rsa.references.loading import Reference

_KEY = ("layer", "pass", "reference", "measure")

Row = dict[str, Any]


@dataclass(frozen=True)
class Inference:
    """Tables of one or more measures and references; see `rsa.columns`."""

    # _KEY and ADDED
    scores: pd.DataFrame
    comparisons: pd.DataFrame
    choices: pd.DataFrame
    parts: pd.DataFrame
    fitted: pd.DataFrame


@dataclass(frozen=True)
class _Joined:
    """RDMs of a run and of a reference, over the same stimuli."""

    models: Doubles
    subjects: Doubles
    # layer and pass of each model
    places: tuple[tuple[str, int], ...]
    # id and group of each stimulus, name of each subject
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    people: tuple[str, ...]
    # columns that all rows of it share
    shared: Row


def inference(
    rdm_set: RdmSet,
    references: Sequence[Reference],
    *,
    measures: Sequence[str],
    asked: Asked,
    groups: Mapping[str, str] | None = None,
    done: Callable[[str, float], None] = lambda _name, _share: None,
) -> Inference:
    """Return what the bootstrap says of every layer and pass against every reference.

    `groups` gives the group of each stimulus id, such as its concept: groups are drawn and parted
    whole. `done` is called with the name of a reference and the share of its work that is done.
    P-values are corrected for all layers, passes and times of the same data by one measure.
    Raises ComparisonError if a reference is too small for what was asked.
    """
    rows: tuple[list[Row], ...] = ([], [], [], [], [])
    for measure in measures:
        for reference in references:
            joined = _joined(rdm_set, reference, groups or {}, measure=measure)
            report = partial(done, f"{reference.name}, {measure}")
            if joined.places:
                of_it = affordable(asked, **_sizes(joined))
                _bootstrapped(joined, rows[0], rows[1], asked=of_it, done=report)
                _chosen(joined, rows[2], rows[3], asked=of_it)
                of_fits = partial(done, f"fits, {reference.name}, {measure}")
                rows[4].extend(_fitted_rows(joined, asked=of_it, done=of_fits))
    columns = [*_KEY, *ADDED], COMPARED, CHOSEN, PARTED, FITTED_MODELS
    scores, comparisons, *others = (_frame(*pair) for pair in zip(rows, columns, strict=True))
    family = {one.name: data for data, times in by_data(references).items() for one in times}
    tests = {"p_corrected": "p_value", "p_ceiling": "p_ceiling"}
    correct(scores, tests, family=family, correction=asked.correction)
    correct(comparisons, {"p_corrected": "p_value"}, family=family, correction=asked.correction)
    return Inference(scores, comparisons, *others)


def with_inference(scores: pd.DataFrame, found: Sequence[Inference]) -> pd.DataFrame:
    """Return a table of scores with the columns of ADDED filled in; rows and order are kept."""
    import pandas as pd

    added = [one.scores for one in found if len(one.scores)]
    if not added:
        return scores.assign(resampled="", correction="", n_bootstrap=0)
    bare = scores.drop(columns=[name for name in ADDED if name in scores])
    merged = bare.merge(pd.concat(added), on=list(_KEY), how="left", validate="one_to_one")
    merged["n_bootstrap"] = merged["n_bootstrap"].fillna(0).astype(int)
    texts = ["resampled", "correction"]
    merged[texts] = merged[texts].fillna("")
    return merged[list(scores.columns)]


def _joined(
    rdm_set: RdmSet, reference: Reference, groups: Mapping[str, str], *, measure: str
) -> _Joined:
    ids = tuple(reference.rdms.pattern_descriptors["stimulus_id"])
    rdms = in_order(rdm_set.rdms, ids)
    # an RDM that is constant over these stimuli has no score
    varied = np.flatnonzero(np.ptp(rdms.dissimilarities, axis=1))
    rows = rdms.rdm_descriptors
    return _Joined(
        rdms.dissimilarities[varied],
        reference.rdms.dissimilarities,
        places=tuple((rows["layer"][row], int(rows["pass"][row])) for row in varied),
        ids=ids,
        groups=tuple(groups.get(stimulus, stimulus) for stimulus in ids),
        people=tuple(str(name) for name in reference.rdms.rdm_descriptors["subject"]),
        shared={"reference": reference.name, "measure": measure},
    )


def _sizes(joined: _Joined) -> dict[str, Any]:
    """Return what `draws_for` is told."""
    return {
        "measure": joined.shared["measure"],
        "name": joined.shared["reference"],
        "n_stimuli": len(joined.ids),
        "n_models": len(joined.models),
        "n_subjects": len(joined.subjects),
    }


def _bootstrapped(
    joined: _Joined,
    scores: list[Row],
    comparisons: list[Row],
    *,
    asked: Asked,
    done: Callable[[float], None],
) -> None:
    groups = drawn_groups(joined.groups)
    scheme = scheme_for(
        asked,
        n_units=len(set(groups)),
        n_subjects=len(joined.subjects),
        name=joined.shared["reference"],
    )
    if scheme is None:
        return
    measure = joined.shared["measure"]
    resamples = draw_resamples(
        scheme,
        n_stimuli=len(joined.ids),
        n_subjects=len(joined.subjects),
        n_draws=draws_for(asked, **_sizes(joined)),
        seed=asked.seed,
        groups=groups,
    )
    evaluated = evaluate(
        joined.models, joined.subjects, measure=measure, resamples=resamples, done=done
    )
    inferred = infer(evaluated, interval=asked.interval)
    shared = {**joined.shared, "resampled": scheme, "n_bootstrap": inferred.n_draws}
    scores += _score_rows(inferred, joined.places, shared, asked=asked)
    comparisons += _pair_rows(inferred, joined.places, shared, asked=asked)


def _score_rows(
    found: Inferred, places: Sequence[tuple[str, int]], shared: Row, *, asked: Asked
) -> Iterator[Row]:
    for row, (layer, number) in enumerate(places):
        yield {
            "layer": layer,
            "pass": number,
            "ci_low": found.low[row],
            "ci_high": found.high[row],
            "p_value": found.p_zero[row],
            "p_ceiling": found.p_ceiling[row],
            "interval": asked.interval,
            "correction": asked.correction,
            **shared,
        }


def _pair_rows(
    found: Inferred, places: Sequence[tuple[str, int]], shared: Row, *, asked: Asked
) -> Iterator[Row]:
    first, second = np.triu_indices(len(places), 1)
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        yield {
            "layer": places[one][0],
            "pass": places[one][1],
            "other_layer": places[other][0],
            "other_pass": places[other][1],
            "difference": found.scores[one] - found.scores[other],
            "sem": found.sem_pairs[one, other],
            "p_value": found.p_pairs[one, other],
            "correction": asked.correction,
            **shared,
        }


def _chosen(joined: _Joined, choices: list[Row], parts: list[Row], *, asked: Asked) -> None:
    parting = parting_for(
        asked,
        n_subjects=len(joined.subjects),
        groups=joined.groups,
        name=joined.shared["reference"],
    )
    if parting is None or len(joined.places) < 2:
        return
    found = choose(
        joined.models,
        joined.subjects,
        measure=joined.shared["measure"],
        groups=joined.groups,
        parting=parting,
        asked=asked,
    )
    choices += _choice_rows(found, joined, parting, interval=asked.interval)
    for kind, names, groups, numbers in (
        ("stimulus", joined.ids, joined.groups, found.stimuli),
        ("subject", joined.people, joined.people, found.subjects),
    ):
        parts += (
            {"kind": kind, "id": name, "group": group, "part": int(number), **joined.shared}
            for name, group, number in zip(names, groups, numbers, strict=True)
        )


def _choice_rows(found: Parted, joined: _Joined, parting: str, *, interval: float) -> Iterator[Row]:
    for choice in found.choices:
        layer, number = joined.places[choice.model]
        yield {
            **dataclasses.asdict(choice),
            "layer": layer,
            "pass": number,
            "ci_low": choice.low,
            "ci_high": choice.high,
            "p_value": choice.p_zero,
            "interval": interval,
            "parted": parting,
            **joined.shared,
        }


def _fitted_rows(joined: _Joined, *, asked: Asked, done: Callable[[float], None]) -> Iterator[Row]:
    if not asked.fitted:
        return
    fits = fit(
        joined.models,
        joined.subjects,
        measure=joined.shared["measure"],
        groups=drawn_groups(joined.groups),
        asked=asked,
        done=done,
    )
    for found in fits:
        yield {
            **dataclasses.asdict(found),
            "ci_low": found.low,
            "ci_high": found.high,
            "p_value": found.p_zero,
            "interval": asked.interval,
            "n_bootstrap": found.n_draws,
            **joined.shared,
        }


def _frame(rows: list[Row], columns: Iterable[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=list(columns))
