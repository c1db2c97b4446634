"""How many resamples are drawn where nobody said: as many as about two minutes allow.

The number follows from the sizes of the data alone, never from a clock, so it is the same on every
machine. Intervals and p-values are made from standard errors of the draws, which 100 draws give to
7 %, so fewer draws widen the error of an interval and do not bias it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lens_pipeline.rsa.inference.asked import DRAWS, LEAST_DRAWS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lens_pipeline.rsa.inference.asked import Asked

LOG = logging.getLogger(__name__)

# seconds of one core that the draws of one measure and reference may take, about
_SECONDS = 120.0


def _linear(n_models: int, n_subjects: int) -> float:
    return 2e-9 * (n_models + n_subjects)


def _ranked(n_models: int, n_subjects: int) -> float:
    """Rank every RDM, and for the ceiling every subject's and the others' pooled, twice."""
    return 4e-8 * (n_models + (4 * n_subjects if n_subjects > 1 else 1))


def _each_with_each(n_models: int, n_subjects: int) -> float:
    return 1e-7 * n_models * n_subjects


# measured seconds of one draw for each pair of stimuli; measures that are not here are handed to
# rsatoolbox, which compares each model with each subject
_COSTS: Mapping[str, Callable[[int, int], float]] = {
    "pearson": _linear,
    "cosine": _linear,
    "spearman": _ranked,
    "rho_a": _ranked,
}


def draws_for(
    asked: Asked,
    *,
    measure: str,
    n_stimuli: int,
    n_models: int,
    n_subjects: int,
    name: str | None = None,
) -> int:
    """Return the number of draws: what was asked for, else DRAWS or as many as time allows.

    Never fewer than LEAST_DRAWS. Fewer than DRAWS are said of the reference called `name`; None
    says nothing.

    >>> from lens_pipeline.rsa.inference.asked import Asked
    >>> sizes = {"n_models": 20, "n_subjects": 1}
    >>> draws_for(Asked(), measure="spearman", n_stimuli=92, **sizes)
    1000
    >>> draws_for(Asked(), measure="spearman", n_stimuli=1854, **sizes)
    100
    """
    if asked.draws is not None:
        return asked.draws
    cost = _COSTS.get(measure, _each_with_each)(n_models, n_subjects)
    affordable = int(_SECONDS / (cost * n_stimuli * (n_stimuli - 1) / 2))
    draws = min(DRAWS, max(LEAST_DRAWS, affordable))
    if name and draws < DRAWS:
        LOG.info(
            "%s, %s: %d bootstrap draws instead of %d, since %d stimuli make each a long one "
            "(rsa.bootstrap=N for another number)",
            name,
            measure,
            draws,
            DRAWS,
            n_stimuli,
        )
    return draws
