"""A picture as DOT, the text that Graphviz reads; the same picture gives the same text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lens_pipeline.drawing.legend import heading
from lens_pipeline.drawing.looks import Html, box_look, edge_look, frame_look
from lens_pipeline.drawing.picture import Box, Edge, Frame
from lens_pipeline.errors import TraceError

if TYPE_CHECKING:
    from lens_pipeline.drawing.picture import Picture

# What a user changes of the look: attributes of Graphviz for a box, an edge or a frame.
Style = Callable[[Box | Edge | Frame], Mapping[str, str]]

# the names of frames around, outermost first, and the boxes in the innermost
_Held = tuple[tuple[str, ...], Sequence[Box]]

# the direction in which it is read -> what Graphviz calls that
DIRECTIONS = {"up": "BT", "down": "TB", "right": "LR", "left": "RL"}
# edges up to which room is left for the names of arguments, which doubles the rows; a detector of
# 4,000 operations takes four times as long with it
_MOST_ROOMY = 2000
# of a frame, in letters; Graphviz reads 16,384
_LONGEST_NAME = 4000
_NODES = '[fontname="Helvetica", fontsize=11, color="#333333", margin="0.12,0.06"]'
_EDGES = '[fontname="Helvetica", fontsize=9, arrowsize=0.7, color="#333333", fontcolor="#2f5d8a"]'


def dot(
    picture: Picture, *, direction: str = "up", legend: bool = True, style: Style | None = None
) -> str:
    """Return the DOT text of a picture."""
    roomy = len(picture.edges) <= _MOST_ROOMY
    lines = [
        f"digraph {quoted(picture.name)} {{",
        f"  graph [rankdir={DIRECTIONS[direction]}, fontname=Helvetica, fontsize=15,",
        '         labelloc=t, labeljust=l, ranksep=0.35, nodesep=0.3, color="#777777", pad=0.2];',
        f"  node {_NODES};",
        f"  edge {_EDGES};",
        f"  label={_value(heading(picture, legend=legend))};",
        # what is top for the picture is bottom for the frames in a picture read upwards
        f"  subgraph {{ graph [labelloc={'b' if direction == 'up' else 't'}];",
        *_framed(picture, style),
        "  }",
        *(_edge(edge, style, roomy=roomy) for edge in picture.edges),
        "}",
    ]
    return "\n".join([*lines, ""])


def quoted(text: str) -> str:
    """Return text as a quoted string of DOT."""
    safe = text.replace("\\", "\\\\").replace('"', '\\"').replace("\0", " ")
    return f'"{safe}"'


def _framed(picture: Picture, style: Style | None) -> Iterator[str]:
    """Yield the boxes inside their frames."""
    # a stack of our own, since modules may be nested deeper than Python calls may be
    waiting: list[str | Box | _Held] = [*reversed(_grouped(picture.boxes, ()))]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Box):
            look = box_look(one, picture.scale) | _styled(one, style)
            yield f"{'  ' * (len(one.frames) + 1)}{quoted(one.name)} {_listed(look)};"
        else:
            around, boxes = one
            frame, pad = picture.frames[around[-1]], "  " * len(around)
            yield f"{pad}subgraph {quoted('cluster ' + _short(picture, frame))} {{"
            for name, value in (frame_look(frame) | _styled(frame, style)).items():
                yield f"{pad}  {name}={_value(value)};"
            waiting.append(f"{pad}}}")
            waiting.extend(reversed(_grouped(boxes, around)))


def _grouped(boxes: Sequence[Box], around: tuple[str, ...]) -> list[Box | _Held]:
    """Return the boxes right inside the frames `around`, and the next frames with theirs."""
    groups: dict[tuple[str, ...] | str, list[Box]] = {}
    for box in boxes:
        inner = box.frames[: len(around) + 1]
        groups.setdefault(box.name if inner == around else inner, []).append(box)
    return [held[0] if isinstance(group, str) else (group, held) for group, held in groups.items()]


def _short(picture: Picture, frame: Frame) -> str:
    """Return the name of a frame, or its number where the name is longer than Graphviz reads."""
    if len(frame.name) <= _LONGEST_NAME:
        return frame.name
    return str(list(picture.frames).index(frame.name))


def _edge(edge: Edge, style: Style | None, *, roomy: bool) -> str:
    look = edge_look(edge, roomy=roomy) | _styled(edge, style)
    ends = f"  {quoted(edge.tail)} -> {quoted(edge.head)}"
    return f"{ends} {_listed(look)};" if look else f"{ends};"


def _styled(drawn: Box | Edge | Frame, style: Style | None) -> dict[str, str]:
    """Return the user's attributes. Raises TraceError where they are none."""
    if style is None:
        return {}
    given = style(drawn)
    if not isinstance(given, Mapping):
        raise TraceError(
            f"The style function returned {type(given).__name__} for "
            f"{type(drawn).__name__.lower()} {_name(drawn)}; it returns a dict of Graphviz "
            f"attributes, {{}} to change nothing."
        )
    wrong = [name for name in given if not (isinstance(name, str) and name.isidentifier())]
    if wrong:
        raise TraceError(
            f"The style function gave {_name(drawn)} an attribute {wrong[0]!r}; an attribute of "
            f"Graphviz is a name such as fillcolor or penwidth."
        )
    return {name: v if isinstance(v, str) else str(v) for name, v in given.items()}


def _name(drawn: Box | Edge | Frame) -> str:
    return f"{drawn.tail} -> {drawn.head}" if isinstance(drawn, Edge) else drawn.name


def _listed(look: Mapping[str, str]) -> str:
    return f"[{', '.join(f'{name}={_value(value)}' for name, value in look.items())}]"


def _value(value: str) -> str:
    return str(value) if isinstance(value, Html) else quoted(value)
