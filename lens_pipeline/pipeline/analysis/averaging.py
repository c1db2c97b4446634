"""rsa.average in a run: which column averages, and what the stimuli are called afterwards."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lens_pipeline.errors import ComparisonError
from lens_pipeline.pipeline.analysis.inferring import Grouped, groups_of_tree
from lens_pipeline.rsa.averaging import averaged_labels, averaging, describe_averaging
from lens_pipeline.store.trees import layer_pass, layer_passes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

    from lens_pipeline.pipeline.config import Config
    from lens_pipeline.rsa.averaging import Averaging

_LOG = logging.getLogger(__name__)


def compared_ids(
    config: Config, stimulus_ids: Sequence[str], labels: Mapping[str, Sequence[str]]
) -> tuple[Sequence[str], Mapping[str, Sequence[str]]]:
    """Return ids and labels of the patterns that RDMs are of: stimuli, or values of rsa.average.

    Raises ComparisonError for a column that stimuli cannot be averaged by.
    """
    if config.rsa.average is None:
        return stimulus_ids, labels
    if config.encoding.methods:
        raise ComparisonError(
            "encoding.methods predicts the response to each stimulus, and rsa.average="
            f"{config.rsa.average} averages over stimuli; give one of them."
        )
    over = averaging(config.rsa.average, labels)
    _LOG.info("RDMs are of %s", describe_averaging(over))
    return over.values, averaged_labels(over, labels)


def averaging_of_tree(config: Config, tree: xr.DataTree) -> Averaging | None:
    """Return how the stimuli of a store are averaged, or None where they are not."""
    if config.rsa.average is None:
        return None
    return averaging(config.rsa.average, _labels(tree))


def groups_compared(config: Config, tree: xr.DataTree, over: Averaging | None) -> Grouped:
    """Return the groups of the patterns that RDMs are of."""
    if over is None:
        return groups_of_tree(config, tree)
    column = config.rsa.group or ""
    found = averaged_labels(over, _labels(tree))
    if column not in found or column == over.label:
        return Grouped("", {})
    return Grouped(column, dict(zip(over.values, found[column], strict=True)))


def _labels(tree: xr.DataTree) -> dict[str, list[str]]:
    """Return the columns along the stimuli of a store, ids aside."""
    name, number = layer_passes(tree)[0]
    first = layer_pass(tree, name, pass_number=number)
    return {
        str(column): values.to_numpy().astype(str).tolist()
        for column, values in first.coords.items()
        if values.dims == ("stimulus",) and column != "stimulus"
    }
