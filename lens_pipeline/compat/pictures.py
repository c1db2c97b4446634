"""TorchLens's `vis_` arguments as one value, and the picture that it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.drawing.pictures import ENDINGS
from lens_pipeline.drawing.places import deepest
from lens_pipeline.drawing.static import draw
from lens_pipeline.errors import TraceError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lens_pipeline.tracer.trace import Trace

MODES = ("none", "rolled", "unrolled")
# TorchLens's word -> that of `draw`
DIRECTIONS = {"bottomup": "up", "topdown": "down", "leftright": "right"}
BUFFERS = {"never": "none", "False": "none", "meaningful": "auto", "always": "all", "True": "all"}


@dataclass(frozen=True)
class Picture:
    """A picture of a graph to be written."""

    # one of MODES
    mode: str
    # modules nested deeper are not opened; None opens all
    depth: int | None
    # as `draw` takes them
    direction: str
    buffers: str
    path: Path


def picture_of(given: Mapping[str, Any], *, default: str) -> tuple[Picture, dict[str, Any]]:
    """Return the picture that is asked for and the other arguments. Raises TraceError."""
    rest = dict(given)
    mode = rest.pop("vis_opt", rest.get("vis_mode", default))
    if rest.pop("vis_mode", mode) != mode:
        raise TraceError("vis_opt is the older name of vis_mode; give one of them.")
    if mode not in MODES:
        raise TraceError(f"There is no vis_mode {mode!r}; {nearest(str(mode), MODES)}.")
    depth = rest.pop("vis_nesting_depth", None)
    if depth is not None and (type(depth) is not int or depth < 0):
        raise TraceError(f"vis_nesting_depth is a number of levels, or 0 for all, not {depth!r}.")
    direction = _word(rest, "vis_direction", DIRECTIONS, default="bottomup")
    buffers = _word(rest, "vis_buffer_layers", BUFFERS, default="meaningful")
    path = Path(rest.pop("vis_outpath", "modelgraph"))
    ending = rest.pop("vis_fileformat", None)
    if path.suffix not in ENDINGS or ending is not None:
        path = path.with_name(f"{path.name}.{str(ending or 'pdf').removeprefix('.')}")
    return Picture(mode, depth or None, direction, buffers, path), rest


def draw_picture(trace: Trace, picture: Picture) -> str:
    """Write the picture and return its DOT text. Raises TraceError as `draw` does.

    A depth beyond the deepest module opens them all, as TorchLens's default of 1,000 does.
    """
    depth = picture.depth or 0
    if depth > deepest(trace):
        depth = 0
    return draw(
        trace,
        picture.path,
        rolled=picture.mode == "rolled",
        depth=depth,
        direction=picture.direction,
        buffers=picture.buffers,
    )


def _word(given: dict[str, Any], name: str, words: Mapping[str, str], *, default: str) -> str:
    """Take an argument out of `given` and return what `draw` calls its value."""
    value = given.pop(name, default)
    if str(value) not in words:
        raise TraceError(f"There is no {name} {value!r}; {nearest(str(value), words)}.")
    return words[str(value)]
