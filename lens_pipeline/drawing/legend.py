"""The title of a picture and below it what its colours and lines mean, as one label."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from lens_pipeline.drawing import looks
from lens_pipeline.drawing.looks import Html
from lens_pipeline.drawing.quantities import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lens_pipeline.drawing.picture import Picture, Scale

_PER_ROW = 3
_STEPS = 5
_TABLE = '<table border="0" cellborder="0" cellspacing="4" cellpadding="2">'


def heading(picture: Picture, *, legend: bool) -> Html:
    """Return the title, with a legend of what occurs in the picture."""
    cells = list(_cells(picture)) if legend else []
    across = min(len(cells), _PER_ROW)
    span = f' colspan="{across}"' if across > 1 else ""
    rows = [f'<tr><td align="left"{span}>{html.escape(picture.title)}</td></tr>']
    if picture.scale is not None and legend:
        rows.append(f"<tr>{_ramp(picture.scale, span)}</tr>")
    starts = range(0, len(cells), _PER_ROW)
    below = (f"<tr>{''.join(cells[start : start + _PER_ROW])}</tr>" for start in starts)
    return Html(f"<{_TABLE}{''.join([*rows, *below])}</table>>")


def _cells(picture: Picture) -> Iterator[str]:
    """Yield a cell for each convention that the picture makes use of."""
    kinds = {box.kind for box in picture.boxes}
    fills = {looks.box_look(box, picture.scale)["fillcolor"] for box in picture.boxes}
    frozen = {looks.PARAMETERS["frozen"], looks.PARAMETERS["mixed"]} & fills
    for occurs, words, color in (
        (looks.PARAMETERS["trainable"] in fills, "with parameters", looks.PARAMETERS["trainable"]),
        (bool(frozen), "frozen parameters", looks.PARAMETERS["frozen"]),
        (looks.TEST in fills, "decides a branch", looks.TEST),
        ("border input" in kinds, "comes in", looks.INPUT),
        ("border output" in kinds, "goes out", looks.OUTPUT),
        (not all(box.reached for box in picture.boxes), "dashed: no input leads to it", ""),
        (any(edge.loop for edge in picture.edges), "blue: on to a later pass", ""),
        ("tag" in kinds, "arrow shape: the box of that name", ""),
        ("module" in kinds, "solid box: a module, not opened", ""),
        (any(edge.kind == "number" for edge in picture.edges), "dotted: a number of Python's", ""),
    ):
        if occurs:
            yield _cell(words, color)


def _cell(text: str, color: str) -> str:
    colored = f' border="1" color="#999999" bgcolor="{color}"' if color else ""
    return f'<td align="left"{colored}><font point-size="10">{html.escape(text)}</font></td>'


def _ramp(scale: Scale, span: str) -> str:
    cells = []
    for n in range(_STEPS):
        value = scale.low + (scale.high - scale.low) * n / (_STEPS - 1)
        cells.append(
            f'<td bgcolor="{looks.color_at(scale, value)}"><font point-size="10">'
            f"{html.escape(quantity(value, scale.unit))}</font></td>"
        )
    name = f'<td><font point-size="10">{html.escape(scale.name)}</font></td>'
    table = '<table border="0" cellborder="0" cellspacing="0" cellpadding="3">'
    return f'<td align="left"{span}>{table}<tr>{name}{"".join(cells)}</tr></table></td>'
