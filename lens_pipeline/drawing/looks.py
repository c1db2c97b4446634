"""How boxes, edges and frames look, as attributes of Graphviz: the conventions, in one place.

Inputs are green, outputs red, what has parameters grey (darker where they are frozen), what Python
asked the truth of yellow. The output of a module without submodules is a box with the module's
address, a bare operation an oval (with much to say a box with round corners), a buffer a cylinder,
a module that is not opened a solid box.
What no input leads to is dashed.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lens_pipeline.drawing.picture import Box, Edge, Frame, Scale

Attributes = dict[str, str]

INPUT, OUTPUT, WHITE, TEST, BUFFER = "#a8e6a1", "#f5a9a9", "#ffffff", "#f7d460", "#dcebf7"
PARAMETERS = {"": WHITE, "trainable": "#e3e3e3", "frozen": "#bdbdbd", "mixed": "#e3e3e3:#bdbdbd"}
# from the lowest to the highest number; black text can be read on all of them
RAMP = ("#fffbe6", "#fdc27b", "#ea7a35")
# of an oval; what has more is a box with round corners
_MOST_LINES = 4
ARM = "#2e7d32"
_BLUE, _GREY = "#2f5d8a", "#777777"
_TABLE = '<table border="0" cellborder="0" cellspacing="0" cellpadding="1">'


class Html(str):
    """Text that Graphviz is to read as an HTML-like label."""

    __slots__ = ()


def box_look(box: Box, scale: Scale | None) -> Attributes:
    """Return the attributes of a box."""
    style = ["filled"]
    # an oval around many lines is mostly empty
    if _shape(box) == "ellipse" and len(box.lines) > _MOST_LINES:
        style.append("rounded")
    if not box.reached:
        style.append("dashed")
    look = {
        "shape": "box" if "rounded" in style else _shape(box),
        "fillcolor": _fill(box, scale),
        "style": ",".join(style),
        "label": lines_label(box),
    }
    if box.kind == "module":
        look |= {"penwidth": "1.6", "margin": "0.14,0.1"}
    if box.call:
        look["tooltip"] = box.call
    return look


def edge_look(edge: Edge, *, roomy: bool = True) -> Attributes:
    """Return the attributes of an edge; `roomy`: the layout can afford to leave room for words."""
    look: Attributes = {}
    if edge.kind != "data":
        look |= {"style": "dotted", "color": _GREY, "fontcolor": _GREY}
    elif not edge.reached:
        look["style"] = "dashed"
    if edge.kind == "write":
        look["label"] = " writes "
    if edge.back or edge.kind == "write":
        look["constraint"] = "false"
    if edge.loop:
        look |= {"color": _BLUE, "penwidth": "1.4"}
    # in the middle, where the layout leaves room for it, not at the head, where several meet
    at_head = not roomy and bool(edge.arguments) and not edge.branch
    if at_head:
        look["headlabel"] = f" {edge.arguments} "
    said = [text for text in (edge.passes, "" if at_head else edge.arguments) if text]
    if edge.branch:
        more = "".join(f"<br/>&#160;{_text(text)}&#160;" for text in said)
        look["label"] = Html(f"<&#160;<b>{_text(edge.branch)}</b>&#160;{more}>")
        look |= {"color": ARM, "penwidth": "1.6", "fontcolor": ARM}
    elif said and edge.kind != "write":
        look["label"] = f" {', '.join(said)} "
    return look


def frame_look(frame: Frame) -> Attributes:
    """Return the attributes of a frame."""
    return {
        "label": frame.title,
        "style": "rounded" if frame.reached else "dashed,rounded",
        "fontsize": str(max(10, 13 - frame.level)),
        "penwidth": f"{max(1.0, 2.5 - 0.5 * frame.level):g}",
    }


def color_at(scale: Scale, value: float) -> str:
    """Return the colour of a number on the scale."""
    span = scale.high - scale.low
    at = 0.0 if span <= 0 else min(1.0, max(0.0, (value - scale.low) / span))
    low, high = (RAMP[0], RAMP[1]) if at < 0.5 else (RAMP[1], RAMP[2])
    part = at * 2 if at < 0.5 else at * 2 - 1
    mixed = (
        round(int(low[n : n + 2], 16) * (1 - part) + int(high[n : n + 2], 16) * part)
        for n in (1, 3, 5)
    )
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def lines_label(box: Box) -> Html:
    """Return what stands in a box: its title in bold, addresses and classes in italics."""
    title, *rest = map(_text, box.lines)
    lines = [f"<b>{title}</b>"]
    for n, line in enumerate(rest):
        slanted = line.startswith("@") or (n == 0 and box.kind in ("module", "buffer"))
        lines.append(f"<i>{line}</i>" if slanted else line)
    rows = "".join(f"<tr><td>{line}</td></tr>" for line in lines)
    return Html(f"<{_TABLE}{rows}</table>>")


def _shape(box: Box) -> str:
    if box.kind in ("module", "buffer", "tag"):
        return {"module": "box3d", "buffer": "cylinder", "tag": "cds"}[box.kind]
    return "box" if box.address and box.kind == "operation" else "ellipse"


def _fill(box: Box, scale: Scale | None) -> str:
    if box.kind in ("input", "border input"):
        return INPUT
    if box.kind in ("output", "border output"):
        return OUTPUT
    if box.kind == "tag":
        return WHITE
    if scale is not None:
        return WHITE if box.value is None else color_at(scale, box.value)
    if box.kind == "buffer":
        return BUFFER
    return TEST if box.decides else PARAMETERS[box.parameters]


def _text(text: str) -> str:
    """Return text as it may stand in an HTML-like label."""
    return html.escape("".join(each if each.isprintable() else " " for each in text))
