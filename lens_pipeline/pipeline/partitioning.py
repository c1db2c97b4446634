"""`partition`: what each of two runs explains of the brain alone, and what both explain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.errors import ComparisonError
from lens_pipeline.pipeline.brain import open_all
from lens_pipeline.pipeline.config import read_config
from lens_pipeline.pipeline.open_run import Run, open_run

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def partition(
    first: Run | Path | str, second: Run | Path | str, *, fit: str = "nonnegative"
) -> pd.DataFrame:
    """Return the variance of the first run's references that its RDMs and the second's explain.

    One row per reference and layer:pass that both runs have, or per pair of them where they share
    none: `total` R2, `unique_first`, `unique_second`, `shared` (Groen et al. 2018, eLife
    7:e32962). `fit` is "nonnegative" or "ordinary" least squares. Stimuli are matched by id. Raises
    StoreError where there is no run, ComparisonError where the first run has no reference or the
    second lacks stimuli of it.
    """
    from lens_pipeline.rsa.similarities.partition import partition_table

    one, other = (run if isinstance(run, Run) else open_run(run) for run in (first, second))
    ours = one.rdms
    config = read_config(one.config)
    references = open_all(config, ours.pattern_descriptors["stimulus_id"])
    if not references:
        raise ComparisonError(
            f"The run in {one.folder} has no reference whose variance could be parted; give its "
            "command again with rsa.reference=FILE or brain=NAME."
        )
    return partition_table(ours, other.rdms, references, fit=fit)
