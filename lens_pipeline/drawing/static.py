"""A Trace as a picture: DOT text, and through Graphviz an SVG, PDF or PNG.

Read from the bottom up; how things look is told in `looks`. The same Trace gives the same text,
byte by byte.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from lens_pipeline.drawing.buffers import check_buffers
from lens_pipeline.drawing.compose import compose
from lens_pipeline.drawing.dot import DIRECTIONS, dot
from lens_pipeline.drawing.long_edges import with_tags
from lens_pipeline.drawing.pictures import check_ending, write_picture
from lens_pipeline.drawing.places import view_of
from lens_pipeline.errors import TraceError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lens_pipeline.drawing.dot import Style
    from lens_pipeline.tracer.trace import Trace


def draw(  # noqa: PLR0913  each is one choice of a reader's
    trace: Trace,
    path: str | Path | None = None,
    *,
    rolled: bool = True,
    depth: int | None = 0,
    module: str = "",
    direction: str = "up",
    color: str | Mapping[str, float] | None = None,
    buffers: str = "auto",
    title: str | None = None,
    legend: bool = True,
    style: Style | None = None,
) -> str:
    """Return the picture as DOT text; with `path`, write it as .dot, .svg, .pdf or .png as well.

    `rolled` draws one box per layer, with its passes as `(x4)` and loops as edges that say which
    pass leads to which; otherwise there is one box per operation. `depth` draws every module that
    is nested this deep (1: the model's own children) as one box; 0 opens them all. `module` draws
    that one alone, `"layer4.0"` or its second call `"layer4.0:2"`, with what leads into it and
    who reads what it makes; depth counts from there.

    `direction` is up, down, right or left. `color` is a column with numbers of the table of Ops
    ("seconds", "flops", "bytes", ...), or a score for each of some layers or modules by name.
    `buffers` draws all buffers, none, or all but the running statistics of normalisations (auto).
    `title` takes the place of the counts, `legend` says below it what the colours mean. `style` is
    a function from a Box, Edge or Frame (`drawing.picture`) to attributes of Graphviz that take the
    place of ours.

    Raises TraceError for a depth, module, column, direction or ending that there is not, and where
    Graphviz is missing, after writing the .dot beside; SelectorError for a score whose name is not
    there; StoreError for a file that cannot be written.
    """
    target = None if path is None else Path(path)
    if target is not None:
        check_ending(target)
    if direction not in DIRECTIONS:
        raise TraceError(f"A picture cannot be read {direction!r}; {_choices(direction)}.")
    check_buffers(buffers)
    view = view_of(trace, rolled=rolled, depth=depth or 0, module=module)
    picture = compose(trace, view, color=color, buffers=buffers)
    if title is not None:
        picture = dataclasses.replace(picture, title=title)
    text = dot(with_tags(picture), direction=direction, legend=legend, style=style)
    if target is not None:
        write_picture(text, target)
    return text


def _choices(direction: str) -> str:
    return nearest(str(direction), DIRECTIONS)
