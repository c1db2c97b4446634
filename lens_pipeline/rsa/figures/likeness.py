"""How alike the RDMs of a run are to each other: a map by multidimensional scaling, and a matrix.

The map places RDMs so that distances on paper come close to 1 - likeness (SMACOF; Kruskal's
stress-1 is given). Layers are points coloured by depth; the passes of a layer are connected.
"""

from __future__ import annotations

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
from lens_pipeline.rsa.figures.labels import place_labels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lens_pipeline.rsa.scatter import Doubles

# with more labels than this, points carry numbers and a list beside the map gives the names
_MOST_NAMES = 14
# of majorisation, each a little better than the one before
_ROUNDS = 300


def mds_map(
    likeness: pd.DataFrame, *, measure: str = "spearman", title: str = "", stand_in: str = ""
) -> Figure:
    """Draw a map of the second-order likeness matrix; labels are LAYER:PASS."""
    layers = _layers(likeness)
    points, stress = scale_to_plane(1 - likeness.to_numpy())
    listed = len(likeness) > _MOST_NAMES
    columns = -(-len(likeness) // 30) if listed else 0
    side = 5.6
    tall = side if listed else side * _flatness(points)
    width = side + 0.6 + 2.3 * columns
    foot = stamp_height(stand_in, width) + 0.2
    height = tall + HEAD + foot
    what = COMPARISONS[measure].label
    text = f"{title}: " if title else ""
    head = f"{text}map of RDMs; near means alike (distance 1 - {what}, stress {stress:.2f})"
    figure = new_figure(width, height, title=head, stand_in=stand_in)
    axes = figure.add_axes((0.3 / width, foot / height, side / width, tall / height))
    _frame(axes, points, tall / side)
    _draw_paths(axes, points, layers)
    names = [_label(name, likeness) for name in likeness.index]
    if listed:
        _list_names(figure, names, layers, x=(side + 0.5) / width, width=width, height=height)
        names = [str(place) for place in range(1, len(names) + 1)]
    place_labels(axes, points, names, size=7 if listed else 8.5)
    return figure


def likeness_matrix(
    likeness: pd.DataFrame, *, measure: str = "spearman", title: str = "", stand_in: str = ""
) -> Figure:
    """Draw the second-order likeness matrix with a colour bar; small matrices with numbers."""
    n = len(likeness)
    cell = max(0.13, min(0.5, 8.0 / max(n, 1)))
    side = max(cell * n, 1.2)
    names = distinct([_label(name, likeness) for name in likeness.index])
    margin = 0.2 + 0.068 * max(map(len, names), default=0)
    width = max(margin + side + 1.3, 5.5)
    foot = stamp_height(stand_in, width) + 0.1
    height = HEAD + margin + side + foot
    text = f"{title}: " if title else ""
    head = f"{text}likeness of RDMs to each other"
    figure = new_figure(width, height, title=head, stand_in=stand_in)
    box = (margin / width, (foot + margin) / height, side / width, side / height)
    axes = figure.add_axes(box)
    low = min(0.0, float(likeness.to_numpy().min(initial=0)))
    if not n:
        _say_none(axes)
        return figure
    image = axes.imshow(likeness.to_numpy(), cmap="viridis", vmin=low, vmax=1)
    axes.set_xticks(range(n), names, rotation=90, fontsize=7)
    axes.set_yticks(range(n), names, fontsize=7)
    axes.tick_params(length=0)
    if cell >= 0.3:
        _write_numbers(axes, likeness.to_numpy(), low=low)
    tall = min(side, 2.4)
    bottom = foot + margin + side - tall
    bar = figure.add_axes(
        ((margin + side + 0.15) / width, bottom / height, 0.14 / width, tall / height)
    )
    figure.colorbar(image, cax=bar).set_label(COMPARISONS[measure].label, fontsize=8, color=INK)
    bar.tick_params(labelsize=7)
    return figure


def scale_to_plane(distances: Doubles) -> tuple[Doubles, float]:
    """Return points (n, 2) and Kruskal's stress-1 of metric multidimensional scaling.

    Starts from classical scaling (Torgerson 1952) and improves by majorisation (de Leeuw 1977), so
    the same distances always give the same map.
    """
    if not len(distances):
        return np.zeros((0, 2)), 0.0
    wanted = np.maximum((distances + distances.T) / 2, 0)
    np.fill_diagonal(wanted, 0)
    points = _classical(wanted)
    for _ in range(_ROUNDS):
        now = _between(points)
        ratio = np.divide(wanted, now, out=np.zeros_like(now), where=now > 1e-12)
        turn = np.diag(ratio.sum(axis=1)) - ratio
        points = turn @ points / len(points)
    scale = float((wanted**2).sum())
    missed = float(((wanted - _between(points)) ** 2).sum())
    return points, float(np.sqrt(missed / scale)) if scale else 0.0


def _classical(distances: Doubles) -> Doubles:
    n = len(distances)
    centre = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-0.5 * centre @ distances**2 @ centre)
    top = np.argsort(values)[::-1][:2]
    points = np.zeros((n, 2))
    points[:, : len(top)] = vectors[:, top] * np.sqrt(np.maximum(values[top], 0))
    # an eigenvector has no sign: the first point that is off an axis is put on its positive side
    for axis in range(2):
        off = points[np.abs(points[:, axis]) > 1e-9, axis]
        points[:, axis] *= np.sign(off[0]) if off.size else 1
    return points


