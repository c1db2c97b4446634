"""What each of two models explains of a reference alone, and what both explain, layer by layer.

A bar is the R2 of the two together, cut into parts. A part below 0, where one model suppresses what
is irrelevant in the other, hangs below the axis, and a line marks the total.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.rsa.figures.canvas import (
    HEAD,
    INK,
    distinct,
    new_figure,
    stamp_height,
    title_height,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# drawn of a table, whatever is in it: references, and for each the rows that explain most
_PANELS, _BARS = 8, 40
# inches
_PANEL, _GAP, _LEFT, _RIGHT, _PER_BAR = 2.2, 0.45, 0.85, 0.2, 0.36
# column -> colour; told apart by those who see no red or no green too
_PARTS = {"unique_first": "#0072b2", "shared": "#a6a6a6", "unique_second": "#e69f00"}


def partition_figure(
    table: pd.DataFrame, names: tuple[str, str], *, title: str = "", stand_in: str = ""
) -> Figure:
    """Draw a table of `partition_table`, a panel per reference; `names` are those of the models."""
    references = list(dict.fromkeys(table["reference"]))[:_PANELS]
    panels = [_most(table[table["reference"] == reference]) for reference in references]
    widest = max(len(rows) for rows in panels)
    width = min(max(_LEFT + _RIGHT + _PER_BAR * widest, 7.0), 20.0)
    foot = stamp_height(stand_in, width) + 0.15
    below = 0.25 + 0.075 * max(len(label) for rows in panels for label in _labels(rows))
    beside = 0.075 * (2 * sum(map(len, names)) + 40) < width
    head = max(HEAD, title_height(title, width)) + (0.35 if beside else 0.85)
    height = head + len(panels) * (_PANEL + _GAP + below) + foot
    figure = new_figure(width, height, title=title, stand_in=stand_in)
    for at, rows in enumerate(panels):
        bottom = height - head - _GAP - _PANEL - at * (_PANEL + _GAP + below)
        inner = (width - _LEFT - _RIGHT) / width
        axes = figure.add_axes((_LEFT / width, bottom / height, inner, _PANEL / height))
        _draw(axes, rows, names)
    handles, words = figure.axes[0].get_legend_handles_labels()
    # bars come before the line of the total
    order = [*range(1, len(handles)), 0]
    figure.legend(
        [handles[at] for at in order],
        [words[at] for at in order],
        loc="upper left",
        bbox_to_anchor=(0.05 / width, 1 - (head - (0.45 if beside else 0.95)) / height),
        ncols=4 if beside else 1,
        fontsize=8,
        frameon=False,
    )
    return figure


def _most(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that explain most, in the order of the table."""
    most = np.sort(np.argsort(-rows["total"].to_numpy(), kind="stable")[:_BARS])
    return rows.iloc[most]


def _labels(rows: pd.DataFrame) -> list[str]:
    first, second = (distinct(list(rows[side]), most=40) for side in ("first", "second"))
    return [
        one if one == other else f"{one} + {other}"
        for one, other in zip(first, second, strict=True)
    ]


def _draw(axes: Axes, rows: pd.DataFrame, names: Sequence[str]) -> None:
    xs = np.arange(len(rows))
    words = {
        "unique_first": f"only {names[0]}",
        "shared": "both",
        "unique_second": f"only {names[1]}",
    }
    above, under = np.zeros(len(rows)), np.zeros(len(rows))
    for part, colour in _PARTS.items():
        values = rows[part].to_numpy(float)
        base = np.where(values < 0, under, above)
        axes.bar(xs, values, bottom=base, width=0.7, color=colour, label=words[part])
        above += np.maximum(values, 0)
        under += np.minimum(values, 0)
    totals = rows["total"].to_numpy(float)
    axes.hlines(totals, xs - 0.42, xs + 0.42, color=INK, linewidth=1.4, label="together (R²)")
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xticks(xs, _labels(rows), rotation=90, fontsize=8)
    axes.set_ylim(1.06 * under.min(), 1.06 * max(above.max(), 1e-3))
    axes.set_xlim(-0.6, max(len(rows), 6) - 0.4)
    axes.tick_params(axis="y", labelsize=8)
    axes.set_ylabel("R²", fontsize=9, color=INK)
    first = rows.iloc[0]
    axes.set_title(
        f"{first['reference']}   ({first['n_stimuli']} stimuli)",
        loc="left",
        fontsize=9,
        color=INK,
        pad=4,
    )
    axes.spines[["top", "right"]].set_visible(False)
