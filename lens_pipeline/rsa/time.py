"""Passes and brain time: when each pass of a layer is, and how like the brain it is at each time.

A recurrent network counts passes, a recording has milliseconds. A mapping gives each layer the time
at which its first pass starts and the length of a pass; pass k is then the window from start + (k -
1) x step to start + k x step. Layers are compared with the brain at every time whatever the mapping
says; the mapping only says where to look first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from lens_pipeline.errors import ComparisonError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# layer -> (start, step) in ms: the time bins that Brain-Score publishes for CORnet-S
_CORNET_S = {"V1": (50.0, 100.0), "V2": (70.0, 100.0), "V4": (90.0, 50.0), "IT": (100.0, 100.0)}
TIME_PRESETS: Mapping[str, Mapping[str, tuple[float, float]]] = {"cornet_s": _CORNET_S}

# columns of the table of windows
COLUMNS = ("layer", "pass", "start_ms", "stop_ms")


@dataclass(frozen=True)
class Window:
    """When one pass of a layer is."""

    layer: str
    # 1-based
    number: int
    # ms after the stimulus appears; stop is not included
    start: float
    stop: float


def time_mapping(
    given: str | Sequence[tuple[str, tuple[float, float]]],
) -> Mapping[str, tuple[float, float]]:
    """Return layer -> (start, step) of a preset or of pairs.

    Raises ComparisonError for an unknown preset.

    >>> time_mapping("cornet_s")["V4"]
    (90.0, 50.0)
    """
    if not isinstance(given, str):
        return dict(given)
    if given not in TIME_PRESETS:
        raise ComparisonError(
            f"There is no preset rsa.time_mapping={given}; {nearest(given, TIME_PRESETS)}, or give "
            "{LAYER: [START, STEP]} in ms."
        )
    return TIME_PRESETS[given]


def windows(
    parts: Sequence[tuple[str, int]], mapping: Mapping[str, tuple[float, float]]
) -> tuple[Window, ...]:
    """Return the window of every (layer, pass) that the mapping knows, in the order given.

    A key of the mapping is a layer, or a module that the layer lies in: V4 is also for V4.output.
    """
    found = []
    for layer, number in parts:
        window = _of_layer(layer, mapping)
        if window is not None:
            start = window[0] + (number - 1) * window[1]
            found.append(Window(layer, number, start, start + window[1]))
    return tuple(found)


def _of_layer(layer: str, mapping: Mapping[str, tuple[float, float]]) -> tuple[float, float] | None:
    name = layer
    while name:
        if name in mapping:
            return mapping[name]
        name = name.rpartition(".")[0]
    return None


def window_table(found: Sequence[Window]) -> pd.DataFrame:
    """Return the windows as a table, one row per layer and pass."""
    rows = [(one.layer, one.number, one.start, one.stop) for one in found]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def untimed_name(reference: str) -> str:
    """Return the name of a reference without its time.

    >>> untimed_name("meg:IT@170ms")
    'meg:IT'
    """
    return reference.rpartition("@")[0] or reference


def mapped_scores(scores: pd.DataFrame, found: Sequence[Window]) -> pd.DataFrame:
    """Return the scores of each pass at the brain times inside its window, with the windows.

    `scores` has the column time_ms; the mean over the times in a window, and how many they are.
    """
    timed = scores[scores["time_ms"].notna()]
    joined = timed.merge(window_table(found), on=["layer", "pass"])
    inside = joined[
        (joined["time_ms"] >= joined["start_ms"]) & (joined["time_ms"] < joined["stop_ms"])
    ]
    inside = inside.assign(reference=inside["reference"].map(untimed_name))
    keys = ["model", "layer", "pass", "start_ms", "stop_ms", "reference", "region", "measure"]
    grouped = inside.groupby(keys, sort=False, dropna=False)["score"]
    return grouped.agg(score="mean", n_times="count").reset_index()
