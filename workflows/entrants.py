"""What meets in a comparison of networks: their RDMs, a reference, and the parts of the data.

Rows are matched by stimulus id, and the parts are those that each run made to choose a layer, read
from its parts.csv; runs that did not part their stimuli alike cannot be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lens_pipeline import open_run
from lens_pipeline.errors import ComparisonError
from lens_pipeline.pipeline.analysis.inferring import PARTS
from lens_pipeline.rsa.comparison import in_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from lens_pipeline.rsa.references.loading import Reference

    Doubles = npt.NDArray[np.float64]
    Marks = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Entrants:
    """RDMs of networks and of one reference, over the same stimuli."""

    # network -> (n_layer_passes, n_pairs)
    models: Mapping[str, Doubles]
    # network -> name of each of its rows, as IT.output:2
    names: Mapping[str, Sequence[str]]
    # (n_subjects, n_pairs)
    subjects: Doubles
    # (n_stimuli,) and (n_subjects,) parts from 1; 0 where subjects are not parted
    stimulus_parts: Marks
    subject_parts: Marks
    # of each stimulus
    groups: Sequence[str]


def entrants(runs: Mapping[str, Path], reference: Reference, *, measure: str) -> Entrants:
    """Return the RDMs of networks (network -> run folder) over the stimuli of a reference.

    Raises ComparisonError for a run that chose no layer, and for runs parted differently.
    """
    ids = list(reference.rdms.pattern_descriptors["stimulus_id"])
    models, names, parts = {}, {}, []
    for network, folder in runs.items():
        rdms = in_order(open_run(folder).rdms, ids)
        models[network] = rdms.dissimilarities
        names[network] = list(rdms.rdm_descriptors["name"])
        parts.append(_parts(folder, reference.name, measure=measure))
    if any(not parts[0].equals(other) for other in parts[1:]):
        raise ComparisonError(
            f"The runs against {reference.name} did not part their stimuli alike, so networks "
            "cannot be compared; give all of them one rsa.seed, rsa.parts and set of stimuli."
        )
    stimuli = parts[0].loc["stimulus"].reindex(ids)
    people = parts[0].loc["subject"]
    return Entrants(
        models,
        names,
        reference.rdms.dissimilarities,
        stimuli["part"].to_numpy(np.int64),
        people["part"].to_numpy(np.int64),
        stimuli["group"].tolist(),
    )


def _parts(folder: Path, reference: str, *, measure: str) -> pd.DataFrame:
    """Return group and part of each stimulus and subject of a run, indexed by kind and id."""
    path = folder / PARTS
    if not path.is_file():
        raise ComparisonError(
            f"The run in {folder} chose no layer, so no score of it is guarded; it needs two "
            "layers, 16 stimuli and rsa.choose=auto."
        )
    table = pd.read_csv(path, dtype={"id": str, "group": str}, keep_default_na=False)
    rows = table[(table["reference"] == reference) & (table["measure"] == measure)]
    return rows.set_index(["kind", "id"])[["group", "part"]]
