"""How many resamples are drawn where nobody said: as many as about two minutes allow.

The number follows from the sizes of the data alone, never from a clock, so it is the same on every
machine. Intervals and p-values are made from standard errors of the draws, which 100 draws give to
7 %, so fewer draws widen the error of an interval and do not bias it. Where even they would take
longer than `_MOST`, there are none unless they are asked for.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lens_pipeline.rsa.inference.asked import DRAWS, LEAST_DRAWS
from lens_pipeline.rsa.inference.linear import LINEAR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lens_pipeline.rsa.inference.asked import Asked

LOG = logging.getLogger(__name__)

# seconds of one core that the draws of one measure and reference may take, about
_SECONDS = 120.0
# and that the least of them may take
_MOST = 1800.0
# a measure of ranks that takes far less than Kendall's
_FASTER = "rho_a"


def _linear(n_pairs: int, n_models: int, n_subjects: int) -> float:
    """Multiply every RDM with itself, and every two that are compared or pooled."""
    products = 2 * n_models + n_subjects * (1 + n_models + n_subjects / 2)
    return n_pairs * (5e-9 + 3e-11 * products)


def _ranked(n_pairs: int, n_models: int, n_subjects: int) -> float:
    """Rank every RDM, and for the ceiling the others of each subject, pooled."""
    pools = n_subjects if n_subjects > 1 else 0
    return n_pairs * (1.5e-8 * (n_models + n_subjects) + 1e-7 * pools)


def _each_with_each(n_pairs: int, n_models: int, n_subjects: int) -> float:
    """Sort each model by each subject, and for the ceiling each subject by the others pooled."""
    # few pairs are counted in a cache, see `concordance`
    pools = n_subjects * min(1, n_pairs / 40_000) if n_subjects > 1 else 0
    return n_pairs * (2e-10 * math.sqrt(n_pairs) * n_models * n_subjects + 1.5e-6 * pools)


# measured seconds of one draw
_COSTS: Mapping[str, Callable[[int, int, int], float]] = {
    **dict.fromkeys(LINEAR, _linear),
    "spearman": _ranked,
    "rho_a": _ranked,
    "kendall_tau_a": _each_with_each,
    "kendall_tau_b": _each_with_each,
}


def seconds_of(
    n_draws: int, *, measure: str, n_stimuli: int, n_models: int, n_subjects: int
) -> float:
    """Return about how many seconds of one core so many draws take.

    >>> round(seconds_of(100, measure="spearman", n_stimuli=1854, n_models=20, n_subjects=1))
    54
    """
    n_pairs = n_stimuli * (n_stimuli - 1) // 2
    return n_draws * _COSTS[measure](n_pairs, n_models, n_subjects)


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

    Never fewer than LEAST_DRAWS, or 0 where even they would take too long. A number between that
    and DRAWS is said of the reference called `name`; None says nothing.

    >>> from lens_pipeline.rsa.inference.asked import Asked
    >>> sizes = {"n_stimuli": 1854, "n_models": 20}
    >>> draws_for(Asked(), measure="pearson", n_subjects=15, **sizes)
    1000
    >>> draws_for(Asked(), measure="spearman", n_subjects=15, **sizes)
    100
    >>> draws_for(Asked(), measure="kendall_tau_a", n_subjects=15, **sizes)
    0
    """
    if asked.draws is not None:
        return asked.draws
    sizes = {"n_stimuli": n_stimuli, "n_models": n_models, "n_subjects": n_subjects}
    each = seconds_of(1, measure=measure, **sizes)
    draws = min(DRAWS, max(LEAST_DRAWS, int(_SECONDS / each)))
    if draws * each > _MOST:
        draws = 0
    if name and 0 < draws < DRAWS:
        LOG.info(
            "%s, %s: %d bootstrap draws instead of %d, since %d stimuli make each a long one "
            "(rsa.bootstrap=N for another number)",
            *(name, measure, draws, DRAWS, n_stimuli),
        )
    return draws


def affordable(
    asked: Asked,
    *,
    measure: str,
    n_stimuli: int,
    n_models: int,
    n_subjects: int,
    name: str | None = None,
) -> Asked:
    """Return what is asked of a measure: nothing by default where draws would take too long.

    That is said of the reference called `name`; None says nothing.
    """
    sizes: Any = {"n_stimuli": n_stimuli, "n_models": n_models, "n_subjects": n_subjects}
    if asked.draws is not None or draws_for(asked, measure=measure, **sizes):
        return asked
    if name:
        LOG.warning(
            "%s, %s: no bootstrap, since %d draws of %d stimuli would take about %.1f h of a core; "
            "rsa.bootstrap=%d asks for them, and rsa.measure=%s, of ranks too, takes far less",
            *(name, measure, LEAST_DRAWS, n_stimuli),
            seconds_of(LEAST_DRAWS, measure=measure, **sizes) / 3600,
            *(LEAST_DRAWS, _FASTER),
        )
    return replace(asked, draws=0, choose="none" if asked.choose == "auto" else asked.choose)
