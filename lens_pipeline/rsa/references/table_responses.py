"""Responses in tables, wide (one column per unit) or long (columns `unit` and `response`).

Columns `repetition`, `subject`, `region` and `time` (ms), or other words of AXES for them, say what
a row is; in a wide table units of two subjects that share a column name stay apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.references.axes import AXES, labels_among
from lens_pipeline.rsa.references.matrices import choose
from lens_pipeline.rsa.references.responses import Responses

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

_VALUE = ("response", "responses", "value", "rate", "beta")


def is_responses(frame: pd.DataFrame) -> bool:
    """Say whether a table holds responses: it names repetitions, or is long."""
    return "repetition" in labels_among(frame.columns) or _long(frame) is not None


def responses_of(frame: pd.DataFrame, key: str | None, *, path: Path) -> Responses:
    """Return the responses of a table; `key` names units, joined by +.

    Raises ComparisonError for a table without stimulus ids or with two values in one place.
    """
    labels = labels_among(frame.columns)
    if "stimulus" not in labels:
        raise ComparisonError(
            f"The responses {path} have no column of stimulus ids; call it stimulus_id."
        )
    for axis, column in labels.items():
        if frame[column].isna().any():
            raise ComparisonError(f"The responses {path} have a row without its {axis} ({column}).")
    long = _lengthened(frame, labels, key=key, path=path)
    places = ["stimulus", *(axis for axis in ("repetition",) if axis in labels)]
    units = [axis for axis in ("subject", "region", "unit") if axis in long]
    axes = [*places, *units, *(axis for axis in ("time",) if axis in long)]
    if long.duplicated(axes).any():
        at = long[long.duplicated(axes)].iloc[0][axes]
        said = ", ".join(f"{axis} {value}" for axis, value in at.items())
        raise ComparisonError(
            f"The responses {path} have two values for {said}; number repeats in a column "
            "repetition."
        )
    return _cube(long, places, units)


def _long(frame: pd.DataFrame) -> tuple[str, str] | None:
    """Return the columns of units and of values if the table is long."""
    units = [name for name in frame.columns if name in AXES["unit"]]
    values = [name for name in frame.columns if name in _VALUE]
    return (str(units[0]), str(values[0])) if units and values else None


def _lengthened(
    frame: pd.DataFrame, labels: dict[str, str], *, key: str | None, path: Path
) -> pd.DataFrame:
    """Return one row per value, with columns named by axis and `value`."""
    renamed = frame.rename(columns={name: axis for axis, name in labels.items()})
    long = _long(frame)
    if long is not None:
        table = renamed.rename(columns={long[0]: "unit", long[1]: "value"})
        keep = [axis for axis in AXES if axis in table] + ["value"]
        table = table[keep]
        units = list(dict.fromkeys(map(str, table["unit"])))
    else:
        marks = list(labels)
        numbers = renamed.drop(columns=marks).select_dtypes(["number", "bool"])
        units = list(map(str, numbers.columns))
        table = renamed.melt(marks, list(numbers.columns), var_name="unit", value_name="value")
    if key is not None:
        wanted = [choose(name, units, path=path) for name in key.split("+")]
        table = table[table["unit"].astype(str).isin(wanted)]
    if not len(table):
        raise ComparisonError(f"The responses {path} have no column of numbers beside its labels.")
    return table


def _cube(long: pd.DataFrame, places: list[str], units: list[str]) -> Responses:
    """Return the array (presentation, unit, time); what no row gives is NaN."""
    rows = long.groupby(places, sort=False).ngroup().to_numpy()
    columns = long.groupby(units, sort=False).ngroup().to_numpy()
    times = np.unique(long["time"]) if "time" in long else np.zeros(1)
    steps = np.searchsorted(times, long["time"]) if "time" in long else np.zeros(len(long), int)
    cube = np.full((rows.max() + 1, columns.max() + 1, len(times)), np.nan)
    cube[rows, columns, steps] = long["value"].to_numpy(np.float64)
    of_row = long.drop_duplicates(places)
    of_unit = long.drop_duplicates(units)
    return Responses(
        cube,
        tuple(map(str, of_row["stimulus"])),
        tuple(map(str, of_row["repetition"])) if "repetition" in long else (),
        regions=tuple(map(str, of_unit["region"])) if "region" in long else (),
        subjects=tuple(map(str, of_unit["subject"])) if "subject" in long else (),
        times=tuple(times.tolist()) if "time" in long else (),
    )