def _between(points: Doubles) -> Doubles:
    result: Doubles = np.linalg.norm(points[:, None] - points[None], axis=2)
    return result


def _layers(likeness: pd.DataFrame) -> list[str]:
    return [str(name).rpartition(":")[0] for name in likeness.index]


def _label(name: str, likeness: pd.DataFrame) -> str:
    """Return LAYER:PASS, or LAYER alone where it has one pass."""
    layer, _, number = name.rpartition(":")
    alone = _layers(likeness).count(layer) == 1 and number == "1"
    return layer if alone else f"{layer}:{number}"


def _flatness(points: Doubles) -> float:
    """Return height over width of a map that shows one unit as long on both axes."""
    width, height = np.ptp(points, axis=0) if len(points) else (1.0, 1.0)
    return float(np.clip(height / width, 0.5, 1)) if width > 0 else 1.0


def _frame(axes: Axes, points: Doubles, flatness: float) -> None:
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_color(PALE)
    if not len(points):
        _say_none(axes)
        return
    centre = (points.max(axis=0) + points.min(axis=0)) / 2
    half = max(float(np.ptp(points, axis=0).max()) / 2 * 1.18, 1e-3)
    axes.set_xlim(centre[0] - half, centre[0] + half)
    axes.set_ylim(centre[1] - half * flatness, centre[1] + half * flatness)


def _say_none(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, "no RDM", ha="center", color="#777777")


def _draw_paths(axes: Axes, points: Doubles, layers: list[str]) -> None:
    colours = depth_colours(list(dict.fromkeys(layers)))
    for layer, colour in colours.items():
        rows = [row for row, name in enumerate(layers) if name == layer]
        x, y = points[rows].T
        axes.plot(x, y, color=colour, linewidth=1.4, zorder=2)
        axes.scatter(x, y, s=42, color=[colour], edgecolor="white", zorder=3)


def _list_names(
    figure: Figure, names: list[str], layers: list[str], *, x: float, width: float, height: float
) -> None:
    colours = depth_colours(list(dict.fromkeys(layers)))
    for place, (name, layer) in enumerate(zip(distinct(names), layers, strict=True)):
        column, row = divmod(place, 30)
        figure.text(
            x + 2.3 * column / width,
            1 - (HEAD + 0.1 + 0.183 * row) / height,
            f"{place + 1}  {name}",
            fontsize=8,
            color=colours[layer],
        )


def _write_numbers(axes: Axes, values: Doubles, *, low: float) -> None:
    for row, column in np.ndindex(values.shape):
        dark = (values[row, column] - low) / (1 - low) < 0.6
        axes.text(
            column,
            row,
            f"{values[row, column]:.2f}".replace("0.", "."),
            ha="center",
            va="center",
            fontsize=6.5,
            color="white" if dark else INK,
        )
