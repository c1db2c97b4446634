"""What all figures share: size in inches, the red stamp of a stand-in, and files on disk.

Figures are matplotlib `Figure` objects made without pyplot, so drawing changes no state that a
caller could notice. Each function that draws takes values and returns a Figure; only `save_figure`
knows paths.
"""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lens_pipeline.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

# inches above the panels, for a title of two lines
HEAD = 0.62
INK = "#222222"
PALE = "#d9d9d9"
RED = "#c40000"
_FORMATS = ("png", "svg")


def new_figure(width: float, height: float, *, title: str, stand_in: str = "") -> Figure:
    """Return an empty Figure of that size in inches, with its title and stamp."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    lines = _wrapped(title, width=width, size=12)
    figure.text(0.12 / width, 1 - 0.12 / height, lines, ha="left", va="top", fontsize=12, color=INK)
    if stand_in:
        _stamp(figure, stand_in, width=width, height=height)
    return figure


def save_figure(figure: Figure, path: Path) -> tuple[Path, ...]:
    """Write `path`.png and `path`.svg, each whole or not at all; return their paths.

    The same figure gives the same bytes: no date and no random ids are in the files.
    """
    written = []
    for kind in _FORMATS:
        target = path.with_name(f"{path.name}.{kind}")
        buffer = io.BytesIO()
        metadata = {"Date": None} if kind == "svg" else None
        with rc_context({"svg.hashsalt": path.name}):
            figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
        with replacing(target) as temporary:
            temporary.write_bytes(buffer.getvalue())
        written.append(target)
    return tuple(written)


def save_data(table: pd.DataFrame, path: Path) -> Path:
    """Write the data behind a figure beside it, as `path`.csv with six digits; return its path."""
    target = path.with_name(f"{path.name}.csv")
    with replacing(target) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    return target


def depth_colours(layers: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Return a colour for each layer, from early (dark) to late (bright but readable on white)."""
    steps = np.linspace(0.05, 0.82, max(len(layers), 2))
    return {layer: colormaps["plasma"](step) for layer, step in zip(layers, steps, strict=False)}


def shortened(name: str, *, most: int = 26) -> str:
    """Return a name that fits a label; what is left out is in the middle."""
    if len(name) <= most:
        return name
    tail = (most - 1) * 2 // 5
    return f"{name[: most - 1 - tail]}…{name[-tail:]}"


def distinct(names: Sequence[str], *, most: int = 26) -> list[str]:
    """Return names that fit labels and differ wherever the whole names do.

    Where the middles that are left out hold the difference, that difference is shown instead; and
    where even this is too long, names are numbered.
    """
    labels = [shortened(name, most=most) for name in names]
    for label in {label for label in labels if labels.count(label) > 1}:
        rows = [row for row, one in enumerate(labels) if one == label]
        alike = list(dict.fromkeys(names[row] for row in rows))
        if len(alike) == 1:
            continue
        shown = _differing(alike, most=most)
        for row in rows:
            labels[row] = shown[alike.index(names[row])]
    return labels


def _differing(names: Sequence[str], *, most: int) -> list[str]:
    """Return the parts of different names that differ, with what fits of what stands around."""
    start = _shared(names)
    end = _shared([name[start:][::-1] for name in names])
    room = most - 2 - max(len(name) - start - end for name in names)
    if room < 0:
        return [f"{at} {shortened(name, most=most - 4)}" for at, name in enumerate(names, 1)]
    before, after = start - (room + 1) // 2, end - room // 2
    return [
        ("…" if before > 0 else "")
        + name[max(before, 0) : len(name) - max(after, 0)]
        + ("…" if after > 0 else "")
        for name in names
    ]


def _shared(names: Sequence[str]) -> int:
    """Return how many letters all names begin with."""
    shortest = min(map(len, names))
    return next((at for at in range(shortest) if len({n[at] for n in names}) > 1), shortest)


def stamp_height(stand_in: str, width: float) -> float:
    """Return the inches that the stamp takes at the foot of a figure of that width."""
    lines = _wrapped(_stamp_text(stand_in), width=width, size=9, bold=True).count("\n") + 1
    return 0.16 + 0.16 * lines if stand_in else 0.0


def title_height(title: str, width: float) -> float:
    """Return the inches that a title takes at the head of a figure of that width."""
    return 0.2 + 0.2 * (_wrapped(title, width=width, size=12).count("\n") + 1)


def _stamp_text(stand_in: str) -> str:
    return f"STAND-IN: {stand_in}"


def _stamp(figure: Figure, stand_in: str, *, width: float, height: float) -> None:
    text = _wrapped(_stamp_text(stand_in), width=width, size=9, bold=True)
    figure.text(
        0.12 / width,
        0.08 / height,
        text,
        ha="left",
        va="bottom",
        fontsize=9,
        color=RED,
        weight="bold",
    )
    figure.patch.set(edgecolor=RED, linewidth=4)


def _wrapped(text: str, *, width: float, size: float, bold: bool = False) -> str:
    """Break text into lines that fit a width in inches; a letter is so wide for its height."""
    letter = size * (0.68 if bold else 0.58) / 72
    return "\n".join(textwrap.wrap(text, max(20, int((width - 0.3) / letter))))
