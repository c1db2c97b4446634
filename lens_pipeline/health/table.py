"""The health of a whole run: one row for each layer and pass, and what to be warned of.

A warning says that a score of this layer and pass would mean little or nothing, and why; the
numbers are there for every row, whether anything is wrong or not.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lens_pipeline.atomic import replacing
from lens_pipeline.health.measures import Health, measure
from lens_pipeline.store.trees import iter_blocks, layer_pass, layer_passes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    import xarray as xr

_LOG = logging.getLogger(__name__)

NAME = "health.csv"

# Bytes of a block of units.
_BLOCK = 1 << 27

# Below this the patterns lie nearly on one line, and an RDM says little more than one number would.
_ONE_LINE = 1.5
# More than this share of units without a difference between stimuli is worth a word.
_MANY_CONSTANT = 0.9


def health_table(tree: xr.DataTree) -> pd.DataFrame:
    """Return the health of every layer and pass of an opened store, read block by block."""
    import pandas as pd

    rows = []
    for layer, number in layer_passes(tree):
        stimuli = [
            str(name) for name in layer_pass(tree, layer, pass_number=number)["stimulus"].to_numpy()
        ]
        blocks = iter_blocks(tree, layer, pass_number=number, max_bytes=_BLOCK)
        found = measure(blocks, n_stimuli=len(stimuli))
        rows.append({"layer": layer, "pass": number, **_row(found, stimuli)})
    return pd.DataFrame(rows)


def write_health(folder: Path, tree: xr.DataTree) -> tuple[str, ...]:
    """Write health.csv into a run folder, whole or not at all; return and log the warnings."""
    table = health_table(tree)
    with replacing(folder / NAME) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    bad = table[table["warning"] != ""]
    told = tuple(
        f"{layer}:{number} {warning}"
        for layer, number, warning in zip(bad["layer"], bad["pass"], bad["warning"], strict=True)
    )
    if told:
        counts = f"{len(told)} of {len(table)} layers and passes"
        _LOG.warning("scores of %s may mean little, see %s: %s", counts, folder / NAME, told[0])
    return told


def _row(found: Health, stimuli: Sequence[str]) -> dict[str, object]:
    row = dict(vars(found))
    del row["first_duplicate"]
    return {**row, "warning": "; ".join(warnings_of(found, stimuli))}


def warnings_of(found: Health, stimuli: Sequence[str]) -> list[str]:
    """Return what would make a score of this layer and pass mean little, each as a clause."""
    clauses = []
    if found.nan or found.inf:
        clauses.append(f"has {found.nan} NaN and {found.inf} infinite values, so it has no RDM")
    if found.constant:
        clauses.append("is the same for all stimuli, so it has no RDM")
    elif found.constant_units > _MANY_CONSTANT * found.n_units:
        clauses.append(
            f"has {found.constant_units} of {found.n_units} units that are the same for all stimuli"
        )
    if found.first_duplicate and not found.constant:
        one, other = (stimuli[row] for row in found.first_duplicate)
        clauses.append(
            f"gives {found.duplicate_stimuli} stimuli a pattern that another one has too, "
            f"the first are {one} and {other}"
        )
    if found.effective_dimension < _ONE_LINE and found.dimension_stimuli > 2:
        clauses.append(
            f"has {found.effective_dimension:.2f} effective dimensions: its patterns lie on a line"
        )
    return clauses
