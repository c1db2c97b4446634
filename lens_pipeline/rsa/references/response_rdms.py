"""From responses to RDMs: one per region, subject and time, noise normalised as was asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.errors import ComparisonError, nearest
from lens_pipeline.rsa.crossnobis import crossnobis
from lens_pipeline.rsa.noise import multivariate, noise_covariance, univariate
from lens_pipeline.rsa.rdms import RDM_METHODS, dissimilarities
from lens_pipeline.rsa.references.joining import Account, join, match, some
from lens_pipeline.rsa.references.responses import (
    Repeats,
    Responses,
    by_group,
    choose_units,
    repeats,
)
from lens_pipeline.rsa.scatter import NoRdmError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lens_pipeline.rsa.scatter import Doubles

CROSSNOBIS = "crossnobis"
# "auto" is multivariate where the method is defined by it (mahalanobis, crossnobis), else none
NORMALISATIONS = ("auto", "none", "univariate", "multivariate")


@dataclass(frozen=True)
class Reading:
    """How references are read and response data become RDMs."""

    # by id, or row i for stimulus i
    align: str = "id"
    # key of RDM_METHODS, or "crossnobis" for response data
    method: str = "correlation"
    # a member of NORMALISATIONS
    normalise: str = "auto"
    # only these; empty means all
    regions: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    # take the units of all subjects as those of one
    pool: bool = False
    # ids of the rows of files that have none
    ids: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Group:
    """The responses of one region and subject to the stimuli in common, in the run's order."""

    region: str
    subject: str
    repeats: Repeats


@dataclass(frozen=True)
class Recorded:
    """All groups of a file, joined with the stimuli of a run."""

    groups: tuple[Group, ...]
    # start of each time bin in ms; (None,) where the data have no time axis
    times: tuple[float | None, ...]
    account: Account


def check_reading(reading: Reading) -> None:
    """Raise ComparisonError for an unknown method or normalisation."""
    if reading.method not in (CROSSNOBIS, *RDM_METHODS):
        near = nearest(reading.method, (CROSSNOBIS, *RDM_METHODS))
        raise ComparisonError(f"There is no brain.method={reading.method}; {near}.")
    if reading.normalise not in NORMALISATIONS:
        near = nearest(reading.normalise, NORMALISATIONS)
        raise ComparisonError(f"There is no brain.normalise={reading.normalise}; {near}.")
    if _needs_noise(reading.method) and reading.normalise not in ("auto", "multivariate"):
        raise ComparisonError(
            f"brain.method={reading.method} means brain.normalise=multivariate, not "
            f"{reading.normalise}; leave brain.normalise=auto."
        )


def record(
    found: Responses, stimulus_ids: Sequence[str], *, reading: Reading, name: str
) -> Recorded:
    """Return the responses of every region and subject to the stimuli that all of them have.

    Raises ComparisonError for ids, regions or subjects that do not fit.
    """
    found = choose_units(found, regions=reading.regions, subjects=reading.subjects, name=name)
    groups = list(by_group(found, pool=reading.pool))
    if not groups:
        raise ComparisonError(f"The reference {name} has responses of no unit.")
    for region, subject, part in groups:
        if not len(part.values):
            raise ComparisonError(
                f"The reference {_title(name, region, subject)} has units and not one response; "
                "leave it out with brain.regions or brain.subjects."
            )
    if reading.align == "position":
        # raises unless every stimulus has one row
        match(stimulus_ids, None, n_rows=len(found.values), align="position", name=name)
        ids, account = tuple(stimulus_ids), Account("position", len(stimulus_ids))
        groups = [(r, s, _with_ids(part, ids)) for r, s, part in groups]
    else:
        ids, account = _common(groups, stimulus_ids, name=name)
    times: tuple[float | None, ...] = found.times or (None,)
    return Recorded(
        tuple(Group(r, s, repeats(part, ids, name=_title(name, r, s))) for r, s, part in groups),
        times,
        account,
    )


def _with_ids(part: Responses, ids: tuple[str, ...]) -> Responses:
    return Responses(
        part.values, ids, (), regions=part.regions, subjects=part.subjects, times=part.times
    )


def _common(
    groups: Sequence[tuple[str, str, Responses]], stimulus_ids: Sequence[str], *, name: str
) -> tuple[tuple[str, ...], Account]:
    """Return the stimuli of the run to which every group has a response, and the account."""
    seen = [dict.fromkeys(part.ids or ()) for _, _, part in groups]
    if any(part.ids is None for _, _, part in groups):
        match(stimulus_ids, None, n_rows=0, align="id", name=name)
    counts = Counter(stimulus for ids in seen for stimulus in ids)
    shared = [stimulus for stimulus, count in counts.items() if count == len(seen)]
    rows, _, account = join(stimulus_ids, shared, name=name)
    return tuple(stimulus_ids[row] for row in rows), account


def response_rdms(
    recorded: Recorded, *, reading: Reading, name: str
) -> dict[tuple[str, float | None], dict[str, Doubles]]:
    """Return (region, time) -> subject -> n (n - 1) / 2 dissimilarities.

    Raises ComparisonError where responses have no RDM, or too few repeats for what was asked.
    """
    vectors: dict[tuple[str, float | None], dict[str, Doubles]] = {}
    for group in recorded.groups:
        title = _title(name, group.region, group.subject)
        values = normalised(group.repeats.responses, reading=reading, name=title)
        for step, time in enumerate(recorded.times):
            of = vectors.setdefault((group.region, time), {})
            folds = values[..., step]
            of[group.subject] = _vector(folds, group.repeats.stimulus_ids, reading, name=title)
    return vectors


def normalised(values: Doubles, *, reading: Reading, name: str) -> Doubles:
    """Return responses (repetition, stimulus, unit, time) noise normalised as was asked."""
    how = reading.normalise
    if how == "auto":
        noisy = reading.method == CROSSNOBIS or _needs_noise(reading.method)
        how = "multivariate" if noisy else "none"
    if how == "none":
        return values
    covariance = noise_covariance(values, name=name)
    if how == "univariate":
        return univariate(values, covariance)
    return multivariate(values, covariance, name=name)


def _needs_noise(method: str) -> bool:
    return method in RDM_METHODS and RDM_METHODS[method].whitens


def _vector(folds: Doubles, ids: Sequence[str], reading: Reading, *, name: str) -> Doubles:
    if reading.method == CROSSNOBIS:
        return crossnobis(folds, name=name)
    patterns = folds.mean(axis=0)
    try:
        # what is normalised already is whitened by a covariance of one
        noise = np.eye(patterns.shape[1]) if _needs_noise(reading.method) else None
        return dissimilarities(lambda: [patterns], method=reading.method, noise=noise)
    except NoRdmError as error:
        of = f" ({some([ids[row] for row in error.stimuli])})" if error.stimuli else ""
        raise ComparisonError(
            f"The responses {name} give no {reading.method} RDM: {error}{of}; choose another "
            "brain.method, or leave stimuli or units out."
        ) from error


def _title(name: str, region: str, subject: str) -> str:
    return " ".join(part for part in (name, region, subject) if part)
