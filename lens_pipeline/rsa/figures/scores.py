"""Scores by layer and pass, one panel per reference, with the noise ceiling as a band.

Layers stand on the x axis in the order of the forward pass. The passes of one layer stand side by
side and are connected, so that what recurrence adds is the slope of a short line.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.rsa.comparison import COMPARISONS
from lens_pipeline.rsa.figures.canvas import (
    HEAD,
    INK,
    PALE,
    depth_colours,
    distinct,
    new_figure,
    stamp_height,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lens_pipeline.rsa.rdms import Flag
    from lens_pipeline.rsa.scatter import Doubles

_PANEL_HEIGHT = 2.7
# inches between panels: room for the name of the reference
_GAP = 0.45
# inches left and right of the panels: the axis label, the words beside the ceiling
_LEFT, _RIGHT = 0.85, 1.75
# what confidence intervals are over
_DRAWN = {
    "dual": "stimuli and subjects",
    "both": "stimuli and subjects",
    "stimuli": "stimuli",
    "subjects": "subjects",
}
# inches per layer and per further pass of a layer
_PER_LAYER, _PER_PASS = 0.34, 0.17


def score_by_layer(
    scores: pd.DataFrame,
    *,
    layers: Sequence[str],
    flags: Sequence[Flag] = (),
    title: str = "",
    stand_in: str = "",
) -> Figure:
    """Draw a table of scores; `layers` gives the order, `flags` what has no score."""
    references = list(dict.fromkeys(scores["reference"]))
    places = _places(scores, layers)
    inches = sum(_PER_LAYER + _PER_PASS * (len(xs) - 1) for xs in places.values())
    width = min(max(_LEFT + _RIGHT + inches, 7.0), 26.0)
    note = _note(flags)
    foot = stamp_height(stand_in, width) + (0.3 if note else 0.1)
    below = _label_height(layers) + foot
    height = HEAD + len(references) * (_PANEL_HEIGHT + _GAP) + below
    head = _title(title, scores)
    figure = new_figure(width, height, title=head, stand_in=stand_in)
    for row, reference in enumerate(references):
        bottom = height - HEAD - (row + 1) * (_PANEL_HEIGHT + _GAP)
        inner = (width - _LEFT - _RIGHT) / width
        axes = figure.add_axes((_LEFT / width, bottom / height, inner, _PANEL_HEIGHT / height))
        _draw_panel(axes, scores[scores["reference"] == reference], places=places)
        _label_x(axes, places, last=row == len(references) - 1)
    if note:
        figure.text(0.12 / width, foot / height, note, va="top", fontsize=8, color="#666666")
    return figure


def _places(scores: pd.DataFrame, layers: Sequence[str]) -> dict[str, dict[int, float]]:
    """Return where each pass of each layer stands on the x axis, in units of one layer."""
    places: dict[str, dict[int, float]] = {}
    x = 0.0
    for layer in layers:
        passes = sorted(set(scores.loc[scores["layer"] == layer, "pass"]))
        places[layer] = {number: x + 0.5 * at for at, number in enumerate(passes or [1])}
        x = max(places[layer].values()) + 1
    return places


def _draw_panel(axes: Axes, rows: pd.DataFrame, *, places: dict[str, dict[int, float]]) -> None:
    first = rows.iloc[0]
    _draw_ceiling(axes, float(first["ceiling_lower"]), float(first["ceiling_upper"]))
    axes.axhline(0, color=INK, linewidth=0.8)
    ends = rows.groupby("layer", sort=False).tail(1)
    xs = [places[layer][number] for layer, number in zip(ends["layer"], ends["pass"], strict=True)]
    axes.plot(xs, ends["score"], color=PALE, linewidth=1.2, zorder=1)
    colours = depth_colours(list(places))
    for layer, group in rows.groupby("layer", sort=False):
        at = [places[str(layer)][number] for number in group["pass"]]
        _draw_layer(axes, group, at=at, colour=colours[str(layer)])
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0), high + 0.06 * (high - min(low, 0)))
    axes.set_ylabel(COMPARISONS[str(first["measure"])].label, fontsize=9, color=INK)
    axes.set_title(_heading(first), loc="left", fontsize=9, color=INK, pad=4)
    axes.tick_params(axis="y", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_ceiling(axes: Axes, lower: float, upper: float) -> None:
    if math.isnan(lower):
        return
    axes.axhspan(lower, upper, color="#dfe8dc", zorder=0)
    axes.text(
        1.01,
        (lower + upper) / 2,
        f"noise ceiling\n{lower:.3f} to {upper:.3f}",
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=8,
        color="#4a6b42",
    )


def _draw_layer(
    axes: Axes, group: pd.DataFrame, *, at: Sequence[float], colour: tuple[float, ...]
) -> None:
    axes.errorbar(
        at,
        group["score"],
        yerr=_bars(group),
        color=colour,
        marker="o",
        markersize=5,
        linewidth=1.6,
        zorder=3,
    )
    if len(at) > 1:
        for x, number, score in zip(at, group["pass"], group["score"], strict=True):
            axes.annotate(
                f"{number}", (x, score), (5, 3), textcoords="offset points", ha="left", fontsize=7
            )


def _bars(group: pd.DataFrame) -> Doubles | None:
    """Return the lengths of the bars below and above the points, or None."""
    if "ci_low" in group and group["ci_low"].notna().any():
        below, above = group["score"] - group["ci_low"], group["ci_high"] - group["score"]
        # an end may pass the score by a rounding
        return np.array([below, above], dtype=float).clip(0)
    return None if group["sem"].isna().all() else group["sem"].to_numpy(float)


def _label_x(axes: Axes, places: dict[str, dict[int, float]], *, last: bool) -> None:
    middles = [sum(at.values()) / len(at) for at in places.values()]
    end = max(max(at.values()) for at in places.values())
    axes.set_xlim(-0.6, end + 0.6)
    axes.set_xticks(middles, distinct(list(places)) if last else [])
    axes.tick_params(axis="x", labelsize=8, rotation=90 if _turned(list(places)) else 0)


def _turned(layers: Sequence[str]) -> bool:
    """Say whether the names of the layers would run into each other side by side."""
    return 0.066 * sum(len(name) + 2 for name in distinct(layers)) > 4.4


def _label_height(layers: Sequence[str]) -> float:
    longest = max(map(len, distinct(layers)), default=0)
    return 0.2 + 0.075 * longest if _turned(layers) else 0.3


def _heading(row: pd.Series) -> str:
    n = int(row["n_subjects"])
    subjects = f", mean ± SEM over {n} subjects" if n > 1 else ""
    if row.get("n_bootstrap", 0) > 0:
        people = f", {n} subjects" if n > 1 else ""
        subjects = f"{people}; {100 * row['interval']:g} % CI over {_DRAWN[str(row['resampled'])]}"
    return f"{row['reference']}   ({row['n_stimuli']} stimuli by {row['align']}{subjects})"


def _title(title: str, scores: pd.DataFrame) -> str:
    text = f"{title}: " if title else ""
    passes = "; numbers are passes" if scores["pass"].max() > 1 else ""
    return f"{text}likeness of each layer's RDM to the reference{passes}"


def _note(flags: Sequence[Flag]) -> str:
    if not flags:
        return ""
    names = ", ".join(f"{flag.layer}:{flag.number}" for flag in flags[:6])
    more = f" and {len(flags) - 6} more" if len(flags) > 6 else ""
    return f"No RDM, so no score: {names}{more}."
