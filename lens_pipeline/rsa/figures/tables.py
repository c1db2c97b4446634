"""The data behind figures, as tables: what is drawn and nothing else, in long form.

Every figure lies on disk with its table beside it, so that it can be drawn again in another style.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.spatial.distance import squareform

from lens_pipeline.rsa.figures.likeness import scale_to_plane
from lens_pipeline.rsa.figures.rdms import MOST_PIXELS, averaged, percentiles, shown_parts
from lens_pipeline.rsa.rdms import pass_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lens_pipeline.rsa.rdms import RdmSet
    from lens_pipeline.rsa.references.loading import Reference
    from lens_pipeline.rsa.scatter import Doubles

_SCORED = (
    "reference", "region", "time_ms", "measure", "layer", "pass", "score", "sem", "ci_low",
    "ci_high", "p_corrected", "ceiling_lower", "ceiling_upper", "n_stimuli", "n_subjects",
    "n_bootstrap",
)  # fmt: skip


def scored(scores: pd.DataFrame) -> pd.DataFrame:
    """Return what a figure of scores shows: a row per point, with its interval and ceiling."""
    return scores[[name for name in _SCORED if name in scores]]


def likeness_rows(likeness: pd.DataFrame) -> pd.DataFrame:
    """Return a matrix of likenesses with its labels, which are LAYER:PASS, as the first column."""
    return likeness.rename_axis("layer:pass").reset_index()


def map_points(likeness: pd.DataFrame) -> pd.DataFrame:
    """Return where each layer and pass stands on the map by multidimensional scaling."""
    points, stress = scale_to_plane(1 - likeness.to_numpy())
    parts = [str(name).rpartition(":") for name in likeness.index]
    return pd.DataFrame(
        {
            "layer": [layer for layer, _, _ in parts],
            "pass": [int(number) for _, _, number in parts],
            "x": points[:, 0],
            "y": points[:, 1],
            "stress": stress,
        }
    )


def rdm_cells(rdm_set: RdmSet, references: Sequence[Reference] = ()) -> pd.DataFrame:
    """Return a row per pair of stimuli, a column per RDM that is drawn, in its own units.

    References are means over subjects, NaN for stimuli that they lack. Of more stimuli than a
    panel has pixels, the pixels are given: percentiles, with the first stimulus of each; references
    that lack stimuli are then left out.
    """
    ids = list(rdm_set.rdms.pattern_descriptors["stimulus_id"])
    if len(ids) <= MOST_PIXELS:
        vectors = _vectors(rdm_set, references, ids)
        first, second = np.triu_indices(len(ids), 1)
        names = np.array(ids, dtype=object)
        return pd.DataFrame({"stimulus": names[first], "other_stimulus": names[second], **vectors})
    complete = [
        one for one in references if len(one.rdms.pattern_descriptors["stimulus_id"]) == len(ids)
    ]
    vectors = _vectors(rdm_set, complete, ids)
    size, edges = MOST_PIXELS, np.linspace(0, len(ids), MOST_PIXELS + 1).astype(int)[:-1]
    first, second = np.triu_indices(size)
    names = np.array(ids, dtype=object)[edges]
    cells = {name: averaged(percentiles(of))[first, second] for name, of in vectors.items()}
    return pd.DataFrame(
        {"first_stimulus": names[first], "first_other_stimulus": names[second], **cells}
    )


def _vectors(
    rdm_set: RdmSet, references: Sequence[Reference], ids: list[str]
) -> dict[str, Doubles]:
    rows = rdm_set.rdms.rdm_descriptors
    shown = set(shown_parts(rdm_set))
    of = zip(rows["layer"], rows["pass"], rdm_set.rdms.dissimilarities, strict=True)
    own = {pass_name(layer, n): vector for layer, n, vector in of if (layer, n) in shown}
    return {**own, **{f"ref. {one.name}": _spread(one, ids) for one in references}}


def _spread(reference: Reference, ids: list[str]) -> Doubles:
    """Return the mean RDM of a reference over all stimuli of the run, NaN where it has none."""
    place = {stimulus: row for row, stimulus in enumerate(ids)}
    rows = [place[one] for one in reference.rdms.pattern_descriptors["stimulus_id"]]
    square = np.full((len(ids), len(ids)), np.nan)
    square[np.ix_(rows, rows)] = squareform(reference.rdms.dissimilarities.mean(axis=0))
    np.fill_diagonal(square, 0)
    result: Doubles = squareform(square, checks=False)
    return result
