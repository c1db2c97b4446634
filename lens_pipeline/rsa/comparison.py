"""Comparing RDMs: of layers with references, and of layers with each other.

The numbers are those of rsatoolbox. What is added is that rows are matched by stimulus id, which it
ignores, and that every number comes with what it was made from.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import squareform

from lens_pipeline.errors import ComparisonError, nearest
from lens_pipeline.rsa.columns import SCORED
from lens_pipeline.rsa.rdms import RdmSet, make_rdms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from rsatoolbox.rdm.rdms import RDMs

    from lens_pipeline.rsa.references.loading import Reference
    from lens_pipeline.rsa.scatter import Doubles

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measure:
    """One way to say how alike two RDMs are; 1 is the most alike, 0 is unrelated."""

    # what rsatoolbox.rdm.compare calls it
    method: str
    # for axes
    label: str


COMPARISONS: dict[str, Measure] = {
    "spearman": Measure("spearman", "Spearman rho"),
    "pearson": Measure("corr", "Pearson r"),
    "kendall_tau_a": Measure("tau-a", "Kendall tau-a"),
    "kendall_tau_b": Measure("tau-b", "Kendall tau-b"),
    "rho_a": Measure("rho-a", "rho-a"),
    "cosine": Measure("cosine", "cosine similarity"),
    "whitened_pearson": Measure("corr_cov", "whitened Pearson r"),
    "whitened_cosine": Measure("cosine_cov", "whitened cosine similarity"),
}


def measure_called(name: str) -> Measure:
    """Return the measure of that name, or raise ComparisonError with the nearest ones."""
    try:
        return COMPARISONS[name]
    except KeyError:
        raise ComparisonError(
            f"There is no measure {name!r} (rsa.measure); {nearest(name, COMPARISONS)}."
        ) from None


def in_order(rdms: RDMs, stimulus_ids: Sequence[str]) -> RDMs:
    """Return the RDMs of these stimuli in this order.

    Raises ComparisonError for an id that the RDMs lack.
    """
    have = list(rdms.pattern_descriptors["stimulus_id"])
    if have == list(stimulus_ids):
        return rdms
    position = {stimulus: row for row, stimulus in enumerate(have)}
    absent = [stimulus for stimulus in stimulus_ids if stimulus not in position]
    if absent:
        raise ComparisonError(
            f"{len(absent)} of {len(stimulus_ids)} stimuli have no row in the RDM, the first is "
            f"{absent[0]!r}; {nearest(absent[0], have)}."
        )
    rows = np.array([position[stimulus] for stimulus in stimulus_ids])
    # where each wanted pair stands in a condensed vector
    places = squareform(np.arange(rdms.dissimilarities.shape[1]), checks=False)
    wanted = squareform(places[np.ix_(rows, rows)], checks=False)
    return make_rdms(
        rdms.dissimilarities[:, wanted],
        stimulus_ids=stimulus_ids,
        rows=rdms.rdm_descriptors,
        label=rdms.dissimilarity_measure,
    )


def compare(rdms: RDMs, others: RDMs, *, measure: str = "spearman") -> Doubles:
    """Return the likeness of each of `rdms` with each of `others`, rows matched by id.

    Raises ComparisonError if the two do not have the same stimuli, or a pair of them has no value.
    """
    from lens_pipeline.rsa.inference.whole import likeness_of

    measure_called(measure)
    ids = list(others.pattern_descriptors["stimulus_id"])
    n_here = len(rdms.pattern_descriptors["stimulus_id"])
    if n_here != len(ids):
        raise ComparisonError(f"RDMs of {n_here} and of {len(ids)} stimuli cannot be compared.")
    vectors = in_order(rdms, ids).dissimilarities, others.dissimilarities
    if not all(np.isfinite(values).all() for values in vectors):
        raise ComparisonError(
            "RDMs in which a pair of stimuli has no value cannot be compared; leave out one of it."
        )
    return likeness_of(*vectors, measure=measure)


def noise_ceiling(rdms: RDMs, *, measure: str = "spearman") -> tuple[float, float]:
    """Return the lower and upper bound of what a perfect model would score, (nan, nan) for one RDM.

    Lower: each subject against the others pooled; upper: against all pooled (Nili et al. 2014).
    """
    from lens_pipeline.rsa.inference.whole import ceilings_of

    measure_called(measure)
    if rdms.n_rdm < 2:
        return float("nan"), float("nan")
    return ceilings_of(rdms.dissimilarities, measure=measure)


def check_names(references: Sequence[Reference]) -> None:
    """Raise ComparisonError if two references have one name."""
    twice = [name for name, count in Counter(one.name for one in references).items() if count > 1]
    if twice:
        raise ComparisonError(
            f"Two references are called {twice[0]}, so their scores could not be told apart; give "
            "each once, and files of one name other names."
        )


def score_table(
    rdm_set: RdmSet,
    references: Sequence[Reference],
    *,
    measure: str = "spearman",
    facts: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return one row per layer, pass and reference, with the columns of SCORED.

    `facts` gives model, weights and stand_in. Layers and passes without an RDM have no row.
    Raises ComparisonError if two references have one name.
    """
    import pandas as pd

    check_names(references)
    frames = [_scores(rdm_set, reference, measure=measure) for reference in references]
    table = pd.concat(frames) if frames else pd.DataFrame()
    given = {"model": "", "weights": "", "stand_in": "", **(facts or {})}
    return table.assign(**given).reindex(columns=list(SCORED)).reset_index(drop=True)


