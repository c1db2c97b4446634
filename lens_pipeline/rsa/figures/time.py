"""Likeness of every pass to the brain at every time: rows are passes, columns are milliseconds.

A row's window by the mapping of passes to time is outlined, and the time at which the row is most
like the brain has a dot, so that the two can be compared at a glance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Rectangle

from lens_pipeline.rsa.comparison import COMPARISONS
from lens_pipeline.rsa.figures.canvas import HEAD, INK, distinct, new_figure, stamp_height
from lens_pipeline.rsa.time import untimed_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

    from lens_pipeline.rsa.scatter import Doubles
    from lens_pipeline.rsa.time import Window

# inches: a row of the map, the names beside it, the colour bar, the times below, between panels
_ROW, _LEFT, _RIGHT, _BELOW, _GAP = 0.24, 1.9, 1.15, 0.5, 0.5
_WIDTH = 9.0


def time_map(
    scores: pd.DataFrame,
    *,
    windows: Sequence[Window] = (),
    title: str = "",
    stand_in: str = "",
) -> Figure:
    """Draw the scores that have a time: one panel per reference or region, of one measure."""
    timed = scores[scores["time_ms"].notna()]
    timed = timed.assign(data=timed["reference"].map(untimed_name))
    rows = list(dict.fromkeys(zip(timed["layer"], timed["pass"], strict=True)))
    panels = list(dict.fromkeys(timed["data"]))
    panel = _ROW * len(rows)
    foot = stamp_height(stand_in, _WIDTH) + _BELOW
    height = HEAD + len(panels) * (panel + _GAP) - _GAP + 0.2 + foot
    measure = COMPARISONS[str(timed["measure"].iloc[0])].label
    head = f"{title}: " if title else ""
    text = f"{head}likeness of each pass to the brain at each time ({measure})"
    figure = new_figure(_WIDTH, height, title=text, stand_in=stand_in)
    limits = _limits(timed["score"].to_numpy())
    for at, name in enumerate(panels):
        bottom = height - HEAD - at * (panel + _GAP) - 0.2 - panel
        inner = (_WIDTH - _LEFT - _RIGHT) / _WIDTH
        axes = figure.add_axes((_LEFT / _WIDTH, bottom / height, inner, panel / height))
        table = timed[timed["data"] == name]
        image = _draw_map(axes, table, rows=rows, limits=limits)
        _draw_windows(axes, windows, rows=rows)
        _label(axes, rows, name=_heading(table))
        bar = figure.add_axes(((_WIDTH - 0.95) / _WIDTH, bottom / height, 0.014, panel / height))
        figure.colorbar(image, cax=bar).ax.tick_params(labelsize=7)
    axes.set_xlabel(_words(windows), fontsize=8, color=INK)
    return figure


def _draw_map(
    axes: Axes,
    table: pd.DataFrame,
    *,
    rows: Sequence[tuple[str, int]],
    limits: tuple[float, float],
) -> QuadMesh:
    times = np.unique(table["time_ms"])
    values = np.full((len(rows), len(times)), np.nan)
    for layer, number, time, score in table[["layer", "pass", "time_ms", "score"]].to_numpy():
        values[rows.index((layer, number)), np.searchsorted(times, time)] = score
    edges = _edges(times)
    image = axes.pcolormesh(
        edges,
        np.arange(len(rows) + 1) - 0.5,
        values,
        cmap="RdBu_r" if limits[0] < 0 else "viridis",
        vmin=limits[0],
        vmax=limits[1],
        rasterized=True,
    )
    for row, of in enumerate(values):
        if np.isfinite(of).any():
            best = (edges[:-1] + edges[1:])[np.nanargmax(of)] / 2
            axes.plot(best, row, "o", color="white", markersize=4, markeredgecolor=INK)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(edges[0], edges[-1])
    return image


def _draw_windows(
    axes: Axes, windows: Sequence[Window], *, rows: Sequence[tuple[str, int]]
) -> None:
    left, right = axes.get_xlim()
    for one in windows:
        if (one.layer, one.number) in rows and one.start < right and one.stop > left:
            corner = (one.start, rows.index((one.layer, one.number)) - 0.42)
            box = Rectangle(corner, one.stop - one.start, 0.84, fill=False, edgecolor=INK, lw=1.4)
            axes.add_patch(box)


def _label(axes: Axes, rows: Sequence[tuple[str, int]], *, name: str) -> None:
    names = distinct([f"{layer}:{number}" for layer, number in rows], most=22)
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    axes.set_title(name, loc="left", fontsize=9, color=INK, pad=4)
    axes.tick_params(axis="x", labelsize=8)


def _words(windows: Sequence[Window]) -> str:
    box = ", box: the pass by rsa.time_mapping" if windows else ""
    return f"time after the stimulus (ms); dot: the most alike{box}"


def _heading(table: pd.DataFrame) -> str:
    first = table.iloc[0]
    counts = f"{int(first['n_stimuli'])} stimuli, {int(first['n_subjects'])} subjects"
    return f"{first['data']}   ({counts})"


def _edges(times: Doubles) -> Doubles:
    """Return the borders of time bins that start at `times`; the last is as long as the median."""
    step = float(np.median(np.diff(times))) if len(times) > 1 else 10.0
    return np.append(times, times[-1] + step)


def _limits(values: Doubles) -> tuple[float, float]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low >= 0:
        return 0.0, high or 1.0
    return -max(-low, high), max(-low, high)
