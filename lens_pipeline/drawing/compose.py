"""From a Trace to a Picture: each Op to its place, places to boxes, what was read to edges."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lens_pipeline.columns import Overview
from lens_pipeline.drawing.border import border, border_boxes, place_ends
from lens_pipeline.drawing.boxes import boxes, frames
from lens_pipeline.drawing.branches import branches
from lens_pipeline.drawing.buffers import buffer_boxes, buffer_places
from lens_pipeline.drawing.coloring import colored
from lens_pipeline.drawing.picture import Picture
from lens_pipeline.drawing.places import places
from lens_pipeline.drawing.steps import Layout, edges, steps
from lens_pipeline.drawing.wording import picture_title
from lens_pipeline.tracer.graph import depends_on_input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lens_pipeline.drawing.picture import Box, Scale
    from lens_pipeline.drawing.places import View
    from lens_pipeline.tracer.trace import Trace


def compose(
    trace: Trace, view: View, *, color: str | Mapping[str, float] | None, buffers: str
) -> Picture:
    """Return the picture of what `view` shows.

    Raises TraceError or SelectorError for a `color` that is not there, see `colored`.
    """
    o = Overview(trace)
    layout = _layout(o, view, buffers)
    drawn = (
        *boxes(o, view, layout),
        *buffer_boxes(o, view, layout.ops, layout.buffers),
        *border_boxes(o, layout.border, layout.reached),
    )
    found = frames(o, view, layout, drawn)
    drawn = tuple(_in_frames(box, found) for box in drawn)
    scale: Scale | None = None
    if color is not None:
        drawn, scale = colored(o, drawn, color)
    by_name = {box.name: box for box in drawn}
    return Picture(
        name=trace.model_name,
        title=picture_title(o, view),
        boxes=drawn,
        edges=tuple(edges(steps(o, layout), by_name, rolled=view.rolled)),
        frames=found,
        scale=scale,
    )


def _layout(o: Overview, view: View, buffers: str) -> Layout:
    found = places(o, view)
    place_ends(o, view, found)
    return Layout(
        ops=found,
        border=border(o, view, found),
        buffers=buffer_places(o, found, buffers),
        branches=branches(o),
        reached=depends_on_input(o.trace),
    )


def _in_frames(box: Box, found: Mapping[str, object]) -> Box:
    return dataclasses.replace(box, frames=tuple(name for name in box.frames if name in found))