def second_order(rdm_set: RdmSet, *, measure: str = "spearman") -> pd.DataFrame:
    """Return the likeness of every RDM of a run with every other; labels are LAYER:PASS."""
    import pandas as pd

    names = list(rdm_set.rdms.rdm_descriptors["name"])
    values = compare(rdm_set.rdms, rdm_set.rdms, measure=measure) if names else np.empty((0, 0))
    return pd.DataFrame(values, index=names, columns=names)


def _scores(rdm_set: RdmSet, reference: Reference, *, measure: str) -> pd.DataFrame:
    import pandas as pd

    ids = reference.rdms.pattern_descriptors["stimulus_id"]
    rdms = _varied(in_order(rdm_set.rdms, ids), reference)
    each = (
        compare(rdms, reference.rdms, measure=measure)
        if rdms.n_rdm
        else np.empty((0, reference.n_subjects))
    )
    lower, upper = noise_ceiling(reference.rdms, measure=measure)
    n = reference.n_subjects
    return pd.DataFrame(
        {
            "layer": list(rdms.rdm_descriptors["layer"]),
            "pass": list(rdms.rdm_descriptors["pass"]),
            "reference": reference.name,
            "region": reference.region,
            "time_ms": float("nan") if reference.time is None else reference.time,
            "measure": measure,
            "score": each.mean(axis=1),
            "sem": each.std(axis=1, ddof=1) / np.sqrt(n) if n > 1 else float("nan"),
            "ceiling_lower": lower,
            "ceiling_upper": upper,
            "n_stimuli": len(ids),
            "n_subjects": n,
            "rdm_method": rdm_set.method,
            "align": reference.account.align,
        }
    )


def _varied(rdms: RDMs, reference: Reference) -> RDMs:
    """Leave out, and say, RDMs that are constant over the stimuli in common with a reference."""
    spans = np.ptp(rdms.dissimilarities, axis=1)
    for row in np.flatnonzero(spans == 0):
        name = rdms.rdm_descriptors["name"][row]
        LOG.warning("%s is constant over the stimuli of %s: no score", name, reference.name)
    return rdms if spans.all() else _rows(rdms, np.flatnonzero(spans))


def _rows(rdms: RDMs, rows: npt.NDArray[np.intp]) -> RDMs:
    return make_rdms(
        rdms.dissimilarities[rows],
        stimulus_ids=rdms.pattern_descriptors["stimulus_id"],
        rows={name: [values[row] for row in rows] for name, values in rdms.rdm_descriptors.items()},
        label=rdms.dissimilarity_measure,
    )
