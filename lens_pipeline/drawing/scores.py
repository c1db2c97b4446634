"""The scores of a run as numbers to colour by: one for each layer and pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.errors import ConfigError, nearest
from lens_pipeline.tracer.wording import counted, listed

if TYPE_CHECKING:
    import pandas as pd


def scores_by_layer(table: pd.DataFrame, reference: str | None = None) -> dict[str, float]:
    """Return the score of each `layer:pass` in the table of scores of a run.

    `reference` is one of the table's, or None for its only one. Of several measures the first
    counts; over regions, times and subjects the mean is taken, and what has no score is left out.
    Raises ConfigError where there are no scores, none of that reference, or several references.
    """
    rows = table[table["reference"] == _reference(table, reference)]
    rows = rows[rows["measure"] == _measure(rows)].dropna(subset="score")
    found: dict[str, list[float]] = {}
    for layer, number, score in zip(rows["layer"], rows["pass"], rows["score"], strict=True):
        found.setdefault(f"{layer}:{number}", []).append(float(score))
    return {name: sum(scores) / len(scores) for name, scores in found.items()}


def scores_title(table: pd.DataFrame, reference: str | None = None) -> str:
    """Return what those scores are: the measure and the reference. Raises as `scores_by_layer`."""
    name = _reference(table, reference)
    return f"{_measure(table[table['reference'] == name])} with {name}"


def _measure(rows: pd.DataFrame) -> str:
    return str(rows["measure"].iloc[0])


def _reference(table: pd.DataFrame, wanted: str | None) -> str:
    names = [str(name) for name in dict.fromkeys(table["reference"])]
    if not names:
        raise ConfigError(
            "The run has no scores to colour by: it was given no rsa.reference=FILE[:KEY]; give "
            "the same run one."
        )
    if wanted is None and len(names) > 1:
        raise ConfigError(
            f"The run has scores with {counted(len(names), 'reference')}; say by which to colour "
            f"with draw.reference=NAME: {listed(names, most=8)}."
        )
    if wanted is not None and wanted not in names:
        raise ConfigError(f"The run has no reference {wanted!r}; {nearest(wanted, names)}.")
    return wanted or names[0]
