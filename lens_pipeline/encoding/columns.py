"""Columns of the tables of encoding models, in order, and what each of them holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLACE: Mapping[str, str] = {
    "method": "regression: ridge, banded_ridge or pls (encoding.methods)",
    "layer": "layer; (all layers) for banded ridge, whose single layers are what each adds to that",
    "pass": "visit of the layer, from 1; 0 for all of them together",
    "reference": "file of the responses",
    "region": "region of the units; empty where the file names none",
    "subject": "subject of the units; empty where the file names none",
    "time_ms": "start of the time bin in ms; empty where the data have no time",
}

# of encoding_units.parquet: one row per unit
OF_UNITS: Mapping[str, str] = {
    **_PLACE,
    "unit": "number of the unit within its region and subject, from 1",
    "r": "Pearson's r of predicted and mean measured responses in test folds, mean over folds",
    "reliability": "of the mean of all repeats: halves of them correlated, corrected by Spearman "
    "and Brown; empty without repeats",
    "r_corrected": "r / root of reliability; empty for a unit of reliability below 0.1",
    "r2_corrected": "r_corrected squared, with the sign of r",
}

# of encoding.csv: one row per group of units
OF_GROUPS: Mapping[str, str] = {
    "model": "network",
    "weights": "its weights",
    "stand_in": "why random weights or sample stimuli stood in; empty if none did",
    **_PLACE,
    "r": "median over units of r, see encoding_units",
    "reliability": "median over units",
    "r_corrected": "median over the units that are reliable enough, n_reliable",
    "r2_corrected": "median over the same units",
    "brain_score": "(median r / median reliability) squared, over all units: the convention of "
    "Brain-Score, larger than r2_corrected",
    "n_units": "units",
    "n_reliable": "units of reliability 0.1 or more",
}
