"""What was asked of the inference, and whether a reference is large enough for it.

What was asked in so many words and cannot be done is an error before anything is computed; what is
done by default is left out, and said, where the data are too few.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.errors import ComparisonError, nearest
from lens_pipeline.rsa.inference.multiple import check_correction
from lens_pipeline.rsa.inference.resamples import (
    LEAST_STIMULI,
    LEAST_SUBJECTS,
    check_resampling,
    scheme_called,
)
from lens_pipeline.rsa.inference.splits import stimulus_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG = logging.getLogger(__name__)

# draws where none were asked for and time allows (see `draws`), and the fewest from which a
# variance can be had
DRAWS = 1000
LEAST_DRAWS = 100
# draws of a fitted model where none were asked for: each takes many fits
FITTED_DRAWS = 200
CHOOSING = ("auto", "none", "stimuli", "both")
# an interval over so many subjects is many times as wide as one over stimuli alone
MOST_FEW_SUBJECTS = 3
# fewer subjects than this cannot be parted in two and then be resampled
LEAST_PARTED_SUBJECTS = 4


@dataclass(frozen=True)
class Asked:
    """How sure a score is to be made."""

    # bootstrap resamples; 0 for none; None for up to DRAWS wherever the reference is large enough
    draws: int | None = None
    # key of SCHEMES, or "auto": dual where there are subjects, else stimuli
    resample: str = "auto"
    seed: int = 0
    # share of intervals that are to cover the true score
    interval: float = 0.95
    # key of CORRECTIONS
    correction: str = "fdr"
    # member of CHOOSING: what is parted to choose a layer on one part and score it on the others
    choose: str = "auto"
    # number of parts
    parts: int = 2
    # members of FITTED: models that are fitted and cross-validated
    fitted: tuple[str, ...] = ()


def check_asked(asked: Asked) -> None:
    """Raise ComparisonError for settings that no data could satisfy."""
    check_correction(asked.correction)
    if asked.resample != "auto":
        scheme_called(asked.resample)
    if asked.choose not in CHOOSING:
        near = nearest(asked.choose, CHOOSING)
        raise ComparisonError(f"There is no rsa.choose={asked.choose}; {near}.")
    if not 0 < asked.interval < 1:
        raise ComparisonError(
            f"rsa.interval is {asked.interval:g}; it is a share between 0 and 1, such as 0.95."
        )
    if asked.draws is not None and 0 < asked.draws < LEAST_DRAWS:
        raise ComparisonError(
            f"rsa.bootstrap={asked.draws} draws are too few for a standard error; give "
            f"{LEAST_DRAWS} or more, or 0 for none."
        )
    if asked.parts < 2:
        raise ComparisonError("rsa.parts is 1; a layer is chosen on one part and scored on others.")


def scheme_for(asked: Asked, *, n_units: int, n_subjects: int, name: str) -> str | None:
    """Return the key of SCHEMES by which a reference is resampled, or None where it is not.

    `n_units` counts stimuli, or groups where whole groups are drawn. Raises ComparisonError if
    draws were asked for and the reference called `name` is too small.
    """
    if asked.draws == 0:
        return None
    auto = "dual" if n_subjects >= LEAST_SUBJECTS else "stimuli"
    scheme = auto if asked.resample == "auto" else asked.resample
    if asked.draws is None and asked.resample == "auto" and n_units < LEAST_STIMULI:
        LOG.info("%s: no bootstrap over %d stimuli, it needs %d", name, n_units, LEAST_STIMULI)
        return None
    check_resampling(scheme, n_units=n_units, n_subjects=n_subjects, name=name)
    return scheme


def few_subjects(scheme: str | None, *, n_subjects: int, name: str) -> str | None:
    """Return a caution where a reference is resampled over so few subjects that it says little.

    `scheme` as scheme_for returns it.
    """
    if scheme in (None, "", "stimuli") or n_subjects > MOST_FEW_SUBJECTS:
        return None
    freedom = f"{n_subjects - 1} degree{'s' * (n_subjects > 2)} of freedom"
    return (
        f"{name} has {n_subjects} subjects, so that its intervals and tests over subjects have "
        f"{freedom} and say little; rsa.resample=stimuli speaks of these subjects alone."
    )


def parting_for(asked: Asked, *, n_subjects: int, groups: Sequence[str], name: str) -> str | None:
    """Return "stimuli" or "both", what is parted to choose a layer, or None where none is chosen.

    `groups` names the group of each stimulus. Raises ComparisonError if choosing was asked for and
    the reference called `name` is too small.
    """
    if asked.choose == "none" or (asked.choose == "auto" and asked.draws == 0):
        return None
    enough = n_subjects >= asked.parts * LEAST_PARTED_SUBJECTS // 2
    if asked.choose == "both" and not enough:
        raise ComparisonError(
            f"The reference {name} has too few subjects ({n_subjects}) to choose a layer with some "
            "and score it with others; set rsa.choose=stimuli."
        )
    try:
        stimulus_parts(groups, n_parts=asked.parts, seed=asked.seed)
    except ComparisonError as error:
        if asked.choose != "auto":
            raise
        LOG.info("%s: no layer is chosen: %s", name, error)
        return None
    return ("both" if enough else "stimuli") if asked.choose == "auto" else asked.choose
